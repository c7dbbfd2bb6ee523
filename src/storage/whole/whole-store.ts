/**
 * A store as a whole, for commands that keep, replace or check all of it: no programs, no caches, no migration at the start.
 *
 * Reading is one snapshot, beside a service that goes on writing. Replacing is one transaction, and no service may use it.
 */
import type { Engine } from '../migrations/engine.ts'
import type { Row, SqlValue, Steps } from '../statement.ts'

export interface WholeStore {
  readonly engine: Engine
  drive<T>(steps: Steps<T>): Promise<T>
  /** Rows as they come, in lots: memory does not grow with the table. Nothing else may be asked meanwhile. */
  scan(sql: string, ...params: SqlValue[]): AsyncIterable<readonly Row[]>
}

/** The directory of an embedded store, or the URL of a database. */
export type Place = { readonly directory: string } | { readonly url: string }

/** Why a command refuses to go on: one line for whoever called it. Nothing has been changed. */
export class Refused extends Error {
  override readonly name = 'Refused'
}

/** Why it could not even be tried: there is no store, or no way to it. */
export class Untried extends Error {
  override readonly name = 'Untried'
}

export interface WholeStores {
  /** Work in one snapshot. Rejects with `Untried` when there is no store. */
  read<T>(work: (store: WholeStore) => Promise<T>): Promise<T>
  /** Work in one transaction that is kept when it resolves. Rejects with `Refused` when a service uses the store. */
  replace<T>(work: (store: WholeStore) => Promise<T>): Promise<T>
}

/** The engine's libraries are loaded when they are needed. */
export async function wholeStores(place: Place): Promise<WholeStores> {
  return 'url' in place
    ? (await import('./whole-postgresql.ts')).wholePostgresql(place.url)
    : (await import('./whole-sqlite.ts')).wholeSqlite(place.directory)
}
