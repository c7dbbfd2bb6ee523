/** What `serve --enforce nftables` adds to the service: the guard before all else, the agent, and what it tells. */
import { resolve } from 'node:path'
import type { FastifyBaseLogger } from 'fastify'
import { startAgent } from '../../agent/agent.ts'
import { createJournal } from '../../agent/journal.ts'
import { guardPath, guardPatienceMs, raiseGuard } from '../../agent/nftables/guard.ts'
import { createNftKernel } from '../../agent/nftables/nft-kernel.ts'
import { createNftables, type Notrack } from '../../agent/nftables/nftables.ts'
import type { DesiredSource } from '../../core/model/desired.ts'
import type { Metrics } from '../../server/metrics.ts'
import { type Readiness, readinessOf } from '../../server/readiness.ts'
import type { EnforcementService } from '../../service/enforcement.ts'
import type { HostView } from '../../service/host-view.ts'

export interface EnforceOptions {
  readonly data: string
  readonly host: string
  readonly guard: readonly string[]
  readonly observe: boolean
  /** Tracked connections of interfaces that say nothing themselves; 0 means no limit. */
  readonly maxConnections: number
  readonly notrack: Notrack
  readonly netns?: string
  readonly nft?: string
  readonly verifyMs: number
}

export interface Enforcement {
  /** Resolves when rules are in force for the first time. */
  readonly ready: Promise<void>
  readiness(): Readiness
  /** What is enforced stays. */
  stop(): Promise<void>
}

/** Closes what is to be closed, whatever the start comes to. Rejects when it cannot. */
export async function closeFirst(options: EnforceOptions, logger: FastifyBaseLogger): Promise<void> {
  // Nothing may be cut on a host that is observed.
  if (options.observe) return
  const { netns, guard: patterns } = options
  const kernel = createNftKernel({
    netns,
    patienceMs: guardPatienceMs,
    ...(options.nft !== undefined && { program: options.nft }),
  })
  const path = guardPath(resolve(options.data))
  const { unwritten } = await raiseGuard({ kernel, path, patterns }).finally(() => kernel.close())
  if (unwritten !== null) logger.warn(`the guard for the next boot cannot be written: ${unwritten}`)
}

/** `tell` gets one line, when rules are in force for the first time. */
export function enforce(
  options: EnforceOptions,
  source: DesiredSource,
  enforcement: EnforcementService,
  metrics: Metrics,
  logger: FastifyBaseLogger,
  tell: (line: string) => void,
): Enforcement {
  const { data, observe, ...rest } = options
  const dataplane = createNftables({ ...rest, observe, guardPath: guardPath(resolve(data)) })
  const journal = createJournal(logger)
  const view = () => enforcement.host(options.host)
  let told = false
  const agent = startAgent({
    host: options.host,
    target: 'nftables',
    observeHost: observe,
    source,
    dataplane,
    report(change) {
      enforcement.report(change)
      journal.status(change)
    },
    observe(round) {
      journal.round(round)
      if (round.kind === 'failed') return metrics.applyFailed()
      metrics.applied(round.seconds)
      const now = view()
      if (now && !told) tell(inForce(now, round.guarded))
      told = true
    },
  })
  return {
    ready: agent.ready,
    readiness: () => readinessOf(view()),
    async stop() {
      await agent.stop()
      await dataplane.close()
    },
  }
}

function inForce({ words, states }: HostView, guarded: string): string {
  const { target, host, observe } = words
  const counts = Object.entries(states).filter(([, count]) => count > 0)
  const interfaces = counts.map(([state, count]) => `${count} ${state}`).join(', ')
  const what = observe ? 'observing, nothing is dropped' : 'enforcing'
  return `${what}: ${target} on host ${host}; interfaces: ${interfaces || 'none'}; guarded: ${guarded}`
}
