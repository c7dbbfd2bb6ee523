/**
 * Brings a store to this version's schema: forward only, in one transaction, at every start. The store records what was done
 * to it, and what it records is compared with what this program would do.
 */
import { createHash } from 'node:crypto'
import { query, type Steps } from '../statement.ts'
import { initial } from './0001-initial.ts'
import { senders } from './0002-senders.ts'
import { statusesAndHistory } from './0003-statuses-and-history.ts'
import { origins } from './0004-origins.ts'
import { includedPolicies } from './0005-included-policies.ts'
import { names } from './0006-names.ts'
import { limits } from './0007-limits.ts'
import { frames } from './0008-frames.ts'
import { leases } from './0009-leases.ts'
import { volumes } from './0012-volumes.ts'
import { departures } from './0013-departures.ts'
import { counts } from './0014-counts.ts'
import { logLevels } from './0015-log-levels.ts'
import { operators } from './0016-operators.ts'
import { usage } from './0017-usage.ts'
import { policyPast } from './0018-policy-past.ts'
import { actingCredentials } from './0021-acting-credentials.ts'
import { pages } from './0022-pages.ts'
import { attachments } from './0023-attachments.ts'
import { lookups } from './0025-lookups.ts'
import { hostSessions } from './0027-host-sessions.ts'
import { holdersInIds } from './0028-holders-in-ids.ts'
import { sightings } from './0029-sightings.ts'
import { adoption } from './0030-adoption.ts'
import { endedGuests } from './0031-ended-guests.ts'
import type { Engine } from './engine.ts'

export interface Migration {
  /** Of its file; unique. */
  readonly name: string
  readonly statements: (engine: Engine) => readonly string[]
}

/** In order; a released one is never edited, and a test knows their checksums. A schema's version is how many made it. */
export const migrations: readonly Migration[] = [
  { name: '0001-initial', statements: initial },
  { name: '0002-senders', statements: senders },
  { name: '0003-statuses-and-history', statements: statusesAndHistory },
  { name: '0004-origins', statements: origins },
  { name: '0005-included-policies', statements: includedPolicies },
  { name: '0006-names', statements: names },
  { name: '0007-limits', statements: limits },
  { name: '0008-frames', statements: frames },
  { name: '0009-leases', statements: leases },
  { name: '0012-volumes', statements: volumes },
  { name: '0013-departures', statements: departures },
  { name: '0014-counts', statements: counts },
  { name: '0015-log-levels', statements: logLevels },
  { name: '0016-operators', statements: operators },
  { name: '0023-attachments', statements: attachments },
  { name: '0017-usage', statements: usage },
  { name: '0018-policy-past', statements: policyPast },
  { name: '0022-pages', statements: pages },
  { name: '0021-acting-credentials', statements: actingCredentials },
  { name: '0025-lookups', statements: lookups },
  { name: '0027-host-sessions', statements: hostSessions },
  { name: '0028-holders-in-ids', statements: holdersInIds },
  { name: '0030-adoption', statements: adoption },
  { name: '0031-ended-guests', statements: endedGuests },
  { name: '0029-sightings', statements: sightings },
]

/** SHA-256 of the statements for an engine, in hexadecimal digits: what a store records of a migration. */
export const checksumOf = ({ statements }: Migration, engine: Engine): string =>
  createHash('sha256').update(statements(engine).join(';\n')).digest('hex')

interface MigrateOptions {
  /** Version of the schema to end with, for a backup of an older one; absent: this program's. */
  readonly to?: number
  /** Milliseconds since 1970. */
  readonly at?: number
}

/**
 * Throws when the store was written by a newer version, or by a program whose migrations were others: guessing at its
 * meaning could lose rules. Stores of before migrations were recorded are taken for what their version says.
 */
export function* migrate(
  engine: Engine,
  { to = migrations.length, at = Date.now() }: MigrateOptions = {},
): Steps<void> {
  yield* query('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
  // No time: it was applied before such times were recorded.
  yield* query(`CREATE TABLE IF NOT EXISTS migrations (
    version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT)`)
  const version = yield* recordedVersion(engine)
  const recorded = (yield* query('SELECT version FROM migrations')).map((row) => Number(row.version))
  for (const [index, migration] of migrations.entries()) {
    const number = index + 1
    if (number > Math.max(version, to) || recorded.includes(number)) continue
    if (number > version) for (const sql of migration.statements(engine)) yield* query(sql)
    yield* query(
      'INSERT INTO migrations (version, name, checksum, applied_at) VALUES (?, ?, ?, ?)',
      ...[number, migration.name, checksumOf(migration, engine), number > version ? at : null],
    )
  }
  if (version >= to) return
  yield* query('DELETE FROM schema_version')
  yield* query('INSERT INTO schema_version (version) VALUES (?)', to)
}

/** Throws unless the store has this program's schema. Writes nothing. */
export function* requireCurrent(engine: Engine): Steps<void> {
  const version = yield* recordedVersion(engine)
  if (version < migrations.length) {
    throw new Error(
      `the store has schema version ${version}, this program’s is ${migrations.length}: another process of an older version uses it`,
    )
  }
}

/** The version of a store's schema; throws as `migrate`. Writes nothing. `records`: whether it has the table `migrations`. */
export function* recordedVersion(engine: Engine, records = true): Steps<number> {
  const version = Number((yield* query('SELECT version FROM schema_version'))[0]?.version ?? 0)
  const recorded = records
    ? yield* query('SELECT version, name, checksum FROM migrations ORDER BY version')
    : []
  const newest = Math.max(version, Number(recorded.at(-1)?.version ?? 0))
  if (newest > migrations.length) {
    const unknown = recorded.find((row) => Number(row.version) > migrations.length)
    const named = unknown ? ` (${unknown.name})` : ''
    throw new Error(
      `the store has schema version ${newest}${named}, this program knows ${migrations.length}: run a newer version`,
    )
  }
  for (const row of recorded) {
    const known = migrations[Number(row.version) - 1]
    const checksum = known && checksumOf(known, engine)
    if (known?.name === row.name && checksum === row.checksum && Number(row.version) <= version) continue
    throw new Error(
      `migration ${row.version} of the store is ${row.name} (${brief(row.checksum)}), this program’s is ${known?.name} (${brief(checksum)}): run the program that wrote it`,
    )
  }
  return version
}

/** Enough of a checksum to tell two apart. */
const brief = (checksum: unknown): string => String(checksum).slice(0, 12)
