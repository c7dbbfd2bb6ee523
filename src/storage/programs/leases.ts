/**
 * Addresses and prefixes of pools: set aside, held by what uses them, and kept from others for a while afterwards.
 *
 * Leases never overlap. A holder is an interface (kind `interface`) or a document (its kind and id). What an interface or
 * document has is held in the transaction that writes it, so a pool never gives away what is in use.
 */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { poolKinds } from '../../core/model/pool.ts'
import type { Profile } from '../../core/model/profile.ts'
import { type Family, familyBits, formatAddress, maxAddress } from '../../core/net/address.ts'
import { freeBlocks } from '../../core/net/blocks.ts'
import { formatPrefix, type Prefix, prefixRange } from '../../core/net/prefix.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { type KeyRange, keyOf, keyRange, leasedRange, liesIn, overlap, valueOfKey } from '../lease-keys.ts'
import { leaseColumns, type StoredLease, toLease } from '../rows.ts'
import {
  type Count,
  containing,
  counted,
  insertRows,
  type Program,
  query,
  queryOne,
  type Steps,
} from '../statement.ts'
import type { Actor, NewDocument, PoolRecord, Programs } from '../storage.ts'

/** How long what was set aside waits for the write that uses it, milliseconds. */
export const pendingMs = 10 * 60_000

export interface Holder {
  readonly account: string
  readonly profile: Profile
  /** `interface`, or the kind of a document. */
  readonly kind: string
  readonly id: string
}

/** Name under which the installation keeps the length of a quarantine, milliseconds. */
const quarantine = 'quarantine-ms'

/** Makes this transaction wait for the others, as `nextRevision` does, without a revision of its own. */
function* lock(): Steps<void> {
  yield* query('UPDATE revision SET value = value WHERE id = 1')
}

export function* storedPools(): Steps<readonly PoolRecord[]> {
  const rows = yield* query('SELECT name, body FROM pools ORDER BY name')
  return rows.map((row) => ({ name: String(row.name), ...JSON.parse(String(row.body)) }) as PoolRecord)
}

const inAny = (range: KeyRange, ranges: readonly KeyRange[]): boolean =>
  ranges.some((each) => liesIn(range, each))

/** Whether an address or prefix can be had by naming it, where nobody holds it; undefined: it is in no pool. */
export function canBeHad(pools: readonly PoolRecord[], range: KeyRange): boolean | undefined {
  const around = pools.filter(({ whole }) => whole.some((each) => overlap(range, each)))
  return around.length === 0 ? undefined : around.every(({ ranges }) => inAny(range, ranges))
}

export function* leasesOver({ first, last }: KeyRange): Steps<readonly StoredLease[]> {
  const sql = `SELECT ${leaseColumns} FROM leases WHERE first <= ? AND last >= ? ORDER BY first`
  return (yield* query(sql, last, first)).map(toLease)
}

/** Forgets what nobody waits for any more; pools look there again. */
function* forgetExpired(now: number): Steps<void> {
  const over = yield* query('SELECT account FROM leases WHERE until <= ? AND state = ?', now, 'pending')
  const counts = over.map(({ account }) => heldBy(String(account), -1))
  yield* lookAgain(yield* counted(counts, 'DELETE FROM leases WHERE until <= ? RETURNING first, last', now))
}

/** Those that are held, or set aside, count; those in quarantine are nobody's. */
const heldBy = (account: string, by: number): Count => ({ of: { account }, name: 'addresses', by })
const isCounted = ({ state }: Pick<StoredLease, 'state'>) => state !== 'quarantined'

function* lookAgain(rows: readonly unknown[]): Steps<void> {
  if (rows.length === 0) return
  for (const { name, ranges } of yield* storedPools()) {
    const inside = (rows as readonly KeyRange[]).filter((row) => ranges.some((each) => overlap(row, each)))
    const lowest = inside.map(({ first }) => first).sort()[0]
    if (lowest === undefined) continue
    yield* query('UPDATE pools SET next = ? WHERE name = ? AND next > ?', lowest, name, lowest)
  }
}

export function* takeAddresses(
  { account, profile, wanted }: Programs['takeAddresses']['args'],
  actor: Actor,
): Program<Programs['takeAddresses']['answer']> {
  yield* lock()
  yield* forgetExpired(actor.at)
  const addresses: string[] = []
  const until = actor.at + pendingMs
  const counts = new Map<string, number>()
  for (const { pool, count } of wanted) {
    const before = counts.get(pool) ?? 0
    const taken = yield* takeFrom(pool, count, {
      account,
      profile,
      state: 'pending',
      kind: '',
      id: '',
      until,
    })
    if (!taken.ok) {
      // The transaction ends here, so those taken before are free again.
      return err({ kind: 'pool-empty', pool, left: before + taken.error })
    }
    counts.set(pool, before + count)
    addresses.push(...taken.value)
  }
  return ok({ addresses })
}

