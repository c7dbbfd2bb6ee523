/** Who decides under a policy, by the numbers that hosts count and tell: the way back from a number to a rule. */

import { type Decider, deciderText, originChecks } from '../model/decider.ts'
import { numberOf } from '../model/decider-number.ts'
import { type CommonPolicy, essentialNames, type RuleList } from '../model/effective-policy.ts'
import type { Direction, LogLevel } from '../model/rule.ts'

export interface KnownDecider {
  readonly by: Decider
  /** Of a rule in its policy, from 1; null of what is no rule. */
  readonly position: number | null
  /** At which its decisions are told; `info` where nothing is asked for. */
  readonly level: LogLevel
}

/** Undefined: several have the number, and which of them decided nobody can tell. */
type Numbered = ReadonlyMap<number, KnownDecider | undefined>

const usual: LogLevel = 'info'

/** What decides whatever the policy says; more than some interfaces ask. */
const common: readonly KnownDecider[] = (
  [
    ...essentialNames.map((name) => ({ kind: 'essential', name }) as const),
    { kind: 'state', state: 'invalid' },
    ...originChecks.map((check) => ({ kind: 'origin', check }) as const),
    { kind: 'malformed' },
    { kind: 'frame' },
  ] satisfies readonly Decider[]
).map((by) => ({ by, position: null, level: usual }))

const byList = new WeakMap<RuleList, Numbered>()
const byPolicy = new WeakMap<CommonPolicy, Record<Direction, Numbered | undefined>>()

/** All that may decide about packets in a direction, by number; undefined stands for several that have one number. */
export function decidersOf(policy: CommonPolicy, direction: Direction): Numbered {
  const known = byPolicy.get(policy) ?? { ingress: undefined, egress: undefined }
  byPolicy.set(policy, known)
  known[direction] ??= whole(policy, direction)
  return known[direction]
}

function whole(policy: CommonPolicy, direction: Direction): Numbered {
  const part = policy[direction]
  const all = new Map<number, KnownDecider | undefined>()
  for (const each of common) add(all, numberOf(each.by), each)
  if (part.filtered) {
    const level = part.log ?? usual
    const byDefault: Decider = { kind: 'default' }
    add(all, numberOf(byDefault), { by: byDefault, position: null, level })
    for (const list of part.lists) for (const [number, each] of rulesOf(list)) add(all, number, each)
  }
  return all
}

function rulesOf(list: RuleList): Numbered {
  const known = byList.get(list)
  if (known) return known
  const found = new Map<number, KnownDecider | undefined>()
  const { policy } = list
  const any: Decider = { kind: 'list', policy }
  add(found, numberOf(any), { by: any, position: null, level: usual })
  for (const { id, position, log = usual } of list.rules) {
    const by: Decider = { kind: 'rule', policy, rule: id }
    add(found, numberOf(by), { by, position, level: log })
  }
  byList.set(list, found)
  return found
}

function add(
  to: Map<number, KnownDecider | undefined>,
  number: number,
  each: KnownDecider | undefined,
): void {
  // A list that is included stands twice.
  const same = to.has(number) ? isSame(to.get(number), each) : true
  to.set(number, same ? each : undefined)
}

const isSame = (a: KnownDecider | undefined, b: KnownDecider | undefined): boolean =>
  a !== undefined && b !== undefined && deciderText(a.by) === deciderText(b.by)
