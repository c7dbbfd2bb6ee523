/**
 * Effective policies → chains, maps and verdicts. An interface has a chain of its own only where its sender is checked;
 * what it has in common with others is one chain for all of them.
 *
 * Rules of policies are looked up in sets where they are many (lower-list.ts).
 *
 * It does not print, does not know nft's grammar, and remembers what it made of every shared rule list.
 */
import {
  type Desired,
  type DesiredInterface,
  type FilterMode,
  inTurnNote,
  policyOf,
  stackedNote,
  unansweredNote,
  unlimitedNote,
} from '../../core/model/desired.ts'
import type {
  DirectionPolicy,
  EffectivePolicy,
  Essential,
  Origin,
  RuleList,
} from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import type { Action, Direction, Match } from '../../core/model/rule.ts'
import { ICMP, ICMPV6, TCP, UDP, untrackable } from '../../core/net/protocol.ts'
import { manyReceivers } from '../../core/semantics/rejection.ts'
import {
  answers,
  arpOf,
  type BridgeKernel,
  fragmentsOf,
  framesOf,
  headersOf,
  laterFragments,
  nearInBridge,
  passOf,
  rememberRejected,
  toAnswers,
  toFragments,
  toHeaders,
  unansweredIn,
} from './bridge.ts'
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
  assertDeviceName,
  denialChain,
  framesChain,
  hookOf,
  type Purpose,
  passChain,
  rejectionChain,
  senderFramesChain,
  sharedChain,
  stateChain,
  trackingChain,
  unansweredChain,
  untrackedChain,
} from './names.ts'
import { nestedFragmentsOf, toNestedFragments } from './nested-fragments.ts'
import type { NftChain, NftRule, NftRuleset, NftVerdict } from './ruleset.ts'
import { type Trackers, trackingOf, whyTracked } from './untracked.ts'

/** Decides what verdicts and chains look like: what they are for, and what the kernel can do there. */
interface Variant {
  readonly purpose: Purpose
  /** Null where packets are routed. */
  readonly kernel: BridgeKernel | null
}

const goto = (chain: string): NftVerdict => ({ kind: 'goto', chain })
const drop: NftVerdict = { kind: 'drop' }
/** Goes on without being judged here. */
const pass: NftVerdict = { kind: 'accept' }

/**
 * What an action is at a hook. On an observed device everything passes, and what would not have is counted. Where it is
 * only found out whether to reject, all else is left to where it is judged.
 */
function verdictsOf(direction: Direction, { purpose, kernel }: Variant): Record<Action, NftVerdict> {
  if (purpose === 'answer') return { allow: pass, deny: pass, reject: goto(rejectionChain) }
  const allow = goto(passChain(direction))
  if (purpose === 'observe') {
    const denied = goto(denialChain(direction))
    return { allow, deny: denied, reject: denied }
  }
  // A bridge can tell a sender only where the packet comes in.
  const told = kernel === null || (kernel.rejects && direction === 'egress')
  return { allow, deny: drop, reject: goto(told ? rejectionChain : unansweredChain(direction)) }
}
const directions = ['ingress', 'egress'] as const satisfies readonly Direction[]
const perDirection = <T>(make: (direction: Direction) => T): Readonly<Record<Direction, T>> => ({
  ingress: make('ingress'),
  egress: make('egress'),
})

/** What `rejectionOf` says, as rules: those of silence, and the others. */
const silence: readonly NftRule[] = [
  ...rulesFor({ destination: manyReceivers }, drop),
  { matches: [{ kind: 'protocol', protocols: [ICMP, ICMPV6] }], verdict: drop },
]
const rejectionOf = (before: readonly NftRule[]): NftChain => ({
  name: rejectionChain,
  rules: [
    ...silence,
    ...before,
    ...rulesFor({ protocol: TCP }, { kind: 'reject', with: 'tcp-reset' }),
    ...rulesFor({ protocol: UDP }, { kind: 'reject', with: 'port-unreachable' }),
    ...rulesFor({}, { kind: 'reject', with: 'prohibited' }),
  ],
})
const rejection = rejectionOf([])
const rejectionInBridge = rejectionOf(rememberRejected)
const passing = (limited: boolean) =>
  perDirection(
    (direction): NftChain => ({
      name: passChain(direction),
      rules: [...(limited ? [{ limit: hookOf[direction] }] : []), { pass: hookOf[direction] }],
    }),
  )
