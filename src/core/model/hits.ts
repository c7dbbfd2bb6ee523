/** What rules and whatever else decides have counted on a host: plain JSON, because an agent says it from another process. */
import type { JsonValue } from '../json.ts'
import { parseDecider } from './decider.ts'
import { exactly, flag, integerFrom, listOf, momentOf, textOf } from './strict.ts'

/** Packets, and their bytes from the IP header on (of frames: from the Ethernet header on), since the epoch began. */
export interface Count {
  /** As `deciderText` writes it. */
  readonly by: string
  readonly packets: number
  readonly bytes: number
}

export interface InterfaceHits {
  /** Of the interface. */
  readonly id: string
  /**
   * Where and since when it was counted. An interface may be said under several epochs, also in one report: its count is the
   * sum over all of them. Within an epoch a count grows; one that is lower than in a report before has begun anew at 0, and adds itself.
   */
  readonly epoch: string
  /** Those that have ever counted, or only those that have since the last report. */
  readonly ingress: readonly Count[]
  readonly egress: readonly Count[]
  /** Decisions that were not told because there were too many, in the epoch. */
  readonly suppressed: { readonly ingress: number; readonly egress: number }
}

export interface HitsReport {
  readonly host: string
  /** When the counters were read, milliseconds since 1970. */
  readonly at: number
  /** Whether it answers a question: nothing that was counted before it was asked is missing. */
  readonly asked: boolean
  /** Those that have counted anything since the last report. */
  readonly interfaces: readonly InterfaceHits[]
}

const id = textOf('id', (text) => text.length <= 255)
const count = integerFrom('count', 0)
const counts = listOf(
  'counts',
  exactly<Count>('count', {
    by: textOf('decider', (text) => text.length <= 800 && parseDecider(text).ok),
    packets: count,
    bytes: count,
  }),
)
const report = exactly<HitsReport>('hits', {
  host: textOf('host'),
  at: momentOf('moment'),
  asked: flag('asked'),
  interfaces: listOf(
    'interfaces',
    exactly<InterfaceHits>('hits of an interface', {
      id,
      epoch: textOf('epoch', (text) => text.length <= 255),
      ingress: counts,
      egress: counts,
      suppressed: exactly('suppressed', { ingress: count, egress: count }),
    }),
  ),
})

/** Reads what was written as JSON; throws on anything else. */
export const decodeHits = (json: JsonValue): HitsReport => report(json)
