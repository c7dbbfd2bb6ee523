/** A NIC as the given properties and its LAN make it. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type Interface, interfaceDefaults } from '../../core/model/interface.ts'
import { parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { rangeOf } from '../../core/semantics/scopes.ts'
import { addressSet, contains } from '../../core/sets/address-set.ts'
import type { DialectRequest } from '../dialect.ts'
import { canonical, firstHosts, freeBlock, ipv6Block, isIpv6, within } from './addresses.ts'
import { authored } from './authorship.ts'
import { impossible, tooMany, violates } from './errors.ts'
import { merged } from './fields.ts'
import { manifest } from './manifest.ts'
import { type IpBlock, ipv4BlockOf, ipv6BlockOf, type Lan } from './records.ts'
import type { WantedNic } from './wire.ts'

/** A NIC to create, not yet in its LAN. */
export interface NewNic extends WantedNic {
  readonly nic: Interface
}

/** A NIC to create without addresses and properties, with its flow logs; refused above the limits of rules and flow logs. */
export function newNic(
  request: DialectRequest,
  server: string,
  index: number,
  wanted: WantedNic,
): Result<NewNic, RequestError> {
  const { rules, flowLogs } = wanted
  const over =
    tooMany(rules, manifest.limits.rulesPerNic) ?? tooMany(flowLogs, manifest.limits.flowLogsPerNic)
  if (over) return err(over)
  const attributes = {
    ...(flowLogs.length > 0 && { flowLogs: flowLogs.map((each) => newFlowLog(request, each)) }),
    meta: authored(request),
  }
  const mac = `02:01:${randomBytes(4)
    .toString('hex')
    .replace(/(..)(?=.)/g, '$1:')}`
  const bare = { addresses: [], type: 'private', ...interfaceDefaults } as const
  return ok({ ...wanted, nic: { ...bare, id: randomUUID(), server, index, mac, attributes } })
}

/** As stored with its NIC. */
export const newFlowLog = (request: DialectRequest, properties: JsonObject): JsonObject & { id: string } => ({
  id: randomUUID(),
  ...merged({}, properties),
  meta: authored(request),
})

/** The listed addresses, canonical and each once; undefined if no list is given. */
function listed(value: JsonValue | undefined): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  return [...new Set(value.flatMap((text: JsonValue) => canonical(text) ?? []))]
}

/** As `listed`; an empty list of IPv4 addresses leaves the choice to the service. */
function listedIpv4(value: JsonValue | undefined): readonly string[] | undefined {
  const list = listed(value)
  return list?.length === 0 ? undefined : list
}

const isPublic = ({ body }: Lan): boolean => body.public === true

/** The NIC with the given properties in its LAN, except for IPv6. */
export function withProperties(
  nic: Interface,
  given: JsonObject,
  lan: Lan,
  reserved: readonly IpBlock[],
): Interface {
  const { mac, ips, ipv6Ips, ipv6CidrBlock: _, ...rest } = given
  const attributes = merged(nic.attributes, {
    ...rest,
    ...textOf('mac', mac),
    ...textOf('ips', ips),
    ...textOf('ipv6Ips', ipv6Ips),
  })
  const parsed = typeof mac === 'string' ? parseMac(mac) : undefined
  const hasDevice = nic.device !== null
  const old = nic.addresses.filter((address) => !isIpv6(address))
  const wanted = listedIpv4(ips)
  const isReserved = (address: string) => reserved.some((block) => block.ips.includes(address))
  // The inventory decides a device's addresses; reserved ones come and go beside them.
  const ipv4 =
    hasDevice && wanted ? [...old.filter((each) => !isReserved(each)), ...wanted.filter(isReserved)] : wanted
  return {
    ...nic,
    mac: parsed?.ok ? parsed.value : nic.mac,
    addresses: [...new Set([...(ipv4 ?? old), ...nic.addresses.filter(isIpv6)])],
    // The inventory decides the kind of a device's network, too.
    type: hasDevice ? nic.type : isPublic(lan) ? 'public' : 'private',
    attributes,
  }
}

/** Stores a list as the client wrote it, unless it is empty; null clears it. */
function textOf(name: string, value: JsonValue | undefined): JsonObject {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return {}
  return { [name]: value }
}

/**
 * The NIC with its share of IPv6 in a LAN with this /64, null for none. `taken`: /80s of other NICs. Addresses outside the
 * NIC's block come from the inventory, or from before the LAN had a block: they stay unless the client lists others.
 */