const passed = passing(false)
const passedWithinLimits = passing(true)
const passedInBridge = perDirection((direction) => passOf(direction, false))
const passedWithinLimitsInBridge = perDirection((direction) => passOf(direction, true))
const unanswered = perDirection((direction) => unansweredIn(direction, silence))
const tracking: NftChain = {
  name: trackingChain,
  rules: [{ state: { passed: goto(passChain('egress')), invalid: drop } }],
}

/** What the host looks like, and how it is to be treated. */
export interface Surroundings {
  readonly links: readonly Link[]
  /** Nothing is dropped on the whole host. */
  readonly observe: boolean
  readonly kernel: BridgeKernel
  /** Why interfaces are to be closed whatever their policy says, by id. */
  readonly refused: ReadonlyMap<string, string>
  /** Tracked connections of interfaces that say nothing themselves; 0 means no limit. */
  readonly maxConnections?: number
  /** Who keeps stateless interfaces tracked; absent: they are tracked whoever asks. */
  readonly trackers?: Trackers
}

export interface Lowered {
  /** Where packets are routed. */
  readonly ruleset: NftRuleset
  /** Where they are bridged; null when none of the devices is a port of a bridge. */
  readonly bridged: NftRuleset | null
  /** One for each interface. */
  readonly interfaces: readonly LoweredInterface[]
  /** Why stateless interfaces are tracked although their host would rather leave them alone; null when it is not so. */
  readonly tracked: string | null
}

export interface LoweredInterface {
  readonly id: string
  readonly state: 'applied' | 'failing' | 'closed' | 'observing'
  /** Where its packets are seen; null when they are not. */
  readonly mode: FilterMode | null
  /** Why it is not applied, in words for its owner too; null when it is. */
  readonly error: string | null
  /** What its owner should know although it is applied; absent means nothing. */
  readonly notes?: readonly string[]
}

export interface Lowering {
  /** Total: what cannot be lowered closes its interface, and is reported. */
  lower(desired: Desired, surroundings: Surroundings): Lowered
}

