/**
 * Effective policies → chains, maps and verdicts. Correct and plain: one nft rule for each alternative of each rule.
 *
 * It does not print, does not know nft's grammar, and remembers what it made of every shared rule list.
 */
import type { Desired, DesiredInterface } from '../../core/model/desired.ts'
import type { EffectivePolicy, Essential, RuleList } from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import type { Action, Direction, Match } from '../../core/model/rule.ts'
import { ICMP, ICMPV6, TCP, UDP, untrackable } from '../../core/net/protocol.ts'
import { manyReceivers } from '../../core/semantics/rejection.ts'
import { type EssentialChains, essentialChains, forged, unownedOf } from './lower-link.ts'
import { lowerMatch } from './lower-match.ts'
import {
  denialChain,
  hookOf,
  interfaceChain,
  passChain,
  policyChain,
  rejectionChain,
  stateChain,
  trackingChain,
  untrackedChain,
} from './names.ts'
import type { NftChain, NftRule, NftRuleset, NftVerdict } from './ruleset.ts'

/** What an action is at a hook; on an observed device everything passes, and what would not have is counted. */
const verdictsOf = (direction: Direction, observed: boolean): Record<Action, NftVerdict> => {
  const denied = { kind: 'goto', chain: denialChain(direction) } as const
  return {
    allow: { kind: 'goto', chain: passChain(direction) },
    deny: observed ? denied : drop,
    reject: observed ? denied : { kind: 'goto', chain: rejectionChain },
  }
}
const drop: NftVerdict = { kind: 'drop' }
const directions = ['ingress', 'egress'] as const satisfies readonly Direction[]
const perDirection = <T>(make: (direction: Direction) => T): Readonly<Record<Direction, T>> => ({
  ingress: make('ingress'),
  egress: make('egress'),
})

/** What `rejectionOf` says, as rules. */
const rejection: NftChain = {
  name: rejectionChain,
  rules: [
    ...rulesFor({ destination: manyReceivers }, drop),
    { matches: [{ kind: 'protocol', protocols: [ICMP, ICMPV6] }], verdict: drop },
    ...rulesFor({ protocol: TCP }, { kind: 'reject', with: 'tcp-reset' }),
    ...rulesFor({ protocol: UDP }, { kind: 'reject', with: 'port-unreachable' }),
    ...rulesFor({}, { kind: 'reject', with: 'prohibited' }),
  ],
}
const passing = (limited: boolean) =>
  perDirection(
    (direction): NftChain => ({
      name: passChain(direction),
      rules: [...(limited ? [{ limit: hookOf[direction] }] : []), { pass: hookOf[direction] }],
    }),
  )
const passed = passing(false)
const passedWithinLimits = passing(true)
const tracking: NftChain = {
  name: trackingChain,
  rules: [{ state: { passed: passChain('egress'), invalid: drop } }],
}

/** What the host looks like, and how it is to be treated. */
export interface Surroundings {
  readonly links: readonly Link[]
  /** Nothing is dropped on the whole host. */
  readonly observe: boolean
  /** Devices that are ports of a bridge are let through unfiltered. */
  readonly allowBridged: boolean
  /** Why interfaces are to be closed whatever their policy says, by id. */
  readonly refused: ReadonlyMap<string, string>
  /** Tracked connections of interfaces that say nothing themselves; 0 means no limit. */
  readonly maxConnections?: number
}

export interface Lowered {
  readonly ruleset: NftRuleset
  /** Indexes of devices of a bridge that are let through unfiltered. */
  readonly bridged: ReadonlySet<number>
  /** One for each interface. */
  readonly interfaces: readonly LoweredInterface[]
}

export interface LoweredInterface {
  readonly id: string
  readonly state: 'applied' | 'failing' | 'closed' | 'observing'
  /** Why it is not applied, in words for its owner too; null when it is. */
  readonly error: string | null
}

export interface Lowering {
  /** Total: what cannot be lowered closes its interface, and is reported. */
  lower(desired: Desired, surroundings: Surroundings): Lowered
}

