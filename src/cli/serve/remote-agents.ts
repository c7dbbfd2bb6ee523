/** Agents of other hosts: each connection is a session of its host, for as long as it stands; the newest of a host counts. */
import type { FastifyBaseLogger } from 'fastify'
import { openChannel } from '../../agent/channel.ts'
import { fromAgent, type Hello, toAgent } from '../../agent/messages.ts'
import { findsDevices, spoken, VersionError, versionsText } from '../../agent/versions.ts'
import { type Closing, closings } from '../../core/model/closings.ts'
import type { HostWords } from '../../core/model/status-change.ts'
import type { AgentConnection } from '../../server/agent-door.ts'
import type { Metrics } from '../../server/metrics.ts'
import type { WaitingFeed } from '../../service/desired.ts'
import { version as release } from '../version.ts'
import { inWords } from '../words.ts'
import { createAllowance } from './allowance.ts'
import { createHostSession, type Hearers, type HostSession, type HostSessionOptions } from './host-session.ts'
import { createModestLog } from './modest-log.ts'
import { createPace } from './pace.ts'
import { createQuestions } from './questions.ts'

export interface RemoteAgentsOptions {
  /** The host whose agent is a child of this process; absent: there is none. */
  readonly ownHost?: string
  /** `resumes`: the agent holds a revision of this store. */
  readonly feedOf: (host: string, resumes: boolean) => WaitingFeed
  /** Names the store; what an agent that names it holds is led on from. */
  readonly history: string
  readonly hearers: Hearers
  readonly metrics: HostSessionOptions['metrics'] & Pick<Metrics, 'agentReplaced'>
  readonly logger: FastifyBaseLogger
  /** Milliseconds after which one that says nothing, or reads nothing, is taken for gone. */
  readonly patienceMs?: number
  /** Milliseconds between two questions whether it is there: how soon it knows that we are not. */
  readonly beatMs?: number
}

export interface RemoteAgents {
  connected(connection: AgentConnection): void
  /** What this service is, in headers for agents that it lets in. */
  readonly announces: Readonly<Record<string, string>>
  /** Takes no words any more. */
  close(): void
}

/** Bytes of a line: an agent says little at once. */
const maxLine = 4 * 1024 * 1024
/** For the greeting, milliseconds. */
const greetingMs = 10_000

interface Session {
  instance: string
  end(code: Closing, reason: string): void
}

export function createRemoteAgents({
  ownHost,
  feedOf,
  history,
  hearers,
  metrics,
  logger,
  patienceMs = 30_000,
  beatMs = 1000,
}: RemoteAgentsOptions): RemoteAgents {
  const { enforcement } = hearers
  const sessions = new Map<string, Session>()
  /** By host: one that connects anew has no more than one that stays. */
  const limits = new Map<string, ReturnType<typeof limitsOf>>()
  const limitsOf = (host: string) => ({ log: createModestLog(logger.child({ host })), pace: createPace() })

  function connected({ host, credential, stream, address, close }: AgentConnection): void {
    const { log, pace } = limits.get(host) ?? limitsOf(host)
    limits.set(host, { log, pace })
    const gone = new AbortController()
    let session: HostSession | undefined
    let unheard = 0

    /** Whatever it says from now on is nobody's. */
    function end(code: Closing, reason: string): void {
      if (gone.signal.aborted) return
      gone.abort()
      clearTimeout(late)
      clearInterval(beat)
      session?.close()
      close(code, reason)
      if (sessions.get(host) === mine) {
        sessions.delete(host)
        void enforcement.left(host)
      }
      if (session) log.warn({ address, reason }, 'agent disconnected; its rules stay')
      else log.warn({ address, reason }, 'agent refused')
    }
    const told = (): HostSession => {
      if (session) return session
      throw new Error('it speaks of what it enforces before it was told anything')
    }
    function greet(hello: Hello, version: number): void {
      clearTimeout(late)
      if (host === ownHost) {
        end(closings.refused, 'this host is enforced by the service itself')
        return
      }
      const { release, instance } = hello
      enforcement.open(host, { release, protocol: version, instance, own: false }, replaced).then(
        (may) => {
          if (!may) end(closings.refused, 'this host is enforced by its service itself')
          else if (gone.signal.aborted) void enforcement.left(host)
          else begin(hello, version)
        },
        (error) => {
          log.error({ reason: inWords(error) }, 'the store cannot be told of an agent')
          end(closings.away, 'the store does not answer')
        },
      )
    }
    function replaced(): void {
      end(closings.replaced, 'another agent of this host has connected')
    }
    function begin({ release: theirs, instance, pid, history: held }: Hello, version: number): void {
      const before = sessions.get(host)
      sessions.set(host, mine)
      if (before) {
        // One that was cut off comes back before that is noticed.
        if (before.instance !== instance) metrics.agentReplaced()
        before.end(closings.replaced, 'another agent of this host has connected')
      }
      mine.instance = instance
      session = createHostSession({
        ...{
          unheard: unheardOf(host),
          feed: feedOf(host, held === history),
          hearers,
          metrics,
          logger: log,
        },
        ...{ count: questions.ask, finds: version >= findsDevices, credential, tellClaims: agent.claims },
      })
      log.info({ address, release: theirs, protocol: version, pid }, 'agent connected')
      agent.welcome({ version, release, history })
    }

    stream.on('data', () => {
      unheard = 0
    })
    const channel = openChannel({
      ...{ stream, maxLine, patienceMs, endsStream: true, pace },
      incoming: fromAgent({
        hello: greet,
        guarded({ unwritten }) {
          if (unwritten !== null)
            log.warn({ reason: unwritten }, 'the guard for the next boot cannot be written')
        },
        failed({ reason }) {
          log.error({ address, reason }, 'agent has failed')
        },
        want: ({ since }) => told().want(since, agent, gone.signal),
        status: (change) => told().status(allow(change)),
        round: (round) => told().round(round),
        hits(report) {
          told().hits(report)
          questions.heard(report)
        },
        decisions: (list) => told().decisions(list),
        sightings: (change) => told().sightings(change),
        pong() {},
      }),
      ended(error) {
        if (error === null) end(closings.away, 'the connection was closed')
        else if (error instanceof VersionError) {
          end(closings.version, error.message)
          enforcement.refused(host, error.message).catch(() => {})
        } else end(closings.refused, error.message)
      },
    })
    const agent = toAgent(channel)
    const allow = createAllowance()
    const questions = createQuestions(agent.count)
    const mine: Session = { instance: '', end }
    const late = setTimeout(() => end(closings.silent, 'it did not greet'), greetingMs)
    const beat = setInterval(() => {
      // Counted, because this process may have slept itself.
      unheard++
      if (unheard * beatMs > patienceMs) end(closings.silent, `it said nothing for ${patienceMs / 1000} s`)
      else if (session) agent.ping()
    }, beatMs)
  }
  return {
    connected,
    announces: { 'portcullis-release': release, 'portcullis-protocol': versionsText(spoken) },
    close() {
      for (const each of [...sessions.values()]) each.end(closings.away, 'the service stops')
    },
  }
}

const unheardOf = (host: string): HostWords => ({
  ...{ host, target: 'nftables', observe: false, desiredRevision: null, appliedRevision: null },
  ...{ state: 'starting', error: null, repairs: 0, warnings: [] },
})