export function createLowering(): Lowering {
  const variants = new Map<string, Chains>()
  const plans = new WeakMap<RuleList, ListPlan>()
  /** Chains that are made alike are made once. */
  function chainsFor(variant: Variant): Chains {
    const key = JSON.stringify(variant)
    const known = variants.get(key) ?? createChains(variant, plans)
    variants.set(key, known)
    return known
  }

  /** How many rules a packet may be compared with, one after the other. */
  const inTurnOf = (part: DirectionPolicy): number =>
    part.filtered ? part.lists.reduce((sum, list) => sum + (plans.get(list)?.inTurn ?? 0), 0) : 0

  return {
    lower(desired, { links, observe, refused, maxConnections = 0, kernel, trackers }) {
      const routed = emptyRuleset([tracking, rejection, ...both(passed)])
      const bridged = emptyRuleset([
        ...both(passedInBridge),
        ...both(unanswered),
        ...(kernel.tracks ? [tracking] : []),
        ...(kernel.rejects ? [rejectionInBridge, answers] : []),
      ])
      const bridge = {
        frames: { 'from-vm': new Map<number, NftVerdict>(), 'to-vm': new Map<number, NftVerdict>() },
        answers: new Map<string, NftVerdict>(),
      }
      /** Chains that several interfaces lead to are added once. */
      const added = { routed: new Set<Shared>(), bridged: new Set<Shared>() }
      const byName = new Map(links.map((link) => [link.name, link]))
      const byParent = Map.groupBy(links, ({ parent }) => parent)
      const judged: { readonly link: Link; readonly policy: EffectivePolicy }[] = []

      function place(each: DesiredInterface): Omit<LoweredInterface, 'id'> {
        const { id, device } = each
        const policy = policyOf(desired, each)
        const link = byName.get(device)
        if (!link) return { state: 'closed', mode: null, error: `there is no device ${device} on its host` }
        const { index } = link
        // nft takes a number for a name first.
        if (byName.has(String(index))) {
          return { state: 'failing', mode: null, error: `another device of its host is called ${index}` }
        }
        const hidden = hiddenBy(link)
        if (hidden !== undefined) return { state: 'failing', mode: null, error: hidden }
        const mode = link.master?.kind === 'bridge' ? 'bridged' : 'routed'
        const { chains, devices, link: linked, observed, limits } = mode === 'bridged' ? bridged : routed
        const watch = observe || each.observe === true
        const variant: Variant = {
          purpose: watch ? 'observe' : 'enforce',
          kernel: mode === 'bridged' ? kernel : null,
        }
        // A route to the device itself would go round its bridge.
        if (mode === 'bridged' && !watch)
          for (const way of directions) routed.devices[hookOf[way]].set(index, drop)
        const newChains = ({ shared }: Pick<Placed, 'shared'>): readonly NftChain[] =>
          !shared || added[mode].has(shared)
            ? []
            : [...shared.behind, ...(shared.chain ? [shared.chain] : [])]
        /** Before anything leads to a chain that is not there. */
        const checkNames = (placed: Placed): void => {
          for (const chain of newChains(placed)) {
            const other = chains.get(chain.name)
            if (other && !sameRules(other, chain))
              throw new Error(`two different chains would be called ${chain.name}`)
          }
        }
        const add = (placed: Pick<Placed, 'own' | 'shared'>): void => {
          for (const chain of placed.own) chains.set(chain.name, chain)
          for (const chain of newChains(placed)) if (!chains.has(chain.name)) chains.set(chain.name, chain)
          if (placed.shared) added[mode].add(placed.shared)
        }
        const enter = (way: Direction, placed: Placed): void => {
          add(placed)
          devices[hookOf[way]].set(index, placed.entry)
          if (mode === 'bridged') bridge.frames[hookOf[way]].set(index, placed.frames)
          else if (placed.link) linked.set(index, placed.link)
        }
        const fail = (why: string, pass: boolean) => {
          for (const way of directions) {
            const entry = pass ? verdictsOf(way, variant).allow : drop
            enter(way, { entry, frames: entry, own: [], shared: undefined })
          }
          return { state: 'failing', mode, error: pass ? `${why}; it is open` : why } as const
        }
        const reason = refused.get(id)
        if (reason !== undefined) return fail(reason, watch)
        // Known, but by what it is to be judged is not.
        if (!policy) return fail('its policy could not be read', watch)
        if (mode === 'bridged' && policy.stateful && !kernel.tracks) {
          const port = `${device} is a port of the bridge ${link.master?.name}`
          const why = `${port}, where this kernel tracks no connections (nf_conntrack_bridge), and its policy is stateful`
          return fail(why, watch)
        }
        const { of, denials } = chainsFor(variant)
        try {
          const made = perDirection((way) => of(device, policy, way, each.frames))
          const answer =
            mode === 'bridged' &&
            kernel.rejects &&
            !watch &&
            rejects(policy.ingress) &&
            each.mac !== undefined
              ? chainsFor({ purpose: 'answer', kernel }).of(device, policy, 'ingress')
              : undefined
          for (const placed of [...both(made), ...(answer ? [answer] : [])]) checkNames(placed)
          for (const way of directions) enter(way, made[way])
          if (answer && each.mac !== undefined) {
            add(answer)
            bridge.answers.set(each.mac, answer.entry)
          }
        } catch (error) {
          return fail(
            `its rules cannot be enforced: ${error instanceof Error ? error.message : error}`,
            watch,
          )
        }
        judged.push({ link, policy })
        if (!watch) {
          const limit = each.maxConnections ?? maxConnections
          const tracked = mode === 'routed' || kernel.tracks
          if (limit > 0 && tracked) limits.set(index, limit)
          const stacked = byParent.get(device)
          const silent =
            mode === 'bridged' && !kernel.rejects && directions.some((way) => rejects(policy[way]))
          const inTurn = Math.max(...directions.map((way) => inTurnOf(policy[way])))
          const notes = [
            ...(inTurn > manyInTurn ? [inTurnNote(inTurn)] : []),
            ...(silent ? [unansweredNote] : []),
            ...(limit > 0 && !tracked ? [unlimitedNote] : []),
            ...(stacked ? [stackedNote(stacked.map(({ name }) => name))] : []),
          ]
          return { state: 'applied', mode, error: null, ...(notes.length > 0 && { notes }) }
        }
        observed.add(index)
        for (const chain of denials) chains.set(chain.name, chain)
        return { state: 'observing', mode, error: null }
      }

      const placed = [...desired.interfaces.values()].map((each) => ({ id: each.id, ...place(each) }))
      for (const [{ limits, chains }, passing] of [
        [routed, passedWithinLimits],
        [bridged, passedWithinLimitsInBridge],
      ] as const) {
        if (limits.size > 0) for (const chain of both(passing)) chains.set(chain.name, chain)
      }
      const ends = trackingOf(judged, links)
      const tracked = trackers ? whyTracked(ends, trackers) : null
      const untracks = trackers !== undefined && tracked === null && ends.stateless.size > 0
      return {
        ruleset: { ...routed, ...(untracks && { tracking: ends }) },
        tracked,
        bridged: bridged.devices['from-vm'].size > 0 ? { ...bridged, bridge } : null,
        interfaces: placed,
      }
    },
  }
}

