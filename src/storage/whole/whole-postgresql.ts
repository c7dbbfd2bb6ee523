/** A PostgreSQL store as a whole, on one connection without the time limits of a service. */
import pg from 'pg'
import { drive, migrationLock, types, useLock } from '../postgresql.ts'
import { destroy } from '../postgresql-connections.ts'
import type { Row } from '../statement.ts'
import { Refused, Untried, type WholeStore, type WholeStores } from './whole-store.ts'

/** In one lot. */
const rowsPerLot = 500
/** Milliseconds. */
const times = { connect: 5000, keepAlive: 5000 }

export function wholePostgresql(url: string): WholeStores {
  /** The transaction is kept when the work resolves. */
  async function within<T>(begin: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
    const client = new pg.Client({
      connectionString: url,
      types,
      connectionTimeoutMillis: times.connect,
      keepAlive: true,
      keepAliveInitialDelayMillis: times.keepAlive,
      application_name: 'portcullis-whole',
    })
    // Whoever waits for an answer is told; nobody else needs to be.
    client.on('error', () => {})
    try {
      await client.connect()
    } catch (error) {
      destroy(client)
      throw new Untried('the database cannot be reached', { cause: error })
    }
    try {
      await client.query(begin)
      // What takes its time is not ended for it.
      await client.query('SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0')
      const value = await work(client)
      await client.query('COMMIT')
      await client.end()
      return value
    } catch (error) {
      // The server rolls back.
      destroy(client)
      throw error
    }
  }
  return {
    read: (work) =>
      within('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY', (client) => work(wholeOf(client))),
    replace: (work) =>
      within('BEGIN', async (client) => {
        // A service that starts meanwhile waits, and finds what is restored.
        await client.query('SELECT pg_advisory_xact_lock($1)', [migrationLock])
        const { rows } = await client.query('SELECT pg_try_advisory_xact_lock($1) AS alone', [useLock])
        if (rows[0]?.alone !== true) throw new Refused(`a service uses the database${await users(client)}`)
        return work(wholeOf(client))
      }),
  }
}

/** From where, as far as the user may know. */
async function users(client: pg.Client): Promise<string> {
  const { rows } = await client.query(
    `SELECT DISTINCT a.pid, host(a.client_addr) AS address FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
     WHERE l.locktype = 'advisory' AND l.granted AND l.objid = $1
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
    [useLock],
  )
  const named = rows.map(({ pid, address }) => `${address ?? 'this machine'}, server process ${pid}`)
  return `${named.length > 0 ? ` (${named.join('; ')})` : ''}: stop it first`
}

const wholeOf = (client: pg.Client): WholeStore => ({
  engine: 'postgresql',
  drive: (steps) => drive(client, steps),
  async *scan(sql, ...params) {
    let number = 0
    const text = sql.replaceAll('?', () => `$${++number}`)
    await client.query(`DECLARE lots NO SCROLL CURSOR FOR ${text}`, params)
    try {
      for (;;) {
        const { rows } = await client.query(`FETCH ${rowsPerLot} FROM lots`)
        if (rows.length > 0) yield rows as Row[]
        if (rows.length < rowsPerLot) return
      }
    } finally {
      // Not where the connection is lost, or the transaction.
      await client.query('CLOSE lots').catch(() => {})
    }
  },
})
