/** What a NIC becomes by the properties that are given for it, and by the LAN that it is in. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type Interface, unplaced } from '../../core/model/inventory.ts'
import { parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { rangeOf } from '../../core/semantics/scopes.ts'
import { addressSet, contains } from '../../core/sets/address-set.ts'
import type { DialectRequest } from '../dialect.ts'
import {
  canonical,
  firstHosts,
  freeBlock,
  ipv4BlockOf,
  ipv6Block,
  ipv6BlockOf,
  isIpv6,
  within,
} from './blocks.ts'
import type { WantedNic } from './decode.ts'
import { impossible, violates } from './errors.ts'
import type { IpBlock } from './ipblocks.ts'
import { merged } from './properties.ts'
import { stamped } from './stamp.ts'
import type { Lan } from './world.ts'

export const lanNumber = ({ attributes }: Pick<Interface, 'attributes'>): string =>
  String(attributes.lan ?? 1)

/** A NIC without addresses and properties, with its flow logs. */
export function bareNic(
  request: DialectRequest,
  server: string,
  index: number,
  flowLogs: WantedNic['flowLogs'],
): Interface {
  const newFlowLog = (flowLog: JsonObject) => ({
    ...{ id: randomUUID(), ...merged({}, flowLog) },
    meta: stamped(request),
  })
  return {
    id: randomUUID(),
    server,
    index,
    mac: `02:01:${randomBytes(4)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:')}`,
    addresses: [],
    type: 'private',
    ...unplaced,
    attributes: {
      ...(flowLogs.length > 0 && { flowLogs: flowLogs.map(newFlowLog) }),
      meta: stamped(request),
    },
  }
}

/** Addresses that are listed, canonical and each once; undefined when nothing is said of them. */
function listed(value: JsonValue | undefined): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  return [...new Set(value.flatMap((text: JsonValue) => canonical(text) ?? []))]
}

/** As `listed`; an empty list of IPv4 addresses leaves the choice to us. */
function listedIpv4(value: JsonValue | undefined): readonly string[] | undefined {
  const list = listed(value)
  return list?.length === 0 ? undefined : list
}

const isPublic = ({ body }: Lan): boolean => body.public === true

/** With the properties that are given, in its LAN; all but IPv6. */
export function nicIn(nic: Interface, given: JsonObject, lan: Lan, reserved: readonly IpBlock[]): Interface {
  const { mac, ips, ipv6Ips, ipv6CidrBlock: _, ...rest } = given
  const attributes = merged(nic.attributes, {
    ...rest,
    ...textOf('mac', mac),
    ...textOf('ips', ips),
    ...textOf('ipv6Ips', ipv6Ips),
  })
  const parsed = typeof mac === 'string' ? parseMac(mac) : undefined
  const placed = nic.device !== null
  const old = nic.addresses.filter((address) => !isIpv6(address))
  const wanted = listedIpv4(ips)
  const isReserved = (address: string) => reserved.some((block) => block.ips.includes(address))
  // The inventory says which addresses a device has; reserved ones come and go beside them.
  const ipv4 =
    placed && wanted ? [...old.filter((each) => !isReserved(each)), ...wanted.filter(isReserved)] : wanted
  return {
    ...nic,
    mac: parsed?.ok ? parsed.value : nic.mac,
    addresses: [...new Set([...(ipv4 ?? old), ...nic.addresses.filter(isIpv6)])],
    // What kind of network a device is in, the inventory says too.
    type: placed ? nic.type : isPublic(lan) ? 'public' : 'private',
    attributes,
  }
}

/** A list that is given, empty ones excepted, is kept as it is written; null takes it back. */
function textOf(name: string, value: JsonValue | undefined): JsonObject {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return {}
  return { [name]: value }
}

/**
 * The NIC with its share of IPv6 in a LAN with this /64; null: the LAN has none. `taken`: /80s of other NICs. Addresses that
 * lie in no block of ours are the inventory's, or were given before the LAN had one: they stay unless others are listed.
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
  const placed = nic.device !== null
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
    return result(null, placed || !list?.length ? foreign : list)
  }
  const kept = before !== null && within(lanBlock, before) ? before : undefined
  const block = wanted === null ? (kept ?? freeBlock(lanBlock, 80, taken)) : (ipv6Block(wanted, 80) ?? wanted)
  if (block === undefined) return err(impossible(`the block ${lanBlock} of the LAN has no /80 left`))
  if (!within(lanBlock, block)) return err(impossible(`${block} lies outside the LAN's block ${lanBlock}`))
  if (taken.includes(block)) return err(impossible(`${block} belongs to another NIC`))
  if (list) {
    const outside = list.find((address) => !within(block, address) && !foreign.includes(address))
    if (outside !== undefined) return err(impossible(`${outside} lies outside the NIC's block ${block}`))
    return result(block, placed ? [...foreign, ...list] : list)
  }
  if (block === before || sendsFromAny(nic)) return result(block, all)
  return result(block, [...foreign, ...firstHosts(block, before === null ? 1 : own.length)])
}

/** Whether the operator lets it send from any address: with one of ours it could only send from that. */
const sendsFromAny = ({ device, addresses, allowedAddresses }: Interface): boolean =>
  device !== null && addresses.length === 0 && allowedAddresses.length === 0

/** Addresses that an unplaced NIC loses with the LAN that it leaves: those of its /24. */
export function moved(nic: Interface, from: Lan | undefined): readonly string[] {
  const block = from ? ipv4BlockOf(from.body) : null
  if (block === null || nic.device !== null) return []
  return nic.addresses.filter((address) => within(block, address))
}

/**
 * What a NIC with a device cannot be given: a MAC or address that neither the inventory gives it nor the contract has
 * reserved, and that is not in the NIC's own /80. They say who it may send as.
 */
export function notOurs(
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
  // Those within the NIC's /80 are looked at with the block.
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