const both = <T>({ ingress, egress }: Readonly<Record<Direction, T>>): T[] => [ingress, egress]

const emptyRuleset = (chains: readonly NftChain[]) => ({
  chains: new Map(chains.map((chain) => [chain.name, chain])),
  devices: { 'from-vm': new Map<number, NftVerdict>(), 'to-vm': new Map<number, NftVerdict>() },
  link: new Map<number, NftVerdict>(),
  observed: new Set<number>(),
  limits: new Map<number, number>(),
})

const sameRules = (a: NftChain, b: NftChain): boolean => a === b || textOf(a) === textOf(b)
const textOf = ({ rules }: NftChain): string =>
  JSON.stringify(rules, (_, value) => (typeof value === 'bigint' ? String(value) : value))

/** Whether packets may be rejected. */
const rejects = (part: DirectionPolicy): boolean =>
  part.filtered &&
  (part.default === 'reject' ||
    part.lists.some((list) => list.rules.some((rule) => rule.enabled && rule.action === 'reject')))

/** Why the device's packets are seen nowhere; undefined when they are. */
function hiddenBy({ name, kind, master }: Link): string | undefined {
  if (kind === 'macvtap' || kind === 'ipvtap')
    return `${name} is a ${kind} device, whose packets cannot be filtered`
  if (!master || master.kind === 'vrf' || master.kind === 'bridge') return undefined
  return `${name} is part of ${master.name}, where its packets cannot be filtered`
}

/** What happens at a hook of an interface. */
interface Placed {
  readonly entry: NftVerdict
  /** What is asked before, about what this host itself sends, where packets are routed; absent: nothing. */
  readonly link?: NftVerdict
  /** The same for frames that are no IP packets, in a bridge. */
  readonly frames: NftVerdict
  /** The chains that it leads to: this interface's, and those of all interfaces that are judged alike. */
  readonly own: readonly NftChain[]
  readonly shared: Shared | undefined
}

/** What interfaces that are judged alike have in common at a hook, behind the check of their senders. */
interface Shared {
  readonly entry: NftVerdict
  /** Named by its content; absent where nothing is filtered. */
  readonly chain?: NftChain
  /** Those that it leads to. */
  readonly behind: readonly NftChain[]
}

interface Chains {
  /** Throws when the policy cannot be lowered. */
  of(device: string, policy: EffectivePolicy, direction: Direction, frames?: readonly number[]): Placed
  readonly denials: readonly NftChain[]
}

/** With as many, a packet takes twice as long as with none. */
const manyInTurn = 100

