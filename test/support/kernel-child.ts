/** Serves a Kernel to the process that has forked it: for tests of one that works in the namespace of its own process. */
import type { Kernel } from '../../src/agent/nftables/kernel.ts'
import { RefusedError } from '../../src/agent/nftables/kernel.ts'
import { createFaults, type Fault } from './faults.ts'
import { type KernelKind, openKernelOf } from './kernels.ts'

export interface Call {
  readonly id: number
  readonly method: keyof Kernel | 'fail' | 'failed'
  readonly args: readonly unknown[]
}
export type Said =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string; readonly refused: boolean }
  | { readonly change: { ours: boolean; others: boolean } }

const [kind = ''] = process.argv.slice(2)
const faults = createFaults()
const kernel = {
  ...(await openKernelOf(kind as KernelKind, faults.open)),
  fail: (fault: Fault) => faults.fail(fault),
  failed: () => faults.count(),
}
const say = (what: Said) => process.send?.(what)
kernel.onChange((change) => say({ change }))
process.on('message', async ({ id, method, args }: Call) => {
  try {
    const call = kernel[method] as (...given: unknown[]) => unknown
    say({ id, value: await call(...args) })
  } catch (error) {
    say({ id, error: String((error as Error).message), refused: error instanceof RefusedError })
  }
})
process.on('disconnect', () => process.exit())
