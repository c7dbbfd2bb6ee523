/**
 * Rulesets → nft's language, spelled exactly as `nft -s -n list table` prints them back (nftables 1.0.6), so that what
 * is in the kernel is compared as text.
 */
import { type Family, formatAddress } from '../../core/net/address.ts'
import { formatPrefix, rangeToPrefixes } from '../../core/net/prefix.ts'
import type { Range } from '../../core/sets/range.ts'
import { hookOf, table } from './names.ts'
import type { Hook, NftChain, NftMatch, NftRule, NftRuleset, NftVerdict } from './ruleset.ts'

/** What is in the table, as text: bodies of chains and elements of maps, without what never changes. */
export interface RenderedTable {
  /** Chain → its lines. */
  readonly chains: ReadonlyMap<string, string>
  /** Device → verdict. */
  readonly devices: Readonly<Record<Hook, ReadonlyMap<string, string>>>
}

/**
 * Where the kernel asks us. Packets to a VM are asked about where they are forwarded and where this host sends its own,
 * not behind both: there it is too late to reject.
 */
const baseChains = [
  { name: 'from-vm', from: 'from-vm', hook: 'prerouting', priority: -150, key: 'iifname' },
  { name: 'to-vm', from: 'to-vm', hook: 'forward', priority: 0, key: 'oifname' },
  { name: 'to-vm-local', from: 'to-vm', hook: 'output', priority: 0, key: 'oifname' },
] as const satisfies readonly { from: Hook; [field: string]: unknown }[]
const hooks = Object.values(hookOf)
const mapOf = (hook: Hook) => `${hook}-devices`

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
  for (const base of baseChains) chains.set(base.name, baseChain(base, ruleset.guard))
  const elements = (hook: Hook) =>
    new Map([...ruleset.devices[hook]].map(([device, to]) => [device, verdict(to)]))
  return { chains, devices: { 'from-vm': elements('from-vm'), 'to-vm': elements('to-vm') } }
}

/** The whole table anew, in one transaction: whatever is in its place is gone in the same moment. */
export function replaceScript({ chains, devices }: RenderedTable): string {
  const maps = hooks.map((hook) => `map ${mapOf(hook)} {\ntype ifname : verdict\n}`)
  const bodies = [...chains].map(([name, text]) => `chain ${name} {\n${text}\n}`)
  return [
    `add table ${table}\ndelete table ${table}\ntable ${table} {`,
    ...maps,
    // A chain may jump to one that comes later, but nft wants to have heard of it. Base chains are jumped to by none.
    ...[...chains.keys()]
      .filter((name) => !baseChains.some((base) => base.name === name))
      .map((name) => `chain ${name} {\n}`),
    ...bodies,
    '}',
    ...hooks.flatMap((hook) => elementLines('add', hook, devices[hook])),
    '',
  ].join('\n')
}

/** From one table to another in one transaction; undefined when they are the same. */
export function deltaScript(from: RenderedTable, to: RenderedTable): string | undefined {
  const added = [...to.chains.keys()].filter((name) => !from.chains.has(name))
  const removed = [...from.chains.keys()].filter((name) => !to.chains.has(name))
  const changed = [...to.chains].filter(([name, text]) => from.chains.get(name) !== text)
  const lines = added.map((name) => `add chain ${table} ${name}`)
  for (const [name] of changed) if (from.chains.has(name)) lines.push(`flush chain ${table} ${name}`)
  for (const name of removed) lines.push(`flush chain ${table} ${name}`)
  for (const hook of hooks) {
    const [old, next] = [from.devices[hook], to.devices[hook]]
    const differing = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>) =>
      new Map([...a].filter(([device, text]) => b.get(device) !== text))
    lines.push(...elementLines('delete', hook, differing(old, next)))
    lines.push(...elementLines('add', hook, differing(next, old)))
  }
  for (const [name, text] of changed) {
    for (const line of text.split('\n')) if (isRule(line)) lines.push(`add rule ${table} ${name} ${line}`)
  }
  for (const name of removed) lines.push(`delete chain ${table} ${name}`)
  return lines.length === 0 ? undefined : `${lines.join('\n')}\n`
}

/** Reads what `nft -s -n list table` printed. Throws on what it cannot have printed of ours. */
export function parseListing(text: string): RenderedTable {
  const chains = new Map<string, string>()
  const devices = { 'from-vm': new Map<string, string>(), 'to-vm': new Map<string, string>() }
  // Blocks are indented by one tab, what is in them by two or more.
  for (const block of text.matchAll(/^\t(\w+) (\S+) \{\n((?:\t\t.*\n)*)\t\}$/gm)) {
    const [, kind, name = '', body = ''] = block
    const lines = body
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
    const hook = hooks.find((each) => mapOf(each) === name)
    if (kind === 'chain') chains.set(name, lines.join('\n'))
    else if (kind === 'map' && hook) {
      for (const [, device = '', to = ''] of lines.join(' ').matchAll(/"([^"]+)" : ([^,}]+?)\s*(?=[,}])/g))
        devices[hook].set(device, to)
      // Anything else somebody put into our table is a chain we did not write.
    } else chains.set(`${kind} ${name}`, lines.join('\n'))
  }
  return { chains, devices }
}

/** Whether two tables are the same; `printedAs` holds how this nft prints bodies that it prints otherwise. */
export function sameTable(
  wanted: RenderedTable,
  found: RenderedTable,
  printedAs: ReadonlyMap<string, string> = new Map(),
): boolean {
  const same = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>) =>
    a.size === b.size &&
    [...a].every(([key, text]) => {
      const other = b.get(key)
      return other === text || (other !== undefined && other === printedAs.get(text))
    })
  return (
    same(wanted.chains, found.chains) &&
    hooks.every((hook) => same(wanted.devices[hook], found.devices[hook]))
  )
}

function elementLines(verb: 'add' | 'delete', hook: Hook, elements: ReadonlyMap<string, string>): string[] {
  if (elements.size === 0) return []
  const list = [...elements].map(([device, to]) => (verb === 'add' ? `"${device}" : ${to}` : `"${device}"`))
  return [`${verb} element ${table} ${mapOf(hook)} { ${list.join(', ')} }`]
}

/** The first line of a base chain says where it hangs; the others are rules. */
const isRule = (line: string) => line !== '' && !line.startsWith('type filter hook ')

function baseChain(
  { from, hook, priority, key }: (typeof baseChains)[number],
  guard: readonly string[],
): string {
  return [
    `type filter hook ${hook} priority ${priority}; policy accept;`,
    `${key} vmap @${mapOf(from)}`,
    ...guard.map((pattern) => `${key} "${pattern}" drop`),
  ].join('\n')
}

function rule(one: NftRule): string {
  // Kernel's bits: 1 invalid, 2 established, 4 related.
  if ('state' in one) return 'ct state vmap { 0x1 : drop, 0x2 : accept, 0x4 : accept }'
  return [...one.matches.map(match), verdict(one.verdict)].join(' ')
}

function verdict(one: NftVerdict): string {
  switch (one.kind) {
    case 'accept':
    case 'drop':
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
