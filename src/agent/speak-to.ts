/** An agent that speaks to a service elsewhere: over one connection after the other, for as long as it lives. */
import { type Address, type Connection, connect } from './connect.ts'
import type { Enforcer } from './enforcer.ts'
import type { Log } from './journal.ts'
import { keepConnected } from './keep-connected.ts'

export interface SpeakToOptions {
  readonly enforcer: Pick<Enforcer, 'converse'>
  readonly address: Address
  /** Read anew for each connection: it may have been replaced. */
  readonly token: () => Promise<string>
  readonly log: Log
  /** Milliseconds after which a service that says nothing is called anew. */
  readonly patienceMs: number
}

/** Resolves when the signal is aborted and the last connection has ended; what is enforced stays. */
export const speakTo = (options: SpeakToOptions, signal: AbortSignal): Promise<void> =>
  keepConnected(
    {
      log: options.log,
      connect: async (aborted) => connect(options.address, await options.token(), aborted),
      converse: (connection) => converse(options, connection, signal),
    },
    signal,
  )

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
    silence = new Error(`the service said nothing for ${patienceMs / 1000} s`)
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
