/**
 * Effective policies → chains, maps and verdicts. Correct and plain: one nft rule for each alternative of each rule.
 *
 * It does not print, does not know nft's grammar, and remembers what it made of every shared rule list.
 */
import type { Desired, DesiredInterface } from '../../core/model/desired.ts'
import type {
  DirectionPolicy,
  EffectivePolicy,
  Essential,
  Origin,
  RuleList,
} from '../../core/model/effective-policy.ts'
import type { Action, Direction, Match } from '../../core/model/rule.ts'
import { families } from '../../core/net/address.ts'
import { ICMP, ICMPV6, TCP, UDP, untrackable } from '../../core/net/protocol.ts'
import { manyReceivers } from '../../core/semantics/rejection.ts'
import { lowerMatch } from './lower-match.ts'
import {
  essentialsChain,
  hookOf,
  interfaceChain,
  policyChain,
  rejectionChain,
  trackingChain,
  untrackedChain,
} from './names.ts'
import type { NftChain, NftRule, NftRuleset, NftVerdict } from './ruleset.ts'

const verdicts = {
  allow: { kind: 'accept' },
  deny: { kind: 'drop' },
  reject: { kind: 'goto', chain: rejectionChain },
} as const satisfies Record<Action, NftVerdict>

/** What `rejectionOf` says, as rules. */
const rejection: NftChain = {
  name: rejectionChain,
  rules: [
    ...rulesFor({ destination: manyReceivers }, verdicts.deny),
    { matches: [{ kind: 'protocol', protocols: [ICMP, ICMPV6] }], verdict: verdicts.deny },
    ...rulesFor({ protocol: TCP }, { kind: 'reject', with: 'tcp-reset' }),
    ...rulesFor({ protocol: UDP }, { kind: 'reject', with: 'port-unreachable' }),
    ...rulesFor({}, { kind: 'reject', with: 'prohibited' }),
  ],
}
const tracking: NftChain = { name: trackingChain, rules: [{ state: true }] }
/** What tracking should call invalid, whatever this kernel's does. */
const untracked: NftChain = {
  name: untrackedChain,
  rules: untrackable.flatMap((each) => rulesFor(each, verdicts.deny)),
}
/** Established and related packets pass, invalid ones do not; one look keeps most packets out of the second chain. */
const stateful: readonly NftRule[] = [
  {
    matches: [{ kind: 'protocol', protocols: untrackable.map(({ protocol }) => protocol) }],
    verdict: { kind: 'jump', chain: untrackedChain },
  },
  { state: true },
]

const directions = ['ingress', 'egress'] as const satisfies readonly Direction[]

export interface Lowering {
  lower(desired: Desired, guard: readonly string[]): NftRuleset
}

export function createLowering(): Lowering {
  const policyChains = new WeakMap<RuleList, NftChain>()
  const essentialChains = new WeakMap<readonly Essential[], Record<Direction, NftChain>>()
  const interfaceChains = new WeakMap<EffectivePolicy, Map<string, NftChain>>()

  const policyChainOf = (list: RuleList) =>
    remembered(policyChains, list, () => ({
      name: policyChain(list.policy, list.direction, list.part),
      rules: list.rules.flatMap((rule) =>
        rule.enabled ? rule.matches.flatMap((match) => rulesFor(match, verdicts[rule.action])) : [],
      ),
    }))

  const essentialsOf = (essentials: readonly Essential[]) =>
    remembered(essentialChains, essentials, () => {
      const chain = (direction: Direction): NftChain => ({
        name: essentialsChain(direction, essentials.map((each) => each.name).join('.')),
        rules: essentials.flatMap((each) =>
          each[direction].flatMap((match) => rulesFor(match, verdicts.allow)),
        ),
      })
      return { ingress: chain('ingress'), egress: chain('egress') }
    })

  function interfaceChainOf(
    device: string,
    policy: EffectivePolicy,
    direction: Direction,
    part: Filtered,
  ): NftChain {
    const chains = remembered(interfaceChains, policy, () => new Map<string, NftChain>())
    const name = interfaceChain(device, direction)
    let chain = chains.get(name)
    if (!chain) {
      const jump = (to: NftChain): NftRule => ({ matches: [], verdict: { kind: 'jump', chain: to.name } })
      chain = {
        name,
        rules: [
          ...(direction === 'egress' && policy.origin ? forged(policy.origin) : []),
          jump(essentialsOf(policy.essentials)[direction]),
          ...(policy.stateful ? stateful : []),
          ...part.lists.map((list) => jump(policyChainOf(list))),
          { matches: [], verdict: verdicts[part.default] },
        ],
      }
      chains.set(name, chain)
    }
    return chain
  }

  return {
    lower({ interfaces }, guard) {
      const chains = new Map([tracking, untracked, rejection].map((chain) => [chain.name, chain]))
      const devices = { 'from-vm': new Map<string, NftVerdict>(), 'to-vm': new Map<string, NftVerdict>() }
      const add = (chain: NftChain) => chains.set(chain.name, chain)
      for (const { device, policy } of interfaces) {
        for (const direction of directions) {
          devices[hookOf[direction]].set(device, place(device, policy, direction))
        }
      }
      return { chains, devices, guard }

      function place(device: string, policy: DesiredInterface['policy'], direction: Direction): NftVerdict {
        // Known, but by what it is to be judged is not: closed.
        if (!policy) return verdicts.deny
        const part = policy[direction]
        if (!part.filtered) return verdicts.allow
        add(essentialsOf(policy.essentials)[direction])
        for (const list of part.lists) add(policyChainOf(list))
        const chain = interfaceChainOf(device, policy, direction, part)
        add(chain)
        return { kind: 'goto', chain: chain.name }
      }
    },
  }
}

type Filtered = DirectionPolicy & { readonly filtered: true }

/** Packets of another sender than the interface's own are dropped. */
function forged({ mac, addresses }: Origin): NftRule[] {
  return [
    ...(mac === undefined
      ? []
      : [{ matches: [{ kind: 'source-mac', mac, not: true } as const], verdict: verdicts.deny }]),
    ...(addresses === undefined
      ? []
      : families.map((family): NftRule => {
          const ranges = addresses[family]
          return {
            matches: [
              ranges.length === 0
                ? { kind: 'family', family }
                : { kind: 'address', family, side: 'source', ranges, not: true },
            ],
            verdict: verdicts.deny,
          }
        })),
  ]
}

function rulesFor(match: Match, verdict: NftVerdict): NftRule[] {
  return lowerMatch(match).map((matches) => ({ matches, verdict }))
}

function remembered<K extends object, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  let value = known.get(key)
  if (value === undefined) {
    value = make()
    known.set(key, value)
  }
  return value
}
