/** Entries of servers and interfaces → records of the store, with what their profile must and cannot have. */
import { randomUUID } from 'node:crypto'
import { isDeviceName } from '../../compile/nftables/names.ts'
import type { JsonObject } from '../../core/json.ts'
import type { Interface, Profile } from '../../core/model/inventory.ts'
import { type DefaultPolicy, defaultKey, specOf } from '../../core/model/profile.ts'
import { type Address, formatAddress, isIpv4Mapped, parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { formatPrefix, parsePrefix } from '../../core/net/prefix.ts'
import type { InventoryRecords } from '../../storage/storage.ts'
import type { Report } from '../config/report.ts'
import { madeUp, madeUpMac } from '../made-up.ts'
import { policyRecord } from '../records.ts'
import type { Provider } from './provider.ts'
import type { InterfaceEntry, ServerEntry } from './schema.ts'

type ServerRecords = InventoryRecords['servers'][number]

/** What the account of a server has, by id. */
export interface Place {
  readonly account: string
  /** The first is where servers go that name none. */
  readonly projects: readonly string[]
  readonly datacenters: readonly string[]
  readonly providers: readonly Provider[]
}

/** Faults are reported, and the answer is then of no use. `now` is milliseconds since 1970. */
export function readServer(
  entry: ServerEntry,
  at: string,
  place: Place,
  now: number,
  report: Report,
): ServerRecords {
  const { name, vmid, datacenter, project: named, plan, labels, firewall: enabled } = entry
  const { profile } = entry
  const { account } = place
  const provider = specOf(place.providers, profile)
  const id = entry.id ?? madeUp('server', account, profile, vmid === undefined ? name : String(vmid))
  report.locate(id, at)
  report.once('server', id, at, `the server ${id}`)
  const zone = datacenter ?? entry.zone ?? ''
  checkProfile(entry, provider, at, place, report)

  const { chain: settings, defaultPolicy: unnamed, interfacePolicies } = provider
  const project = named ?? (unnamed && place.projects[0])
  const chain = madeUp('chain', id)
  const numbers = { number: vmid ?? null, nextState: null, nextStateAt: null, createdAt: now }
  const attributes = present({ datacenter, project: named, plan, labels })
  const state = entry.state ?? 'started'
  return {
    server: { ...{ id, account, profile, name, zone, state }, ...numbers, attributes },
    ...(project !== undefined && { initial: { project } }),
    interfaces: (entry.interfaces ?? []).map((nic, index) =>
      readInterface(nic, `${at}.interfaces[${index}]`, { id, provider }, index + 1, report),
    ),
    policies: settings
      ? [
          policyRecord({ ...settings, enabled: enabled ?? settings.enabled }, now, {
            ...{ id: chain, account, profile, server: id },
          }),
        ]
      : [],
    attachments: settings ? [{ policy: chain, server: id, interface: null }] : [],
    ...(enabled !== undefined && { enabled }),
    ...(unnamed &&
      project !== undefined && {
        attachDefault: defaultOf(unnamed, { account, profile, project, zone }, now),
      }),
    ...(interfacePolicies && { interfacePolicies }),
  }
}

const lowerCaseUuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** Profiles whose APIs know servers by UUIDs only. */
const uuidProfiles: readonly Profile[] = ['upcloud', 'scaleway']

function checkProfile(
  entry: ServerEntry,
  { profile, offers, states, chain, defaultPolicy, interfacePolicies }: Provider,
  at: string,
  { projects, datacenters }: Place,
  report: Report,
): void {
  const { id, vmid, zone, datacenter, project, state, plan, labels, firewall } = entry
  const servers = `servers of ${profile}`
  if (id !== undefined && uuidProfiles.includes(profile) && !lowerCaseUuid.test(id)) {
    report.warn(`${at}.id`, `the API of ${profile} knows servers by UUIDs in lower case only`)
  }
  if (profile === 'hostup') {
    if (vmid === undefined) report.add(`${at}.vmid`, `${servers} need one`)
    else report.once('vmid', String(vmid), `${at}.vmid`, `the vmid ${vmid}`)
  } else if (vmid !== undefined) report.add(`${at}.vmid`, `${servers} have none`)

  if (interfacePolicies) {
    if (datacenter === undefined || !datacenters.includes(datacenter)) {
      report.add(`${at}.datacenter`, `${servers} need one of the account’s datacenters`)
    }
    if (zone !== undefined) report.add(`${at}.zone`, `${servers} are in a datacenter`)
  } else if (datacenter !== undefined) report.add(`${at}.datacenter`, `${servers} are in none`)

  const { zones, plans } = offers
  if (zone === undefined) {
    if (defaultPolicy) report.add(`${at}.zone`, `${servers} need one`)
  } else if (zones && !zones.includes(zone)) report.add(`${at}.zone`, oneOf(zones))
  if (plan !== undefined && plans && !plans.includes(plan)) {
    report.add(`${at}.plan`, oneOf(plans))
  }
  if (state !== undefined && !states.includes(state)) {
    report.add(`${at}.state`, oneOf(states))
  }
  if (project !== undefined && !projects.includes(project)) {
    report.add(`${at}.project`, `${project} is none of the account’s projects`)
  }
  if (firewall !== undefined && !chain) {
    report.add(`${at}.firewall`, `${servers} have no such switch`)
  }
  if (Object.keys(labels ?? {}).some((key) => !/^[^\p{Cc}\p{Cs}]{1,32}$/u.test(key))) {
    report.add(`${at}.labels`, 'expected keys of 1 to 32 characters in one line')
  }
}

function readInterface(
  nic: InterfaceEntry,
  at: string,
  server: { readonly id: string; readonly provider: Provider },
  index: number,
  report: Report,
): Interface {
  const id = nic.id ?? madeUp('interface', server.id, String(index))
  report.locate(id, at)
  report.once('interface', id, at, `the interface ${id}`)
  const { senderCheck = true, observe = false, maxConnections = null } = nic
  const { vlanTrunk = false, allowedFrames = [] } = nic
  const { host = null, device = null } = nic
  const { lan, firewallActive, firewallType } = nic
  if (device !== null) {
    if (host === null) report.add(`${at}.device`, 'a device needs the host it is on')
    // Closing the loopback device would cut the host off from itself.
    if (!isDeviceName(device) || device === 'lo') {
      report.add(`${at}.device`, 'expected 1 to 15 letters, digits, dots, hyphens or underscores, and not lo')
    }
    report.once('device', `${host} ${device}`, `${at}.device`, `the device ${device} on ${host}`)
    if (nic.mac === undefined && senderCheck) {
      report.warn(at, `has a device and no mac: what it sends passes from ${madeUpMac(id)} only`)
    }
  }
  if (!server.provider.interfacePolicies) {
    for (const [key, value] of Object.entries({ lan, firewallActive, firewallType })) {
      if (value !== undefined)
        report.add(`${at}.${key}`, `interfaces of ${server.provider.profile} have none`)
    }
  }
  return {
    ...{ id, server: server.id, index, senderCheck, observe, maxConnections, host, device },
    ...{ vlanTrunk, allowedFrames },
    mac: readMac(nic.mac, id, `${at}.mac`, report),
    addresses: readAddresses(nic.addresses ?? [], `${at}.addresses`, host ?? id, report),
    allowedAddresses: (nic.allowedAddresses ?? []).map((text, place) =>
      readPrefix(text, `${at}.allowedAddresses[${place}]`, report),
    ),
    type: (nic.type ?? 'public') as Interface['type'],
    attributes: present({ lan, firewallActive, firewallType }),
  }
}

function readMac(text: string | undefined, id: string, at: string, report: Report): string {
  if (text === undefined) return madeUpMac(id)
  const mac = parseMac(text)
  if (!mac.ok) {
    report.add(at, mac.error)
    return text
  }
  // IEEE 802: the lowest bit of the first octet marks groups, which nothing sends from.
  if (Number.parseInt(mac.value.slice(0, 2), 16) % 2 === 1 || mac.value === '00:00:00:00:00:00') {
    report.add(at, 'expected the MAC address of one card')
  }
  report.once('mac', mac.value, at, `the MAC address ${mac.value}`)
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
    const canonical = formatAddress(family, value)
    if (isIpv4Mapped(address.value)) {
      report.add(place, `expected ${formatAddress('ipv4', value & 0xffffffffn)}, as IPv4`)
    } else if (!isOfHost(address.value)) report.add(place, 'expected an address that a VM can have')
    // Links do not share their own addresses.
    if (family === 'ipv4' || value >> 118n !== 0x3fan) {
      report.once('address', `${scope} ${canonical}`, place, `the address ${canonical}`)
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
  { account, profile, project, zone }: { account: string; profile: Profile; project: string; zone: string },
  now: number,
): NonNullable<ServerRecords['attachDefault']> {
  const place = defaultKey(project, zone)
  // Nobody's to know beforehand: one that was deleted, or is no default any more, is another.
  const fields = { id: randomUUID(), account, profile, name, zone, defaultFor: place }
  return {
    ...{ for: place, scope },
    otherwise: policyRecord(settings, now, { ...fields, attributes: { ...attributes, project } }),
  }
}

const present = (values: Readonly<Record<string, JsonObject[string] | undefined>>): JsonObject =>
  Object.fromEntries(
    Object.entries(values).filter((each): each is [string, JsonObject[string]] => each[1] !== undefined),
  )

/** Names that a message lists: a catalogue may offer hundreds. */
const mostNamed = 16

function oneOf(names: readonly string[]): string {
  const more = names.length - mostNamed
  return `expected one of ${names.slice(0, mostNamed).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
