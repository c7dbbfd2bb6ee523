/** Which flexible IPs a server has: what a change of them writes, to it and to servers that lose them (contract: scaleway-more §3). */
import { isDeepStrictEqual } from 'node:util'
import type { JsonObject } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import type { PoolKind } from '../../core/model/pool.ts'
import { formatAddress } from '../../core/net/address.ts'
import { parsePrefix } from '../../core/net/prefix.ts'
import { ok } from '../../core/result.ts'
import type { NewServer, ServerDocument, ServerView } from '../../service/servers.ts'
import type { DialectRequest } from '../dialect.ts'
import { json } from './encode.ts'
import { attachedIps, serverAttributes, stateOf } from './encode-server.ts'
import { precondition } from './errors.ts'
import { type Found, holderOf, type IpRecord, ipById, profile } from './find.ts'
import type { IpAttributes, ServerAttributes } from './wire.ts'

type Nic = Pick<Interface, 'id' | 'mac'>
export type AddressMoves = Required<NonNullable<NewServer['addresses']>>

/** The flexible IPs of a server by id. */
export async function ipsOf(
  request: DialectRequest,
  view: ServerView,
): Promise<ReadonlyMap<string, IpRecord>> {
  const ips = new Map<string, IpRecord>()
  for (const id of serverAttributes(view).ips ?? []) {
    const ip = await ipById(request, view.server.zone, id)
    if (ip) ips.set(id, ip)
  }
  return ips
}

/** Those of a server, in order. */
export const currentIps = async (request: DialectRequest, view: ServerView): Promise<readonly IpRecord[]> =>
  attachedIps(view, await ipsOf(request, view))

/** The interface that addresses go to: an inventory may know a server without one. */
export function publicNic(view: ServerView): Found<Interface> {
  const nic = view.interfaces.find(({ type }) => type === 'public')
  return Promise.resolve(
    nic ? ok(nic) : precondition('resource_not_usable', 'the server has no public interface'),
  )
}

/** The address that the interface has of an IP: of a prefix the one that its MAC makes (RFC 4291, appendix A). */
function hostOf({ attributes: { address } }: IpRecord, mac: string): string {
  const prefix = parsePrefix(address, { hostBits: 'refuse' })
  if (!prefix.ok) return address
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((part) => Number.parseInt(part, 16))
  const identifier = [a ^ 2, b, c, 0xff, 0xfe, d, e, f].reduce((all, byte) => (all << 8n) | BigInt(byte), 0n)
  return formatAddress('ipv6', prefix.value.value | identifier)
}

/** Addresses for one request: what an attempt has taken serves the next one, too. */
export type TakeAddress = (pool: PoolKind) => Found<string>

export function takingOnce(request: DialectRequest, zone: string): TakeAddress {
  const known = new Map<PoolKind, string>()
  return async (pool) => {
    const before = known.get(pool)
    if (before !== undefined) return ok(before)
    const taken = await request.services.addresses.take(request, profile, { pool, zone })
    if (!taken.ok) return taken
    const [address = ''] = taken.value
    known.set(pool, address)
    return ok(address)
  }
}

/** What the interface loses that the IP was attached to, also one whose server an inventory may name again. */
export const givenUp = ({ attributes: { interface: nic, host } }: IpRecord): AddressMoves['interfaces'] =>
  nic && host ? [{ interface: nic, remove: [host] }] : []

export interface IpPlan {
  /** Of the server itself. */
  readonly attributes: JsonObject
  readonly documents: readonly ServerDocument[]
  /** What its interface gets and gives up. */
  readonly add: readonly string[]
  readonly remove: readonly string[]
  /** What other servers give up. */
  readonly elsewhere: AddressMoves
}

interface Holder {
  readonly id: string
  readonly nic: Nic
  readonly attributes: Pick<ServerAttributes, 'ips' | 'dynamicIp'>
}

