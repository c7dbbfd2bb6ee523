/** How a policy differs from what it was: rules by their ids, settings by their names. */
import type { JsonObject, JsonValue } from '../json.ts'
import { encodeMatch } from './codec.ts'
import { type FieldChange, fieldChanges } from './field-diff.ts'
import type { PolicySettings } from './policy.ts'
import type { Rule } from './rule.ts'
import { ruleText } from './rule-text.ts'

export interface PolicyState {
  readonly settings: PolicySettings
  /** By position; `spec` is the dialect's own spelling. */
  readonly rules: readonly (Rule & { readonly spec: JsonObject })[]
}

/** A rule as one of the two sides has it. */
export interface SeenRule {
  readonly rule: string
  readonly position: number
  /** `ingress: allow tcp to port 22`. */
  readonly text: string
}

export interface PolicyDiff {
  readonly added: readonly SeenRule[]
  readonly removed: readonly SeenRule[]
  /** Rules that say something else, wherever they are; fields of the dialect's spelling begin with `spec.`. */
  readonly changed: readonly {
    readonly before: SeenRule
    readonly after: SeenRule
    readonly fields: readonly FieldChange[]
  }[]
  /** The fewest rules that stand elsewhere among those that stay: what comes and goes moves nothing. */
  readonly moved: readonly { readonly before: SeenRule; readonly after: SeenRule }[]
  readonly settings: readonly FieldChange[]
}

/** Null: it was not there, or is no more. */
export function diffPolicies(before: PolicyState | null, after: PolicyState | null): PolicyDiff {
  const old = new Map((before?.rules ?? []).map((rule) => [rule.id, rule]))
  const now = new Map((after?.rules ?? []).map((rule) => [rule.id, rule]))
  const kept = [...now.values()].flatMap((rule) => {
    const was = old.get(rule.id)
    return was ? [{ was, is: rule }] : []
  })
  const settled = longestRise(kept.map(({ was }) => was.position))
  return {
    added: [...now.values()].filter(({ id }) => !old.has(id)).map(seen),
    removed: [...old.values()].filter(({ id }) => !now.has(id)).map(seen),
    changed: kept.flatMap(({ was, is }) => {
      const fields = fieldChanges(fieldsOf(was), fieldsOf(is))
      return fields.length === 0 ? [] : [{ before: seen(was), after: seen(is), fields }]
    }),
    moved: kept
      .filter((_, index) => !settled.has(index))
      .map(({ was, is }) => ({ before: seen(was), after: seen(is) })),
    settings: fieldChanges(settingsOf(before), settingsOf(after)),
  }
}

export const isNoDifference = ({ added, removed, changed, moved, settings }: PolicyDiff): boolean =>
  [added, removed, changed, moved, settings].every(({ length }) => length === 0)

const seen = (rule: Rule): SeenRule => ({ rule: rule.id, position: rule.position, text: lineOf(rule) })

/** With what `ruleText` leaves out. */
function lineOf({ direction, enabled, interface: nic, ...rule }: Rule): string {
  const more = [...(nic === undefined ? [] : [`on interface ${nic} only`]), ...(enabled ? [] : ['disabled'])]
  return [`${direction}: ${ruleText(rule)}`, ...more].join(', ')
}

/** Always in the same order. */
function fieldsOf({
  direction,
  action,
  enabled,
  matches,
  include,
  interface: nic,
  log,
  spec,
}: PolicyState['rules'][number]): JsonValue {
  const named = { include: include ?? null, interface: nic ?? null, log: log ?? null }
  return { direction, action, enabled, matches: matches.map(encodeMatch), ...named, spec }
}

const settingsOf = (state: PolicyState | null): JsonValue =>
  state && ({ ...state.settings } as unknown as JsonObject)

/** Indexes of a longest run of numbers, all different, that rise; the others are the fewest that stand elsewhere. */
function longestRise(numbers: readonly number[]): ReadonlySet<number> {
  /** Of each length, the index of the smallest last number of such a run; and what comes before each index in it. */
  const ends: number[] = []
  const previous: (number | undefined)[] = []
  numbers.forEach((number, index) => {
    let [low, high] = [0, ends.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((numbers[ends[middle] as number] as number) < number) low = middle + 1
      else high = middle
    }
    previous[index] = ends[low - 1]
    ends[low] = index
  })
  const run = new Set<number>()
  for (let index = ends.at(-1); index !== undefined; index = previous[index]) run.add(index)
  return run
}
