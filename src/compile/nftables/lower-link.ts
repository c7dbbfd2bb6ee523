/** What stays on the link, as chains: essential traffic, and who an interface may send as. */
import type { Essential, LinkMatch, Origin } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import { families } from '../../core/net/address.ts'
import { claims, unowned } from '../../core/semantics/origin.ts'
import { linkLocal } from '../../core/semantics/scopes.ts'
import type { AddressSet } from '../../core/sets/address-set.ts'
import { lowerMatch } from './lower-match.ts'
import { claimsChain, essentialsChain, type Purpose, unownedChain } from './names.ts'
import type { NftChain, NftMatch, NftRule, NftVerdict } from './ruleset.ts'

/** The chain to jump to, and those behind it: a packet of another protocol is asked about three times and no more. */
export type EssentialChains = readonly [NftChain, ...NftChain[]]

/** What is asked of a packet that stays on the link, in terms of where it is asked. */
export type Nearness = (match: LinkMatch) => NftMatch[][]

export function essentialChains(
  essentials: readonly Essential[],
  direction: Direction,
  purpose: Purpose,
  allow: NftVerdict,
  near: Nearness,
): EssentialChains {
  const kind = essentials.map((each) => each.name).join('.')
  const matches = essentials.flatMap((each) => each[direction])
  const chains = [...Map.groupBy(matches, (match) => match.protocol)].map(([protocol, own]) => ({
    protocols: protocol === undefined ? [] : [{ kind: 'protocol', protocols: [protocol] } as const],
    chain: {
      name: essentialsChain(direction, kind, purpose, protocol),
      rules: own.flatMap((match) => rulesFor(match, allow, near)),
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

/** Packets of another sender than the interface are denied, those of addresses that are not its own by a chain of all. */
export function forged(
  { mac, addresses }: Origin,
  deny: NftVerdict,
  unownedBy: NftChain,
  claimed: NftChain | undefined,
): NftRule[] {
  return [
    ...(mac === undefined
      ? []
      : [{ matches: [{ kind: 'source-mac', mac, not: true } as const], verdict: deny }]),
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
            verdict: { kind: 'jump', chain: unownedBy.name },
          }
        })),
    ...(claimed
      ? claims.flatMap((match) => rulesFor(match, { kind: 'jump', chain: claimed.name }, lowerMatch))
      : []),
  ]
}

/** Returns for what anybody may send from an address that is not its own. */
export const unownedOf = (deny: NftVerdict, purpose: Purpose, near: Nearness): NftChain => ({
  name: unownedChain(purpose),
  rules: [
    ...(['derived', 'small'] as const).map(
      (as): NftRule => ({
        matches: [
          { kind: 'address', family: 'ipv6', side: 'source', ranges: linkLocal.ipv6 },
          { kind: 'identifier', of: 'source', as },
        ],
        verdict: deny,
      }),
    ),
    ...unowned.flatMap((match) => rulesFor(match, { kind: 'return' }, near)),
    { matches: [], verdict: deny },
  ],
})

/** Returns for claims of an address that may be the interface's. */
export const claimsOf = (device: string, { ipv6 }: AddressSet, deny: NftVerdict): NftChain => ({
  name: claimsChain(device),
  rules: [
    ...(ipv6.length === 0
      ? []
      : [{ matches: [{ kind: 'target', ranges: ipv6 } as const], verdict: { kind: 'return' } as const }]),
    {
      matches: [
        { kind: 'target', ranges: linkLocal.ipv6 },
        { kind: 'identifier', of: 'target', as: 'derived', not: true },
        { kind: 'identifier', of: 'target', as: 'small', not: true },
      ],
      verdict: { kind: 'return' },
    },
    { matches: [], verdict: deny },
  ],
})

function rulesFor(match: LinkMatch, verdict: NftVerdict, near: Nearness): NftRule[] {
  return near(match).map((matches) => ({ matches, verdict }))
}
