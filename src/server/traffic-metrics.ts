/** What /metrics tells of packets: sums of what has decided about them, not by rule, and of the samples that are told. */
import { Counter, type Registry } from 'prom-client'
import type { DecisionService } from '../service/decisions.ts'
import type { HitsService } from '../service/hits.ts'

export interface Traffic {
  readonly hits: Pick<HitsService, 'totals' | 'suppressed'>
  readonly decisions: Pick<DecisionService, 'counts'>
}

/** `hits` and `decisions` are asked at every scrape. */
export function createTrafficMetrics(registry: Registry, { hits, decisions }: Traffic): void {
  const registers = [registry]
  const decided = (unit: 'packets' | 'bytes') =>
    new Counter({
      name: `portcullis_decided_${unit}_total`,
      help: `${unit === 'packets' ? 'Packets' : 'Bytes of packets'} on interfaces of the host that were decided about, by the kind of what decided; those of established connections are not counted.`,
      labelNames: ['host', 'direction', 'decider'],
      registers,
      collect() {
        this.reset()
        for (const { host, direction, kind, ...counts } of hits.totals()) {
          this.inc({ host, direction, decider: kind }, counts[unit])
        }
      },
    })
  decided('packets')
  decided('bytes')
  const sampled = (name: string, help: string, value: () => number) =>
    new Counter({
      name: `portcullis_decisions_${name}_total`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value())
      },
    })
  sampled('told', 'Samples of decisions that agents have told.', () => decisions.counts().told)
  sampled('suppressed', 'Decisions that were not told because there were too many.', () => hits.suppressed())
  sampled(
    'missed',
    'Decisions that a follower missed because it read too slowly, for each follower; samples for which a kernel had no room are in no count, and a warning of their host.',
    () => decisions.counts().missed,
  )
}
