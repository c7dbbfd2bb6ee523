/** Rules and packets in one line each, for people: `allow tcp from 198.51.100.0/24 to port 22`. */
import { type Family, families, formatAddress, maxAddress } from '../net/address.ts'
import { formatPrefix, rangeToPrefixes } from '../net/prefix.ts'
import { icmpFamily, protocolName } from '../net/protocol.ts'
import type { AddressSet } from '../sets/address-set.ts'
import type { PortSet } from '../sets/port-set.ts'
import type { Decider, OriginCheck } from './decider.ts'
import type { SeenPacket } from './decision.ts'
import type { MatchField } from './match-fields.ts'
import type { Action, Match, Rule } from './rule.ts'

/** Members of a list that are written out; of what follows, the number. */
const maxListed = 8
/** Alternatives of a rule (a macro is several) that are written out. */
const maxAlternatives = 4

/** What the rule does and to which packets. Whether it is enabled is not in it. */
export function ruleText({ action, matches, include }: Pick<Rule, 'action' | 'matches' | 'include'>): string {
  if (include !== undefined) return `look at the rules of ${include}`
  if (matches.length === 0) return `${action} nothing`
  return `${action} ${listed(matches.map(matchText), ' or ', maxAlternatives)}`
}

/** `any` when every packet matches. */
export function matchText(match: Match): string {
  let place: Place | undefined
  const words = Object.entries(parts).flatMap(([name, [where, words]]) => {
    const value = match[name as MatchField]
    if (value === undefined) return []
    const text = (words as (value: unknown, match: Match) => string)(value, match)
    if (text === '') return []
    const before = where === place || where === 'what' ? [] : [where]
    place = where
    return [...before, text]
  })
  return words.length === 0 ? 'any' : words.join(' ')
}

type Place = 'what' | 'from' | 'to'

/** In the order of the sentence; nothing where the rest says it. A field that is not here does not compile. */
const parts: {
  readonly [K in MatchField]-?: readonly [Place, (value: NonNullable<Match[K]>, match: Match) => string]
} = {
  family: ['what', (family, match) => (isImplied(family, match) ? '' : family)],
  protocol: ['what', protocolText],
  icmpType: ['what', (type, { protocol }) => `${protocol === undefined ? 'any icmp ' : ''}type ${type}`],
  icmpCode: [
    'what',
    (code, { protocol, icmpType }) =>
      `${protocol === undefined && icmpType === undefined ? 'any icmp ' : ''}code ${code}`,
  ],
  source: ['from', addressesText],
  sourceMac: ['from', (mac) => `mac ${mac}`],
  sourcePorts: ['from', portsText],
  destination: ['to', addressesText],
  destinationPorts: ['to', portsText],
}

/** Addresses of one family say it, and each ICMP is of its own. */
const isImplied = (family: Family, { protocol, source, destination }: Match): boolean =>
  (protocol !== undefined && icmpFamily(protocol) === family) ||
  [source, destination].some((set) => set && onlyFamily(set) === family)

/** The family that all its addresses are of; undefined when there are none, or of both. */
function onlyFamily(set: AddressSet): Family | undefined {
  const [family, ...more] = families.filter((each) => set[each].length > 0)
  return more.length === 0 ? family : undefined
}

function protocolText(protocol: number, { family }: Match): string {
  const name = protocolName(protocol)
  const own = icmpFamily(protocol)
  // In the other family the number is not that ICMP; and two protocols are called as the families are.
  const foreign = own !== undefined && family !== undefined && own !== family
  return foreign || /^(\d+|ipv4|ipv6)$/.test(name) ? `protocol ${protocol}` : name
}

function addressesText(set: AddressSet): string {
  const ranges = families.flatMap((family) =>
    set[family].map(({ first, last }) => {
      if (first === 0n && last === maxAddress[family]) return `any ${family}`
      if (first === last) return formatAddress(family, first)
      const [prefix, ...more] = rangeToPrefixes(family, { first, last })
      return prefix && more.length === 0
        ? formatPrefix(prefix)
        : `${formatAddress(family, first)}-${formatAddress(family, last)}`
    }),
  )
  return ranges.length === 0 ? 'nowhere' : listed(ranges, ',', maxListed)
}

function portsText(ports: PortSet): string {
  const ranges = ports.map(({ first, last }) => (first === last ? String(first) : `${first}-${last}`))
  return `port ${ranges.length === 0 ? 'none' : listed(ranges, ',', maxListed)}`
}

/** One more is written out in place of saying that there is one more. */
function listed(parts: readonly string[], between: string, most: number): string {
  if (parts.length <= most + 1) return parts.join(between)
  return `${parts.slice(0, most).join(between)} and ${parts.length - most} more`
}

/** What anything else than a rule does, and to which packets. */
export function deciderPhrase(by: Decider, action: Action): string {
  switch (by.kind) {
    case 'rule':
      return `${action} what rule ${by.rule} matches`
    case 'list':
      return `${action} what a rule of ${by.policy} matches`
    case 'default':
      return `${action} what no rule matches`
    case 'essential':
      return `${action} essential traffic: ${by.name}`
    case 'state':
      return `${action} packets of connection state ${by.state}`
    case 'origin':
      return `${action} ${senders[by.check]}`
    case 'malformed':
      return `${action} fragments and headers that rules cannot be asked about`
    case 'frame':
      return `${action} frames of types that are not let through`
  }
}

/** Those that a check is about. */
const senders = {
  mac: 'senders with another MAC address than the interface’s',
  address: 'senders with another IP address than the interface’s',
  neighbour: 'neighbour discovery that claims another address than the interface’s',
  arp: 'ARP that says another sender than the interface',
} as const satisfies Record<OriginCheck, string>

/** `tcp 203.0.113.9:40000 > 192.0.2.10:22, 60 bytes`, as far as it could be read. */
export function packetText(packet: SeenPacket): string {
  const { etherType, length, sourceMac, protocol, source, destination, icmpType, icmpCode } = packet
  const type =
    icmpType === undefined ? '' : ` type ${icmpType}${icmpCode === undefined ? '' : ` code ${icmpCode}`}`
  const what = protocol === undefined ? frameName(etherType) : protocolText(protocol, {})
  const from = endText(source ?? sourceMac, packet.sourcePort)
  const to = endText(destination, packet.destinationPort)
  const ends = [from, to].some((end) => end !== undefined) ? ` ${from ?? '?'} > ${to ?? '?'}` : ''
  return `${what}${type}${ends}, ${length} bytes`
}

const frameNames: Readonly<Record<number, string>> = { 2054: 'arp', 2048: 'ipv4', 34525: 'ipv6' }

const frameName = (etherType: number): string =>
  frameNames[etherType] ?? `frame 0x${etherType.toString(16).padStart(4, '0')}`

function endText(address: string | undefined, port: number | undefined): string | undefined {
  if (address === undefined || port === undefined) return address
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
