/**
 * Connections to PostgreSQL that are known to answer.
 *
 * A peer that dies silently leaves a connection on which statements wait for ever. Here no statement waits long unseen:
 * one that takes time is looked for in the server, over a new connection. Where it is not being executed the connection
 * is dead and is destroyed, together with those that are idle; where no new connection can be made the database is away,
 * and whoever asks is refused at once until it is back. A slow statement is left to finish.
 */
import type { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { Unavailable } from './unavailable.ts'

/** Milliseconds. */
const times = {
  /** How often statements under way are looked at. */
  look: 100,
  /** A statement that is older is looked for in the server, and again every `confirm`. */
  suspect: 500,
  confirm: 1000,
  /** For a new connection, and for a question on it. */
  probe: 1000,
  /** Between attempts to reach a database that is away. */
  retry: 300,
  /** The server ends a statement that takes longer. */
  statement: 30_000,
  /** The server ends a transaction whose client sends nothing for so long: it holds the lock of all writers. */
  idleInTransaction: 5000,
  idle: 30_000,
  keepAlive: 5000,
}
const most = 10
const lifetimeSeconds = 300

/** One connection, for its holder alone. */
export interface Session {
  query(statement: pg.QueryConfig): Promise<pg.QueryResult>
}

export interface Connections {
  /** Rejects with `Unavailable` when the database cannot be reached, with the database's own errors otherwise. */
  use<T>(work: (session: Session) => Promise<T>): Promise<T>
  /** A connection of its own for notices; `close` does not end it. It is watched as the others are. */
  open(): Promise<{ readonly client: pg.Client; readonly session: Session }>
  close(): Promise<void>
}

/** A statement that has been sent and not answered. */
interface Flight {
  readonly client: pg.ClientBase
  readonly sentAt: number
  seenAt: number
}

export function createConnections(url: string, types: pg.CustomTypesConfig): Connections {
  const settings: pg.ClientConfig = {
    connectionString: url,
    types,
    connectionTimeoutMillis: times.probe,
    statement_timeout: times.statement,
    idle_in_transaction_session_timeout: times.idleInTransaction,
    keepAlive: true,
    keepAliveInitialDelayMillis: times.keepAlive,
    application_name: 'portcullis',
  }
  const pool = new pg.Pool({
    ...settings,
    max: most,
    // Waiting for another's turn is no sign of trouble: what is dead is found below.
    connectionTimeoutMillis: 0,
    Client: class extends pg.Client {
      constructor(config?: pg.ClientConfig) {
        super({ ...config, connectionTimeoutMillis: times.probe })
      }
    } as unknown as pg.PoolConfig['Client'] & object,
    idleTimeoutMillis: times.idle,
    maxLifetimeSeconds: lifetimeSeconds,
  } as pg.PoolConfig)
  const idle = new Set<pg.PoolClient>()
  pool.on('acquire', (client) => idle.delete(client))
  pool.on('remove', (client) => idle.delete(client))
  pool.on('release', (error, client) => void (error ? idle.delete(client) : idle.add(client)))
  // A connection that breaks while nobody uses it is replaced by the next query.
  pool.on('error', () => {})

  const flights = new Set<Flight>()
  /** Why the database is away; undefined while it is not. */
  let away: Unavailable | undefined
  let leave = Promise.withResolvers<never>()
  leave.promise.catch(() => {})
  let probing = false
  let closed = false
  const watch = setInterval(look, times.look)
  watch.unref()

  function look(): void {
    const now = performance.now()
    const suspects = [...flights].filter(
      ({ sentAt, seenAt }) => now - sentAt > times.suspect && now - seenAt > times.confirm,
    )
    if (suspects.length === 0 || probing) return
    probing = true
    void probe(suspects).finally(() => {
      probing = false
    })
  }

  async function probe(suspects: readonly Flight[]): Promise<void> {
    let executed: ReadonlySet<number>
    try {
      executed = await active(suspects.map(({ client }) => pidOf(client)))
    } catch (error) {
      return lose(error)
    }
    // An answer may have been on its way.
    await delay(50)
    const dead = suspects.filter(({ client }) => !executed.has(pidOf(client)))
    for (const flight of suspects) flight.seenAt = performance.now()
    const lost = dead.filter((flight) => flights.has(flight))
    for (const { client } of lost) destroy(client)
    // The peer that one has lost, others have lost too.
    if (lost.length > 0) for (const client of idle) destroy(client)
  }

  /** Which of these server processes are executing a statement. */
  async function active(pids: readonly number[]): Promise<ReadonlySet<number>> {
    const client = new pg.Client({ ...settings, query_timeout: times.probe })
    client.on('error', () => {})
    try {
      await client.connect()
      const text =
        "SELECT pid FROM pg_stat_activity WHERE pid = ANY($1) AND state IN ('active', 'fastpath function call')"
      const { rows } = await client.query(text, [pids])
      return new Set(rows.map(({ pid }) => Number(pid)))
    } finally {
      destroy(client)
    }
  }

  /** Refuses everybody until the database answers again. */
  function lose(error: unknown): void {
    if (away || closed) return
    away = new Unavailable(error instanceof Error ? error.message : String(error), error)
    leave.reject(away)
    for (const { client } of flights) destroy(client)
    for (const client of idle) destroy(client)
    void findAgain()
  }

  async function findAgain(): Promise<void> {
    while (away && !closed) {
      await delay(times.retry, undefined, { ref: false })
      try {
        await active([])
        leave = Promise.withResolvers<never>()
        leave.promise.catch(() => {})
        away = undefined
      } catch {
        // Still away.
      }
    }
  }

  /** Connections that have said that they are of no use any more; their sockets may take a moment longer to close. */
  const lost = new WeakSet<pg.ClientBase>()

  const sessionOf = (client: pg.ClientBase): Session => ({
    async query(statement) {
      const flight = { client, sentAt: performance.now(), seenAt: Number.NEGATIVE_INFINITY }
      flights.add(flight)
      try {
        return await client.query(statement)
      } catch (error) {
        throw explain(error, lost.has(client) || streamOf(client).destroyed)
      } finally {
        flights.delete(flight)
      }
    },
  })

  async function acquire(): Promise<pg.PoolClient> {
    if (away) throw away
    const connecting = pool.connect()
    try {
      return await Promise.race([connecting, leave.promise])
    } catch (error) {
      // It may yet come, when nobody waits for it any more.
      connecting.then(
        (client) => client.release(true),
        () => {},
      )
      const state = sqlState(error)
      if (!(error instanceof Unavailable) && (state === undefined || state.startsWith('57P'))) lose(error)
      throw explain(error, true)
    }
  }

  return {
    async use(work) {
      const client = await acquire()
      const isLost = () => void lost.add(client)
      client.on('error', isLost)
      try {
        return await work(sessionOf(client))
      } catch (error) {
        // Whatever state a transaction is in, its connection must be fit for the next one.
        if (error instanceof Unavailable) lost.add(client)
        throw error
      } finally {
        client.off('error', isLost)
        client.release(lost.has(client))
      }
    },
    async open() {
      const client = new pg.Client(settings)
      client.on('error', () => void lost.add(client))
      try {
        await client.connect()
      } catch (error) {
        destroy(client)
        throw explain(error, true)
      }
      return { client, session: sessionOf(client) }
    },
    async close() {
      closed = true
      clearInterval(watch)
      // Connections whose peer is gone never say goodbye.
      await Promise.race([pool.end(), delay(2000, undefined, { ref: false })])
    },
  }
}

const pidOf = (client: pg.ClientBase): number =>
  (client as unknown as { readonly processID: number | null }).processID ?? 0

const streamOf = (client: pg.ClientBase): Socket =>
  (client as unknown as { readonly connection: { readonly stream: Socket } }).connection.stream

/** Without a goodbye, which a dead peer never answers. */
export const destroy = (client: pg.ClientBase): void => void streamOf(client).destroy()

const sqlState = (error: unknown): string | undefined => {
  const { code } = error as { readonly code?: unknown }
  return error instanceof pg.DatabaseError && typeof code === 'string' ? code : undefined
}

/**
 * Classes and codes of SQLSTATE that speak of the server and not of the statement (PostgreSQL 15, appendix A): connection,
 * resources (a full disk is 53100), operator intervention, system error; serialisation and locks; a read-only replica.
 */
const passing = /^(08|53|57|58)|^(25006|25P03|40001|40P01|55P03|28P01|3D000)$/

/** Tells trouble of the database, or of the connection to it, from faults of ours. */
function explain(error: unknown, disconnected: boolean): unknown {
  if (error instanceof Unavailable) return error
  const state = sqlState(error)
  const trouble = state === undefined ? disconnected : passing.test(state)
  return trouble ? new Unavailable(error instanceof Error ? error.message : String(error), error) : error
}
