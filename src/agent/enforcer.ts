/**
 * An agent whatever carries its words: raises the guard before it asks for anything, then enforces what it is sent, also while
 * nobody is connected.
 *
 * It speaks to one service at a time. It neither connects nor listens, and stores nothing.
 */
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type Agent, startAgent } from './agent.ts'
import { openChannel } from './channel.ts'
import type { Dataplane } from './dataplane.ts'
import { createDesiredSource } from './desired-source.ts'
import { fromService, type ToService, toService, type Welcome } from './messages.ts'
import { createRemoteFeed } from './remote-feed.ts'
import { spoken } from './versions.ts'

export interface EnforcerOptions {
  readonly host: string
  readonly target: string
  /** Of this program. */
  readonly release: string
  readonly observeHost: boolean
  /** Closes what is to be closed; answers why that is not kept for the next boot, null where it is. */
  readonly closeFirst: () => Promise<string | null>
  readonly createDataplane: () => Dataplane | Promise<Dataplane>
  /** Told of what it says of its host, whether anybody is connected or not. */
  readonly heard?: Pick<ToService, 'status' | 'round' | 'guarded'>
}

export interface Conversation {
  /** Resolves when it is over: with what could not be understood, or with null when the stream has ended. */
  readonly over: Promise<Error | null>
  /** Says why the agent ends. */
  failed(reason: string): void
  /** Ends it, behind what was said before. */
  close(): Promise<void>
}

export interface ConversationOptions {
  readonly stream: Duplex
  /** The service asks the agent to end. */
  readonly stop: () => void
  readonly welcome?: (welcome: Welcome) => void
}

export interface Enforcer {
  /**
   * Closes what is to be closed; rejects when that cannot be. Enforces from then on: `begun` resolves when it has heard for the
   * first time what it should enforce and has opened its dataplane, and rejects when that fails.
   */
  start(): Promise<{ readonly begun: Promise<void> }>
  /** Speaks to a service that is connected by this stream, in place of the one before. */
  converse(options: ConversationOptions): Conversation
  /** Resolves when the round is over that it is in; what is enforced stays. */
  stop(): Promise<void>
}

export function createEnforcer(options: EnforcerOptions): Enforcer {
  const { host, target, release, observeHost, closeFirst, createDataplane, heard } = options
  const instance = randomUUID()
  /** Whoever is connected and has said welcome. */
  let service: ToService | undefined
  let connected = Promise.withResolvers<void>()
  let unwritten: string | null | undefined
  let agent: Agent | undefined
  let dataplane: Dataplane | undefined
  let stopping = false
  const feed = createRemoteFeed((since) => service?.want({ since }))

  async function begin(): Promise<void> {
    await feed.begin()
    if (stopping) return
    dataplane = await createDataplane()
    agent = startAgent({
      ...{ host, target, observeHost, source: createDesiredSource(feed), dataplane },
      report(change) {
        service?.status(change)
        heard?.status(change)
      },
      observe(round) {
        service?.round(round)
        heard?.round(round)
      },
      hits: (report) => service?.hits(report),
      heard: () => service !== undefined,
      // What cannot be told waits, and what is too much of it is counted.
      async decisions(list) {
        if (!service && !stopping) await connected.promise
        await service?.decisions(list)
      },
    })
  }

  return {
    async start() {
      unwritten = await closeFirst()
      service?.guarded({ unwritten })
      heard?.guarded({ unwritten })
      return { begun: begin() }
    },
    converse({ stream, stop, welcome }) {
      const { promise: over, resolve } = Promise.withResolvers<Error | null>()
      let welcomed = false
      const channel = openChannel({
        stream,
        incoming: fromService({
          welcome(said) {
            welcomed = true
            service = to
            connected.resolve()
            if (unwritten !== undefined) to.guarded({ unwritten })
            agent?.repeat()
            feed.again()
            welcome?.(said)
          },
          update: (update) => feed.update(update),
          ping: () => to.pong(),
          count: () => agent?.count(),
          stop,
        }),
        ended(error) {
          if (welcomed && service === to) {
            service = undefined
            connected = Promise.withResolvers()
          }
          resolve(error)
        },
      })
      const to = toService(channel)
      to.hello({ versions: spoken, release, instance, pid: process.pid })
      return { over, failed: (reason) => to.failed({ reason }), close: channel.close }
    },
    async stop() {
      stopping = true
      connected.resolve()
      await agent?.stop()
      await dataplane?.close()
    },
  }
}
