/** Chains → nft's language, spelled exactly as `nft -s -n list table` prints them back (nftables 1.0.6). */
import { type Family, formatAddress } from '../../core/net/address.ts'
import { etherTypes } from '../../core/net/frame.ts'
import type { arpForm } from '../../core/semantics/evaluate-frame.ts'
import { recalls } from './bridge.ts'
import { consult } from './connections.ts'
import { countText, endingText, markText, verdictText } from './endings.ts'
import { answerHits, observedOf } from './names.ts'
import { deviceOf, setJudged } from './places.ts'
import type { NftChain, NftMatch, NftRule, NftSet } from './ruleset.ts'
import { keyWords, renderKeyed, setsOf } from './sets.ts'
import {
  addresses,
  addressWord,
  hex,
  icmpWords,
  numbers,
  portWord,
  rawAddresses,
  targetWords,
} from './spelling.ts'
import type { RenderedSet } from './table.ts'

/** Of nft's families. */
export type Place = 'inet' | 'bridge'
const rendered = { inet: new WeakMap<NftChain, string>(), bridge: new WeakMap<NftChain, string>() }

/** The body of a chain; the same string for the same chain. Throws on what nft has no words for. */
export function chainText(chain: NftChain, place: Place): string {
  let text = rendered[place].get(chain)
  if (text === undefined) {
    text = chain.rules.map((one) => rule(one, place)).join('\n')
    rendered[place].set(chain, text)
  }
  return text
}

interface Named {
  readonly name: string
  readonly rendered: RenderedSet
}
const looked = new WeakMap<NftChain, readonly Named[]>()

/** The named sets and maps that a chain looks packets up in. Throws on an element that the kernel would refuse. */
export function renderedSetsOf(chain: NftChain): readonly Named[] {
  let found = looked.get(chain)
  if (!found) {
    const { sets, maps, numbers } = setsOf(chain)
    found = [
      ...sets.map((set) => ({ name: set.name, rendered: renderKeyed(set) })),
      ...maps.map((map) => ({
        name: map.name,
        rendered: renderKeyed(map, 'verdict', ({ verdict }) => verdictText(verdict)),
      })),
      ...numbers.map((map) => ({
        name: map.name,
        rendered: renderKeyed(map, 'mark', ({ number }) => markText(number)),
      })),
    ]
    looked.set(chain, found)
  }
  return found
}

function rule(one: NftRule, place: Place): string {
  if ('words' in one) return one.words
  if ('pass' in one) return `${setJudged(one.pass)} accept`
  if ('limit' in one) return consult[one.limit]
  if ('count' in one) return countText(one.count, one.by === 'mark' ? 'meta mark' : markText(one.by))
  if ('countAnswer' in one) return `update @${answerHits} { ether daddr . meta mark }`
  if ('observe' in one) return `${deviceOf[one.observe]} @${observedOf(one.observe)}`
  if ('state' in one) {
    const { passed, invalid } = one.state
    // Kernel's bits: 1 invalid, 2 established, 4 related.
    return `ct state vmap { 0x1 : ${verdictText(invalid)}, 0x2 : ${verdictText(passed)}, 0x4 : ${verdictText(passed)} }`
  }
  const what = 'lookup' in one ? `${keyWords(one.lookup.key)} vmap @${one.lookup.name}` : endingText(one)
  return [...one.matches.map((each) => matchText(each, place)), what].join(' ')
}

const familyNumber = { ipv4: 2, ipv6: 10 } as const satisfies Record<Family, number>
const etherTypeOf = (type: number): string => `0x${type.toString(16).padStart(4, '0')}`
const arpWords = {
  hardwareType: { word: 'htype', format: String },
  protocolType: { word: 'ptype', format: etherTypeOf },
  hardwareLength: { word: 'hlen', format: String },
  protocolLength: { word: 'plen', format: String },
  operation: { word: 'operation', format: String },
} as const satisfies Record<keyof typeof arpForm, { word: string; format: (value: number) => string }>

export function matchText(one: NftMatch, place: Place): string {
  switch (one.kind) {
    case 'family':
      return place === 'inet'
        ? `meta nfproto ${familyNumber[one.family]}`
        : `meta protocol ${etherTypeOf(etherTypes[one.family])}`
    case 'protocol':
      return `meta l4proto ${oneOrSet(one.protocols.map(String))}`
    case 'address':
      return `${addressWord(one.family, one.side)} ${one.not ? '!= ' : ''}${oneOrSet(one.ranges.map((range) => addresses(one.family, range)))}`
    case 'port':
      return `${portWord(one.side, one.protocol)} ${oneOrSet(one.ranges.map(numbers))}`
    case 'icmp':
      return `${icmpWords(one.family, one.field)} ${one.value}`
    case 'source-mac':
      return `ether saddr ${one.not ? '!= ' : ''}${one.mac}`
    case 'target':
      return `${targetWords} ${oneOrSet(one.ranges.map(rawAddresses))}`
    case 'identifier':
      return identifier(one.of, identifierBits[one.as], one.not ? '!= ' : '')
    case 'hop-limit':
      return one.family === 'ipv4' ? `ip ttl ${one.value}` : `ip6 hoplimit ${one.value}`
    case 'to-host':
      // 2 is an address of this host.
      return 'fib daddr type 2'
    case 'remembered':
      return recalls[one.as]
    case 'ether-type':
      return `ether type ${oneOrSet(one.types.map(etherTypeOf))}`
    case 'arp-form': {
      const { word, format } = arpWords[one.field]
      return `arp ${word} ${oneOrSet(one.values.map(format))}`
    }
    case 'arp-mac':
      return `arp saddr ether ${one.mac}`
    case 'in-set':
      return `${keyWords(one.set.key)} ${one.not ? '!= ' : isCut(one.set) ? '== ' : ''}@${one.set.name}`
    case 'arp-address':
      return `arp saddr ip ${oneOrSet(one.ranges.map((range) => addresses('ipv4', range)))}`
  }
}

/** nft prints how the bits of an address are compared, unless other fields follow. */
const isCut = ({ key: [field, ...others] }: NftSet): boolean =>
  field?.kind === 'address' && field.length !== undefined && others.length === 0

/** Where the bits lie in an address, and their value. */
const identifierBits = {
  derived: [88, 16, 0xfffen],
  small: [64, 32, 0n],
} as const satisfies Record<string, readonly [number, number, bigint]>
function identifier(
  of: 'source' | 'target',
  [at, length, value]: readonly [number, number, bigint],
  not: string,
): string {
  if (of === 'target') return `@th,${64 + at},${length} ${not}${hex(value)}`
  const place = BigInt(128 - at - length)
  const mask = ((1n << BigInt(length)) - 1n) << place
  return `ip6 saddr & ${formatAddress('ipv6', mask)} ${not || '== '}${formatAddress('ipv6', value << place)}`
}
const oneOrSet = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] as string) : `{ ${values.join(', ')} }`
