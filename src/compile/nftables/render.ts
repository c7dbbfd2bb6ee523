/** Rulesets → nft's language, spelled exactly as `nft -s -n list table` prints them back (nftables 1.0.6). */
import { type Family, formatAddress } from '../../core/net/address.ts'
import { formatPrefix, rangeToPrefixes } from '../../core/net/prefix.ts'
import type { Range } from '../../core/sets/range.ts'
import { consult, renderConnections } from './connections.ts'
import { bridged, deviceOf, hangsAt, hooks, routed, setJudged } from './places.ts'
import type { Hook, NftChain, NftMatch, NftRule, NftRuleset, NftVerdict } from './ruleset.ts'
import { indexElements, type RenderedSet, type RenderedTable } from './table.ts'

const mapOf = (hook: Hook) => `${hook}-devices`
/** What is asked first about packets that this host itself sends to a VM. */
const linkMap = 'link-to-vm-devices'
/** The set that counts what would have been dropped on observed devices. */
export const observedOf = (hook: Hook) => `${hook}-observed`
const rendered = new WeakMap<NftChain, string>()

export function render(ruleset: NftRuleset): RenderedTable {
  const chains = new Map<string, string>()
  for (const chain of ruleset.chains.values()) {
    let text = rendered.get(chain)
    if (text === undefined) {
      text = chain.rules.map(rule).join('\n')
      rendered.set(chain, text)
    }
    chains.set(chain.name, text)
  }
  for (const place of routed) {
    const maps = [...(place.hook === 'output' ? [linkMap] : []), mapOf(place.from)]
    const asked = maps.map((map) => `${deviceOf[place.from]} vmap @${map}`)
    chains.set(place.name, [hangsAt(place), ...asked].join('\n'))
  }
  const sets = new Map<string, RenderedSet>([[linkMap, verdictMap(ruleset.link)]])
  for (const hook of hooks) {
    sets.set(mapOf(hook), verdictMap(ruleset.devices[hook]))
    if (ruleset.observed.size > 0) {
      sets.set(observedOf(hook), {
        ...{ kind: 'set', type: 'type iface_index\ncounter' },
        elements: indexElements(ruleset.observed),
      })
    }
  }
  if (ruleset.limits.size === 0) return { chains, sets }
  const connections = renderConnections(ruleset.limits)
  return {
    objects: connections.objects,
    chains: new Map([...connections.chains, ...chains]),
    sets: new Map([...sets, ...connections.sets]),
  }
}

const verdictMap = (devices: ReadonlyMap<number, NftVerdict>): RenderedSet => ({
  ...{ kind: 'map', type: 'type iface_index : verdict' },
  elements: new Map([...devices].map(([index, to]) => [String(index), verdict(to)])),
})

/** Indexes of the devices that a table of ours, read back, judges or lets pass. */
export function judges({ sets }: RenderedTable): ReadonlySet<number> {
  const names = [...hooks.map(mapOf), released]
  return new Set(names.flatMap((name) => [...(sets.get(name)?.elements.keys() ?? [])]).map(Number))
}

const released = 'released'

/** What lets the packets of these devices pass unfiltered where a bridge carries them. */
export function renderBridged(indexes: ReadonlySet<number>): RenderedTable {
  const chains = bridged.map(
    (place) =>
      [
        place.name,
        `${hangsAt(place)}\n${deviceOf[place.from]} @${released} ${setJudged(place.from)}`,
      ] as const,
  )
  const elements = indexElements(indexes)
  return {
    chains: new Map(chains),
    sets: new Map([[released, { kind: 'set', type: 'type iface_index', elements }]]),
  }
}

function rule(one: NftRule): string {
  if ('pass' in one) return `${setJudged(one.pass)} accept`
  if ('limit' in one) return consult[one.limit]
  if ('count' in one) return `${deviceOf[one.count]} @${observedOf(one.count)}`
  if ('state' in one) {
    const { passed, invalid } = one.state
    // Kernel's bits: 1 invalid, 2 established, 4 related.
    return `ct state vmap { 0x1 : ${verdict(invalid)}, 0x2 : goto ${passed}, 0x4 : goto ${passed} }`
  }
  return [...one.matches.map(match), verdict(one.verdict)].join(' ')
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
const familyWord = { ipv4: 'ip', ipv6: 'ip6' } as const satisfies Record<Family, string>
const icmpWord = { ipv4: 'icmp', ipv6: 'icmpv6' } as const satisfies Record<Family, string>
const sideLetter = { source: 's', destination: 'd' } as const
const portWords: Readonly<Record<number, string>> = {
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  132: 'sctp',
  136: 'udplite',
}

function match(one: NftMatch): string {
  switch (one.kind) {
    case 'family':
      return `meta nfproto ${familyNumber[one.family]}`
    case 'protocol':
      return `meta l4proto ${oneOrSet(one.protocols.map(String))}`
    case 'address':
      return `${familyWord[one.family]} ${sideLetter[one.side]}addr ${one.not ? '!= ' : ''}${oneOrSet(one.ranges.map((range) => addresses(one.family, range)))}`
    case 'port': {
      const protocol = one.protocol === undefined ? 'th' : portWords[one.protocol]
      if (protocol === undefined) throw new Error(`protocol ${one.protocol} has no ports`)
      return `${protocol} ${sideLetter[one.side]}port ${oneOrSet(one.ranges.map(ports))}`
    }
    case 'icmp':
      return `${icmpWord[one.family]} ${one.field} ${one.value}`
    case 'source-mac':
      return `ether saddr ${one.not ? '!= ' : ''}${one.mac}`
    case 'hop-limit':
      return one.family === 'ipv4' ? `ip ttl ${one.value}` : `ip6 hoplimit ${one.value}`
    case 'to-host':
      // 2 is an address of this host.
      return 'fib daddr type 2'
  }
}

const oneOrSet = (values: readonly string[]): string =>
  values.length === 1 ? (values[0] as string) : `{ ${values.join(', ')} }`

function addresses(family: Family, range: Range<bigint>): string {
  if (range.first === range.last) return formatAddress(family, range.first)
  const [prefix, ...rest] = rangeToPrefixes(family, range)
  if (prefix && rest.length === 0) return formatPrefix(prefix)
  return `${formatAddress(family, range.first)}-${formatAddress(family, range.last)}`
}

const ports = ({ first, last }: Range<number>): string =>
  first === last ? String(first) : `${first}-${last}`
