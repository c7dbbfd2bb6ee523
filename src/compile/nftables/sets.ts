/** Named sets and maps as nft's text, and the ones that a chain's rules use. */
import { macOf } from '../../core/net/mac.ts'
import type { Range } from '../../core/sets/range.ts'
import { deviceOf } from './places.ts'
import type { NftChain, NftDeciding, NftElement, NftKeyField, NftMap, NftNumbers, NftSet } from './ruleset.ts'
import {
  addressBits,
  addresses,
  icmpWords,
  numbers,
  portWord,
  rawAddresses,
  targetWords,
} from './spelling.ts'
import type { RenderedSet } from './table.ts'

/** What a rule writes before `@name`: `meta l4proto . ip saddr . th dport`. */
export const keyWords = (key: readonly NftKeyField[]): string => key.map(fieldWords).join(' . ')

function fieldWords(field: NftKeyField): string {
  switch (field.kind) {
    case 'protocol':
      return 'meta l4proto'
    case 'address':
      return addressBits(field.family, field.side, field.length)
    case 'port':
      return portWord(field.side, field.protocol)
    case 'icmp':
      return icmpWords(field.family, field.field)
    case 'source-mac':
      return 'ether saddr'
    case 'target':
      return targetWords
    case 'arp-address':
      return 'arp saddr ip'
    case 'device':
      return deviceOf[field.hook]
  }
}

function fieldType(field: NftKeyField): string {
  switch (field.kind) {
    case 'protocol':
      return 'inet_proto'
    case 'address':
      return field.family === 'ipv4' ? 'ipv4_addr' : 'ipv6_addr'
    case 'port':
      return 'inet_service'
    case 'icmp':
      return `${field.family === 'ipv4' ? 'icmp' : 'icmpv6'}_${field.field}`
    case 'source-mac':
      return 'ether_addr'
    case 'target':
      throw new Error('nft has no type for a target')
    case 'arp-address':
      return 'ipv4_addr'
    case 'device':
      return 'iface_index'
  }
}

function fieldValue(field: NftKeyField, range: Range<number | bigint>): string {
  if (field.kind === 'address') return addresses(field.family, range as Range<bigint>)
  if (field.kind === 'arp-address') return addresses('ipv4', range as Range<bigint>)
  if (field.kind === 'target') return rawAddresses(range as Range<bigint>)
  if (field.kind !== 'source-mac') return numbers(range)
  const { first, last } = range as Range<bigint>
  return first === last ? macOf(first) : `${macOf(first)}-${macOf(last)}`
}

const rendered = new WeakMap<NftSet, RenderedSet>()

/** The same object for the same set. Throws on an element that the kernel would refuse. A map is `to` what `value` spells. */
export function renderKeyed<E extends NftElement>(
  set: Omit<NftSet, 'elements'> & { readonly elements: readonly E[] },
  to?: 'verdict' | 'mark',
  value: (element: E) => string = () => '',
): RenderedSet {
  const known = rendered.get(set)
  if (known) return known
  const { name, key, interval, elements } = set
  const words = key.some(({ kind }) => kind === 'target')
  const keyed = words ? `typeof ${keyWords(key)}` : `type ${key.map(fieldType).join(' . ')}`
  const held = to && ` : ${words && to === 'mark' ? 'meta mark' : to}`
  const type = `${keyed}${held ?? ''}${interval ? '\nflags interval' : ''}`
  const made: RenderedSet = {
    kind: to ? 'map' : 'set',
    type,
    elements: new Map(
      elements.map((element) => {
        const text = key.map((field, at) => {
          const range = element.key[at]
          if (!range || element.key.length !== key.length)
            throw new Error(`an element of ${name} has not its fields`)
          if (!interval && range.first !== range.last) throw new Error(`${name} holds no ranges`)
          return fieldValue(field, range)
        })
        return [text.join(' . '), value(element)]
      }),
    ),
  }
  if (made.elements.size !== elements.length) throw new Error(`${name} holds an element twice`)
  rendered.set(set, made)
  return made
}

interface Used {
  readonly sets: readonly NftSet[]
  readonly maps: readonly NftMap[]
  readonly numbers: readonly NftNumbers[]
}
/** The named sets and maps that the rules of a chain look packets up in. */
export function setsOf({ rules }: NftChain): Used {
  const sets = rules.flatMap((rule) =>
    'matches' in rule ? rule.matches.flatMap((match) => (match.kind === 'in-set' ? [match.set] : [])) : [],
  )
  const numbers = rules.flatMap((rule) =>
    'verdict' in rule ? [...mapOf(rule.counts?.by), ...mapOf(rule.marks)] : [],
  )
  return { sets, maps: rules.flatMap((rule) => ('lookup' in rule ? [rule.lookup] : [])), numbers }
}
const mapOf = (by: NftDeciding | undefined): readonly NftNumbers[] =>
  by === undefined || typeof by === 'number' ? [] : [by]
