/**
 * An agent whatever carries its words: raises the guard before it asks for anything, then enforces what it is sent, also while
 * nobody is connected.
 *
 * It speaks to one service at a time. It neither connects nor listens.
 */
import { randomUUID } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { Desired } from '../core/model/desired.ts'
import type { Link } from '../core/model/link.ts'
import { type Agent, startAgent } from './agent.ts'
import { createBindings } from './bindings.ts'
import { openChannel } from './channel.ts'
import { createComparisons } from './comparisons.ts'
import type { Dataplane } from './dataplane.ts'
import { createDesiredSource } from './desired-source.ts'
import type { KeptState } from './kept/kept-state.ts'
import type { LocalServer } from './local/server.ts'
import { createStanding, type Standing } from './local/standing.ts'
import { fromService, type ToService, toService, type Welcome } from './messages.ts'
import { createProof, type Proof } from './proof.ts'
import { createRemoteFeed } from './remote-feed.ts'
import { createFinder, type Finder } from './sources/finder.ts'
import type { OpenSources } from './sources/open.ts'
import { createTelling } from './sources/telling.ts'
import { findsDevices, spoken } from './versions.ts'

export interface EnforcerOptions {
  readonly host: string
  readonly target: string
  /** Of this program. */
  readonly release: string
  readonly observeHost: boolean
  /** Closes what is to be closed; answers why that is not kept for the next boot, null where it is. */
  readonly closeFirst: () => Promise<string | null>
  /** `proof`: whose devices are. */
  readonly createDataplane: (proof: Proof) => Dataplane | Promise<Dataplane>
  /** What the guard closes: names of devices, or prefixes that end in `*`. Absent: nothing. */
  readonly guard?: readonly string[]
  /** Opens whatever knows guests of this host, once all is closed; absent: only the kernel does. */
  readonly openSources?: (standing: Standing) => Promise<OpenSources>
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
  /** How devices stand, for whoever waits on this host. */
  readonly standing: Standing
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

/** Milliseconds that sources have until the first round, which closes what none of them proves. */
const patienceWithSourcesMs = 2000

export function createEnforcer(options: EnforcerOptions): Enforcer {
  const { host, target, release, observeHost, closeFirst, createDataplane, heard, compareMs = 0 } = options
  const { guard = [], openSources = async (): Promise<OpenSources> => ({ sources: [] }) } = options
  const instance = randomUUID()
  /** Of the service that spoke last; undefined: none that says so. */
  let history: string | undefined
  /** Whoever is connected and has said welcome. */
  let service: ToService | undefined
  /** Whether it is told what is found. */
  let asksWhatIsFound = false
  let finder: Finder | undefined
  const telling = createTelling()
  /** What the last round judged. */
  let judged: Judged | undefined
  const standing = createStanding({
    wanted: (id) => judged?.interfaces.get(id),
    link(id) {
      const wanted = judged?.interfaces.get(id)
      return wanted?.closed === undefined ? judged?.links.get(wanted?.device ?? '')?.index : undefined
    },
  })
  let connected = Promise.withResolvers<void>()
  let unwritten: string | null | undefined
  let agent: Agent | undefined
  let dataplane: Dataplane | undefined
  let kept: KeptState | undefined
  let local: LocalServer | undefined
  const comparisons = compareMs > 0 ? createComparisons({ everyMs: compareMs }) : undefined
  let stopping = false
  const feed = createRemoteFeed((since) => service?.want({ since }))

  function tellFound(): void {
    const found = finder?.found()
    if (!finder || !found || !service || !asksWhatIsFound) return
    for (const change of telling.next(found, finder.isWhole())) service.sightings(change)
  }

  async function closeSources(): Promise<void> {
    await local?.close()
    await finder?.stop()
  }

  async function begin(): Promise<void> {
    kept = await options.openKept?.()
    const bindings = kept?.bindings ?? createBindings()
    const opened = await openSources(standing)
    local = opened.local
    finder = createFinder({ ...opened, guard })
    const { problems } = finder
    finder.onFound(tellFound)
    // It was to end before there was anything to be closed.
    if (stopping) return await closeSources()
    if (!kept?.found) await feed.begin()
    // What stands is closed by no first round that comes before those who know.
    await finder.settled(patienceWithSourcesMs)
    if (stopping) return
    dataplane = await createDataplane(
      watched(createProof(bindings, finder), (now) => {
        judged = now
      }),
    )
    const source = createDesiredSource(feed, {
      ...(kept && { state: kept.state, took: kept.took }),
      ...(comparisons && { comparisons }),
    })
    agent = startAgent({
      ...{ host, target, observeHost, source, dataplane, ...(kept && { keep: kept }) },
      warnings() {
        const unheard = local?.problem() ?? null
        return [...problems(), ...(unheard === null ? [] : [unheard])]
      },
      report(change) {
        standing.status(change)
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
    standing,
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
            standing.connected(true)
            if (unwritten !== undefined) to.guarded({ unwritten })
            asksWhatIsFound = said.version >= findsDevices
            telling.again()
            tellFound()
            agent?.repeat()
            const anew = said.history === undefined || said.history !== history
            history = said.history
            feed.again(anew)
            welcome?.(said)
          },
          update: (update) => feed.update(update),
          ping: () => to.pong(),
          count: () => agent?.count(),
          claims: standing.claims,
          stop,
        }),
        ended(error) {
          if (welcomed && service === to) {
            service = undefined
            standing.connected(false)
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
      await closeSources()
      await kept?.close()
    },
  }
}

interface Judged {
  readonly interfaces: Desired['interfaces']
  readonly links: ReadonlyMap<string, Link>
}

/** Tells somebody else what is judged. */
const watched = (proof: Proof, tell: (judged: Judged) => void): Proof => ({
  ...proof,
  judge(desired, delta, links, changedLinks) {
    const judged = proof.judge(desired, delta, links, changedLinks)
    tell({ interfaces: judged.desired.interfaces, links })
    return judged
  },
})
