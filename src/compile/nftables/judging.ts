/**
 * What a policy is to the interfaces that it judges: its façade, which says how they enter its chains, and those chains.
 * Beside it, the chains that an interface has of its own. It remembers what it made of every shared rule list.
 */
import type { Decider, OriginCheck } from '../../core/model/decider.ts'
import type {
  CommonPolicy,
  DirectionPolicy,
  Essential,
  Origin,
  RuleList,
} from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import { untrackable } from '../../core/net/protocol.ts'
import { weakValues } from '../weak-values.ts'
import {
  arpOf,
  fragmentsOf,
  framesOf,
  headersOf,
  laterFragments,
  nearInBridge,
  toAnswers,
  toFragments,
  toHeaders,
} from './bridge.ts'
import type { Unit } from './ledger.ts'
import {
  type EssentialChains,
  essentialChains,
  type Nearness,
  senderChainsOf,
  sentByLink,
  unownedOf,
} from './lower-link.ts'
import { type ListPlan, planOf } from './lower-list.ts'
import { lowerMatch } from './lower-match.ts'
import {
  arpChain,
  framesChain,
  invalidChain,
  passChain,
  senderFramesChain,
  sharedChain,
  stateChain,
  untrackedChain,
} from './names.ts'
import { nestedFragmentsOf, toNestedFragments } from './nested-fragments.ts'
import { outcomesOf } from './outcomes.ts'
import type { NftChain, NftEnding, NftRule, NftVerdict } from './ruleset.ts'
import { asksForState } from './untracked.ts'
import { directions, goto, pass, perDirection, rulesFor, type Variant } from './variant.ts'

/** All that interfaces know of their policy: while it stays the same, nothing of theirs changes. */
export interface Facade {
  /** Where packets go that are the interface's. */
  readonly entry: Readonly<Record<Direction, NftVerdict>>
  /** What is asked before, about what this host itself sends, where packets are routed; null: nothing. */
  readonly link: NftVerdict | null
  readonly stateful: boolean
  /** Whether the state of a packet decides anything. */
  readonly asks: boolean
  /** Whether packets may be rejected. */
  readonly rejects: Readonly<Record<Direction, boolean>>
  /**
   * With up to how many rules a packet may be compared, one after the other, where that takes time; else 0. In round numbers:
   * a rule more or less is seldom another façade, which all interfaces of the policy would have to be told.
   */
  readonly inTurn: number
}

/** A façade, and the chains that it leads to. */
export interface LoweredPolicy {
  readonly facade: Facade
  readonly units: readonly Unit[]
}

export interface Judging {
  /**
   * `checked`: interfaces look at headers before, where they check senders. `ways`: the directions that are asked about.
   * Throws when the policy cannot be lowered.
   */
  policy(policy: CommonPolicy, checked: boolean, ways?: readonly Direction[]): LoweredPolicy
  /** An interface's own, the one to enter first: who it may send as. `next`: where its packets go on; those of others do not pass. */
  senders(device: string, origin: Origin, next: NftVerdict): Unit
  /** Where frames go that are no IP packets, in a bridge, the chain to enter first; `types` pass beside ARP. */
  frames(device: string, direction: Direction, origin: Origin | undefined, types: readonly number[]): Unit
}

const invalid: Decider = { kind: 'state', state: 'invalid' }
const malformed: Decider = { kind: 'malformed' }
const frame: Decider = { kind: 'frame' }
const origins = {
  mac: { kind: 'origin', check: 'mac' },
  address: { kind: 'origin', check: 'address' },
  neighbour: { kind: 'origin', check: 'neighbour' },
  arp: { kind: 'origin', check: 'arp' },
} as const satisfies Record<OriginCheck, Decider>
/** What denies beside rules and defaults. */
const denying: readonly Decider[] = [invalid, malformed, frame, ...Object.values(origins)]

/** With as many, a packet takes twice as long as with none. */
const manyInTurn = 100

const plans = new WeakMap<RuleList, ListPlan>()
const variants = new Map<string, Judging>()

/** The same for the same variant. */
export function judgingFor(variant: Variant): Judging {
  const key = JSON.stringify(variant)
  const known = variants.get(key) ?? createJudging(variant)
  variants.set(key, known)
  return known
}

