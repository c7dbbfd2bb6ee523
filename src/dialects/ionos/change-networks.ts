/**
 * The networks of a datacenter within one change: its /56, the /64 and /24 of its LANs, and the NICs' blocks and addresses.
 *
 * LANs and NICs are read once and written once. Addresses of pools come from the address service (`pool-addresses.ts`);
 * blocks inside the datacenter's own are chosen here, and the revision of the zone guards the choice.
 */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import type { PoolKind } from '../../core/model/pool.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord, ZoneChange } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { freeBlock, freeHost, ipv6Block, isIpv6, within } from './addresses.ts'
import { authored, authorshipOf } from './authorship.ts'
import { lostWith, type NewNic, refuseForeign, withIpv6, withProperties } from './change-nic.ts'
import { ipBlocks } from './contract-resources.ts'
import { impossible } from './errors.ts'
import { merged } from './fields.ts'
import type { Take } from './pool-addresses.ts'
import { datacenterBlockOf, ipv4BlockOf, ipv6BlockOf, type Lan, lanNumber } from './records.ts'
import type { Call } from './resources.ts'
import { profile } from './wire.ts'

type Outcome<T> = Promise<Result<T, RequestError>>
type Put = NonNullable<NonNullable<ZoneChange['documents']>['put']>[number]

/** Refuses an address that the store would refuse, before any other is allocated for the same request. */
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

/** `zone`: the datacenter as stored. */
export function createNetworks({ request, loader }: Call, zone: DocumentRecord, takes: Take) {
  const take = (pool: PoolKind) => takes(pool, zone.body.location)
  const { account } = request.principal
  const lans = new Map<string, Lan>()
  const nics = new Map<string, Interface>()
  const documents = new Map<string, Put>()
  let block56 = datacenterBlockOf(zone.body)

  const put = (document: Put) => documents.set(`${document.kind} ${document.id}`, document)

  function putLan(id: string, body: JsonObject): Lan {
    const old = body.meta === undefined ? undefined : authorshipOf(body.meta, '', 0)
    const lan = { id, body: { ...body, meta: authored(request, old) } }
    const ipv4 = ipv4BlockOf(body)
    const addresses = ipv4 === null ? [] : [ipv4]
    put({ account, profile, kind: 'lan', id: `${zone.id}/${id}`, body: lan.body, addresses })
    lans.set(id, lan)
    return lan
  }

  /** With a /24 if it is private and has none. */
  const withIpv4 = (body: JsonObject): JsonObject =>
    body.public === true || ipv4BlockOf(body) !== null ? body : { ...body, ipv4: take('lan-ipv4') }

  /** A NIC creates its LAN if there is none; a LAN that only NICs name gets a document. */
  async function lanOf(id: string): Promise<Lan> {
    const known = lans.get(id)
    if (known) return known
    const [found] = await loader.lansOf(zone.id, [id])
    if (found?.body.meta !== undefined) {
      lans.set(id, found)
      return found
    }
    return putLan(id, found ? found.body : withIpv4({}))
  }

  /** All other NICs of the datacenter as this change leaves them. */
  async function others(than: string): Promise<readonly Interface[]> {
    const unchanged = (await loader.nicsIn(zone.id)).filter(({ id }) => id !== than && !nics.has(id))
    return [...unchanged, ...[...nics.values()].filter(({ id }) => id !== than)]
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

  /** The LAN's new /64. `wanted`: `AUTO`, a block, or null for none. */
  async function lanBlock(id: string, wanted: string | null, before: string | null): Outcome<string | null> {
    if (wanted === null || (wanted === 'AUTO' && before !== null)) return ok(wanted && before)
    // The client cannot know a block that is not allocated yet.
    if (wanted !== 'AUTO' && block56 === null)
      return err(impossible(`${wanted} lies outside the datacenter, which has no IPv6 block yet`))
    const parent = datacenterBlock()
    const taken = (await loader.lansIn(zone.id)).flatMap((lan) => {
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

  /** Puts the NIC with the given properties in its LAN; `old`: the NIC before an update. `at`: where they are in the body. */
  async function join(nic: Interface, wanted: JsonObject, at: string, old?: Interface): Outcome<Interface> {
    const lan = await lanOf(String(wanted.lan ?? lanNumber(nic)))
    const six = ipv6BlockOf(lan.body)
    // Terraform writes null for what its user does not set, and expects to read that.
    const given = !old && six !== null ? { dhcpv6: true, ...wanted } : wanted
    const listed = Array.isArray(given.ips) && given.ips.length > 0
    const reserved = listed ? await ipBlocks(request) : []
    const foreign = refuseForeign(nic, given, at, { lan, reserved })
    if (foreign) return err(foreign)
    const blocks =
      six === null ? [] : (await others(nic.id)).flatMap(({ attributes }) => ipv6BlockOf(attributes) ?? [])
    const joined = withIpv6(withProperties(nic, given, lan, reserved), given, at, six, blocks)
    if (!joined.ok) return joined
    let next = joined.value
    const refused = await unavailable(request, next.addresses, nic.addresses)
    if (refused) return err(refused)
    const from = old && lanNumber(old) !== lan.id ? await loader.lansOf(zone.id, [lanNumber(old)]) : []
    const lost = listed ? [] : lostWith(next, from[0])
    const kept = next.addresses.filter((address) => !lost.includes(address))
    const needed =
      lost.length > 0 || (!old && !kept.some((address) => !isIpv6(address))) ? Math.max(1, lost.length) : 0
    next = { ...next, addresses: kept }
    for (let count = 0; count < needed; count++) {
      nics.set(next.id, next)
      const address = await automaticIpv4(next, await lanOf(lan.id))
      if (!address.ok) return address
      next = { ...next, addresses: [address.value, ...next.addresses] }
    }
    for (const block of reserved) {
      // The condition makes a concurrent deletion of the block decide again.
      const gained = block.ips.some((ip) => next.addresses.includes(ip) && !nic.addresses.includes(ip))
      if (gained) put({ ...block.document, ifRevision: block.document.revision })
    }
    nics.set(next.id, next)
    return ok(next)
  }

  return {
    join,
    /** As `join`, for NICs to create, in order. */
    async joinAll(created: readonly NewNic[]): Outcome<readonly Interface[]> {
      const joined: Interface[] = []
      for (const { nic, properties, at } of created) {
        const result = await join(nic, properties, at)
        if (!result.ok) return result
        joined.push(result.value)
      }
      return ok(joined)
    },
    /**
     * Writes the LAN with these properties; `ipv6CidrBlock`: `AUTO`, a block, null for none, undefined for its present one.
     * Its NICs gain and lose IPv6 with it.
     */
    async putLan(id: string, wanted: JsonObject, ipv6CidrBlock: string | null | undefined): Outcome<Lan> {
      const before = ipv6BlockOf(wanted)
      const block = await lanBlock(id, ipv6CidrBlock === undefined ? before : ipv6CidrBlock, before)
      if (!block.ok) return block
      const body = withIpv4(merged(wanted, { ipv6: block.value }))
      if (block.value !== before) {
        for (const nic of await loader.nicsIn(zone.id)) {
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
