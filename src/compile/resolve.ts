/**
 * Policies attached to an interface → the one effective policy that is in force there (docs/semantics.md §4).
 *
 * Knows no provider: what differs between them is data in the policies. What did not change is the same object as
 * before, so that targets may remember what they made of it.
 */
import { builtInLists } from '../core/model/built-in.ts'
import type {
  CommonPolicy,
  DirectionPolicy,
  EffectivePolicy,
  Origin,
  RuleList,
} from '../core/model/effective-policy.ts'
import type { Interface, InterfaceType } from '../core/model/interface.ts'
import {
  type AntiSpoofing,
  defaultSwitches,
  type Policy,
  type TrafficSwitches,
  unattended,
} from '../core/model/policy.ts'
import { type Direction, logLevels, type Rule } from '../core/model/rule.ts'
import { essentialsOf } from '../core/semantics/essentials.ts'
import { originOf, type Sender } from '../core/semantics/origin.ts'
import { type WeakValues, weakValues } from './weak-values.ts'

/** What of an interface decides what is in force on it. */
export type Place = Sender & Pick<Interface, 'index' | 'type'>
export interface Resolver {
  (place: Place, policies: readonly Policy[]): EffectivePolicy
  /** The same without who may send, which is the same for all interfaces of a type, and of an index where rules name one. */
  common(place: Pick<Place, 'index' | 'type'>, policies: readonly Policy[]): CommonPolicy
  /** Who may send; undefined: anybody. */
  origin(place: Place, policies: readonly Policy[]): Origin | undefined
}

/** What is known of policies that begin with the same ones. */
interface Node {
  /** By index of the interface where a rule names one, else 0. */
  readonly shared: Map<number, CommonPolicy>
  /** By that index and the sender, as text: what is the same is the same object for as long as somebody has it. */
  readonly effective: WeakValues<EffectivePolicy>
  readonly next: WeakMap<Policy, Node>
}

/** A stretch of a policy's rules for one direction, or the place of another policy among them. */
type Piece = RuleList | { readonly include: string }

export function createResolver(): Resolver {
  const pieces = new WeakMap<Policy, Map<number, Record<Direction, readonly Piece[]>>>()
  /** Those with which everything passes that none filters, and those with which not. */
  const roots = { open: node(), closed: node() }
  /** Senders that stay the same while policies change. */
  const origins = weakValues<Origin>()

  function piecesOf(policy: Policy, direction: Direction, index: number): readonly Piece[] {
    const own = namesInterface(policy) ? index : 0
    const known = pieces.get(policy) ?? new Map<number, Record<Direction, readonly Piece[]>>()
    pieces.set(policy, known)
    let found = known.get(own)
    if (!found) {
      found = { ingress: cut(policy, 'ingress', own), egress: cut(policy, 'egress', own) }
      known.set(own, found)
    }
    return found[direction]
  }

  function listsOf(policy: Policy, direction: Direction, all: readonly Policy[], index: number): RuleList[] {
    const before = new Set<string>()
    return piecesOf(policy, direction, index).flatMap((piece) => {
      if (!('include' in piece)) return [piece]
      // Included again it decides nothing: what it matches is decided already.
      if (before.has(piece.include)) return []
      before.add(piece.include)
      const included = all.find((each) => each.id === piece.include)
      // Policies that are included do not include others.
      return included
        ? piecesOf(included, direction, index).filter((each): each is RuleList => !('include' in each))
        : []
    })
  }

  function direction(
    applicable: readonly Policy[],
    all: readonly Policy[],
    name: Direction,
    index: number,
    closed: boolean,
  ): DirectionPolicy {
    const filtering = applicable.filter((policy) => policy.filters.includes(name))
    if (filtering.length === 0) return closed ? closedDirection[name] : { filtered: false }
    const defaults = filtering.map((policy) =>
      name === 'ingress' ? policy.defaultIngress : policy.defaultEgress,
    )
    const log = logLevels.find((level) => filtering.some((policy) => policy.log?.[name] === level))
    return {
      filtered: true,
      lists: filtering.flatMap((policy) => [
        ...(policy.builtIn === null ? [] : builtInLists[policy.builtIn][name]),
        ...listsOf(policy, name, all, index),
      ]),
      // Where policies disagree the strict one decides: nothing opens because a policy was added.
      default: defaults.find((action) => action !== 'allow') ?? 'allow',
      // The most urgent, where they differ.
      ...(log && { log }),
    }
  }

  function find({ type, index }: Pick<Place, 'index' | 'type'>, policies: readonly Policy[]) {
    // In the same order they are the same, so the order of what is looked up must not depend on the interface.
    const inForce = inForceOn(type, policies)
    // Also when there is none: what nobody attends to does not stand open.
    const closed = policies.every((policy) => policy.closes)
    let at = closed ? roots.closed : roots.open
    for (const policy of inForce) {
      const next = at.next.get(policy) ?? node()
      at.next.set(policy, next)
      at = next
    }
    const filtering = inForce.filter(isFiltering)
    const switches = switchesOf(filtering)
    const own = inForce.some(namesInterface) ? index : 0
    let shared = at.shared.get(own)
    if (!shared) {
      shared = {
        stateful:
          filtering.length === 0
            ? closed && unattended.stateful
            : filtering.some((policy) => policy.stateful),
        ...(cutsFlows(filtering, closed) && { cutsFlows: true }),
        essentials: essentialsOf(switches),
        ingress: direction(filtering, inForce, 'ingress', own, closed),
        egress: direction(filtering, inForce, 'egress', own, closed),
      }
      at.shared.set(own, shared)
    }
    return { at, own, shared, switches }
  }

  function originBy(place: Place, switches: AntiSpoofing): Origin | undefined {
    const made = originOf(place, switches)
    return made && origins.get(originKey(place, switches), () => made)
  }

  function effective(place: Place, policies: readonly Policy[]): EffectivePolicy {
    const { at, own, shared, switches } = find(place, policies)
    return at.effective.get(`${own} ${originKey(place, switches)}`, () => {
      const origin = originBy(place, switches)
      return { ...shared, ...(origin && { origin }) }
    })
  }
  return Object.assign(effective, {
    common: (place: Pick<Place, 'index' | 'type'>, policies: readonly Policy[]) =>
      find(place, policies).shared,
    origin: (place: Place, policies: readonly Policy[]) =>
      originBy(place, antiSpoofingOn(place.type, policies)),
  })
}

