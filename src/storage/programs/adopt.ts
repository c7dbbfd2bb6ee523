/**
 * Guests that a host sees and nobody has: a server is made of each, or an interface added to the one that it has, and put on the
 * device, in one transaction.
 *
 * What was not adopted is never changed: a server is known by the guest that it was made of, not by its id.
 */
import type { RequestError } from '../../core/model/error.ts'
import { mostRefusals } from '../../core/model/sighting.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { leasedRange } from '../lease-keys.ts'
import { containing, type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, Programs, SightingRecord } from '../storage.ts'
import { checkAccount, invalid, nextRevision, record } from './common.ts'
import { dismissed, welcome } from './dismissals.ts'
import { leave, untouched } from './ephemeral.ts'
import { sightingsAt } from './found.ts'
import { isCurrent } from './hosts.ts'
import { addInterface, updateInterface } from './interfaces.ts'
import { canBeHad, storedPools } from './leases.ts'
import { see } from './see.ts'
import { createServer } from './servers.ts'

type Args = Programs['adopt']['args']

export function* adopt(args: Args, actor: Actor): Program<Programs['adopt']['answer']> {
  const { host, session, device, mac, guest, configured, told } = args
  if (!(yield* isCurrent(host, session))) {
    return ok({ current: false, interface: null, claims: [], changed: false })
  }
  const [seen] = yield* sightingsAt([{ host, device }])
  const fault = (yield* forbidden(args, args.credential, actor.at)) ?? wrongDevice(seen, mac)
  if (fault) return err(fault)
  const holder = yield* holderOf(args)
  const again = { ...args, put: [], remove: [], again: [device], settled: false }
  if (holder !== undefined) {
    if (!told) return ok({ current: true, interface: holder, claims: [], changed: false })
    const done = yield* see(again, actor)
    return done.ok ? ok({ ...done.value, interface: holder }) : done
  }
  const deleted = told ? yield* dismissed(args, mac) : undefined
  if (deleted) return err(deleted)
  if (!told) yield* welcome(args, mac)
  const taken = yield* takenOutside(args.account, args.servers[0]?.interfaces[0]?.addresses ?? [])
  if (taken) return err(taken)
  // Where nobody on the host knows the guest's MAC address nothing is found by it: who adopts it says where it is.
  const place = seen?.sought === null ? { host, device } : { host: null, device: null }
  const made = yield* make(args, place, actor)
  if (!made.ok) return made
  const { server, nic, revision } = made.value
  yield* query('UPDATE servers SET guest = ? WHERE id = ?', guest, server)
  yield* query(
    'UPDATE interfaces SET configured = ? WHERE id = ?',
    configured && JSON.stringify(configured),
    nic,
  )
  const done = yield* see(again, actor)
  if (!done.ok) return done
  // Its agent is told by whoever speaks with it, who looks for what it was not told.
  if (!told) {
    yield* query('UPDATE sightings SET interface = NULL WHERE host = ? AND device = ?', host, device)
  }
  const newest = Math.max(revision, done.value.revision ?? 0)
  return ok({ current: true, interface: nic, claims: done.value.claims, revision: newest })
}

/** Another account is refused like one that does not exist. */
function* forbidden(
  { host, account }: Pick<Args, 'host' | 'account'>,
  credential: string | null,
  now: number,
): Steps<RequestError | undefined> {
  if (credential !== null) {
    const sql = `SELECT adopts FROM credentials
      WHERE id = ? AND holder = 'host' AND host = ? AND (expires_at IS NULL OR expires_at > ?)`
    const row = yield* queryOne(sql, credential, host, now)
    const adopts = row && (JSON.parse(String(row.adopts ?? 'null')) as readonly string[] | null)
    if (adopts === undefined || adopts?.includes(account) === false) {
      return { kind: 'forbidden', resource: 'account', id: account }
    }
  }
  const known = yield* checkAccount(account)
  return known.ok ? undefined : known.error
}

