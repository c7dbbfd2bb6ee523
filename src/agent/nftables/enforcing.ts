/** How nftables enforces on this host: what the agent needs of it, whatever carries its words. */
import { setTimeout } from 'node:timers/promises'
import type { EnforcerOptions } from '../enforcer.ts'
import { openLocal } from '../local/local.ts'
import { openConntrack } from '../netlink/conntrack.ts'
import { LibraryError } from '../netlink/errors.ts'
import { openLog } from '../netlink/nflog.ts'
import { guardPath, guardPatienceMs, raiseGuard } from './guard.ts'
import { OwnedError } from './kernel.ts'
import { createNftables } from './nftables.ts'
import { openKernel } from './open-kernel.ts'
import type { ProcessOptions } from './process-options.ts'

export function nftablesOn({
  data,
  guard,
  host,
  nft,
  observe,
  release,
  socket,
  sources,
  ...rest
}: ProcessOptions): Omit<EnforcerOptions, 'heard'> {
  /** One for the guard and for all else: tables have one owner. */
  let opened: ReturnType<typeof openKernel> | undefined
  const way = () => {
    opened ??= openKernel({ ...(nft !== undefined && { nft }) })
    return opened
  }
  return {
    ...{ host, release, target: 'nftables', observeHost: observe },
    guard: observe ? [] : guard,
    openSources: (standing) =>
      openLocal({
        directory: data,
        sources,
        standing,
        guard: observe ? null : guard,
        ...(socket !== undefined && { path: socket }),
      }),
    async closeFirst() {
      // Nothing may be cut on a host that is observed.
      if (observe) return null
      const { kernel } =
        nft === undefined ? await way() : await openKernel({ nft, patienceMs: guardPatienceMs })
      try {
        const raise = () => raiseGuard({ kernel, path: guardPath(data), patterns: guard })
        return (await onceFree(raise)).unwritten
      } finally {
        if (nft !== undefined) await kernel.close()
      }
    },
    async createDataplane(proof) {
      const { kernel, remarks } = await way()
      const conntrack = await findConntrack()
      return createNftables({
        ...{ ...rest, observe, guard, guardPath: guardPath(data), kernel, remarks, log: openLog, conntrack },
        proof,
      })
    },
  }
}

/** Whatever the way of rules is; a string says why connections cannot be seen. */
async function findConntrack() {
  try {
    return await openConntrack()
  } catch (error) {
    if (error instanceof LibraryError) return error.message
    throw error
  }
}

/** Tries again while another agent is here: that of a service that was killed a moment ago is about to end. */
async function onceFree<T>(attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + 10_000
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof OwnedError) || performance.now() > until) throw error
    }
    await setTimeout(100)
  }
}
