/** What this host's kernel can do, and how it is spoken to. */
import { release } from 'node:os'
import { type Findings, findingsOn, wordsOf } from '../../doctor/finding.ts'
import { LibraryError } from '../../netlink/errors.ts'
import { openNetlinkKernel } from '../netlink-kernel.ts'

/** The first kernel whose tables outlive their owner. */
const owning = [6, 9] as const

/** `version` as the kernel tells it: `6.1.0-28-amd64`. */
export function ownsTables(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map((part) => Number.parseInt(part, 10))
  return major > owning[0] || (major === owning[0] && minor >= owning[1])
}

/** `nft`: the program, where it is the way to the kernel by choice. */
export async function examineKernel(nft: string | undefined, version = release()): Promise<Findings> {
  const kernel = findingsOn('kernel')
  const owns = ownsTables(version)
  const shared =
    'nft flush ruleset by others takes our tables away until that is repaired: keep the guard in its unit, and see docs/coexistence.md'
  if (nft !== undefined)
    return [kernel.warning(`Linux ${version}, spoken to by ${nft}: nobody owns our tables`, shared)]
  try {
    const opened = await openNetlinkKernel({ own: false })
    try {
      await opened.baseChains()
    } finally {
      await opened.close()
    }
  } catch (error) {
    return [
      error instanceof LibraryError
        ? kernel.warning(
            `Linux ${version}; netlink cannot be spoken, nft is the way: ${wordsOf(error)}`,
            'install koffi for this machine: npm install --include=optional',
          )
        : kernel.failure(
            `nf_tables does not answer: ${wordsOf(error)}`,
            'load it (modprobe nf_tables), or boot a kernel that has it (CONFIG_NF_TABLES)',
          ),
    ]
  }
  return [
    owns
      ? kernel.ok(`Linux ${version}: our tables are owned, and outlive their owner`)
      : kernel.warning(`Linux ${version}: tables that outlive their owner need Linux 6.9`, shared),
  ]
}
