/** What `serve --enforce nftables` adds to the service: the session of this host, whose agent is a child of the service. */
import { randomUUID } from 'node:crypto'
import type { Log } from '../../agent/journal.ts'
import { spoken } from '../../agent/versions.ts'
import type { Metrics } from '../../server/metrics.ts'
import { type Readiness, readinessOf } from '../../server/readiness.ts'
import type { WaitingFeed } from '../../service/desired.ts'
import type { HostView } from '../../service/host-view.ts'
import { version as release } from '../version.ts'
import type { AgentProcess } from './agent-process.ts'
import { createHostSession, type Hearers } from './host-session.ts'
import type { ServeOptions } from './options.ts'

export interface Enforcement {
  /** Resolves when rules are in force for the first time. */
  readonly ready: Promise<void>
  readiness(): Readiness
  /** What is enforced stays. */
  stop(): Promise<void>
}

/** `tell` gets one line, when rules are in force for the first time. */
export async function enforce(
  { host, observe }: Pick<ServeOptions, 'host' | 'observe'>,
  agent: AgentProcess,
  feed: WaitingFeed,
  hearers: Hearers,
  metrics: Pick<Metrics, 'applied' | 'applyFailed' | 'differing' | 'flowsCut'>,
  logger: Log,
  tell: (line: string) => void,
): Promise<Enforcement> {
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
  let told = false
  const session = createHostSession({
    unheard: {
      ...{ host, target: 'nftables', observe, desiredRevision: null, appliedRevision: null },
      ...{ state: 'starting', error: null, repairs: 0, warnings: [] },
    },
    ...{
      feed,
      hearers,
      metrics,
      logger,
      count: agent.count,
      finds: true,
      credential: null,
      tellClaims: agent.tellClaims,
    },
    inForce(view, guarded) {
      if (!told) tell(inForce(view, guarded))
      told = true
      isReady()
    },
  })
  const own = { release, protocol: spoken.most, instance: randomUUID(), own: true }
  const replaced = () => {
    session.mute()
    logger.error(
      { host },
      'another process enforces for this host by its name: what this one says of it is not heard; rules stay',
    )
  }
  await hearers.enforcement.open(host, own, replaced)
  agent.listen(session)
  return {
    ready,
    readiness: () => readinessOf(hearers.enforcement.host(host)),
    async stop() {
      await agent.stop()
      session.close()
      await hearers.enforcement.left(host)
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
