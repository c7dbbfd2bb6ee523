/** NICs as they are made: address, MAC and LAN where the client leaves them to us. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { type Interface, unplaced } from '../../core/model/inventory.ts'
import { formatAddress, parseAddress } from '../../core/net/address.ts'
import { parseMac } from '../../core/net/mac.ts'
import { ok, type Result } from '../../core/result.ts'
import { rangeOf } from '../../core/semantics/scopes.ts'
import { addressSet, contains } from '../../core/sets/address-set.ts'
import type { DialectRequest } from '../dialect.ts'
import type { WantedNic } from './decode.ts'
import { violates } from './errors.ts'
import { merged } from './properties.ts'
import { stamped } from './stamp.ts'
import type { Lan } from './world.ts'

/** What of a NIC is decided by its properties; `old` keeps what they do not mention. */
export function withProperties(
  nic: Interface,
  given: JsonObject,
  lans: readonly Lan[],
  meta: JsonObject,
): Interface {
  const { mac, ips, ipv6Ips, ...rest } = given
  const attributes: JsonObject = {
    ...nic.attributes,
    ...rest,
    ...textOf('mac', mac),
    ...textOf('ips', ips),
    ...textOf('ipv6Ips', ipv6Ips),
    meta,
  }
  const parsed = typeof mac === 'string' ? parseMac(mac) : undefined
  const isPublic = lans.some(({ id, body }) => id === String(attributes.lan ?? 1) && body.public === true)
  const placed = nic.device !== null
  return {
    ...nic,
    mac: parsed?.ok ? parsed.value : nic.mac,
    // The inventory says which addresses a device has and what kind of network it is in.
    addresses: placed ? nic.addresses : addressesOf(nic.addresses, ips, ipv6Ips),
    type: placed ? nic.type : isPublic ? 'public' : 'private',
    attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null)),
  }
}

/**
 * What a NIC with a device cannot be given: a MAC or address that the inventory does not give it. They say who it may
 * send as, and are the operator's to decide.
 */
export function notOurs(nic: Interface, given: JsonObject, at: string): RequestError | undefined {
  if (nic.device === null) return undefined
  const { mac, ips, ipv6Ips } = given
  const parsed = typeof mac === 'string' ? parseMac(mac) : undefined
  if (parsed?.ok && parsed.value !== nic.mac)
    return violates(
      `${at}.mac`,
      'Attribute value is not the MAC address of this NIC, which cannot be changed',
    )
  const allowed = addressSet(nic.allowedAddresses.map(rangeOf))
  for (const [name, list] of Object.entries({ ips, ipv6Ips })) {
    const foreign = (Array.isArray(list) ? list : []).some((text) => {
      const address = parseAddress(String(text))
      if (!address.ok) return false
      const { family, value } = address.value
      return !nic.addresses.includes(formatAddress(family, value)) && !contains(allowed, family, value)
    })
    if (foreign) return violates(`${at}.${name}`, 'Attribute value has an address that is not this NIC’s')
  }
  return undefined
}

/** A list that is given, empty ones excepted, is kept as it is written; null takes it back. */
function textOf(name: string, value: JsonObject[string] | undefined): JsonObject {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return {}
  return { [name]: value }
}

function addressesOf(
  old: readonly string[],
  ips: JsonObject[string] | undefined,
  ipv6Ips: JsonObject[string] | undefined,
): readonly string[] {
  const family = (text: string) => (text.includes(':') ? 'ipv6' : 'ipv4')
  const pick = (given: JsonObject[string] | undefined, of: string): readonly string[] => {
    const kept = old.filter((text) => family(text) === of)
    if (!Array.isArray(given) || given.length === 0) return kept
    return given.flatMap((text) => {
      const address = parseAddress(String(text))
      return address.ok ? [formatAddress(address.value.family, address.value.value)] : []
    })
  }
  return [...pick(ips, 'ipv4'), ...pick(ipv6Ips, 'ipv6')]
}

/** With an address of the kind of its LAN when none is given. */
export async function newNic(
  request: DialectRequest,
  server: string,
  index: number,
  { properties, flowLogs }: Pick<WantedNic, 'properties' | 'flowLogs'>,
  lans: readonly Lan[],
): Promise<Result<Interface, RequestError>> {
  const newFlowLog = (flowLog: JsonObject) => ({
    ...{ id: randomUUID(), ...merged({}, flowLog) },
    meta: stamped(request),
  })
  const bare: Interface = {
    id: randomUUID(),
    server,
    index,
    mac: `02:01:${randomBytes(4)
      .toString('hex')
      .replace(/(..)(?=.)/g, '$1:')}`,
    addresses: [],
    type: 'private',
    ...unplaced,
    attributes: flowLogs.length === 0 ? {} : { flowLogs: flowLogs.map(newFlowLog) },
  }
  const nic = withProperties(bare, properties, lans, stamped(request))
  if (nic.addresses.some((text) => !text.includes(':'))) return ok(nic)
  const pool = nic.type === 'public' ? 'public-ipv4' : 'utility-ipv4'
  const taken = await request.services.addresses.take(request, 'ionos', { pool })
  return taken.ok ? ok({ ...nic, addresses: [...taken.value, ...nic.addresses] }) : taken
}
