/**
 * The networks of a datacenter within one change: its /56, the /64 and /24 of its LANs, and what NICs have of them.
 *
 * LANs and NICs are read once and written once. Addresses of pools are set aside by the address service and kept by the
 * change; what lies inside the datacenter's own blocks is chosen here, and the revision of the zone guards the choice.
 */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/inventory.ts'
import type { PoolKind } from '../../core/model/pool.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, ZoneChange } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import {
  datacenterBlockOf,
  freeBlock,
  freeHost,
  ipv4BlockOf,
  ipv6Block,
  ipv6BlockOf,
  isIpv6,
  within,
} from './blocks.ts'
import { impossible } from './errors.ts'
import { ipBlocks } from './ipblocks.ts'
import { lanNumber, moved, nicIn, notOurs, withIpv6 } from './nics.ts'
import { merged } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { type Lan, profile, type World } from './world.ts'

type Outcome<T> = Promise<Result<T, RequestError>>
type Put = NonNullable<NonNullable<ZoneChange['documents']>['put']>[number]

/** Sets one address or block of a pool aside. */
export type Take = (pool: PoolKind) => Outcome<string>

/**
 * Makes a `Take` for each attempt of one request: an attempt that somebody else overtook is followed by one that gets
 * the same addresses.
 */
export function takingOnce(request: DialectRequest): (zone: JsonObject) => Take {
  const known = new Map<PoolKind, string[]>()
  return ({ location }) => {
    const used = new Map<PoolKind, number>()
    return async (pool) => {
      const all = known.get(pool) ?? []
      known.set(pool, all)
      const index = used.get(pool) ?? 0
      used.set(pool, index + 1)
      if (all[index] === undefined) {
        const wanted = { pool, ...(typeof location === 'string' && { zone: location }) }
        const taken = await request.services.addresses.take(request, profile, wanted)
        if (!taken.ok) return taken
        all.push(...taken.value)
      }
      return ok(all[index] ?? '')
    }
  }
}

export type Networks = ReturnType<typeof createNetworks>