export function withIpv6(
  nic: Interface,
  given: JsonObject,
  at: string,
  lanBlock: string | null,
  taken: readonly string[],
): Result<Interface, RequestError> {
  const before = ipv6BlockOf(nic.attributes)
  const [ipv4, all] = [nic.addresses.filter((each) => !isIpv6(each)), nic.addresses.filter(isIpv6)]
  const own = before === null ? [] : all.filter((address) => within(before, address))
  const foreign = all.filter((address) => !own.includes(address))
  const list = listed(given.ipv6Ips)
  const hasDevice = nic.device !== null
  const result = (block: string | null, addresses: readonly string[]): Result<Interface, RequestError> => {
    const cleared = block === null ? { dhcpv6: null } : { ipv6Ips: null }
    const attributes = merged(nic.attributes, { ...cleared, ipv6: block })
    return ok({ ...nic, addresses: [...ipv4, ...new Set(addresses)], attributes })
  }

  const wanted =
    typeof given.ipv6CidrBlock === 'string' && given.ipv6CidrBlock !== 'AUTO' ? given.ipv6CidrBlock : null
  if (lanBlock === null) {
    if (wanted !== null) return err(impossible('the LAN has no IPv6 block'))
    if ((given.dhcpv6 ?? null) !== null)
      return err(violates(`${at}.dhcpv6`, 'Attribute is only allowed in a LAN with an IPv6 block'))
    return result(null, hasDevice || !list?.length ? foreign : list)
  }
  const kept = before !== null && within(lanBlock, before) ? before : undefined
  const block = wanted === null ? (kept ?? freeBlock(lanBlock, 80, taken)) : (ipv6Block(wanted, 80) ?? wanted)
  if (block === undefined) return err(impossible(`the block ${lanBlock} of the LAN has no /80 left`))
  if (!within(lanBlock, block)) return err(impossible(`${block} lies outside the LAN's block ${lanBlock}`))
  if (taken.includes(block)) return err(impossible(`${block} belongs to another NIC`))
  if (list) {
    const outside = list.find((address) => !within(block, address) && !foreign.includes(address))
    if (outside !== undefined) return err(impossible(`${outside} lies outside the NIC's block ${block}`))
    return result(block, hasDevice ? [...foreign, ...list] : list)
  }
  if (block === before || sendsFromAny(nic)) return result(block, all)
  return result(block, [...foreign, ...firstHosts(block, before === null ? 1 : own.length)])
}

/** Whether the operator lets it send from any address; an address from here would confine it to that one. */
const sendsFromAny = ({ device, addresses, allowedAddresses }: Interface): boolean =>
  device !== null && addresses.length === 0 && allowedAddresses.length === 0

/** Addresses of the LAN's /24, which a NIC without a device loses when it leaves that LAN. */
export function lostWith(nic: Interface, from: Lan | undefined): readonly string[] {
  const block = from ? ipv4BlockOf(from.body) : null
  if (block === null || nic.device !== null) return []
  return nic.addresses.filter((address) => within(block, address))
}

/**
 * Refuses a MAC or address for a NIC with a device unless the inventory gives it, the contract has reserved it or it is in
 * the NIC's own /80: they decide whom the NIC may send as.
 */
export function refuseForeign(
  nic: Interface,
  given: JsonObject,
  at: string,
  { lan, reserved }: { readonly lan: Lan; readonly reserved: readonly IpBlock[] },
): RequestError | undefined {
  if (nic.device === null) return undefined
  const { mac, ips, ipv6Ips } = given
  const parsed = typeof mac === 'string' ? parseMac(mac) : undefined
  if (parsed?.ok && parsed.value !== nic.mac)
    return violates(
      `${at}.mac`,
      'Attribute value is not the MAC address of this NIC, which cannot be changed',
    )
  const allowed = addressSet(nic.allowedAddresses.map(rangeOf))
  // `withIpv6` checks addresses within the NIC's /80.
  const within80 = ipv6BlockOf(lan.body) !== null && !sendsFromAny(nic)
  const lists = within80 ? { ips } : { ips, ipv6Ips }
  for (const [name, list] of Object.entries(lists)) {
    const foreign = (Array.isArray(list) ? list : []).some((text: JsonValue) => {
      const address = parseAddress(String(text))
      const plain = canonical(text)
      if (!address.ok || plain === undefined) return false
      const { family, value } = address.value
      const isReserved = !sendsFromAny(nic) && reserved.some((block) => block.ips.includes(plain))
      return !nic.addresses.includes(plain) && !isReserved && !contains(allowed, family, value)
    })
    if (foreign) return violates(`${at}.${name}`, 'Attribute value has an address that is not this NIC’s')
  }
  return undefined
}
