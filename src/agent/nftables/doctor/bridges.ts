/** What the kernel can do where devices of VMs are ports of bridges, and whether bridged packets meet rules of routed ones. */
import type { Link } from '../../../core/model/link.ts'
import { type Findings, findingsOn, wordsOf } from '../../doctor/finding.ts'
import { bridgeKernel } from '../bridge-kernel.ts'
import type { Kernel } from '../kernel.ts'
import type { Legacy } from '../legacy.ts'

/** `legacy`: what is known of br_netfilter; a string says why nothing is. */
export async function examineBridges(
  kernel: Kernel,
  links: readonly Link[],
  legacy: Legacy | string,
): Promise<Findings> {
  return [...(await whatTheyCan(kernel, links)), ...metByRouted(legacy)]
}

async function whatTheyCan(kernel: Kernel, links: readonly Link[]): Promise<Findings> {
  const bridges = findingsOn('bridges')
  const names = [
    ...new Set(links.flatMap(({ master }) => (master?.kind === 'bridge' ? [master.name] : []))),
  ].sort()
  if (names.length === 0) return [bridges.ok('no device is the port of a bridge')]
  const which =
    names.length > 5 ? `${names.slice(0, 5).join(', ')} and ${names.length - 5} more` : names.join(', ')
  try {
    const { tracks, rejects } = await bridgeKernel(kernel)
    return [
      tracks
        ? bridges.ok(`connections are tracked in ${which}`)
        : bridges.failure(
            `this kernel tracks no connections in ${which}: ports with a stateful policy are closed`,
            'load nf_conntrack_bridge (modprobe nf_conntrack_bridge; a line in /etc/modules-load.d)',
          ),
      rejects
        ? bridges.ok(`what is rejected in ${which} is answered`)
        : bridges.warning(
            `this kernel cannot reject in ${which}: what is rejected is dropped`,
            'load nft_reject_bridge (modprobe nft_reject_bridge; a line in /etc/modules-load.d)',
          ),
    ]
  } catch (error) {
    return [bridges.unknown(`what the kernel can do in bridges cannot be asked: ${wordsOf(error)}`)]
  }
}

function metByRouted(legacy: Legacy | string): Findings {
  const about = findingsOn('br_netfilter')
  if (typeof legacy === 'string') return [about.unknown(legacy)]
  const families = [...legacy.bridged].map((family) => `${family}tables`)
  if (families.length === 0) return [about.ok('bridged packets meet no rules of routed ones')]
  return [
    about.warning(
      `bridged packets meet the rules of ${families.join(' and ')}, too: other firewalls may drop what policies allow`,
      `unless another program needs it: sysctl ${families.map((each) => `net.bridge.bridge-nf-call-${each}=0`).join(' ')}`,
    ),
  ]
}