export function createLowering(): Lowering {
  const enforced = createChains(false)
  const observed = createChains(true)

  return {
    lower({ interfaces }, { links, observe, allowBridged, refused, maxConnections = 0 }) {
      const chains = new Map(
        [tracking, rejection, passed.ingress, passed.egress].map((chain) => [chain.name, chain]),
      )
      const devices = { 'from-vm': new Map<number, NftVerdict>(), 'to-vm': new Map<number, NftVerdict>() }
      const linked = new Map<number, NftVerdict>()
      const watched = new Set<number>()
      const bridged = new Set<number>()
      const limits = new Map<number, number>()
      const byName = new Map(links.map((link) => [link.name, link]))

      function place(each: DesiredInterface): Omit<LoweredInterface, 'id'> {
        const { id, device, policy } = each
        const link = byName.get(device)
        if (!link) return { state: 'closed', error: `there is no device ${device} on its host` }
        const { index } = link
        // nft takes a number for a name first.
        if (byName.has(String(index))) {
          return { state: 'failing', error: `another device of its host is called ${index}` }
        }
        const watch = observe || each.observe === true
        const hidden = hiddenBy(link)
        if (hidden !== undefined) {
          const open = link.master?.kind === 'bridge' && (allowBridged || watch)
          if (open) bridged.add(index)
          return { state: 'failing', error: open ? `${hidden}; it is open` : hidden }
        }
        const fail = (why: string) => {
          for (const way of directions) {
            devices[hookOf[way]].set(index, watch ? verdictsOf(way, true).allow : drop)
          }
          return {
            state: 'failing',
            error: watch ? `${why}; it is open, because it is observed` : why,
          } as const
        }
        const reason = refused.get(id)
        if (reason !== undefined) return fail(reason)
        // Known, but by what it is to be judged is not.
        if (!policy) return fail('its policy could not be read')
        const { of, denials } = watch ? observed : enforced
        try {
          const made = perDirection((way) => of(device, policy, way))
          for (const way of directions) {
            devices[hookOf[way]].set(index, made[way].entry)
            if (made[way].link) linked.set(index, made[way].link)
            for (const chain of made[way].chains) chains.set(chain.name, chain)
          }
        } catch (error) {
          return fail(`its rules cannot be enforced: ${error instanceof Error ? error.message : error}`)
        }
        if (!watch) {
          const limit = each.maxConnections ?? maxConnections
          if (limit > 0) limits.set(index, limit)
          return { state: 'applied', error: null }
        }
        watched.add(index)
        for (const chain of denials) chains.set(chain.name, chain)
        return { state: 'observing', error: null }
      }

      const placed = interfaces.map((each) => ({ id: each.id, ...place(each) }))
      if (limits.size > 0) {
        for (const chain of Object.values(passedWithinLimits)) chains.set(chain.name, chain)
      }
      return {
        ruleset: { chains, devices, link: linked, observed: watched, limits },
        bridged,
        interfaces: placed,
      }
    },
  }
}

/** Why the hooks of routed packets do not see the device's packets; undefined when they do. */
function hiddenBy({ name, kind, master }: Link): string | undefined {
  if (kind === 'macvtap' || kind === 'ipvtap')
    return `${name} is a ${kind} device, whose packets cannot be filtered`
  if (!master || master.kind === 'vrf') return undefined
  const what = master.kind === 'bridge' ? `a port of the bridge ${master.name}` : `part of ${master.name}`
  return `${name} is ${what}, where its packets cannot be filtered`
}

/** What happens at a hook of an interface. */
interface Placed {
  readonly entry: NftVerdict
  /** What is asked before, about what this host itself sends; absent: nothing. */
  readonly link?: NftVerdict
  /** The chains that it leads to. */
  readonly chains: readonly NftChain[]
}