function createJudging(variant: Variant): Judging {
  const { purpose, kernel } = variant
  const outcomes = perDirection((direction) => outcomesOf(direction, variant))
  const deny = perDirection(
    (direction) =>
      (by: Decider): NftEnding =>
        outcomes[direction].of('deny', by),
  )
  /** What nobody has decided about here. */
  const passed = perDirection((direction) => (purpose === 'answer' ? pass : goto(passChain(direction))))
  const policyChains = new WeakMap<RuleList, readonly [NftChain, ...NftChain[]]>()
  const chainsOfEssentials = new WeakMap<readonly Essential[], Record<Direction, EssentialChains>>()
  const sharedChains = new WeakMap<DirectionPolicy, Map<string, Shared>>()
  const frameChains = new Map<string, Unit>()
  /** By what they lead to: another content of that is no other chain. */
  const entryChains = weakValues<Entry>()
  /** What tracking should call invalid, whatever this kernel's does. */
  const untracked = perDirection(
    (direction): NftChain => ({
      name: untrackedChain(direction, purpose),
      rules: untrackable.flatMap((each) => rulesFor(each, deny[direction](invalid))),
    }),
  )
  /** A map of verdicts cannot mark. */
  const whereInvalid = perDirection((direction): { verdict: NftVerdict; chains: Unit } => {
    const ending = deny[direction](invalid)
    if (ending.marks === undefined) return { verdict: ending.verdict, chains: [] }
    const name = invalidChain(direction)
    return { verdict: goto(name), chains: [{ name, rules: [{ matches: [], ...ending }] }] }
  })
  /** Established and related packets pass, invalid ones do not; one look keeps most packets out of the other chain. */
  const state = perDirection(
    (direction): NftChain => ({
      name: stateChain(direction, purpose),
      rules: [
        {
          matches: [{ kind: 'protocol', protocols: untrackable.map(({ protocol }) => protocol) }],
          verdict: { kind: 'jump', chain: untracked[direction].name },
        },
        ...(kernel?.rejects && direction === 'ingress' && purpose !== 'answer' ? toAnswers : []),
        { state: { passed: passed[direction], invalid: whereInvalid[direction].verdict } },
      ],
    }),
  )
  const states = perDirection(
    (direction): Unit => [untracked[direction], state[direction], ...whereInvalid[direction].chains],
  )
  const fragments = perDirection((direction) =>
    kernel === null
      ? {
          rules: toNestedFragments(direction, purpose),
          chains: [nestedFragmentsOf(direction, purpose, deny[direction](malformed))],
        }
      : purpose === 'answer'
        ? { rules: laterFragments, chains: [] }
        : {
            rules: toFragments(direction, purpose),
            chains: fragmentsOf(direction, purpose, deny[direction](malformed)),
          },
  )

  const policyChainsOf = (list: RuleList) =>
    remembered(policyChains, list, () =>
      remembered(plans, list, () => planOf(list)).chains(purpose, outcomes[list.direction]),
    )

  /** Tracking looks at headers before us. */
  const headers = perDirection((direction) =>
    kernel === null || kernel.tracks || purpose === 'answer'
      ? { rules: [], chains: [] }
      : {
          rules: toHeaders(direction, purpose),
          chains: [headersOf(direction, purpose, deny[direction](malformed))],
        },
  )
  const near = perDirection(
    (direction): Nearness =>
      // What is essential is left alone where it is only found out whether to reject.
      kernel !== null && purpose !== 'answer'
        ? (match) => nearInBridge(match, direction)
        : direction === 'ingress'
          ? sentByLink
          : lowerMatch,
  )
  const unowned = unownedOf(deny.egress(origins.address), purpose, near.egress)
  const essentialsOf = (essentials: readonly Essential[]) =>
    remembered(chainsOfEssentials, essentials, () =>
      perDirection((direction) =>
        essentialChains(
          essentials,
          direction,
          purpose,
          (name) => outcomes[direction].of('allow', { kind: 'essential', name }),
          near[direction],
        ),
      ),
    )

  /** Where packets go of observed interfaces that would not have passed, whatever the policy. */
  const denials: Unit = directions.flatMap((direction) =>
    denying.flatMap((by) => outcomes[direction].behind('deny', by)),
  )

  const jump = (to: NftChain): NftRule => ({ matches: [], verdict: { kind: 'jump', chain: to.name } })

  /** `checked`: interfaces look at headers before, where they check senders. */
  function sharedOf(policy: CommonPolicy, direction: Direction, checked: boolean): Shared {
    const { essentials, stateful, [direction]: part } = policy
    const known = remembered(sharedChains, part, () => new Map<string, Shared>())
    const key = `${direction} ${stateful} ${checked} ${essentials.map(({ name }) => name).join(' ')}`
    let shared = known.get(key)
    if (!shared) {
      shared = part.filtered
        ? filteredBy(part, policy, direction, checked)
        : { entry: passed[direction], units: [] }
      known.set(key, shared)
    }
    return shared
  }

  function filteredBy(
    { lists, default: action, log }: Extract<DirectionPolicy, { filtered: true }>,
    { essentials, stateful }: CommonPolicy,
    direction: Direction,
    checked: boolean,
  ): Shared {
    const [around, before] = [essentialsOf(essentials)[direction], headers[direction]]
    const entered = lists.map(policyChainsOf)
    const through = [around[0].name, ...entered.map(([first]) => first.name)]
    const byDefault = [action, { kind: 'default' }, log !== undefined] as const
    const key = `${direction} ${stateful} ${checked} ${action} ${log !== undefined} ${through.join(' ')}`
    const entry = entryChains.get(key, () => {
      const rules = [
        ...(checked ? [] : before.rules),
        ...fragments[direction].rules,
        // Where packets are routed, what the link sends to the VM is asked about at a hook of its own.
        ...(direction === 'egress' || kernel !== null ? [jump(around[0])] : []),
        ...(stateful ? [jump(state[direction])] : []),
        ...entered.map(([first]) => jump(first)),
        { matches: [], ...outcomes[direction].of(...byDefault) },
      ]
      return [{ name: sharedChain(direction, purpose, JSON.stringify(rules)), rules }]
    })
    return {
      entry: goto(entry[0].name),
      units: [
        entry,
        ...[before.chains, fragments[direction].chains, around],
        ...(stateful ? [states[direction]] : []),
        ...entered,
        outcomes[direction].behind(...byDefault),
      ],
    }
  }

  const essentialArp = perDirection((way) => outcomes[way].of('allow', { kind: 'essential', name: 'arp' }))
  const arp = perDirection((way) => arpOf(arpChain(way, purpose), essentialArp[way], deny[way](frame)))

  return {
    policy(policy, checked, ways = directions) {
      const shared = ways.map((way) => sharedOf(policy, way, way === 'egress' && checked))
      const inTurn = Math.max(...directions.map((way) => inTurnOf(policy[way])))
      return {
        facade: {
          entry: perDirection((way) => shared[ways.indexOf(way)]?.entry ?? passed[way]),
          link:
            kernel === null && policy.ingress.filtered
              ? { kind: 'jump', chain: essentialsOf(policy.essentials).ingress[0].name }
              : null,
          stateful: policy.stateful,
          asks: asksForState(policy),
          rejects: perDirection((way) => rejects(policy[way])),
          inTurn: inTurn > manyInTurn ? roundedUp(inTurn) : 0,
        },
        units: [...shared.flatMap(({ units }) => units), ...(purpose === 'observe' ? [denials] : [])],
      }
    },
    senders(device, origin, next) {
      const denied = { mac: deny.egress(origins.mac), neighbour: deny.egress(origins.neighbour) }
      const before = headers.egress.rules
      const own = senderChainsOf({ device, origin, deny: denied, next, unowned, before })
      return [...own, unowned, ...headers.egress.chains]
    },
    frames(device, direction, origin, types) {
      const no = deny[direction]
      const denied = { frame: no(frame), mac: no(origins.mac), arp: no(origins.arp) }
      const of = (name: string): Unit => [
        framesOf(name, direction, {
          ...{ origin, device, types, deny: denied },
          ...{ announce: essentialArp[direction], arp: arp[direction].name },
        }),
        arp[direction],
      ]
      if (origin) return of(senderFramesChain(device))
      // Judged alike where the same types pass.
      const name = framesChain(direction, types, purpose)
      const known = frameChains.get(name) ?? of(name)
      frameChains.set(name, known)
      return known
    },
  }
}

