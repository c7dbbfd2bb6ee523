/**
 * Connects again for ever: soon, however long a service was away, so that a change reaches the host when the way is open again;
 * later and later only where a service is there and does not want it, so that many agents do not keep it from its work.
 */
import { closings } from '../core/model/closings.ts'
import { ConnectError, type Connection, type Farewell } from './connect.ts'
import type { Log } from './journal.ts'
import { sleep as sleepFor } from './sleep.ts'

export interface KeepConnectedOptions {
  /** Rejects when it cannot, and when the signal is aborted. */
  readonly connect: (signal: AbortSignal) => Promise<Connection>
  /** Speaks to whoever is connected; resolves when that is over: with what could not be understood, else null. */
  readonly converse: (connection: Connection) => Promise<Error | null>
  readonly log: Log
  /** Resolves after so long, or when the signal is aborted. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** From 0 to 1. */
  readonly random?: () => number
  /** Milliseconds, from whatever beginning. */
  readonly now?: () => number
}

/** Milliseconds, at most. */
const times = {
  /** Where no service answers, which costs nobody anything, and where a connection that was good has ended. */
  soon: 500,
  /** Where it is there and cannot, or goes when it has just come: it is asked no more often than that. */
  unable: 1000,
  /** Where it refuses, or closes what has just begun: doubled from the first to the last. */
  first: 1000,
  last: 30_000,
  /** For one whose place another agent of its host has taken: two that do that in turn would not enforce, but fight. */
  replaced: 60_000,
  /** A connection that lasted so long was good. */
  good: 5000,
}

/** Resolves when the signal is aborted and the last conversation is over. */
export async function keepConnected(
  {
    connect,
    converse,
    log,
    sleep = sleepFor,
    random = Math.random,
    now = () => performance.now(),
  }: KeepConnectedOptions,
  signal: AbortSignal,
): Promise<void> {
  const trouble = createTrouble(log)
  let most: number = times.first
  /** From a half of it on: many that were cut off at once come back one after the other. */
  const spread = (milliseconds: number) => milliseconds * (0.5 + random() / 2)
  /** Answers the longest that it waits until the next attempt. */
  function later(): number {
    const pause = most
    most = Math.min(most * 2, times.last)
    return pause
  }

  async function once(): Promise<number> {
    let connection: Connection
    try {
      connection = await connect(signal)
    } catch (error) {
      if (signal.aborted) return 0
      const reason = error instanceof Error ? error.message : String(error)
      trouble.failed(reason)
      return error instanceof ConnectError && error.answer !== 'refused'
        ? times[waits[error.answer]]
        : later()
    }
    const began = now()
    trouble.over()
    const error = await converse(connection)
    if (signal.aborted) return 0
    const { code, reason } = await connection.closed
    const why = error ? error.message : reason || farewells[code] || `closed with ${code}`
    log.warn({ reason: why }, 'connection to the service lost; what is enforced stays')
    if (code === closings.replaced) {
      log.error(
        { reason: why },
        'another agent speaks for this host; this one enforces what it has, and waits',
      )
      return times.replaced
    }
    if (now() - began < times.good) return !error && lost.has(code) ? times.unable : later()
    most = times.first
    return times.soon
  }

  while (!signal.aborted) {
    const pause = await once()
    await sleep(spread(pause), signal)
  }
}

/** What nobody has decided because of this agent. */
const lost = new Set<Farewell['code']>([closings.away, 1006])

const waits = { none: 'soon', unable: 'unable' } as const

const farewells: Readonly<Record<Farewell['code'], string>> = {
  1000: 'the service closed it',
  [closings.away]: 'the service stops',
  1006: 'cut',
}

/** What the log is told of attempts that fail: the first, whenever the reason changes, and each hundredth. */
function createTrouble(log: Log) {
  let last: string | undefined
  let attempts = 0
  return {
    failed(reason: string): void {
      attempts++
      if (reason !== last || attempts % 100 === 0)
        log.warn({ reason, attempts }, 'no connection to the service; what is enforced stays')
      last = reason
    },
    over(): void {
      last = undefined
      attempts = 0
    },
  }
}