export function createNetworks(request: DialectRequest, world: World, zone: DocumentRecord, take: Take) {
  const { account } = request.principal
  const lans = new Map<string, Lan>()
  const nics = new Map<string, Interface>()
  const documents = new Map<string, Put>()
  let block56 = datacenterBlockOf(zone.body)

  const put = (document: Put) => documents.set(`${document.kind} ${document.id}`, document)

  function putLan(id: string, body: JsonObject): Lan {
    const old = body.meta === undefined ? undefined : stampOf(body.meta, '', 0)
    const lan = { id, body: { ...body, meta: stamped(request, old) } }
    const ipv4 = ipv4BlockOf(body)
    const addresses = ipv4 === null ? [] : [ipv4]
    put({ account, profile, kind: 'lan', id: `${zone.id}/${id}`, body: lan.body, addresses })
    lans.set(id, lan)
    return lan
  }

  /** With a /24 if it is private and has none. */
  async function withIpv4(body: JsonObject): Outcome<JsonObject> {
    if (body.public === true || ipv4BlockOf(body) !== null) return ok(body)
    const taken = await take('lan-ipv4')
    return taken.ok ? ok({ ...body, ipv4: taken.value }) : taken
  }

  /** A NIC in a LAN that is not there makes it; one that only NICs speak of is written down. */
  async function lanOf(id: string): Outcome<Lan> {
    const known = lans.get(id)
    if (known) return ok(known)
    const [found] = await world.lansOf(zone.id, [id])
    if (found?.body.meta !== undefined) {
      lans.set(id, found)
      return ok(found)
    }
    if (found) return ok(putLan(id, found.body))
    const body = await withIpv4({})
    return body.ok ? ok(putLan(id, body.value)) : body
  }

  /** All NICs of the datacenter as this change leaves them, one excepted. */
  async function others(than: string): Promise<readonly Interface[]> {
    const there = (await world.nicsIn(zone.id)).filter(({ id }) => id !== than && !nics.has(id))
    return [...there, ...[...nics.values()].filter(({ id }) => id !== than)]
  }

  async function automaticIpv4(nic: Interface, lan: Lan): Outcome<string> {
    if (lan.body.public === true) return take('public-ipv4')
    const body = await withIpv4(lan.body)
    if (!body.ok) return body
    const { ipv4: block } = body.value
    if (block !== lan.body.ipv4) putLan(lan.id, body.value)
    const used = (await others(nic.id)).filter((each) => lanNumber(each) === lan.id)
    const host = freeHost(
      String(block),
      used.flatMap((each) => each.addresses),
    )
    return host === undefined ? err(impossible(`LAN ${lan.id} has no address left`)) : ok(host)
  }

  async function datacenterBlock(): Outcome<string> {
    if (block56 !== null) return ok(block56)
    const taken = await take('datacenter-ipv6')
    if (!taken.ok) return taken
    block56 = taken.value
    const { revision: _, ...document } = zone
    put({ ...document, body: { ...zone.body, ipv6CidrBlock: block56 }, addresses: [block56] })
    return ok(block56)
  }

  /** The /64 that a LAN is to have. `wanted`: `AUTO`, a block, or null for none. */
  async function lanBlock(id: string, wanted: string | null, before: string | null): Outcome<string | null> {
    if (wanted === null || (wanted === 'AUTO' && before !== null)) return ok(wanted && before)
    const parent = await datacenterBlock()
    if (!parent.ok) return parent
    const taken = (await world.lansIn(zone.id)).flatMap((lan) => {
      const block = lan.id === id ? null : ipv6BlockOf(lan.body)
      return block === null ? [] : [block]
    })
    if (wanted === 'AUTO') {
      const free = freeBlock(parent.value, 64, taken)
      return free === undefined ? err(impossible('the datacenter has no IPv6 block left')) : ok(free)
    }
    const block = ipv6Block(wanted, 64) ?? wanted
    if (!within(parent.value, block))
      return err(impossible(`${block} lies outside the datacenter's block ${parent.value}`))
    return taken.includes(block) ? err(impossible(`${block} belongs to another LAN`)) : ok(block)
  }

  return {
    /** The NIC with the properties that are given; `old` is what they change. `at` is where they are in the request. */
    async place(nic: Interface, wanted: JsonObject, at: string, old?: Interface): Outcome<Interface> {
      const lan = await lanOf(String(wanted.lan ?? lanNumber(nic)))
      if (!lan.ok) return lan
      const six = ipv6BlockOf(lan.value.body)
      // Terraform writes null for what its user does not set, and expects to read that.
      const given = !old && six !== null ? { dhcpv6: true, ...wanted } : wanted
      const listed = Array.isArray(given.ips) && given.ips.length > 0
      const reserved = listed ? await ipBlocks(request) : []
      const foreign = notOurs(nic, given, at, { lan: lan.value, reserved })
      if (foreign) return err(foreign)
      const blocks =
        six === null ? [] : (await others(nic.id)).flatMap(({ attributes }) => ipv6BlockOf(attributes) ?? [])
      const joined = withIpv6(nicIn(nic, given, lan.value, reserved), given, at, six, blocks)
      if (!joined.ok) return joined
      let placed = joined.value
      const from = old && lanNumber(old) !== lan.value.id ? await world.lansOf(zone.id, [lanNumber(old)]) : []
      const lost = listed ? [] : moved(placed, from[0])
      const kept = placed.addresses.filter((address) => !lost.includes(address))
      const needed =
        lost.length > 0 || (!old && !kept.some((address) => !isIpv6(address))) ? Math.max(1, lost.length) : 0
      placed = { ...placed, addresses: kept }
      for (let count = 0; count < needed; count++) {
        const current = await lanOf(lan.value.id)
        if (!current.ok) return current
        nics.set(placed.id, placed)
        const address = await automaticIpv4(placed, current.value)
        if (!address.ok) return address
        placed = { ...placed, addresses: [address.value, ...placed.addresses] }
      }
      for (const block of reserved) {
        // On condition that it is still there: a deletion at the same time is decided again.
        const gained = block.ips.some((ip) => placed.addresses.includes(ip) && !nic.addresses.includes(ip))
        if (gained) put({ ...block.document, ifRevision: block.document.revision })
      }
      nics.set(placed.id, placed)
      return ok(placed)
    },
    /**
     * The LAN as it is to be; `ipv6CidrBlock`: `AUTO`, a block, null for none, undefined for what it has. NICs in it get
     * and lose IPv6 with it.
     */
    async putLan(id: string, wanted: JsonObject, ipv6CidrBlock: string | null | undefined): Outcome<Lan> {
      const before = ipv6BlockOf(wanted)
      const block = await lanBlock(id, ipv6CidrBlock === undefined ? before : ipv6CidrBlock, before)
      if (!block.ok) return block
      const body = await withIpv4(merged(wanted, { ipv6: block.value }))
      if (!body.ok) return body
      if (block.value !== before) {
        for (const nic of await world.nicsIn(zone.id)) {
          if (lanNumber(nic) !== id) continue
          const blocks = [...nics.values()].flatMap(({ attributes }) => ipv6BlockOf(attributes) ?? [])
          const joined = withIpv6(nic, {}, '', block.value, blocks)
          if (!joined.ok) return joined
          nics.set(nic.id, joined.value)
        }
      }
      return ok(putLan(id, body.value))
    },
    change: () => ({ documents: [...documents.values()], interfaces: [...nics.values()] }),
  }
}