/** Gives a server exactly these IPs, in order. One with an address of IPv4 needs no dynamic one. */
export async function planIps(
  request: DialectRequest,
  { id: server, nic, attributes }: Holder,
  old: readonly IpRecord[],
  wanted: readonly IpRecord[],
): Promise<IpPlan> {
  const documents: ServerDocument[] = []
  const [add, remove]: string[][] = [[], []]
  const elsewhere = new Map<string, { view: ServerView; ips: IpRecord[] }>()
  const away: AddressMoves['interfaces'][number][] = []
  for (const ip of wanted) {
    if (old.some(({ id }) => id === ip.id)) continue
    const holder = await holderOf(request, ip)
    if (holder) {
      const entry = elsewhere.get(holder.server.id) ?? { view: holder, ips: [] }
      entry.ips.push(ip)
      elsewhere.set(holder.server.id, entry)
    } else away.push(...givenUp(ip))
    const host = hostOf(ip, nic.mac)
    add?.push(host)
    documents.push(changedIp(ip, { server, interface: nic.id, host }))
  }
  for (const ip of old) {
    if (wanted.some(({ id }) => id === ip.id)) continue
    remove?.push(ip.attributes.host ?? '')
    documents.push(detachedIp(ip))
  }
  const { dynamicIp } = attributes
  const spare = dynamicIp !== undefined && wanted.some(isIpv4)
  if (spare) remove?.push(dynamicIp)
  const ids = wanted.map(({ id }) => id)
  const others = [...elsewhere.values()]
  return {
    attributes: {
      ...(!isDeepStrictEqual(ids, attributes.ips ?? []) && { ips: ids }),
      ...(spare && { dynamicIp: null }),
    },
    documents,
    ...{ add: add ?? [], remove: remove ?? [] },
    elsewhere: {
      interfaces: [...others.flatMap(({ ips }) => ips.flatMap(givenUp)), ...away],
      serverAttributes: others.map(({ view, ips }) => ({
        server: view.server.id,
        attributes: {
          ips: (serverAttributes(view).ips ?? []).filter((id) => !ips.some((ip) => ip.id === id)),
        },
        ifRevision: view.server.revision,
      })),
    },
  }
}

/** A plan as a change of a server that is there. */
export const asMoves = ({ add, remove, elsewhere }: IpPlan, nic: Nic): AddressMoves => ({
  ...elsewhere,
  interfaces: [{ interface: nic.id, add, remove }, ...elsewhere.interfaces],
})

export const isIpv4 = ({ attributes }: IpRecord): boolean => attributes.type === 'routed_ipv4'

/** The IP with a change, on condition that nobody else changes it first. */
export const changedIp = (
  { id, revision, body }: IpRecord,
  change: Partial<IpAttributes>,
): ServerDocument => ({
  ...{ kind: 'ip', id, ifRevision: revision },
  body: { ...body, ...json(change) },
})

export const detachedIp = (ip: IpRecord): ServerDocument =>
  changedIp(ip, { server: null, interface: null, host: null })

/**
 * The dynamic address of a server that has power or not: it comes with power where one is required and the server has no
 * address of IPv4, and goes with it. `ips` are its flexible ones from now on.
 */
export async function planDynamicIp(
  take: TakeAddress,
  view: ServerView,
  { powered, required, ips = [] }: { powered: boolean; required: boolean; ips?: readonly IpRecord[] },
): Found<{ attributes: JsonObject; interfaces: AddressMoves['interfaces'] }> {
  const { dynamicIp } = serverAttributes(view)
  const nic = view.interfaces.find(({ type }) => type === 'public')
  const none = ok({ attributes: {}, interfaces: [] })
  if (!nic) return none
  if (!powered || !required) {
    if (dynamicIp === undefined) return none
    return ok({ attributes: { dynamicIp: null }, interfaces: [{ interface: nic.id, remove: [dynamicIp] }] })
  }
  if (nic.addresses.some((address) => !address.includes(':')) || ips.some(isIpv4)) return none
  const taken = await take('public-ipv4')
  if (!taken.ok) return taken
  return ok({
    attributes: { dynamicIp: taken.value },
    interfaces: [{ interface: nic.id, add: [taken.value] }],
  })
}

/** Whether it has power: it keeps it while it is stopped in place. */
export const isPowered = (view: ServerView): boolean => !['stopped', 'stopping'].includes(stateOf(view))
