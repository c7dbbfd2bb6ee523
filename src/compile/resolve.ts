/**
 * Policies attached to an interface → the one effective policy that is in force there (docs/semantics.md §4).
 *
 * Knows no provider: what differs between them is data in the policies. What did not change is the same object as
 * before, so that targets may remember what they made of it.
 */
import type { DirectionPolicy, EffectivePolicy, RuleList } from '../core/model/effective-policy.ts'
import type { InterfaceType, Policy } from '../core/model/inventory.ts'
import type { Direction } from '../core/model/rule.ts'
import { essentials } from '../core/semantics/essentials.ts'

export type Resolver = (type: InterfaceType, policies: readonly Policy[]) => EffectivePolicy

/** What is known of policies that begin with the same ones. */
interface Node {
  effective?: EffectivePolicy
  readonly next: WeakMap<Policy, Node>
}

export function createResolver(): Resolver {
  const lists = new WeakMap<Policy, Record<Direction, RuleList>>()
  const root: Node = { next: new WeakMap() }

  function listsOf(policy: Policy): Record<Direction, RuleList> {
    let found = lists.get(policy)
    if (!found) {
      const list = (direction: Direction): RuleList => ({
        policy: policy.id,
        direction,
        rules: policy.rules.filter((rule) => rule.direction === direction),
      })
      found = { ingress: list('ingress'), egress: list('egress') }
      lists.set(policy, found)
    }
    return found
  }

  function direction(policies: readonly Policy[], name: Direction): DirectionPolicy {
    const filtering = policies.filter((policy) => policy.filters.includes(name))
    if (filtering.length === 0) return { filtered: false }
    const defaults = filtering.map((policy) =>
      name === 'ingress' ? policy.defaultIngress : policy.defaultEgress,
    )
    return {
      filtered: true,
      lists: filtering.map((policy) => listsOf(policy)[name]),
      // Where policies disagree the strict one decides: nothing opens because a policy was added.
      default: defaults.find((action) => action !== 'allow') ?? 'allow',
    }
  }

  return (type, policies) => {
    const applicable = policies.filter((policy) => policy.enabled && policy.appliesTo.includes(type))
    let node = root
    for (const policy of applicable) {
      const next: Node = node.next.get(policy) ?? { next: new WeakMap() }
      node.next.set(policy, next)
      node = next
    }
    node.effective ??= {
      stateful: applicable.some((policy) => policy.stateful),
      essentials,
      ingress: direction(applicable, 'ingress'),
      egress: direction(applicable, 'egress'),
    }
    return node.effective
  }
}
