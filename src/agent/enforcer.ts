/**
 * An agent whatever carries its words: raises the guard before it asks for anything, then enforces what it is sent, also while
 * nobody is connected.
 *
 * It speaks to one service at a time. It neither connects nor listens.
 */
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { type Agent, startAgent } from './agent.ts'
import { openChannel } from './channel.ts'
import { createComparisons } from './comparisons.ts'
import type { Dataplane } from './dataplane.ts'
import { createDesiredSource } from './desired-source.ts'
import type { KeptState } from './kept/kept-state.ts'
import { fromService, type ToService, toService, type Welcome } from './messages.ts'
import { createProof, type Proof } from './proof.ts'
import { createRemoteFeed } from './remote-feed.ts'
import { ownAddress } from './sightings.ts'
import { spoken } from './versions.ts'

export interface EnforcerOptions {
  readonly host: string
  readonly target: string
  /** Of this program. */
  readonly release: string
  readonly observeHost: boolean
  /** Closes what is to be closed; answers why that is not kept for the next boot, null where it is. */
  readonly closeFirst: () => Promise<string | null>
  /** `proof`: whose devices are while no service is heard; undefined: whose names they bear. */
  readonly createDataplane: (proof?: Proof) => Dataplane | Promise<Dataplane>
  /** Opens what is kept for starts without a service, once all is closed; absent: nothing is kept. */
  readonly openKept?: () => Promise<KeptState>
  /** Milliseconds between comparisons with all that the service has, at least; absent or 0: never. */
  readonly compareMs?: number
  /** Told of what it says of its host, whether anybody is connected or not. */
  readonly heard?: Pick<ToService, 'status' | 'round' | 'guarded'>
}

export interface Conversation {
  /** Resolves when it is over: with what could not be understood, or with null when the stream has ended. */
  readonly over: Promise<Error | null>
  /** Resolves when the service has answered the greeting, or it is over. */
  readonly welcomed: Promise<unknown>
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
   * Closes what is to be closed; rejects when that cannot be. Enforces from then on: `begun` resolves when it knows for the
   * first time what it should enforce, as kept or as heard, and has opened its dataplane, and rejects when that fails.
   */
  start(): Promise<{ readonly begun: Promise<void> }>
  /** Speaks to a service that is connected by this stream, in place of the one before. */
  converse(options: ConversationOptions): Conversation
  /** Resolves when the round is over that it is in; what is enforced stays. */
  stop(): Promise<void>
}

export function createEnforcer(options: EnforcerOptions): Enforcer {
  const { host, target, release, observeHost, closeFirst, createDataplane, heard, compareMs = 0 } = options
  const instance = randomUUID()
  /** Of the service that spoke last; undefined: none that says so. */
  let history: string | undefined
  /** Whoever is connected and has said welcome. */
  let service: ToService | undefined
  let connected = Promise.withResolvers<void>()
  let unwritten: string | null | undefined
  let agent: Agent | undefined
  let dataplane: Dataplane | undefined
  let kept: KeptState | undefined
  const comparisons = compareMs > 0 ? createComparisons({ everyMs: compareMs }) : undefined
  let stopping = false
  const feed = createRemoteFeed((since) => service?.want({ since }))

  async function begin(): Promise<void> {
    kept = await options.openKept?.()
    if (!kept?.found) await feed.begin()
    if (stopping) return
    dataplane = await createDataplane(kept && createProof(kept.bindings, [ownAddress]))
    const source = createDesiredSource(feed, {
      ...(kept && { state: kept.state, took: kept.took }),
      ...(comparisons && { comparisons }),
    })
    agent = startAgent({
      ...{ host, target, observeHost, source, dataplane, ...(kept && { keep: kept }) },
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
      const { promise: answered, resolve: answer } = Promise.withResolvers<void>()
      const channel = openChannel({
        stream,
        incoming: fromService({
          welcome(said) {
            welcomed = true
            answer()
            service = to
            connected.resolve()
            if (unwritten !== undefined) to.guarded({ unwritten })
            agent?.repeat()
            const anew = said.history === undefined || said.history !== history
            history = said.history
            feed.again(anew)
            welcome?.(said)
          },
          update: (update) => feed.update(update),
          ping: () => to.pong(),
          count: () => agent?.count(),
          claims() {},
          stop,
        }),
        ended(error) {
          if (welcomed && service === to) {
            service = undefined
            feed.lost()
            connected = Promise.withResolvers()
          }
          resolve(error)
        },
      })
      const to = toService(channel)
      to.hello({
        ...{ versions: spoken, release, instance, pid: process.pid },
        ...(history !== undefined && { history }),
      })
      return {
        over,
        welcomed: Promise.race([answered, over]),
        failed: (reason) => to.failed({ reason }),
        close: channel.close,
      }
    },
    async stop() {
      stopping = true
      connected.resolve()
      comparisons?.stop()
      await agent?.stop()
      await dataplane?.close()
      await kept?.close()
    },
  }
}
