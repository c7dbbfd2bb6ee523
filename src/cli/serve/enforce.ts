/** What `serve --enforce nftables` adds to the service: what the process that enforces is told, and what becomes of its words. */
import { createJournal, type Log } from '../../agent/journal.ts'
import { roundError } from '../../agent/round.ts'
import type { HostWords } from '../../core/model/status-change.ts'
import type { Metrics } from '../../server/metrics.ts'
import { type Readiness, readinessOf } from '../../server/readiness.ts'
import type { DecisionService } from '../../service/decisions.ts'
import type { WaitingFeed } from '../../service/desired.ts'
import type { EnforcementService } from '../../service/enforcement.ts'
import type { HitsService } from '../../service/hits.ts'
import type { HostView } from '../../service/host-view.ts'
import type { AgentProcess } from './agent-process.ts'
import { createAnswers } from './answers.ts'
import { createEnforcedLog } from './enforced-log.ts'
import { createHostVoice } from './host-voice.ts'
import type { ServeOptions } from './options.ts'

export interface Enforcement {
  /** Resolves when rules are in force for the first time. */
  readonly ready: Promise<void>
  readiness(): Readiness
  /** What is enforced stays. */
  stop(): Promise<void>
}

/** Who hears of what the agent says. */
export interface Hearers {
  readonly enforcement: Pick<EnforcementService, 'report' | 'host'>
  readonly hits: Pick<HitsService, 'hear' | 'asks'>
  readonly decisions: Pick<DecisionService, 'hear'>
}

/** `tell` gets one line, when rules are in force for the first time. */
export function enforce(
  { host, observe }: Pick<ServeOptions, 'host' | 'observe'>,
  agent: AgentProcess,
  feed: WaitingFeed,
  { enforcement, hits, decisions }: Hearers,
  metrics: Pick<Metrics, 'applied' | 'applyFailed' | 'flowsCut'>,
  logger: Log,
  tell: (line: string) => void,
): Enforcement {
  const journal = createJournal(logger)
  const enforced = createEnforcedLog(logger)
  const view = () => enforcement.host(host)
  const { promise: ready, resolve: isReady } = Promise.withResolvers<void>()
  let told = false
  const unheard: HostWords = {
    ...{ host, target: 'nftables', observe, desiredRevision: null, appliedRevision: null },
    ...{ state: 'starting', error: null, repairs: 0, warnings: [] },
  }
  const voice = createHostVoice(unheard, (change) => {
    enforcement.report(change)
    journal.status(change)
  })
  function failed(error: unknown): void {
    metrics.applyFailed()
    journal.round({ kind: 'failed', error: roundError(error) })
  }
  const answers = createAnswers(feed, (error) => {
    if (error !== null) failed(error)
    voice.unread(error === null ? null : messageOf(error))
  })
  /** What it says of another host ends it, as does what cannot be read. */
  function speaksFor(named: string): void {
    if (named !== host) throw new Error(`it speaks for host ${JSON.stringify(named)}`)
  }
  agent.listen({
    want: (since, agent, gone) => answers.answer(since, gone, (update) => agent.update(update)),
    status(change) {
      speaksFor(change.host.host)
      voice.hear(change)
    },
    lost: voice.lost,
    hits(report) {
      speaksFor(report.host)
      hits.hear(report)
    },
    decisions(list) {
      for (const each of list) speaksFor(each.host)
      decisions.hear(list)
    },
    round(round) {
      journal.round(round)
      if (round.kind === 'failed') return metrics.applyFailed()
      if (round.kind === 'cut') return metrics.flowsCut(round.flows, round.problem !== null)
      metrics.applied(round.seconds)
      const now = view()
      if (now) enforced.round(now)
      if (now && !told) tell(inForce(now, round.guarded))
      told = true
      isReady()
    },
  })
  const forgetAgent = hits.asks(host, agent.count)
  return {
    ready,
    readiness: () => readinessOf(view()),
    async stop() {
      forgetAgent()
      enforced.close()
      await agent.stop()
      feed.close()
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

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
