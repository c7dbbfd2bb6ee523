/** Entries of servers and interfaces → records of the store, with what their profile must and cannot have. */
import { randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import { isDeviceName } from '../../core/model/link.ts'
import { type DefaultPolicy, defaultKey, type Profile, specOf } from '../../core/model/profile.ts'
import type { LogLevel } from '../../core/model/rule.ts'
import { type Address, formatAddress, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { formatPrefix, parsePrefix } from '../../core/net/prefix.ts'
import type { InventoryRecords, PolicyChoices } from '../../storage/storage.ts'
import type { Report } from '../config/report.ts'
import { derivedId, derivedMac } from '../derived-id.ts'
import { policyRecord } from '../records.ts'
import type { NamedDocuments, Provider } from './provider.ts'
import { type InterfaceEntry, ownValue, type ServerEntry } from './schema.ts'

type ServerRecords = InventoryRecords['servers'][number]

/** What servers may name of an account, of one kind. */
export interface NamedIds {
  /** Of the provider whose kind it is. */
  readonly profile: Profile
  readonly of: NamedDocuments
  /** Ids; the first is what servers of the profile get that name none. */
  readonly listed: readonly string[]
}

/** What the account of a server has. */
export interface ServerContext {
  readonly account: string
  readonly named: readonly NamedIds[]
  readonly providers: readonly Provider[]
}

/** Faults are reported, and the answer is then of no use. `now` is milliseconds since 1970. */
export function readServer(
  entry: ServerEntry,
  at: string,
  context: ServerContext,
  now: number,
  report: Report,
): ServerRecords {
  const { name, plan, labels, firewall: enabled } = entry
  const { profile } = entry
  const { account } = context
  const provider = specOf(context.providers, profile)
  const { number: numbered } = provider.inventory
  const given = numbered ? ownValue(entry, numbered.key) : undefined
  const number = given === undefined ? null : Number(given)
  const id = entry.id ?? derivedId('server', account, profile, given === undefined ? name : String(given))
  report.locate(id, at)
  report.once('server', id, at)
  checkProfile(entry, provider, at, context, report)

  const named: Record<string, JsonValue> = {}
  const initial: Record<string, JsonValue> = {}
  /** They say the zone, and no attribute beside it. */
  const zoned: Record<string, JsonValue> = {}
  let zone = entry.zone ?? ''
  for (const { profile: owner, of, listed } of context.named) {
    const value = ownValue(entry, of.server.key)
    if (of.server.as === 'zone') {
      if (value !== undefined) {
        zone = String(value)
        zoned[of.server.key] = value
      }
      continue
    }
    if (value !== undefined) named[of.server.key] = value
    const own = value ?? (owner === profile ? listed[0] : undefined)
    if (own !== undefined) initial[of.server.key] = own
  }
  const { chain: settings, defaultPolicy: unnamed, interfacePolicies } = provider
  // Of the server's own documents, whether they are its zones or an attribute.
  const scope = unnamed && (initial[unnamed.scope] ?? named[unnamed.scope] ?? zoned[unnamed.scope])
  const attributes = present({ ...named, plan, labels })
  const state = entry.state ?? 'started'
  return {
    server: {
      id,
      account,
      profile,
      name,
      zone,
      state,
      number,
      nextState: null,
      nextStateAt: null,
      createdAt: now,
      attributes,
    },
    ...(Object.keys(initial).length > 0 && { initial }),
    interfaces: readInterfaces(
      entry.interfaces ?? [],
      at,
      { id, provider, providers: context.providers },
      report,
    ),
    ...(enabled !== undefined && { enabled }),
    ...(settings && { choices: choicesOf(entry) }),
    ...(unnamed &&
      scope !== undefined && {
        attachDefault: defaultOf(unnamed, { account, profile, value: String(scope), zone }, now),
      }),
    ...(interfacePolicies && { interfacePolicies }),
  }
}

/** With what is made with a new server alone: most of a large file's are there. */
export function withChain(entry: ServerRecords, providers: readonly Provider[]): ServerRecords {
  const { id: server, account, profile, createdAt } = entry.server
  const { chain } = specOf(providers, profile)
  if (!chain) return entry
  const policy = derivedId('chain', server)
  const { enabled = chain.enabled } = entry
  return {
    ...entry,
    policies: [
      policyRecord({ ...chain, enabled }, createdAt, { ...{ id: policy, account, profile, server } }),
    ],
    attachments: [{ policy, server, interface: null }],
  }
}

/** What the file says of the chain beside its switch. */
const choicesOf = ({ cutFlows, log, logAllowed }: ServerEntry): PolicyChoices => ({
  ...(cutFlows && { cutFlows }),
  ...(logAllowed && { logAllowed: levelOf(logAllowed) }),
  ...(log && {
    log: {
      ...(log.ingress && { ingress: levelOf(log.ingress) }),
      ...(log.egress && { egress: levelOf(log.egress) }),
    },
  }),
})

const levelOf = (word: LogLevel | 'none'): LogLevel | null => (word === 'none' ? null : word)

const lowerCaseUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function checkProfile(
  entry: ServerEntry,
  provider: Provider,
  at: string,
  { named, providers }: ServerContext,
  report: Report,
): void {
  const { profile, offers, chain, defaultPolicy, inventory } = provider
  const { id, zone } = entry
  const servers = `servers of ${profile}`
  if (id !== undefined && inventory.uuids && !lowerCaseUuid.test(id)) {
    report.warn(`${at}.id`, `the API of ${profile} knows servers by UUIDs in lower case only`)
  }
  for (const { profile: owner, inventory: part } of providers) {
    if (!part.number) continue
    const { key } = part.number
    const number = ownValue(entry, key)
    if (owner === profile) {
      if (number === undefined) report.add(`${at}.${key}`, `${servers} need one`)
      else report.once(key, String(number), `${at}.${key}`)
    } else if (number !== undefined) report.add(`${at}.${key}`, `${servers} have none`)
  }

  for (const { profile: owner, of, listed } of named) {
    const { key, as } = of.server
    if (as !== 'zone') continue
    const value = ownValue(entry, key)
    if (owner === profile) {
      if (value === undefined || !listed.includes(String(value))) {
        report.add(`${at}.${key}`, `${servers} need one of the account’s ${of.key}`)
      }
      if (zone !== undefined) report.add(`${at}.zone`, `${servers} are in a ${of.kind}`)
    } else if (value !== undefined) report.add(`${at}.${key}`, `${servers} are in none`)
  }

  const { zones } = offers
  if (zone === undefined) {
    const inDocument = inventory.documents?.server.as === 'zone'
    if (defaultPolicy && !inDocument) report.add(`${at}.zone`, `${servers} need one`)
  } else if (zones && !zones.includes(zone)) report.add(`${at}.zone`, oneOf(zones))
  for (const { of, listed } of named) {
    const { key, as } = of.server
    const value = ownValue(entry, key)
    if (as === 'attribute' && value !== undefined && !listed.includes(String(value))) {
      report.add(`${at}.${key}`, `${value} is none of the account’s ${of.key}`)
    }
  }
  checkChangeable(entry, provider, at, report)
  for (const key of ['cutFlows', 'log', 'logAllowed'] as const) {
    if (entry[key] !== undefined && !chain)
      report.add(`${at}.${key}`, `${servers} have no rules of their own`)
  }
}

/** What of a server may change later. */
export function checkChangeable(
  { state, plan, labels, firewall }: Partial<Pick<ServerEntry, 'state' | 'plan' | 'labels' | 'firewall'>>,
  { profile, states, offers: { plans }, chain }: Provider,
  at: string,
  report: Report,
): void {
  if (plan !== undefined && plans && !plans.includes(plan)) report.add(`${at}.plan`, oneOf(plans))
  if (state !== undefined && !states.includes(state)) report.add(`${at}.state`, oneOf(states))
  if (firewall !== undefined && !chain) {
    report.add(`${at}.firewall`, `servers of ${profile} have no such switch`)
  }
  if (Object.keys(labels ?? {}).some((key) => !/^[^\p{Cc}\p{Cs}]{1,32}$/u.test(key))) {
    report.add(`${at}.labels`, 'expected keys of 1 to 32 characters in one line')
  }
}

/** Numbered from 1 on, but where they say otherwise. */
function readInterfaces(
  nics: readonly InterfaceEntry[],
  at: string,
  server: Parameters<typeof readInterface>[2],
  report: Report,
): Interface[] {
  let last = 0
  return nics.map((nic, place) => {
    const { index = last + 1 } = nic
    if (index <= last)
      report.add(`${at}.interfaces[${place}].index`, `expected more than ${last}, as the one before has`)
    last = index
    return readInterface(nic, `${at}.interfaces[${place}]`, server, index, report)
  })
}

/** `index` is its number among the server's, from 1 on. */
export function readInterface(
  nic: InterfaceEntry,
  at: string,
  server: { readonly id: string; readonly provider: Provider; readonly providers: readonly Provider[] },
  index: number,
  report: Report,
): Interface {
  const id = nic.id ?? derivedId('interface', server.id, String(index))
  report.locate(id, at)
  report.once('interface', id, at)
  const { senderCheck = true, observe = false, maxConnections = null } = nic
  const { vlanTrunk = false, allowedFrames = [] } = nic
  const { host = null, device = null } = nic
  if (device !== null) {
    if (host === null) report.add(`${at}.device`, 'a device needs the host it is on')
    const fault = deviceFault(device)
    if (fault !== undefined) report.add(`${at}.device`, fault)
    report.once('device', device, `${at}.device`, `the device ${device} on ${host}`, host ?? '')
    if (nic.mac === undefined && senderCheck) {
      report.warn(at, `has a device and no mac: what it sends passes from ${derivedMac(id)} only`)
    }
  }
  const { profile, inventory } = server.provider
  const own = Object.keys(inventory.interface ?? {})
  for (const { inventory: other } of server.providers) {
    if (!other.interface || other === inventory) continue
    for (const key of Object.keys(other.interface)) {
      if (ownValue(nic, key) !== undefined && !own.includes(key)) {
        report.add(`${at}.${key}`, `interfaces of ${profile} have none`)
      }
    }
  }
  return {
    id,
    server: server.id,
    index,
    senderCheck,
    observe,
    maxConnections,
    host,
    device,
    vlanTrunk,
    allowedFrames,
    mac: readMac(nic.mac, id, `${at}.mac`, report),
    addresses: readAddresses(nic.addresses ?? [], `${at}.addresses`, host ?? id, report),
    allowedAddresses: (nic.allowedAddresses ?? []).map((text, place) =>
      readPrefix(text, `${at}.allowedAddresses[${place}]`, report),
    ),
    type: (nic.type ?? 'public') as Interface['type'],
    attributes:
      own.length === 0 ? {} : present(Object.fromEntries(own.map((key) => [key, ownValue(nic, key)]))),
  }
}

/** Closing the loopback device would cut the host off from itself. */
export const deviceFault = (device: string): string | undefined =>
  isDeviceName(device) && device !== 'lo'
    ? undefined
    : 'expected 1 to 15 letters, digits, dots, hyphens or underscores, and not lo'

function readMac(text: string | undefined, id: string, at: string, report: Report): string {
  if (text === undefined) return derivedMac(id)
  const mac = parseMac(text)
  if (!mac.ok) {
    report.add(at, mac.error)
    return text
  }
  // IEEE 802: the lowest bit of the first octet marks groups, which nothing sends from.
  if (Number.parseInt(mac.value.slice(0, 2), 16) % 2 === 1 || mac.value === '00:00:00:00:00:00') {
    report.add(at, 'expected the MAC address of one card')
  }
  report.once('MAC address', mac.value, at)
  return mac.value
}

/** `scope`: the host it is on, else the interface itself. */
function readAddresses(texts: readonly string[], at: string, scope: string, report: Report): string[] {
  return texts.map((text, index) => {
    const place = `${at}[${index}]`
    const address = parseAddress(text)
    if (!address.ok) {
      report.add(place, address.error)
      return text
    }
    const { family, value } = address.value
    // IPv4 is read in its one form only.
    const canonical = family === 'ipv4' ? text : formatAddress(family, value)
    if (isIpv4Mapped(address.value)) {
      report.add(place, `expected ${formatAddress('ipv4', value & 0xffffffffn)}, as IPv4`)
    } else if (!isOfHost(address.value)) report.add(place, 'expected an address that a VM can have')
    // Links do not share their own addresses.
    if (family === 'ipv4' || value >> 118n !== 0x3fan) {
      report.once('address', canonical, place, undefined, scope)
    }
    return canonical
  })
}

/** Neither unspecified nor loopback, multicast or broadcast. */
function isOfHost({ family, value }: Address): boolean {
  if (family === 'ipv6') return value > 1n && value >> 120n !== 0xffn
  const first = value >> 24n
  return first !== 0n && first !== 127n && first < 224n
}

function readPrefix(text: string, at: string, report: Report): string {
  const prefix = parsePrefix(text, { hostBits: 'refuse' })
  if (!prefix.ok) {
    report.add(at, prefix.error)
    return text
  }
  if (isIpv4Mapped(prefix.value)) report.add(at, 'expected an IPv4 prefix as IPv4')
  return formatPrefix(prefix.value)
}

/** What servers get that name no policy, as it is made with the first of them. */
function defaultOf(
  { name, settings, attributes, scope }: DefaultPolicy,
  { account, profile, value, zone }: { account: string; profile: Profile; value: string; zone: string },
  now: number,
): NonNullable<ServerRecords['attachDefault']> {
  const key = defaultKey(value, zone)
  // Nobody's to know beforehand: one that was deleted, or is no default any more, is another.
  const fields = { id: randomUUID(), account, profile, name, zone, defaultFor: key }
  return {
    ...{ for: key, scope },
    otherwise: policyRecord(settings, now, { ...fields, attributes: { ...attributes, [scope]: value } }),
  }
}

/** Without the keys that have no value. */
export function present(values: Readonly<Record<string, JsonValue | undefined>>): JsonObject {
  const there: Record<string, JsonValue> = {}
  for (const key of Object.keys(values)) {
    const value = values[key]
    if (value !== undefined) there[key] = value
  }
  return there
}

/** Names that a message lists: a catalogue may offer hundreds. */
const maxNamed = 16

function oneOf(names: readonly string[]): string {
  const more = names.length - maxNamed
  return `expected one of ${names.slice(0, maxNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
