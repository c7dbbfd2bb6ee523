/** Rulesets → nft's language, spelled exactly as `nft -s -n list table` prints them back (nftables 1.0.6). */
import { type Family, formatAddress } from '../../core/net/address.ts'
import { etherTypes } from '../../core/net/frame.ts'
import type { arpForm } from '../../core/semantics/evaluate-frame.ts'
import { headers6, ipTypes, memories, recalls, unansweredCount } from './bridge.ts'
import { consult, renderConnections } from './connections.ts'
import { unansweredOf } from './names.ts'
import { answering, bridged, deviceOf, hangsAt, hooks, routed, setJudged } from './places.ts'
import type { Hook, NftChain, NftMatch, NftRule, NftRuleset, NftSet, NftVerdict } from './ruleset.ts'
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
import { indexElements, type RenderedSet, type RenderedTable, sameSet } from './table.ts'
import { renderUntracked } from './untracked.ts'

const mapOf = (hook: Hook) => `${hook}-devices`
/** What is asked first about packets that this host itself sends to a VM. */
const linkMap = 'link-to-vm-devices'
/** The set that counts what would have been dropped on observed devices. */
export const observedOf = (hook: Hook) => `${hook}-observed`
const framesOf = (hook: Hook) => `${hook}-frames`
/** Of nft's families. */
type Place = 'inet' | 'bridge'
const rendered = { inet: new WeakMap<NftChain, string>(), bridge: new WeakMap<NftChain, string>() }

export function render(ruleset: NftRuleset): RenderedTable {
  const family = ruleset.bridge ? 'bridge' : 'inet'
  const chains = new Map<string, string>()
  const sets = new Map<string, RenderedSet>()
  const add = (name: string, set: RenderedSet): void => {
    const other = sets.get(name)
    if (other && !sameSet(other, set)) throw new Error(`two different sets are called ${name}`)
    sets.set(name, set)
  }
  for (const chain of ruleset.chains.values()) {
    let text = rendered[family].get(chain)
    if (text === undefined) {
      text = chain.rules.map((one) => rule(one, family)).join('\n')
      rendered[family].set(chain, text)
    }
    chains.set(chain.name, text)
    const { sets: looked, maps } = setsOf(chain)
    for (const set of looked)
      add(
        set.name,
        renderKeyed(set, false, () => ''),
      )
    for (const map of maps)
      add(
        map.name,
        renderKeyed(map, true, (element) => verdict(element.verdict)),
      )
  }
  const map = (name: string, key: string, elements: ReadonlyMap<string | number, NftVerdict>) =>
    sets.set(name, {
      ...{ kind: 'map', type: `type ${key} : verdict` },
      elements: new Map([...elements].map(([each, to]) => [String(each), verdict(to)])),
    })
  if (!ruleset.bridge) map(linkMap, 'iface_index', ruleset.link)
  for (const hook of hooks) {
    map(mapOf(hook), 'iface_index', ruleset.devices[hook])
    if (ruleset.observed.size > 0) {
      sets.set(observedOf(hook), {
        ...{ kind: 'set', type: 'type iface_index\ncounter' },
        elements: indexElements(ruleset.observed),
      })
    }
  }
  const limited = (): RenderedTable => {
    if (ruleset.limits.size === 0) return { chains, sets }
    const connections = renderConnections(ruleset.limits, family)
    return {
      objects: connections.objects,
      chains: new Map([...connections.chains, ...chains]),
      sets: new Map([...sets, ...connections.sets]),
    }
  }
  if (!ruleset.bridge) {
    for (const place of routed) {
      const maps = [...(place.hook === 'output' ? [linkMap] : []), mapOf(place.from)]
      const asked = maps.map((each) => `${deviceOf[place.from]} vmap @${each}`)
      chains.set(place.name, [hangsAt(place), ...asked].join('\n'))
    }
    if (ruleset.tracking) {
      const untracked = renderUntracked(ruleset.tracking)
      for (const [name, text] of untracked.chains) chains.set(name, text)
      for (const [name, set] of untracked.sets) add(name, set)
    }
    return limited()
  }
  const { frames, answers } = ruleset.bridge
  const isIp = match({ kind: 'ether-type', types: ipTypes }, family)
  for (const { from, ...place } of bridged) {
    const device = deviceOf[from]
    const asked = [`${isIp} ${device} vmap @${mapOf(from)}`, `${device} vmap @${framesOf(from)}`]
    chains.set(place.name, [hangsAt(place), ...asked].join('\n'))
    map(framesOf(from), 'iface_index', frames[from])
  }
  if (answers.size > 0) {
    chains.set(answering.name, `${hangsAt(answering)}\n${isIp} ether daddr vmap @receivers`)
    map('receivers', 'ether_addr', answers)
  }
  sets.set('headers6', {
    ...{ kind: 'set', type: headers6.type },
    elements: new Map(headers6.elements.map((each) => [each, ''])),
  })
  for (const hook of hooks)
    sets.set(unansweredOf(hook), { kind: 'set', type: unansweredCount, elements: new Map() })
  for (const [name, type] of memories) sets.set(name, { kind: 'set', type, elements: new Map() })
  return limited()
}

/** Indexes of the devices that a table of ours, read back, judges. */
export function judges({ sets }: RenderedTable): ReadonlySet<number> {
  const names = hooks.map(mapOf)
  return new Set(names.flatMap((name) => [...(sets.get(name)?.elements.keys() ?? [])]).map(Number))
}

function rule(one: NftRule, place: Place): string {
  if ('words' in one) return one.words
  if ('pass' in one) return `${setJudged(one.pass)} accept`
  if ('limit' in one) return consult[one.limit]
  if ('count' in one) return `${deviceOf[one.count]} @${observedOf(one.count)}`
  if ('state' in one) {
    const { passed, invalid } = one.state
    // Kernel's bits: 1 invalid, 2 established, 4 related.
    return `ct state vmap { 0x1 : ${verdict(invalid)}, 0x2 : ${verdict(passed)}, 0x4 : ${verdict(passed)} }`
  }
  const what = 'lookup' in one ? `${keyWords(one.lookup.key)} vmap @${one.lookup.name}` : verdict(one.verdict)
  return [...one.matches.map((each) => match(each, place)), what].join(' ')
}

function verdict(one: NftVerdict): string {
  switch (one.kind) {
    case 'accept':
    case 'drop':
    case 'return':
      return one.kind
    case 'reject':
      return rejections[one.with]
    default:
      return `${one.kind} ${one.chain}`
  }
}

/** Port unreachable is what nft means when nothing is said; 3 is administratively prohibited, in either family. */
const rejections = {
  'tcp-reset': 'reject with tcp reset',
  'port-unreachable': 'reject',
  prohibited: 'reject with icmpx 3',
} as const

const familyNumber = { ipv4: 2, ipv6: 10 } as const satisfies Record<Family, number>
const etherTypeOf = (type: number): string => `0x${type.toString(16).padStart(4, '0')}`
const arpWords = {
  hardwareType: { word: 'htype', format: String },
  protocolType: { word: 'ptype', format: etherTypeOf },
  hardwareLength: { word: 'hlen', format: String },
  protocolLength: { word: 'plen', format: String },
  operation: { word: 'operation', format: String },
} as const satisfies Record<keyof typeof arpForm, { word: string; format: (value: number) => string }>

function match(one: NftMatch, place: Place): string {
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