/** Makes chains for one purpose in one family; remembers what it made of every shared list. */
function createChains(variant: Variant, plans: WeakMap<RuleList, ListPlan>): Chains {
  const { purpose, kernel } = variant
  const verdicts = perDirection((direction) => verdictsOf(direction, variant))
  const policyChains = new WeakMap<RuleList, readonly [NftChain, ...NftChain[]]>()
  const chainsOfEssentials = new WeakMap<readonly Essential[], Record<Direction, EssentialChains>>()
  const sharedChains = new WeakMap<DirectionPolicy, Map<string, Shared>>()
  const senderChains = new WeakMap<Origin, Map<string, readonly NftChain[]>>()
  const frameChains = new Map<string, NftChain>()
  /** What tracking should call invalid, whatever this kernel's does. */
  const untracked = perDirection(
    (direction): NftChain => ({
      name: untrackedChain(direction, purpose),
      rules: untrackable.flatMap((each) => rulesFor(each, verdicts[direction].deny)),
    }),
  )
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
        { state: { passed: verdicts[direction].allow, invalid: verdicts[direction].deny } },
      ],
    }),
  )
  const fragments = perDirection((direction) =>
    kernel === null
      ? {
          rules: toNestedFragments(direction, purpose),
          chains: [nestedFragmentsOf(direction, purpose, verdicts[direction].deny)],
        }
      : purpose === 'answer'
        ? { rules: laterFragments, chains: [] }
        : {
            rules: toFragments(direction, purpose),
            chains: fragmentsOf(direction, purpose, verdicts[direction].deny),
          },
  )

  const policyChainsOf = (list: RuleList) =>
    remembered(policyChains, list, () =>
      remembered(plans, list, () => planOf(list)).chains(purpose, verdicts[list.direction]),
    )

  /** Tracking looks at headers before us. */
  const headers = perDirection((direction) =>
    kernel === null || kernel.tracks || purpose === 'answer'
      ? { rules: [], chains: [] }
      : {
          rules: toHeaders(direction, purpose),
          chains: [headersOf(direction, purpose, verdicts[direction].deny)],
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
  const unowned = unownedOf(verdicts.egress.deny, purpose, near.egress)
  const essentialsOf = (essentials: readonly Essential[]) =>
    remembered(chainsOfEssentials, essentials, () =>
      perDirection((direction) =>
        essentialChains(essentials, direction, purpose, verdicts[direction].allow, near[direction]),
      ),
    )

  const jump = (to: NftChain): NftRule => ({ matches: [], verdict: { kind: 'jump', chain: to.name } })

  /** `checked`: interfaces look at headers before, where they check senders. */
  function sharedOf(policy: EffectivePolicy, direction: Direction, checked: boolean): Shared {
    const { essentials, stateful, [direction]: part } = policy
    const known = remembered(sharedChains, part, () => new Map<string, Shared>())
    const key = `${direction} ${stateful} ${checked} ${essentials.map(({ name }) => name).join(' ')}`
    let shared = known.get(key)
    if (!shared) {
      shared = part.filtered
        ? filteredBy(part, policy, direction, checked)
        : { entry: verdicts[direction].allow, behind: [] }
      known.set(key, shared)
    }
    return shared
  }

  function filteredBy(
    { lists, default: action }: Extract<DirectionPolicy, { filtered: true }>,
    { essentials, stateful }: EffectivePolicy,
    direction: Direction,
    checked: boolean,
  ): Shared {
    const [around, before] = [essentialsOf(essentials)[direction], headers[direction]]
    const entered = lists.map(policyChainsOf)
    const rules = [
      ...(checked ? [] : before.rules),
      ...fragments[direction].rules,
      // Where packets are routed, what the link sends to the VM is asked about at a hook of its own.
      ...(direction === 'egress' || kernel !== null ? [jump(around[0])] : []),
      ...(stateful ? [jump(state[direction])] : []),
      ...entered.map(([first]) => jump(first)),
      { matches: [], verdict: verdicts[direction][action] },
    ]
    const name = sharedChain(direction, purpose, JSON.stringify(rules))
    return {
      entry: goto(name),
      chain: { name, rules },
      behind: [
        ...before.chains,
        ...fragments[direction].chains,
        ...around,
        ...(stateful ? [untracked[direction], state[direction]] : []),
        ...entered.flat(),
      ],
    }
  }

  const sendersOf = (device: string, origin: Origin, next: NftVerdict): readonly NftChain[] => {
    const known = remembered(senderChains, origin, () => new Map<string, readonly NftChain[]>())
    const key = `${device} ${JSON.stringify(next)}`
    let chains = known.get(key)
    if (!chains) {
      const deny = verdicts.egress.deny
      chains = senderChainsOf({ device, origin, deny, next, unowned, before: headers.egress.rules })
      known.set(key, chains)
    }
    return chains
  }

  const arp = perDirection((direction) =>
    arpOf(arpChain(direction, purpose), direction, verdicts[direction].deny),
  )

  /** Frames whose sender is not checked are judged alike where the same types pass. */
  function framesBy(
    device: string,
    direction: Direction,
    origin: Origin | undefined,
    types: readonly number[],
  ) {
    const { deny } = verdicts[direction]
    const of = (name: string) =>
      framesOf(name, direction, { origin, device, types, deny, arp: arp[direction].name })
    let chain: NftChain
    if (origin) chain = of(senderFramesChain(device))
    else {
      const name = framesChain(direction, types, purpose)
      chain = frameChains.get(name) ?? of(name)
      frameChains.set(name, chain)
    }
    return { entry: goto(chain.name), chains: [chain, arp[direction]] }
  }

  return {
    of(device, policy, direction, types = []) {
      assertDeviceName(device)
      const origin = direction === 'egress' ? policy.origin : undefined
      const shared = sharedOf(policy, direction, origin !== undefined)
      const framed =
        kernel === null || purpose === 'answer'
          ? { entry: pass, chains: [] }
          : framesBy(device, direction, origin, types)
      const senders = origin ? sendersOf(device, origin, shared.entry) : []
      const [sender] = senders
      return {
        entry: sender ? goto(sender.name) : shared.entry,
        frames: framed.entry,
        ...(direction === 'ingress' &&
          policy.ingress.filtered && {
            link: { kind: 'jump', chain: essentialsOf(policy.essentials).ingress[0].name },
          }),
        own: [...framed.chains, ...senders, ...(origin ? [unowned, ...headers.egress.chains] : [])],
        shared,
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
