/** What an agent says of a round that ended: plain JSON, for metrics and the log of another process. */
import { type JsonValue, objectOf } from '../core/json.ts'
import type { Differing } from '../core/model/desired.ts'
import {
  anyText,
  exactly,
  flag,
  integerFrom,
  listOf,
  oneOf,
  orNull,
  type Reader,
  textOf,
} from '../core/model/strict.ts'
import type { FlowsCut } from './dataplane.ts'

export type Round = AppliedRound | ComparedRound | CutRound | FailedRound

export interface AppliedRound {
  readonly kind: 'applied'
  /** What applying took. */
  readonly seconds: number
  /** Whether anything had to change. */
  readonly changed: boolean
  /** Whether somebody else had changed our tables. */
  readonly repaired: boolean
  /** What stays closed whatever becomes of the rest, in words for the operator. */
  readonly guarded: string
  /** More about the errors of interfaces, for the operator's log alone. */
  readonly details: readonly Detail[]
}

export interface Detail {
  readonly interface: string
  readonly detail: string
}

/** What the agent held was not what the service has, as of the same revision: now it is. Not said where nothing differed. */
export interface ComparedRound extends Differing {
  readonly kind: 'compared'
}

/** Tracked connections were judged by what had been applied before. */
export interface CutRound extends FlowsCut {
  readonly kind: 'cut'
}

/** Nothing could be changed or counted; what was enforced stays. */
export interface FailedRound {
  readonly kind: 'failed'
  readonly error: RoundError
}

export interface RoundError {
  /** Name of its class. */
  readonly kind: string
  readonly message: string
  /** Where it was thrown, and what caused it; empty when that is not known. */
  readonly stack: string
}

export function roundError(error: unknown): RoundError {
  if (!(error instanceof Error)) return { kind: typeof error, message: String(error), stack: '' }
  const { cause, stack = '' } = error
  const because = cause === undefined ? '' : `\ncaused by: ${roundError(cause).stack || String(cause)}`
  return { kind: error.constructor.name, message: error.message, stack: stack + because }
}

/** Reads what was written as JSON; throws on anything else. */
export function decodeRound(json: JsonValue): Round {
  const kind = objectOf(json)?.kind
  if (kind === 'failed') return failed(json)
  if (kind === 'compared') return compared(json)
  return kind === 'cut' ? cut(json) : applied(json)
}

const words = anyText('words')
const seconds: Reader<number> = (json) => {
  if (typeof json !== 'number' || json < 0) throw new Error('corrupt seconds')
  return json
}
const applied = exactly<AppliedRound>('round', {
  kind: oneOf('kind', ['applied']),
  seconds,
  changed: flag('changed'),
  repaired: flag('repaired'),
  guarded: words,
  details: listOf('details', exactly<Detail>('detail', { interface: textOf('interface'), detail: words })),
})
const compared = exactly<ComparedRound>('round', {
  kind: oneOf('kind', ['compared']),
  policies: integerFrom('policies', 0),
  interfaces: integerFrom('interfaces', 0),
})
const cut = exactly<CutRound>('round', {
  kind: oneOf('kind', ['cut']),
  flows: integerFrom('flows', 0),
  interfaces: integerFrom('interfaces', 0),
  seconds,
  problem: orNull(words),
})
const failed = exactly<FailedRound>('round', {
  kind: oneOf('kind', ['failed']),
  error: exactly<RoundError>('error', { kind: words, message: words, stack: words }),
})
