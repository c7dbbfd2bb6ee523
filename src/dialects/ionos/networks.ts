/**
 * The networks of a datacenter within one change: its /56, the /64 and /24 of its LANs, and what NICs have of them.
 *
 * LANs and NICs are read once and written once. Addresses of pools are set aside by the address service and kept by the
 * change; what lies inside the datacenter's own blocks is chosen here, and the revision of the zone guards the choice.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/inventory.ts'
import type { PoolKind } from '../../core/model/pool.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { Context } from '../../service/context.ts'
import type { ZoneDecision } from '../../service/services.ts'
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

/** An address or block of a pool, for a datacenter in this location. */
export type Take = (pool: PoolKind, location: JsonValue | undefined) => string

/** Stand for what is not set aside yet; clients cannot be given these. */
const placeholders: Readonly<Partial<Record<PoolKind, string>>> = {
  'public-ipv4': '0.0.0.0',
  'lan-ipv4': '0.0.0.0/24',
  'datacenter-ipv6': '::/56',
}

/**
 * Changes a datacenter by a decision that needs addresses of pools. The decision is first made with placeholders; only one
 * that stands has its addresses set aside, all at once, and is made again with them: a refused request keeps none aside.
 * After an attempt that somebody else overtook, the next gets the same addresses.
 */
export function changeDatacenter(
  request: DialectRequest,
  context: Context,
  id: string,
  decide: (there: DocumentRecord | undefined, take: Take) => Outcome<ZoneDecision>,
): Outcome<void> {
  const { addresses, zones } = request.services
  const known = new Map<PoolKind, string[]>()
  return zones.change(context, profile, id, async (there) => {
    for (;;) {
      const used = new Map<PoolKind, number>()
      const missing: { readonly pool: PoolKind; readonly zone?: string }[] = []
      const decided = await decide(there, (pool, zone) => {
        const index = used.get(pool) ?? 0
        used.set(pool, index + 1)
        const address = known.get(pool)?.[index]
        if (address === undefined) missing.push({ pool, ...(typeof zone === 'string' && { zone }) })
        return address ?? placeholders[pool] ?? ''
      })
      if (!decided.ok || missing.length === 0) return decided
      const taken = await addresses.take(request, profile, ...missing)
      if (!taken.ok) return taken
      for (const [index, { pool }] of missing.entries())
        known.set(pool, [...(known.get(pool) ?? []), taken.value[index] ?? ''])
    }
  })
}

/** Refuses an address that the store would refuse, before any other is set aside for the same request. */
async function unavailable(
  request: DialectRequest,
  addresses: readonly string[],
  before: readonly string[],
): Promise<RequestError | undefined> {
  for (const address of addresses) {
    if (before.includes(address)) continue
    if ((await request.services.addresses.holding(request, address)) === 'taken')
      return impossible(`the address ${address} is not available`)
  }
  return undefined
}

export type Networks = ReturnType<typeof createNetworks>

