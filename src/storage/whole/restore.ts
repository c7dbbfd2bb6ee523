/**
 * Fills a store from a backup, in one transaction, with a schema of the backup's version that is then migrated forward.
 *
 * The store that the backup is of may have gone on after it, and agents, clients and other processes know revisions that
 * the backup does not have. None of them may take what they know for what is restored (decision 0053): the restored store
 * goes on from a revision that no other ever had, and everything is of that revision.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import { migrate, migrations } from '../migrations/migrate.ts'
import { departuresSince } from '../placements.ts'
import { record } from '../programs/common.ts'
import { insertRows, query, queryOne, type Steps } from '../statement.ts'
import { type End, type Header, type RowLine, readBackup } from './backup-format.ts'
import { kept, leftOut, readSchema, readTables, type Schema } from './tables.ts'
import { Refused, type WholeStore } from './whole-store.ts'

export interface RestoreOptions {
  /** Replaces a store that is not empty. */
  readonly replace: boolean
  /** Milliseconds since 1970. */
  readonly at: number
  /** Hears of each table that is done. */
  readonly told?: (table: string, rows: number) => void
}

export interface Restored {
  /** Of the restored store. */
  readonly revision: number
  /** Whether a store was replaced that was not empty. */
  readonly replaced: boolean
}

/** Reads all of a backup; throws with `Refused` where it is not whole, or cannot be restored by this program. */
export async function verifyBackup(bytes: AsyncIterable<Buffer>): Promise<{ header: Header; end: End }> {
  let header: Header | undefined
  let end: End | undefined
  // To the end of the bytes, and not only to its own.
  for await (const part of readBackup(bytes)) {
    if (part.kind === 'header') {
      header = part.header
      checkSchema(header)
    } else if (part.kind === 'end') end = part.end
  }
  if (!header || !end) throw new Refused('the backup is empty')
  return { header, end }
}

function checkSchema({ schema, migrations: names }: Header): void {
  if (schema > migrations.length) {
    throw new Refused(
      `the backup has schema version ${schema}, this program knows ${migrations.length}: run a newer version`,
    )
  }
  const other = names.findIndex((name, index) => name !== migrations[index]?.name)
  if (other < 0) return
  throw new Refused(
    `migration ${other + 1} of the backup is ${names[other]}, this program’s is ${migrations[other]?.name}: run the program that wrote it`,
  )
}

/** `store` is one transaction of its own, and `bytes` a backup that was verified; what changed since is found, too. */
export async function restore(
  store: WholeStore,
  bytes: AsyncIterable<Buffer>,
  { replace, at, told = () => {} }: RestoreOptions,
): Promise<Restored> {
  const old = await store.drive(readSchema(store.engine))
  const was = old && (await store.drive(queryOne('SELECT value FROM revision WHERE id = 1')))
  const before = Number(was?.value ?? 0)
  if (before > 0 && !replace) {
    throw new Refused('the store is not empty: --replace replaces all that is in it')
  }
  let header: Header | undefined
  let schema: Schema['tables'] = new Map()
  let table: { name: string; columns: readonly string[]; rows: number } | undefined
  let lot: RowLine[] = []
  const filled = new Set<string>()

  async function insert(): Promise<void> {
    if (!table || lot.length === 0) return
    await store.drive(insertRows(`${table.name} (${table.columns.join(', ')})`, table.columns.length, lot))
    table.rows += lot.length
    lot = []
  }
  async function endTable(): Promise<void> {
    await insert()
    if (table) told(table.name, table.rows)
  }

  for await (const part of readBackup(bytes)) {
    if (part.kind === 'row') {
      lot.push(part.row)
      if (lot.length >= rowsPerLot) await insert()
    } else if (part.kind === 'table') {
      await endTable()
      const columns = schema.get(part.table)
      const same = columns && isSameSet(columns, part.columns) && part.table in leftOut === false
      if (!same) throw new Refused(`the backup’s table ${part.table} is none of its schema`)
      table = { name: part.table, columns: part.columns, rows: 0 }
      filled.add(part.table)
    } else if (part.kind === 'header') {
      header = part.header
      checkSchema(header)
      await store.drive(prepare(store, header.schema, at))
      schema = await store.drive(readTables(store.engine))
    } else {
      await endTable()
    }
  }
  if (!header) throw new Refused('the backup is empty')
  const missing = kept.find(({ name }) => schema.has(name) && !filled.has(name))
  if (missing) throw new Refused(`the backup has no table ${missing.name}`)
  const revision = revisionAfter(header, before, at)
  await store.drive(migrate(store.engine, { at }))
  await store.drive(goOn(header, revision, at))
  return { revision, replaced: before > 0 }
}

/** As statements take. */
const rowsPerLot = 200

const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each) => b.includes(each))

/** Ends what there is, and makes empty tables. */
function* prepare({ engine }: WholeStore, version: number, at: number): Steps<void> {
  const there = yield* readTables(engine)
  // In a database that is not ours alone others have theirs.
  const ours = [...Object.keys(leftOut), ...kept.map(({ name }) => name)].toReversed()
  for (const name of ours) if (there.has(name)) yield* query(`DROP TABLE ${name}`)
  yield* migrate(engine, { to: version, at })
  // Migrations begin with some rows.
  const made = yield* readTables(engine)
  for (const { name } of kept.toReversed()) if (made.has(name)) yield* query(`DELETE FROM ${name}`)
}

/** No store commits more in a millisecond, by far. */
const mostPerMs = 10
/** For clocks that were set back. */
const margin = 1_000_000

/**
 * Above every revision that the store had after the backup, wherever it went on, and above what an earlier restore of the
 * backup went on to: that one began lower by the time between the two.
 */
export const revisionAfter = (
  { revision, at }: Pick<Header, 'revision' | 'at'>,
  before: number,
  now: number,
): number => Math.max(revision + margin + mostPerMs * Math.max(now - at, 0), before + 1)

/** Makes all there is new at this revision. */
function* goOn(header: Header, revision: number, at: number): Steps<void> {
  yield* query('UPDATE revision SET value = ? WHERE id = 1', revision)
  for (const table of kept) {
    if (table.revision === 'last') yield* query(`UPDATE ${table.name} SET revision = ?`, revision)
  }
  // Whoever asks what has changed since an earlier revision is told everything.
  yield* query('UPDATE installation SET value = ? WHERE name = ?', String(revision), departuresSince)
  for (const row of yield* query('SELECT host, status FROM hosts')) {
    yield* query('UPDATE hosts SET status = ? WHERE host = ?', unheard(String(row.status)), String(row.host))
  }
  const by = { account: '', actor: 'restore', dialect: 'system', requestId: '', at } as const
  const { migrations: _, ...of } = header
  const after = { ...of, at: new Date(header.at).toISOString() }
  yield* record(by, revision, { operation: 'store.restore', resource: 'store', id: '', before: null, after })
}

/** What is in force there nobody knows until its agent speaks: it may be of what came after the backup. */
function unheard(status: string): string {
  const said = JSON.parse(status) as JsonValue
  const revisions = { desiredRevision: null, appliedRevision: null }
  const usual = { appliedRevision: null, state: 'applying', error: null, notes: [] }
  const rest: JsonObject = isObject(said) ? said : {}
  return JSON.stringify({ ...rest, ...revisions, state: 'starting', error: null, usual })
}