/** The error is how many there are, when they are fewer than `count`. */
function* takeFrom(
  name: string,
  count: number,
  lease: Omit<StoredLease, 'first' | 'last' | 'address'>,
): Steps<Result<readonly string[], number>> {
  const row = yield* queryOne('SELECT body, next FROM pools WHERE name = ?', name)
  if (!row) return err(0)
  const { kind, ranges } = JSON.parse(String(row.body)) as Omit<PoolRecord, 'name'>
  const { family, length } = poolKinds[kind]
  const free = yield* freeIn(family, length, ranges, String(row.next), count)
  if (free.length < count) return err(free.length)
  const leased = free.map((prefix) => ({
    ...keyRange(family, prefixRange(prefix)),
    address: length === familyBits[family] ? formatAddress(family, prefix.value) : formatPrefix(prefix),
  }))
  yield* insertLeases(leased, lease)
  // What is free is found from below, so nothing below the last one is.
  yield* query('UPDATE pools SET next = ? WHERE name = ?', leased.at(-1)?.first ?? '', name)
  return ok(leased.map(({ address }) => address))
}

/** Leases read at once. */
const chunk = 500

/** The lowest free ones from a key on; fewer than `count` when there are no more. */
function* freeIn(
  family: Family,
  length: number,
  ranges: readonly KeyRange[],
  from: string,
  count: number,
): Steps<Prefix[]> {
  const values = ranges.map(({ first, last }) => ({ first: valueOfKey(first), last: valueOfKey(last) }))
  const found: Prefix[] = []
  let least = from === '' ? 0n : valueOfKey(from)
  for (;;) {
    const rows = yield* query(
      'SELECT first, last FROM leases WHERE last >= ? AND last <= ? ORDER BY last LIMIT ?',
      ...[keyOf(family, least), keyOf(family, maxAddress[family]), chunk],
    )
    const used = rows.map(({ first, last }) => ({
      first: valueOfKey(String(first)),
      last: valueOfKey(String(last)),
    }))
    // The next look begins after a lease: no free block spans that place.
    const most = rows.length < chunk ? maxAddress[family] : (used.at(-1)?.last ?? 0n)
    const bounded = values.flatMap(({ first, last }) => {
      const range = { first: first < least ? least : first, last: last > most ? most : last }
      return range.first <= range.last ? [range] : []
    })
    found.push(...freeBlocks(family, length, bounded, used, count - found.length))
    if (found.length >= count || rows.length < chunk) return found
    least = most + 1n
  }
}

function* insertLeases(
  ranges: readonly (KeyRange & { readonly address: string })[],
  of: Omit<StoredLease, 'first' | 'last' | 'address'>,
): Steps<void> {
  const rows = ranges.map(({ first, last, address }) => [
    ...[first, last, address, of.account, of.profile, of.state, of.kind, of.id, of.until],
  ])
  yield* insertRows(`leases (${leaseColumns})`, 9, rows, '', [heldBy(of.account, rows.length)])
}

function* hand(lease: StoredLease, { account, profile, kind, id }: Holder): Steps<void> {
  yield* counted(
    [heldBy(account, 1), ...(isCounted(lease) ? [heldBy(lease.account, -1)] : [])],
    "UPDATE leases SET account = ?, profile = ?, state = 'held', kind = ?, id = ?, until = NULL WHERE first = ?",
    ...[account, profile, kind, id, lease.first],
  )
}

const taken = (address: string): Result<never, RequestError> =>
  err({
    kind: 'conflict',
    resource: 'ip-address',
    reason: `the address ${address} is not available`,
    id: address,
  })

/**
 * Holds addresses and prefixes for what has them. `conflict` (ip-address) when one is another account's, in quarantine,
 * excluded from its pool, or another document's; whatever lies in no pool and is nobody's needs no lease.
 */
