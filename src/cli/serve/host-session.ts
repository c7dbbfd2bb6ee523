/** What becomes of the words of one host's agent, and what it is told, whatever carries both. */
import { createJournal, type Log } from '../../agent/journal.ts'
import { roundError } from '../../agent/round.ts'
import type { Claimed } from '../../core/model/sighting.ts'
import type { HostWords } from '../../core/model/status-change.ts'
import type { Metrics } from '../../server/metrics.ts'
import type { DecisionService } from '../../service/decisions.ts'
import type { WaitingFeed } from '../../service/desired.ts'
import type { EnforcementService } from '../../service/enforcement.ts'
import type { HitsService } from '../../service/hits.ts'
import type { HostView } from '../../service/host-view.ts'
import type { SightingService } from '../../service/sightings.ts'
import type { AgentListener } from './agent-process.ts'
import { createAnswers } from './answers.ts'
import { createEnforcedLog } from './enforced-log.ts'
import { createHostVoice } from './host-voice.ts'

/** Who hears of what the agent says. */
export interface Hearers {
  readonly enforcement: Pick<EnforcementService, 'report' | 'host' | 'follow' | 'open' | 'left' | 'refused'>
  readonly hits: Pick<HitsService, 'hear' | 'asks'>
  readonly decisions: Pick<DecisionService, 'hear'>
  readonly sightings: Pick<SightingService, 'hear' | 'follow'>
}

export interface HostSessionOptions {
  /** What holds before its agent has said anything. */
  readonly unheard: HostWords
  readonly feed: WaitingFeed
  readonly hearers: Hearers
  readonly metrics: Pick<Metrics, 'applied' | 'applyFailed' | 'differing' | 'flowsCut'>
  readonly logger: Log
  /** Asks the agent to count, as `HitsService.asks` has it. */
  readonly count: () => Promise<void>
  /** Whether the agent says which devices it sees. One that does not can prove none: interfaces that were found on its host are not there. */
  readonly finds: boolean
  /** The agent's; null: it is the service's own, and may adopt into every account. */
  readonly credential: string | null
  /** Tells the agent what has become of devices that it has seen. */
  readonly tellClaims: (claims: readonly Claimed[]) => void
  /** Rules are in force; `guarded` in the agent's words. */
  readonly inForce?: (view: HostView, guarded: string) => void
}

export interface HostSession extends AgentListener {
  /** What the agent says is nobody's from now on; it is still told what its host should enforce. */
  mute(): void
  close(): void
}

/** What the agent says of another host throws. */
export function createHostSession({
  unheard,
  feed,
  hearers: { enforcement, hits, decisions, sightings },
  metrics,
  logger,
  count,
  finds,
  credential,
  tellClaims,
  inForce,
}: HostSessionOptions): HostSession {
  const { host } = unheard
  const journal = createJournal(logger)
  const enforced = createEnforcedLog(logger)
  let muted = false
  const voice = createHostVoice(unheard, (change) => {
    if (muted) return
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
  function speaksFor(named: string): void {
    if (named !== host) throw new Error(`it speaks for host ${JSON.stringify(named)}`)
  }
  const forgetAgent = hits.asks(host, count)
  const forgetReach = enforcement.follow(host, feed.reach)
  const forgetDevices = sightings.follow(host, credential, tellClaims)
  if (!finds) sightings.hear(host, { whole: true, put: [], remove: [] })
  return {
    want: (since, agent, gone) => answers.answer(since, gone, (update) => agent.update(update)),
    status(change) {
      speaksFor(change.host.host)
      voice.hear(change)
    },
    lost: voice.lost,
    hits(report) {
      speaksFor(report.host)
      if (!muted) hits.hear(report)
    },
    decisions(list) {
      for (const each of list) speaksFor(each.host)
      if (!muted) decisions.hear(list)
    },
    sightings(change) {
      if (!muted) sightings.hear(host, change)
    },
    round(round) {
      journal.round(round)
      if (round.kind === 'failed') return metrics.applyFailed()
      if (round.kind === 'compared') return metrics.differing(round.policies + round.interfaces)
      if (round.kind === 'cut') return metrics.flowsCut(round.flows, round.problem !== null)
      metrics.applied(round.seconds)
      const now = enforcement.host(host)
      if (!now) return
      enforced.round(now)
      inForce?.(now, round.guarded)
    },
    mute() {
      muted = true
      forgetAgent()
      forgetDevices()
    },
    close() {
      muted = true
      forgetAgent()
      forgetDevices()
      forgetReach()
      enforced.close()
      feed.close()
    },
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
