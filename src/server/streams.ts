/** Answers that are sent piece by piece for as long as somebody reads: how many there may be, and how each ends. */
import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { checkMs, watchCredential } from './credential-watch.ts'

/** Open at once, of one account. */
export const maxStreams = 10

/** Milliseconds. */
const times = {
  /** A stream that is to end has this long to send what it has begun: a client that does not read would keep it open. */
  end: 500,
}

export interface Opening {
  readonly account: string
  readonly response: ServerResponse
  /** Ends soon after the signal is aborted. */
  readonly source: (signal: AbortSignal) => AsyncIterable<string>
  /** Until when whoever reads may, milliseconds since 1970; 0: no longer. Rejects: nobody knows. */
  readonly allowedUntil: () => Promise<number>
  /** Called once, when it has ended, however it has. */
  readonly ended: () => void
}

export interface Streams {
  /** What is to be sent; undefined when the account has as many as it may. */
  open(opening: Opening): Readable | undefined
  /** Ends those whose reader may read no longer. */
  check(): void
  /** Ends all, at once, and opens no other. */
  close(): void
}

interface Open {
  /** Looks again whether whoever reads still may. In doubt it ends: whoever may read on asks again. */
  check(): void
  end(): void
}

/** `now`: milliseconds since 1970. */
export function createStreams(now: () => number = Date.now): Streams {
  const open = new Map<string, Set<Open>>()
  let closed = false
  const all = () => [...open.values()].flatMap((streams) => [...streams])

  function check(): void {
    for (const stream of all()) stream.check()
  }
  const timer = setInterval(check, checkMs)
  timer.unref()

  return {
    open({ account, response, source, allowedUntil, ended }) {
      const own = open.get(account) ?? new Set()
      if (closed || own.size >= maxStreams) return undefined
      const ending = new AbortController()
      let patience: NodeJS.Timeout | undefined
      const end = () => {
        if (ending.signal.aborted) return
        ending.abort()
        watch.stop()
        patience = setTimeout(() => response.destroy(), times.end)
      }
      const watch = watchCredential(allowedUntil, end, now)
      const stream: Open = { check: watch.check, end }
      open.set(account, own.add(stream))
      const left = () => {
        ending.abort()
        clearTimeout(patience)
        watch.stop()
        own.delete(stream)
        if (own.size === 0) open.delete(account)
        ended()
      }
      if (response.closed) left()
      else {
        response.once('close', left)
        stream.check()
      }
      return Readable.from(untilAborted(source(ending.signal), ending.signal), { objectMode: false })
    },
    check,
    close() {
      closed = true
      clearInterval(timer)
      for (const stream of all()) stream.end()
    },
  }
}

/** What fails because it was asked to end has ended. */
async function* untilAborted(pieces: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string> {
  try {
    yield* pieces
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