export function* hold(
  holder: Holder,
  addresses: readonly string[],
  now: number,
): Steps<Result<void, RequestError>> {
  if (addresses.length === 0) return ok(undefined)
  yield* forgetExpired(now)
  const pools = yield* storedPools()
  for (const text of addresses) {
    const range = leasedRange(text)
    const over = yield* leasesOver(range)
    const [lease] = over
    if (!lease) {
      const had = canBeHad(pools, range)
      if (had === false) return taken(text)
      if (had) yield* insertLeases([range], { ...holder, state: 'held', until: null })
      continue
    }
    if (over.length > 1 || lease.account !== holder.account || !liesIn(range, lease)) return taken(text)
    const exact = lease.address === range.address
    if (lease.state !== 'held') {
      if (!exact) return taken(text)
      yield* hand(lease, holder)
    } else if (holder.kind !== 'interface' && !isHeldBy(lease, holder)) {
      // A reservation takes over what an interface has; two reservations of one address cannot be.
      if (!exact || lease.kind !== 'interface') return taken(text)
      yield* hand(lease, holder)
    }
  }
  return ok(undefined)
}

const isHeldBy = (lease: StoredLease, { kind, id }: Pick<Holder, 'kind' | 'id'>): boolean =>
  lease.kind === kind && lease.id === id

/** As `hold`, for the inventory, which is right: it takes what nobody uses, and leaves what another holds to them. */
export function* holdGiven(
  account: string,
  profile: Profile,
  nics: readonly Pick<Interface, 'id' | 'addresses'>[],
  pools: readonly PoolRecord[],
): Steps<void> {
  for (const { id, addresses } of nics) {
    for (const range of addresses.map(leasedRange)) {
      if (!canBeHad(pools, range)) continue
      const over = yield* leasesOver(range)
      if (over.some(({ state }) => state === 'held')) continue
      for (const lease of over) {
        const counts = isCounted(lease) ? [heldBy(lease.account, -1)] : []
        yield* counted(counts, 'DELETE FROM leases WHERE first = ?', lease.first)
      }
      yield* insertLeases([range], { account, profile, state: 'held', kind: 'interface', id, until: null })
    }
  }
}

/**
 * Takes leases from their holders: whatever an interface still has is that interface's, and the rest is kept from others
 * as long as the operator says. Call it when all else is written.
 */
function* giveUp(leases: readonly StoredLease[], now: number): Steps<void> {
  if (leases.length === 0) return
  const users = yield* usersOf(leases)
  const row = yield* queryOne('SELECT value FROM installation WHERE name = ?', quarantine)
  const until = now + Number(row?.value ?? 0)
  for (const lease of leases) {
    const user = users.get(lease.first)
    if (user) yield* hand(lease, user)
    else {
      yield* counted(
        isCounted(lease) ? [heldBy(lease.account, -1)] : [],
        "UPDATE leases SET state = 'quarantined', kind = '', id = '', until = ? WHERE first = ?",
        until,
        lease.first,
      )
    }
  }
  yield* forgetExpired(now)
}

/** Conditions in one statement. */
const maxConditions = 50

/** The first interface that has each address, or one in each prefix, by the lease's first key. */
function* usersOf(leases: readonly StoredLease[]): Steps<ReadonlyMap<string, Holder>> {
  const users = new Map<string, Holder>()
  const select = `SELECT i.id, i.addresses, s.account, s.profile FROM interfaces i JOIN servers s ON s.id = i.server`
  const singles = leases.filter(({ first, last }) => first === last)
  const pages: (readonly [leases: readonly StoredLease[], where: string, params: string[]])[] = []
  for (let from = 0; from < singles.length; from += maxConditions) {
    const page = singles.slice(from, from + maxConditions)
    const where = page.map(() => "i.addresses LIKE ? ESCAPE '\\'").join(' OR ')
    pages.push([page, ` WHERE ${where}`, page.map(({ address }) => containing(JSON.stringify(address)))])
  }
  const prefixes = leases.filter(({ first, last }) => first !== last)
  if (prefixes.length > 0) pages.push([prefixes, '', []])
  for (const [wanted, where, params] of pages) {
    for (const row of yield* query(`${select}${where} ORDER BY i.id`, ...params)) {
      const holder = {
        ...{ account: String(row.account), profile: row.profile as Profile, kind: 'interface' },
        id: String(row.id),
      }
      const ranges = (JSON.parse(String(row.addresses)) as string[]).map(leasedRange)
      for (const lease of wanted) {
        if (!users.has(lease.first) && ranges.some((each) => liesIn(each, lease)))
          users.set(lease.first, holder)
      }
    }
  }
  return users
}

/** All that a holder has now; empty when it is gone. */
type Held = Pick<Holder, 'kind' | 'id'> & { readonly addresses: readonly string[] }

export const gone = (kind: string, ids: readonly string[]): readonly Held[] =>
  ids.map((id) => ({ kind, id, addresses: [] }))

