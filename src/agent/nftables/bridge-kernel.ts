/** Finds out what this host's kernel can do in nftables' family bridge. */
import type { BridgeKernel } from '../../compile/nftables/bridge.ts'
import { ProgramError } from '../run.ts'
import type { Nft } from './nft.ts'

/**
 * Asks the kernel by a transaction that is only checked: it refuses what it cannot do, and loads the modules that it
 * needs and may load.
 */
export async function bridgeKernel(nft: Nft): Promise<BridgeKernel> {
  const takes = async (rule: string): Promise<boolean> => {
    try {
      await nft.check(
        `table bridge portcullis-asks {\nchain c {\ntype filter hook prerouting priority 0;\n${rule}\n}\n}\n`,
      )
      return true
    } catch (error) {
      if (error instanceof ProgramError) return false
      throw error
    }
  }
  return { tracks: await takes('ct state new'), rejects: await takes('reject') }
}
