/** Chooses the way to the kernel: netlink, and nft where it is asked for or sockets cannot be had. */
import { LibraryError } from '../netlink/errors.ts'
import type { Kernel } from './kernel.ts'
import { openNetlinkKernel } from './netlink-kernel.ts'
import { createNftKernel } from './nft-kernel.ts'

export interface KernelOptions {
  /** The program nft, by path or name: the way is by it. */
  readonly nft?: string
  /** A network namespace that is not this process's own: nft alone is started in another one. */
  readonly netns?: string
  /** Whether tables are owned, and orphans taken over, where the kernel can; absent means true. Without it what another owns can be read. */
  readonly own?: boolean
  /** Milliseconds until a call of nft that has not ended is given up. */
  readonly patienceMs?: number
}

export interface OpenedKernel {
  readonly kernel: Kernel
  /** What the operator should know of the way that was found. */
  readonly remarks: readonly string[]
}

export async function openKernel({
  nft,
  netns,
  own = true,
  patienceMs,
}: KernelOptions): Promise<OpenedKernel> {
  const byNft = (...remarks: string[]): OpenedKernel => ({
    kernel: createNftKernel({
      netns,
      ...(nft !== undefined && { program: nft }),
      ...(patienceMs !== undefined && { patienceMs }),
    }),
    remarks,
  })
  if (nft !== undefined || netns !== undefined) return byNft()
  try {
    return { kernel: await openNetlinkKernel({ own }), remarks: [] }
  } catch (error) {
    if (error instanceof LibraryError)
      return byNft(
        `changes go to the kernel by nft, which is slower, and nobody owns the tables: ${error.message}`,
      )
    throw error
  }
}