export const goneDocuments = (
  documents: readonly { readonly kind: string; readonly id: string }[],
): readonly Held[] => documents.flatMap(({ kind, id }) => gone(kind, [id]))

/** Takes from holders what they no longer have. */
function* settle(profile: Profile, holders: readonly Held[], now: number): Steps<void> {
  const dropped: StoredLease[] = []
  for (const { kind, id, addresses } of holders) {
    const sql = `SELECT ${leaseColumns} FROM leases WHERE kind = ? AND id = ? AND profile = ?`
    const kept = addresses.map(leasedRange)
    const leases = (yield* query(sql, kind, id, profile)).map(toLease)
    dropped.push(...leases.filter((lease) => !kept.some((range) => liesIn(range, lease))))
  }
  yield* giveUp(dropped, now)
}

/** Those addresses that a document of the account holds, by themselves or in a prefix. */
export function* documentHeld(
  { account, profile }: Pick<Holder, 'account' | 'profile'>,
  addresses: readonly string[],
): Steps<string[]> {
  const held: string[] = []
  for (const address of addresses) {
    const over = yield* leasesOver(leasedRange(address))
    const reserved = over.some((lease) => lease.state === 'held' && lease.kind !== 'interface')
    if (reserved && over.every((lease) => lease.account === account && lease.profile === profile))
      held.push(address)
  }
  return held
}

/** What a transaction did to what can hold addresses. */
export interface Holdings {
  readonly gone?: readonly Held[]
  readonly documents?: readonly Omit<NewDocument, 'body'>[]
  readonly interfaces?: readonly Pick<Interface, 'id' | 'addresses'>[]
  /** Addresses of those interfaces until now: they are theirs whatever pools say. */
  readonly before?: ReadonlyMap<string, readonly string[]>
}

/** Called when all else of a transaction is written. Fails as `hold` does. */
export function* applyHoldings(
  { account, profile }: Pick<Holder, 'account' | 'profile'>,
  { gone = [], documents = [], interfaces = [], before }: Holdings,
  now: number,
): Steps<Result<void, RequestError>> {
  // What is given up here may be taken here.
  yield* settle(profile, gone, now)
  const holders = documents.flatMap(({ kind, id, addresses }) => (addresses ? [{ kind, id, addresses }] : []))
  for (const { kind, id, addresses } of holders) {
    const held = yield* hold({ account, profile, kind, id }, addresses, now)
    if (!held.ok) return held
  }
  const nics = interfaces.map(({ id, addresses }) => ({ kind: 'interface', id, addresses }))
  for (const { kind, id, addresses } of nics) {
    const old = before?.get(id) ?? []
    const added = addresses.filter((address) => !old.includes(address))
    const held = yield* hold({ account, profile, kind, id }, added, now)
    if (!held.ok) return held
  }
  yield* settle(profile, [...holders, ...nics], now)
  return ok(undefined)
}

/** Keeps what was drawn at random, the first one ever; answers that. */
export function* keepDrawn({
  name,
  value,
}: Programs['keepDrawn']['args']): Program<Programs['keepDrawn']['answer']> {
  yield* lock()
  const row = yield* queryOne('SELECT value FROM installation WHERE name = ?', name)
  if (row) return ok({ value: String(row.value), changed: false })
  yield* setInstallation(name, value)
  return ok({ value })
}

export function* setInstallation(name: string, value: string): Steps<void> {
  const sql = `INSERT INTO installation (name, value) VALUES (?, ?)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value`
  yield* query(sql, name, value)
}

/** Addresses of interfaces that lie in a pool are held from now on, so a store from before there were leases has them. */
export function* configurePools(
  { pools, quarantineMs }: Programs['configurePools']['args'],
  actor: Actor,
): Program<Programs['configurePools']['answer']> {
  yield* lock()
  yield* setInstallation(quarantine, String(quarantineMs))
  yield* query('DELETE FROM pools')
  const rows = pools.map(({ name, ...body }) => [name, JSON.stringify(body), ''])
  yield* insertRows('pools (name, body, next)', 3, rows)
  yield* forgetExpired(actor.at)
  const nics = yield* query(
    `SELECT i.id, i.addresses, s.account, s.profile FROM interfaces i JOIN servers s ON s.id = i.server
     WHERE i.addresses <> '[]' ORDER BY i.id`,
  )
  for (const row of nics) {
    const nic = { id: String(row.id), addresses: JSON.parse(String(row.addresses)) as string[] }
    yield* holdGiven(String(row.account), row.profile as Profile, [nic], pools)
  }
  return ok({})
}
