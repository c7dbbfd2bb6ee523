/** What stays on the link, as chains: essential traffic, and who an interface may send as. */
import type { Essential, EssentialName, LinkMatch, Origin } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import type { Family } from '../../core/net/address.ts'
import { claims, unowned } from '../../core/semantics/origin.ts'
import { linkLocal } from '../../core/semantics/scopes.ts'
import type { AddressSet } from '../../core/sets/address-set.ts'
import type { Range } from '../../core/sets/range.ts'
import { lowerMatch } from './lower-match.ts'
import {
  claimsChain,
  essentialsChain,
  ownAddresses,
  ownTargets,
  type Purpose,
  senderChain,
  unownedChain,
} from './names.ts'
import type { NftChain, NftEnding, NftKeyField, NftMatch, NftRule, NftVerdict } from './ruleset.ts'

/** The chain to jump to, and those behind it: a packet of another protocol is asked about three times and no more. */
export type EssentialChains = readonly [NftChain, ...NftChain[]]

/** What is asked of a packet that stays on the link, in terms of where it is asked. */
export type Nearness = (match: LinkMatch) => NftMatch[][]

export function essentialChains(
  essentials: readonly Essential[],
  direction: Direction,
  purpose: Purpose,
  allow: (name: EssentialName) => NftEnding,
  near: Nearness,
): EssentialChains {
  const kind = essentials.map((each) => each.name).join('.')
  const all = essentials.flatMap(({ name, [direction]: matches }) =>
    matches.map((match) => ({ name, match })),
  )
  const chains = [...Map.groupBy(all, ({ match }) => match.protocol)].map(([protocol, own]) => ({
    protocols: protocol === undefined ? [] : [{ kind: 'protocol', protocols: [protocol] } as const],
    chain: {
      name: essentialsChain(direction, kind, purpose, protocol),
      rules: own.flatMap(({ name, match }) => rulesFor(match, allow(name), near)),
    },
  }))
  const entry = {
    name: essentialsChain(direction, kind, purpose),
    rules: chains.map(({ protocols, chain }) => ({
      matches: protocols,
      verdict: { kind: 'jump', chain: chain.name } as const,
    })),
  }
  return [entry, ...chains.map(({ chain }) => chain)]
}

/** Only what the link sends is asked about at that hook. */
export const sentByLink: Nearness = ({ link, ...match }) => {
  if (!link) throw new Error('essential traffic to a VM comes from the link')
  return lowerMatch(match)
}

/** So many ranges of addresses of one interface are rules; a named set costs packets more, and every other set of its table time. */
const fewRanges = 8

interface Sender {
  readonly device: string
  readonly origin: Origin
  /** What does not pass by its sender's MAC, and by the address that it claims. */
  readonly deny: Readonly<Record<'mac' | 'neighbour', NftEnding>>
  /** Where packets go that are the interface's. */
  readonly next: NftVerdict
  /** The chain about addresses that are not the interface's. */
  readonly unowned: NftChain
  /** What is looked at first. */
  readonly before: readonly NftRule[]
}

/** The chains of an interface whose sender is checked, the one to enter first. Packets of another sender are denied. */
export function senderChainsOf({ device, origin, deny, next, unowned, before }: Sender): readonly NftChain[] {
  const { mac, addresses } = origin
  const first: NftRule[] = [
    ...before,
    ...(mac === undefined
      ? []
      : [{ matches: [{ kind: 'source-mac', mac, not: true } as const], ...deny.mac }]),
  ]
  const name = senderChain(device)
  if (!addresses) return [{ name, rules: [...first, { matches: [], verdict: next }] }]
  const claimed = claimsOf(device, addresses, deny.neighbour)
  const own = (family: Family): NftRule[] =>
    ownSources(device, family, addresses).map((match) => ({ matches: [match], verdict: next }))
  return [
    {
      name,
      rules: [
        ...first,
        ...own('ipv4'),
        // What claims an address may come from one that is the interface's.
        ...claims.flatMap((match) =>
          rulesFor(match, { verdict: { kind: 'jump', chain: claimed.name } }, lowerMatch),
        ),
        ...own('ipv6'),
        { matches: [], verdict: { kind: 'jump', chain: unowned.name } },
        { matches: [], verdict: next },
      ],
    },
    claimed,
  ]
}

const ownSources = (device: string, family: Family, addresses: AddressSet): NftMatch[] =>
  anyOf(
    addresses[family],
    ownAddresses(family, device),
    { kind: 'address', family, side: 'source' },
    (range) => ({ kind: 'address', family, side: 'source', ranges: [range] }),
  )

/** Matches of ARP that names an own address as its sender's. */
export const ownArp = (device: string, { ipv4 }: AddressSet): NftMatch[] =>
  anyOf(ipv4, ownAddresses('ipv4', device), { kind: 'arp-address' }, (range) => ({
    kind: 'arp-address',
    ranges: [range],
  }))

/** Matches of which one holds if the value is in one of the ranges: one for each, or one of a named set. */
function anyOf(
  ranges: readonly Range<bigint>[],
  name: string,
  field: NftKeyField,
  match: (range: Range<bigint>) => NftMatch,
): NftMatch[] {
  if (ranges.length <= fewRanges) return ranges.map(match)
  const elements = ranges.map((range) => ({ key: [range] }))
  return [{ kind: 'in-set', set: { name, key: [field], interval: true, elements } }]
}

/** Returns for what anybody may send from an address that is not its own. */
export const unownedOf = (deny: NftEnding, purpose: Purpose, near: Nearness): NftChain => ({
  name: unownedChain(purpose),
  rules: [
    ...(['derived', 'small'] as const).map(
      (as): NftRule => ({
        matches: [
          { kind: 'address', family: 'ipv6', side: 'source', ranges: linkLocal.ipv6 },
          { kind: 'identifier', of: 'source', as },
        ],
        ...deny,
      }),
    ),
    ...unowned.flatMap((match) => rulesFor(match, { verdict: { kind: 'return' } }, near)),
    { matches: [], ...deny },
  ],
})

/** Returns for claims of an address that may be the interface's. */
const claimsOf = (device: string, { ipv6 }: AddressSet, deny: NftEnding): NftChain => ({
  name: claimsChain(device),
  rules: [
    ...anyOf(ipv6, ownTargets(device), { kind: 'target' }, (range) => ({
      kind: 'target',
      ranges: [range],
    })).map((match): NftRule => ({ matches: [match], verdict: { kind: 'return' } })),
    {
      matches: [
        { kind: 'target', ranges: linkLocal.ipv6 },
        { kind: 'identifier', of: 'target', as: 'derived', not: true },
        { kind: 'identifier', of: 'target', as: 'small', not: true },
      ],
      verdict: { kind: 'return' },
    },
    { matches: [], ...deny },
  ],
})

function rulesFor(match: LinkMatch, ending: NftEnding, near: Nearness): NftRule[] {
  return near(match).map((matches) => ({ matches, ...ending }))
}