/** Chains for devices that are enforced, or for those that are observed; remembers what it made of every shared list. */
function createChains(watch: boolean): {
  /** Throws when the policy cannot be lowered. */
  of(device: string, policy: EffectivePolicy, direction: Direction): Placed
  readonly denials: readonly NftChain[]
} {
  const verdicts = perDirection((direction) => verdictsOf(direction, watch))
  const policyChains = new WeakMap<RuleList, NftChain>()
  const chainsOfEssentials = new WeakMap<readonly Essential[], Record<Direction, EssentialChains>>()
  const interfaceChains = new WeakMap<EffectivePolicy, Map<string, NftChain>>()
  /** What tracking should call invalid, whatever this kernel's does. */
  const untracked = perDirection(
    (direction): NftChain => ({
      name: untrackedChain(direction, watch),
      rules: untrackable.flatMap((each) => rulesFor(each, verdicts[direction].deny)),
    }),
  )
  const unowned = unownedOf(verdicts.egress.deny, watch)
  /** Established and related packets pass, invalid ones do not; one look keeps most packets out of the other chain. */
  const state = perDirection(
    (direction): NftChain => ({
      name: stateChain(direction, watch),
      rules: [
        {
          matches: [{ kind: 'protocol', protocols: untrackable.map(({ protocol }) => protocol) }],
          verdict: { kind: 'jump', chain: untracked[direction].name },
        },
        { state: { passed: passChain(direction), invalid: verdicts[direction].deny } },
      ],
    }),
  )

  const policyChainOf = (list: RuleList) =>
    remembered(policyChains, list, () => ({
      name: policyChain(list.policy, list.direction, list.part, watch),
      rules: list.rules.flatMap((rule) =>
        rule.enabled
          ? rule.matches.flatMap((match) => rulesFor(match, verdicts[list.direction][rule.action]))
          : [],
      ),
    }))

  const essentialsOf = (essentials: readonly Essential[]) =>
    remembered(chainsOfEssentials, essentials, () =>
      perDirection((direction) => essentialChains(essentials, direction, verdicts[direction].allow)),
    )

  function interfaceChainOf(device: string, policy: EffectivePolicy, direction: Direction): NftChain {
    const chains = remembered(interfaceChains, policy, () => new Map<string, NftChain>())
    const name = interfaceChain(device, direction)
    let chain = chains.get(name)
    if (!chain) {
      const part = policy[direction]
      const jump = (to: NftChain): NftRule => ({ matches: [], verdict: { kind: 'jump', chain: to.name } })
      chain = {
        name,
        rules: [
          ...(direction === 'egress' && policy.origin
            ? forged(policy.origin, verdicts.egress.deny, unowned)
            : []),
          ...(part.filtered
            ? [
                // What the link sends to the VM is asked about at a hook of its own.
                ...(direction === 'egress' ? [jump(essentialsOf(policy.essentials).egress[0])] : []),
                ...(policy.stateful ? [jump(state[direction])] : []),
                ...part.lists.map((list) => jump(policyChainOf(list))),
              ]
            : []),
          { matches: [], verdict: verdicts[direction][part.filtered ? part.default : 'allow'] },
        ],
      }
      chains.set(name, chain)
    }
    return chain
  }

  return {
    of(device, policy, direction) {
      const part = policy[direction]
      const checked = direction === 'egress' && policy.origin !== undefined
      if (!part.filtered && !checked) return { entry: verdicts[direction].allow, chains: [] }
      const chain = interfaceChainOf(device, policy, direction)
      const essentials = essentialsOf(policy.essentials)[direction]
      return {
        entry: { kind: 'goto', chain: chain.name },
        ...(direction === 'ingress' && { link: { kind: 'jump', chain: essentials[0].name } }),
        chains: [
          ...(checked ? [unowned] : []),
          ...(part.filtered
            ? [
                ...essentials,
                ...(policy.stateful ? [untracked[direction], state[direction]] : []),
                ...part.lists.map(policyChainOf),
              ]
            : []),
          chain,
        ],
      }
    },
    denials: directions.map((direction) => ({
      name: denialChain(direction),
      rules: [{ count: hookOf[direction] }, { matches: [], verdict: verdicts[direction].allow }],
    })),
  }
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
