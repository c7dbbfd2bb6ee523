/** Everything that the packets of an interface are asked in one direction, in order, with what it has counted. */
import type { Decider } from '../core/model/decider.ts'
import { numberOf } from '../core/model/decider-number.ts'
import type { DirectionPolicy, EffectivePolicy } from '../core/model/effective-policy.ts'
import type { Action, Direction, LogLevel, Rule } from '../core/model/rule.ts'
import { decidersOf } from '../core/semantics/deciders.ts'
import type { EffectiveInterface } from './effective.ts'
import type { Hits, Step } from './hits.ts'

/** What is known of what decides on the interface in the direction. */
export interface StepCounts {
  /** Since when it is counted, milliseconds since 1970; null: it is not yet. */
  readonly since: number | null
  hits(by: Decider): Hits | undefined
  sum(by: Decider): Hits
  /** Milliseconds since 1970; null: unknown. */
  ruleSince(policy: string, rule: string): number | null
  nameOf(policy: string): string
}

const none: Hits = { packets: 0, bytes: 0, lastHit: null }

export function stepsOf(
  placement: EffectiveInterface,
  direction: Direction,
  counts: StepCounts,
): readonly Step[] {
  const whyNone = whyNot(placement, counts.since)
  const numbered = decidersOf(placement.policy, direction)
  const bridged = placement.inForce?.mode === 'bridged'
  const { policy } = placement
  const step = (by: Decider, action: Action, log?: LogLevel): Step => {
    const hits = counts.hits(by) ?? none
    const known = numbered.get(numberOf(by)) !== undefined
    const why = whyNone ?? (known ? undefined : sharedNumber)
    return {
      ...{ by, action, ...(log && { log }), hits },
      unusedSince: known ? (hits.lastHit ?? counts.since) : null,
      counted: why === undefined,
      ...(why !== undefined && { why }),
    }
  }
  const ruleStep = (rule: Rule, list: string): Step => {
    const by = { kind: 'rule', policy: list, rule: rule.id } as const
    const usual = step(by, rule.action, rule.log)
    const together = rule.action === 'allow' ? counts.hits({ kind: 'list', policy: list }) : undefined
    const there = counts.since === null ? null : Math.max(counts.since, counts.ruleSince(list, rule.id) ?? 0)
    return {
      ...usual,
      rule: { policy: list, policyName: counts.nameOf(list), position: rule.position, rule },
      sum: counts.sum(by),
      unusedSince: together || usual.unusedSince === null ? null : (usual.hits.lastHit ?? there),
      ...(together && { counted: false, why: usual.why ?? countedTogether, together }),
    }
  }
  const part = policy[direction]
  // Of what may be no packet at all it is only worth saying when there was some.
  const rare = ([{ kind: 'malformed' }, { kind: 'frame' }] as const).filter((by) => counts.hits(by))
  return [
    ...(direction === 'egress' ? originChecks(policy, bridged) : []).map((by) => step(by, 'deny')),
    ...rare.map((by) => step(by, 'deny')),
    ...(part.filtered ? filteredSteps(policy, part, direction, bridged, step, ruleStep) : []),
  ]
}

function filteredSteps(
  { essentials, stateful }: EffectivePolicy,
  part: DirectionPolicy & { readonly filtered: true },
  direction: Direction,
  bridged: boolean,
  step: (by: Decider, action: Action, log?: LogLevel) => Step,
  ruleStep: (rule: Rule, list: string) => Step,
): readonly Step[] {
  return [
    // Those that match nothing are about frames, which are seen in bridges alone.
    ...essentials
      .filter((each) => each[direction].length > 0 || bridged)
      .map(({ name }) => step({ kind: 'essential', name }, 'allow')),
    ...(stateful ? [step({ kind: 'state', state: 'invalid' }, 'deny')] : []),
    ...part.lists.flatMap((list) => list.rules.map((rule) => ruleStep(rule, list.policy))),
    step({ kind: 'default' }, part.default, part.log),
  ]
}

/** In the order of judging. */
function originChecks({ origin }: EffectivePolicy, bridged: boolean): Decider[] {
  if (!origin) return []
  const checks = [
    ...(origin.mac === undefined ? [] : (['mac'] as const)),
    ...(bridged ? (['arp'] as const) : []),
    ...(origin.addresses ? (['neighbour', 'address'] as const) : []),
  ]
  return checks.map((check) => ({ kind: 'origin', check }))
}

const countedTogether =
  'its host counts what the rules of its policy let pass together, and cannot tell which it was'

const sharedNumber =
  'hosts count it under the same number as something else that decides here, and cannot tell which it was'

/** Why nobody counts on an interface; undefined: somebody does. */
function whyNot({ inForce }: EffectiveInterface, since: number | null): string | undefined {
  if (!inForce) return 'no agent enforces it'
  if (inForce.state === 'closed' || inForce.state === 'failing')
    return `nothing is judged while it is ${inForce.state}${inForce.error === null ? '' : `: ${inForce.error}`}`
  if (inForce.appliedRevision === null && inForce.state !== 'observing')
    return 'nothing is in force on it yet'
  return since === null ? 'its host has counted nothing yet' : undefined
}
