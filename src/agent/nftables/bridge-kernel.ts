/** Finds out what this host's kernel can do in nftables' family bridge. */
import type { BridgeKernel } from '../../compile/nftables/bridge.ts'
import { hangsAt } from '../../compile/nftables/places.ts'
import { type Kernel, RefusedError } from './kernel.ts'

const table = 'bridge portcullis-asks'
const place = hangsAt({ hook: 'prerouting', priority: 0 })

/**
 * Asks the kernel by a transaction that is only checked: it refuses what it cannot do, and loads the modules that it
 * needs and may load.
 */
export async function bridgeKernel(kernel: Kernel): Promise<BridgeKernel> {
  const takes = async (rule: string): Promise<boolean> => {
    try {
      await kernel.check([
        { do: 'add-table', table },
        { do: 'add-chain', table, chain: 'asks', place },
        { do: 'add-rules', table, chain: 'asks', rules: [rule] },
      ])
      return true
    } catch (error) {
      if (error instanceof RefusedError) return false
      throw error
    }
  }
  return {
    tracks: await takes('ct state vmap { 0x1 : drop, 0x2 : accept, 0x4 : accept }'),
    rejects: await takes('reject'),
  }
}
