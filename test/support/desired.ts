/** What a host should enforce, from interfaces that say their policies themselves. */
import { isDeepStrictEqual } from 'node:util'
import {
  type Desired,
  type DesiredDelta,
  type DesiredInterface,
  policyOf,
} from '../../src/core/model/desired.ts'
import type { CommonPolicy, EffectivePolicy } from '../../src/core/model/effective-policy.ts'

export interface Judged extends Omit<DesiredInterface, 'policy' | 'origin'> {
  readonly policy: EffectivePolicy | null
}

const common = new WeakMap<object, Map<string, readonly [key: string, policy: CommonPolicy]>>()
let keys = 0

/** Interfaces whose policies have the same parts, by reference, have one in common; its key stays the same. */
export function desire(interfaces: readonly Judged[], revision = 1): Desired {
  const policies = new Map<string, CommonPolicy>()
  const all = interfaces.map(({ policy, ...each }): DesiredInterface => {
    if (!policy) return { ...each, policy: null }
    const { origin, ...rest } = policy
    const [key, one] = intern(rest)
    policies.set(key, one)
    return { ...each, policy: key, ...(origin && { origin }) }
  })
  return { revision, policies, interfaces: new Map(all.map((each) => [each.id, each])) }
}

function intern(policy: CommonPolicy): readonly [key: string, policy: CommonPolicy] {
  const text = `${policy.stateful} ${policy.cutsFlows} ${numberOf(policy.egress)} ${numberOf(policy.essentials)}`
  const known = common.get(policy.ingress) ?? new Map<string, readonly [string, CommonPolicy]>()
  common.set(policy.ingress, known)
  const found = known.get(text) ?? ([`policy-${++keys}`, policy] as const)
  known.set(text, found)
  return found
}

const numbers = new WeakMap<object, number>()
let last = 0
function numberOf(part: object): number {
  const number = numbers.get(part) ?? ++last
  numbers.set(part, number)
  return number
}

/** The way back. */
export const judged = (desired: Desired): readonly Judged[] =>
  [...desired.interfaces.values()].map(({ origin: _, ...each }) => ({
    ...each,
    policy: policyOf(desired, desired.interfaces.get(each.id) as DesiredInterface),
  }))

/** What differs, and nothing else. */
export function deltaOf(before: Desired, after: Desired): DesiredDelta {
  const differing = <T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>) =>
    new Set([...a.keys(), ...b.keys()].filter((key) => !isDeepStrictEqual(a.get(key), b.get(key))))
  return {
    policies: differing(before.policies, after.policies),
    interfaces: differing(before.interfaces, after.interfaces),
  }
}