/** The chain that is entered, behind the check of senders. */
type Entry = readonly [NftChain]

/** What interfaces that are judged alike have in common at a hook, behind the check of their senders. */
interface Shared {
  readonly entry: NftVerdict
  /** The chain that is entered, named by its content, and those that it leads to; empty where nothing is filtered. */
  readonly units: readonly Unit[]
}

/** Whether packets may be rejected. */
const rejects = (part: DirectionPolicy): boolean =>
  part.filtered &&
  (part.default === 'reject' ||
    part.lists.some((list) => list.rules.some((rule) => rule.enabled && rule.action === 'reject')))

/** The next of 1, 2, 5, 10, 20, 50 and so on that is not below `count`, which is at least 1. */
function roundedUp(count: number): number {
  const scale = 10 ** Math.floor(Math.log10(count))
  return scale * ([1, 2, 5].find((each) => each * scale >= count) ?? 10)
}

/** How many rules a packet may be compared with, one after the other. */
const inTurnOf = (part: DirectionPolicy): number =>
  part.filtered ? part.lists.reduce((sum, list) => sum + (plans.get(list)?.inTurn ?? 0), 0) : 0

function remembered<K extends object, V>(known: WeakMap<K, V>, key: K, make: () => V): V {
  let value = known.get(key)
  if (value === undefined) {
    value = make()
    known.set(key, value)
  }
  return value
}
