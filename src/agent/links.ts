/** The network devices of the host: which there are, and when that changes. */
import type { Link } from '../core/model/link.ts'
import { type Command, run, within } from './run.ts'

/** As `ip` prints a device (iproute2 6.1); only what is read here. */
interface Printed {
  readonly ifindex: number
  readonly ifname: string
  readonly master?: string
  /** The other end of a veth, and the way of a tunnel, as well as the parent of a device that stands on it. */
  readonly link?: string
  readonly linkinfo?: {
    readonly info_kind?: string
    readonly info_slave_kind?: string
    readonly info_data?: { readonly no_linklocal_learn?: number }
  }
}

/** Devices that take packets from another one before they are seen as its own, and send past its hooks. */
const stacked: ReadonlySet<string | undefined> = new Set([
  'vlan',
  'macvlan',
  'macvtap',
  'ipvlan',
  'ipvtap',
  'macsec',
])

export async function readLinks(netns: string | undefined): Promise<readonly Link[]> {
  const text = await run(within(netns, ['ip', '-d', '-j', 'link']), { patienceMs: 10_000 })
  return (JSON.parse(text || '[]') as Printed[]).map(({ ifindex, ifname, master, link, linkinfo }) => ({
    index: ifindex,
    name: ifname,
    kind: linkinfo?.info_kind ?? null,
    master: master === undefined ? null : { name: master, kind: linkinfo?.info_slave_kind ?? '' },
    ...(link !== undefined && stacked.has(linkinfo?.info_kind) && { parent: link }),
    ...(linkinfo?.info_kind === 'bridge' &&
      linkinfo.info_data?.no_linklocal_learn === 0 && { learnsLinkLocal: true }),
  }))
}

/**
 * Keeps a bridge from learning from frames to 01:80:c2:00:00:00 to 0f. It hands most of them to this host past its
 * prerouting hook: a VM could draw its neighbours' packets to its own port by such a frame with their MAC.
 */
export async function ignoreLinkLocal(netns: string | undefined, bridge: string): Promise<void> {
  const command = ['ip', 'link', 'set', 'dev', bridge, 'type', 'bridge', 'no_linklocal_learn', '1'] as const
  await run(within(netns, command), { patienceMs: 10_000 })
}

/** What the kernel asks for a route beside the tables that it always asks: rules in words, IPv4 and IPv6. */
export async function readRoutingRules(netns: string | undefined): Promise<readonly string[]> {
  const found = await Promise.all(
    ['-4', '-6'].map((family) => run(within(netns, ['ip', family, 'rule']), { patienceMs: 10_000 })),
  )
  return found.flatMap((text) =>
    text
      .split('\n')
      .map((line) => line.replace(/^\d+:\s+/, '').trim())
      .filter((rule) => rule !== '' && !/^from all lookup (local|main|default)$/.test(rule)),
  )
}

/** Prints something whenever a device comes, goes, is renamed, or gets another master, and when routing rules change. */
export const linkMonitor = (netns: string | undefined): Command =>
  within(netns, ['ip', '-o', 'monitor', 'link', 'rule'])