/** Those that decide something on interfaces of a type. */
const inForceOn = (type: InterfaceType, policies: readonly Policy[]): readonly Policy[] =>
  policies.filter((policy) => policy.enabled && policy.appliesTo.includes(type))
const isFiltering = (policy: Policy): boolean => policy.filters.length > 0
const switchesOf = (filtering: readonly Policy[]): TrafficSwitches =>
  filtering.map((policy) => policy.guards).reduce(strictest, undefined) ?? defaultSwitches

/** Where nothing filters but what is unattended, nobody said that connections should live on which may not begin. */
const cutsFlows = (filtering: readonly Policy[], closed: boolean): boolean =>
  filtering.length === 0 ? closed : filtering.some((policy) => policy.cutFlows === 'revoked')

const closedDirection = {
  ingress: { filtered: true, lists: [], default: unattended.defaultIngress },
  egress: { filtered: true, lists: [], default: unattended.defaultEgress },
} as const satisfies Record<Direction, DirectionPolicy>

/** What policies ask of senders on interfaces of a type. */
export const antiSpoofingOn = (type: InterfaceType, policies: readonly Policy[]): AntiSpoofing =>
  switchesOf(inForceOn(type, policies).filter(isFiltering))

/** Whether interfaces of a type that these are attached to are judged by their index, too. */
export const dependsOnIndex = (type: InterfaceType, policies: readonly Policy[]): boolean =>
  inForceOn(type, policies).some(namesInterface)

const node = (): Node => ({ shared: new Map(), effective: weakValues(), next: new WeakMap() })

const originKey = (place: Place, { sourceMac, sourceAddress }: AntiSpoofing): string =>
  `${sourceMac} ${sourceAddress} ${senderKey(place)}`

const senderKeys = new WeakMap<Sender, string>()
function senderKey(sender: Sender): string {
  let key = senderKeys.get(sender)
  if (key === undefined) {
    const { mac, addresses, allowedAddresses, senderCheck } = sender
    key = [senderCheck, mac, ...addresses, 'also', ...allowedAddresses].join(' ')
    senderKeys.set(sender, key)
  }
  return key
}

/** The rules of one direction, taken apart where others are included. */
function cut(policy: Policy, direction: Direction, index: number): Piece[] {
  const result: Piece[] = []
  let rules: RuleList['rules'][number][] = []
  // Parts of one policy on different interfaces are different lists.
  let part = index * 1000
  const close = () => {
    result.push({ policy: policy.id, part: part++, direction, rules })
    rules = []
  }
  for (const rule of policy.rules) {
    if (rule.interface !== undefined && rule.interface !== index) continue
    if (rule.include !== undefined) {
      if (!rule.enabled) continue
      close()
      result.push({ include: rule.include })
    } else if (rule.direction === direction) rules.push(told(rule, policy))
  }
  close()
  return result
}

/** What a policy tells of its allowing rules, those tell of themselves. */
const told = (rule: Rule, { logAllowed }: Policy): Rule =>
  logAllowed !== undefined && rule.action === 'allow' && rule.log === undefined
    ? { ...rule, log: logAllowed }
    : rule

const naming = new WeakMap<Policy, boolean>()
/** Remembered: it looks at all rules. */
function namesInterface(policy: Policy): boolean {
  let names = naming.get(policy)
  if (names === undefined) {
    names = policy.rules.some((rule) => rule.interface !== undefined)
    naming.set(policy, names)
  }
  return names
}

/** Where policies disagree, what fewer packets pass. */
function strictest(a: TrafficSwitches | undefined, b: TrafficSwitches): TrafficSwitches {
  if (!a) return b
  return {
    dhcp: a.dhcp && b.dhcp,
    neighbourDiscovery: a.neighbourDiscovery && b.neighbourDiscovery,
    routerAdvertisement: a.routerAdvertisement && b.routerAdvertisement,
    sourceMac: a.sourceMac || b.sourceMac,
    sourceAddress: a.sourceAddress || b.sourceAddress,
  }
}