function wrongDevice(seen: SightingRecord | undefined, mac: string): RequestError | undefined {
  if (!seen) return invalid('device', 'the host sees no such device')
  const { sought } = seen
  if (sought === null || mac.endsWith(sought)) return undefined
  return invalid('mac', `the host says that it ${seen.mac === null ? 'ends in' : 'is'} ${sought}`)
}

/** Who has the MAC address or is on the device, of whoever it is. */
function* holderOf({ host, device, mac }: Args): Steps<string | undefined> {
  const on = yield* queryOne('SELECT id FROM interfaces WHERE host = ? AND device = ?', host, device)
  const row = on ?? (yield* queryOne('SELECT id FROM interfaces WHERE mac = ?', mac))
  return row && String(row.id)
}

/** The conflict of an address in no pool that an interface of another account has; those in pools are leased. */
function* takenOutside(account: string, addresses: readonly string[]): Steps<RequestError | undefined> {
  const pools = yield* storedPools()
  for (const address of addresses) {
    if (canBeHad(pools, leasedRange(address)) !== undefined) continue
    const row = yield* queryOne(
      `SELECT i.id FROM interfaces i JOIN servers s ON s.id = i.server
       WHERE i.addresses LIKE ? ESCAPE '\\' AND s.account <> ? LIMIT 1`,
      containing(JSON.stringify(address)),
      account,
    )
    const reason = `the address ${address} is not available`
    if (row) return { kind: 'conflict', resource: 'ip-address', reason, id: address }
  }
  return undefined
}

interface Made {
  readonly server: string
  readonly nic: string
  readonly revision: number
}

function* make(
  args: Args,
  place: { readonly host: string | null; readonly device: string | null },
  actor: Actor,
): Steps<Result<Made, RequestError>> {
  const { account, profile, guest, mac, index } = args
  const of = [account, profile, guest] as const
  const own = "FROM servers WHERE account = ? AND profile = ? AND guest = ? AND origin <> 'left'"
  const found = yield* queryOne(`SELECT id ${own}`, ...of)
  if (found) {
    const server = String(found.id)
    const [first] = args.servers
    const [nic] = first?.interfaces ?? []
    if (!first || !nic) throw new Error('what is adopted has an interface')
    const { interfacePolicies } = first
    const ends = args.ephemeral ? yield* untouched([server]) : []
    const done = yield* addInterface(
      {
        ...{ account, profile, server, ownMacs: [mac], index },
        ...{ interface: { ...nic, ...place, server }, ...(interfacePolicies && { interfacePolicies }) },
      },
      actor,
    )
    if (!done.ok) return done
    yield* leave(ends, done.value.revision)
    return ok({ server, nic: nic.id, revision: done.value.revision })
  }
  // One that the inventory had and names no more.
  yield* query('UPDATE servers SET guest = NULL WHERE account = ? AND profile = ? AND guest = ?', ...of)
  const wanted = yield* withFreeId(args.servers)
  const [nic] = wanted.interfaces
  if (!nic) throw new Error('what is adopted has an interface')
  const number = args.number ? yield* freeNumber(profile, args.number) : ok(wanted.server.number)
  if (!number.ok) return number
  const interfaces = [{ ...nic, ...place, index }]
  const server = { ...wanted.server, number: number.value }
  const done = yield* createServer({ ...wanted, server, interfaces, ownMacs: [mac] }, actor)
  if (!done.ok) return done
  if (args.ephemeral) yield* leave([server.id], done.value.revision)
  return ok({ server: server.id, nic: nic.id, revision: done.value.revision })
}

/** The last one, where none is free: making it says so. */
function* withFreeId(servers: Args['servers']): Steps<Args['servers'][number]> {
  for (const each of servers.slice(0, -1)) {
    if (!(yield* queryOne('SELECT id FROM servers WHERE id = ?', each.server.id))) return each
  }
  const last = servers.at(-1)
  if (!last) throw new Error('there is nothing to adopt')
  return last
}

