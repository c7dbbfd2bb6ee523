/** An agent that speaks to a service elsewhere: over one connection after the other, for as long as it lives. */
import { type Address, type Connection, connect, type TlsOptions } from './connect.ts'
import type { Enforcer } from './enforcer.ts'
import type { Log } from './journal.ts'
import { keepConnected } from './keep-connected.ts'

export interface SpeakToOptions {
  readonly enforcer: Pick<Enforcer, 'converse'>
  readonly address: Address
  /** Read anew for each connection: it may have been replaced. */
  readonly token: () => Promise<string>
  /** Likewise; absent: as the address says. */
  readonly tls?: () => Promise<TlsOptions>
  readonly log: Log
  /** Milliseconds after which a service that says nothing is called anew, at most. */
  readonly patienceMs: number
}

/**
 * Milliseconds. Who was cut off for a moment should not wait for TCP, which tries later and later; but calls that are in vain,
 * because the service has much to do, give it more time with each.
 */
const firstPatienceMs = 3000

/** Resolves when the signal is aborted and the last connection has ended; what is enforced stays. */
export function speakTo(options: SpeakToOptions, signal: AbortSignal): Promise<void> {
  const { address, token, tls, patienceMs } = options
  const first = Math.min(firstPatienceMs, patienceMs)
  let patience = first
  return keepConnected(
    {
      log: options.log,
      async connect(aborted) {
        const by = tls ? { ...address, tls: await tls() } : address
        return connect(by, await token(), aborted)
      },
      async converse(connection) {
        const began = performance.now()
        const error = await converse({ ...options, patienceMs: patience }, connection, signal)
        const wasSilent = error instanceof SilenceError && performance.now() - began < settledMs
        patience = wasSilent ? Math.min(patience * 2, patienceMs) : first
        return error
      },
    },
    signal,
  )
}

/** Milliseconds: silence after so long is another matter than that of before. */
const settledMs = 60_000

class SilenceError extends Error {}

/** Speaks until the connection ends, the service is silent, or the agent is to end. */
async function converse(
  { enforcer, log, patienceMs }: SpeakToOptions,
  { stream }: Connection,
  ending: AbortSignal,
): Promise<Error | null> {
  const { over, close } = enforcer.converse({
    stream,
    // Only the host's own operator ends it.
    stop() {},
    welcome: ({ version: protocol, release }) => log.info({ protocol, release }, 'connected to the service'),
  })
  let silence: Error | null = null
  let heard = true
  let silent = 0
  stream.on('data', () => {
    heard = true
  })
  // Counted, because this process may have slept itself.
  const watch = setInterval(() => {
    silent = heard ? 0 : silent + 1
    heard = false
    if (silent < 4) return
    silence = new SilenceError(`the service said nothing for ${patienceMs / 1000} s`)
    stream.destroy()
  }, patienceMs / 4)
  const end = () => {
    void close()
    // One that does not answer to its end.
    setTimeout(() => stream.destroy(), 1000).unref()
  }
  ending.addEventListener('abort', end, { once: true })
  try {
    return (await over) ?? silence
  } finally {
    clearInterval(watch)
    ending.removeEventListener('abort', end)
  }
}
