/** Brings a store to this version's schema: forward only, in one transaction, at every start. */
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
import type { Engine } from './engine.ts'

/** In order; a released one is never edited. */
const migrations: readonly ((engine: Engine) => readonly string[])[] = [
  initial,
  senders,
  statusesAndHistory,
  origins,
  includedPolicies,
  names,
  limits,
  frames,
  leases,
  volumes,
  departures,
  counts,
  logLevels,
]

/** Throws when the store was written by a newer version: guessing at its meaning could lose rules. */
export function* migrate(engine: Engine): Steps<void> {
  yield* query('CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)')
  const version = Number((yield* query('SELECT version FROM schema_version'))[0]?.version ?? 0)
  if (version > migrations.length) {
    throw new Error(
      `the store has schema version ${version}, this program knows ${migrations.length}: run a newer version`,
    )
  }
  if (version === migrations.length) return
  for (const migration of migrations.slice(version)) {
    for (const sql of migration(engine)) yield* query(sql)
  }
  yield* query('DELETE FROM schema_version')
  yield* query('INSERT INTO schema_version (version) VALUES (?)', migrations.length)
}