export function createNetworks(request: DialectRequest, world: World, zone: DocumentRecord, takes: Take) {
  const take = (pool: PoolKind) => takes(pool, zone.body.location)
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
  const withIpv4 = (body: JsonObject): JsonObject =>
    body.public === true || ipv4BlockOf(body) !== null ? body : { ...body, ipv4: take('lan-ipv4') }

  /** A NIC in a LAN that is not there makes it; one that only NICs speak of is written down. */
  async function lanOf(id: string): Promise<Lan> {
    const known = lans.get(id)
    if (known) return known
    const [found] = await world.lansOf(zone.id, [id])
    if (found?.body.meta !== undefined) {
      lans.set(id, found)
      return found
    }
    return putLan(id, found ? found.body : withIpv4({}))
  }

  /** All NICs of the datacenter as this change leaves them, one excepted. */
  async function others(than: string): Promise<readonly Interface[]> {
    const there = (await world.nicsIn(zone.id)).filter(({ id }) => id !== than && !nics.has(id))
    return [...there, ...[...nics.values()].filter(({ id }) => id !== than)]
  }

  async function automaticIpv4(nic: Interface, lan: Lan): Outcome<string> {
    if (lan.body.public === true) return ok(take('public-ipv4'))
    const body = withIpv4(lan.body)
    const { ipv4: block } = body
    if (block !== lan.body.ipv4) putLan(lan.id, body)
    const used = (await others(nic.id)).filter((each) => lanNumber(each) === lan.id)
    const host = freeHost(
      String(block),
      used.flatMap((each) => each.addresses),
    )
    return host === undefined ? err(impossible(`LAN ${lan.id} has no address left`)) : ok(host)
  }

  function datacenterBlock(): string {
    if (block56 !== null) return block56
    block56 = take('datacenter-ipv6')
    const { revision: _, ...document } = zone
    put({ ...document, body: { ...zone.body, ipv6CidrBlock: block56 }, addresses: [block56] })
    return block56
  }

  /** The /64 that a LAN is to have. `wanted`: `AUTO`, a block, or null for none. */
  async function lanBlock(id: string, wanted: string | null, before: string | null): Outcome<string | null> {
    if (wanted === null || (wanted === 'AUTO' && before !== null)) return ok(wanted && before)
    // Nobody can know what lies in a block that is yet to be set aside.
    if (wanted !== 'AUTO' && block56 === null)
      return err(impossible(`${wanted} lies outside the datacenter, which has no IPv6 block yet`))
    const parent = datacenterBlock()
    const taken = (await world.lansIn(zone.id)).flatMap((lan) => {
      const block = lan.id === id ? null : ipv6BlockOf(lan.body)
      return block === null ? [] : [block]
    })
    if (wanted === 'AUTO') {
      const free = freeBlock(parent, 64, taken)
      return free === undefined ? err(impossible('the datacenter has no IPv6 block left')) : ok(free)
    }
    const block = ipv6Block(wanted, 64) ?? wanted
    if (!within(parent, block))
      return err(impossible(`${block} lies outside the datacenter's block ${parent}`))
    return taken.includes(block) ? err(impossible(`${block} belongs to another LAN`)) : ok(block)
  }

  return {
    /** The NIC with the properties that are given; `old` is what they change. `at` is where they are in the request. */
    async place(nic: Interface, wanted: JsonObject, at: string, old?: Interface): Outcome<Interface> {
      const lan = await lanOf(String(wanted.lan ?? lanNumber(nic)))
      const six = ipv6BlockOf(lan.body)
      // Terraform writes null for what its user does not set, and expects to read that.
      const given = !old && six !== null ? { dhcpv6: true, ...wanted } : wanted
      const listed = Array.isArray(given.ips) && given.ips.length > 0
      const reserved = listed ? await ipBlocks(request) : []
      const foreign = notOurs(nic, given, at, { lan, reserved })
      if (foreign) return err(foreign)
      const blocks =
        six === null ? [] : (await others(nic.id)).flatMap(({ attributes }) => ipv6BlockOf(attributes) ?? [])
      const joined = withIpv6(nicIn(nic, given, lan, reserved), given, at, six, blocks)
      if (!joined.ok) return joined
      let placed = joined.value
      const refused = await unavailable(request, placed.addresses, nic.addresses)
      if (refused) return err(refused)
      const from = old && lanNumber(old) !== lan.id ? await world.lansOf(zone.id, [lanNumber(old)]) : []
      const lost = listed ? [] : moved(placed, from[0])
      const kept = placed.addresses.filter((address) => !lost.includes(address))
      const needed =
        lost.length > 0 || (!old && !kept.some((address) => !isIpv6(address))) ? Math.max(1, lost.length) : 0
      placed = { ...placed, addresses: kept }
      for (let count = 0; count < needed; count++) {
        nics.set(placed.id, placed)
        const address = await automaticIpv4(placed, await lanOf(lan.id))
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
      const body = withIpv4(merged(wanted, { ipv6: block.value }))
      if (block.value !== before) {
        for (const nic of await world.nicsIn(zone.id)) {
          if (lanNumber(nic) !== id) continue
          const blocks = [...nics.values()].flatMap(({ attributes }) => ipv6BlockOf(attributes) ?? [])
          const joined = withIpv6(nic, {}, '', block.value, blocks)
          if (!joined.ok) return joined
          nics.set(nic.id, joined.value)
        }
      }
      return ok(putLan(id, body))
    },
    change: () => ({ documents: [...documents.values()], interfaces: [...nics.values()] }),
  }
}