function* freeNumber(
  profile: string,
  { prefer, most }: NonNullable<Args['number']>,
): Steps<Result<number, RequestError>> {
  if (prefer !== null) {
    const taken = yield* queryOne('SELECT id FROM servers WHERE profile = ? AND number = ?', profile, prefer)
    if (!taken) return ok(prefer)
  }
  const row = yield* queryOne('SELECT MAX(number) AS last FROM servers WHERE profile = ?', profile)
  const next = row?.last === null ? firstNumber : Number(row?.last) + 1
  return next <= most
    ? ok(next)
    : err({
        kind: 'conflict',
        resource: 'server',
        reason: `no server of ${profile} can have a higher number`,
      })
}

/** Of a profile that has no servers yet. */
const firstNumber = 10_000

/** Why a device is not adopted, for its host to be told; a host that asks for an account that it may not is told of in the audit, once. */
export function* refuseAdoption(
  { host, session, device, why, account }: Programs['refuseAdoption']['args'],
  actor: Actor,
): Program<Programs['refuseAdoption']['answer']> {
  if (!(yield* isCurrent(host, session))) return ok({ current: false, changed: false })
  const sql = `UPDATE sightings SET why = ? WHERE host = ? AND device = ? AND interface IS NULL
    AND COALESCE(why, '') <> ? RETURNING device`
  const told = yield* queryOne(sql, why, host, device, why)
  if (account === null || !(yield* isFirst(host, account, actor.at))) {
    return ok({ current: true, ...(!told && { changed: false }) })
  }
  const revision = yield* nextRevision()
  yield* record({ ...actor, account: '', actor: `agent of host ${host}` }, revision, {
    ...{ operation: 'adoption.refuse', resource: 'host', id: host, before: null },
    after: { account, device },
  })
  return ok({ current: true, revision })
}

/** A host can name as many as it likes: only so many are remembered, and told. */
function* isFirst(host: string, account: string, at: number): Steps<boolean> {
  const row = yield* queryOne('SELECT COUNT(*) AS n FROM adoption_refusals WHERE host = ?', host)
  if (Number(row?.n) >= mostRefusals) return false
  const sql =
    'INSERT INTO adoption_refusals (host, account, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING host'
  return (yield* queryOne(sql, host, account, at)) !== undefined
}

/** Addresses that the hypervisor has for an adopted interface now, in place of those that it had; what an API gave it stays. */
export function* followConfigured(
  { host, session, credential, interface: id, addresses }: Programs['followConfigured']['args'],
  actor: Actor,
): Program<Programs['followConfigured']['answer']> {
  if (!(yield* isCurrent(host, session))) return ok({ current: false, changed: false })
  const row = yield* queryOne(
    `SELECT i.server, i.addresses, i.configured, s.account, s.profile, s.zone FROM interfaces i JOIN servers s ON s.id = i.server
     WHERE i.id = ? AND i.host = ? AND i.configured IS NOT NULL AND i.bound_by = 'mac' AND s.origin <> 'left'`,
    id,
    host,
  )
  if (!row) return ok({ current: true, changed: false })
  const account = String(row.account)
  const refused = yield* forbidden({ host, account }, credential, actor.at)
  if (refused) return err(refused)
  const [now, before] = [row.addresses, row.configured].map(
    (each) => JSON.parse(String(each)) as string[],
  ) as [string[], string[]]
  const kept = now.filter((each) => !before.includes(each) || addresses.includes(each))
  const wanted = [...kept, ...addresses.filter((each) => !kept.includes(each))]
  const taken = yield* takenOutside(
    account,
    addresses.filter((each) => !now.includes(each)),
  )
  if (taken) return err(taken)
  const left = yield* untouched([String(row.server)])
  const change = { addresses: wanted }
  const target = { account, profile: String(row.profile), server: String(row.server), interface: id, change }
  const done = yield* updateInterface(target, { ...actor, account })
  if (!done.ok) return done
  yield* leave(left, done.value.revision)
  const configured = JSON.stringify(addresses)
  yield* query('UPDATE interfaces SET configured = ? WHERE id = ?', configured, id)
  const changed = done.value.changed !== false || configured !== row.configured
  return ok({
    current: true,
    ...(done.value.changed !== false && { revision: done.value.revision }),
    ...(!changed && { changed }),
  })
}
