/**
 * The process that enforces on this host, from before the store opens until the service stops: a fault in it, or in what it
 * calls, costs the service nothing, and no answer waits until it has compiled.
 */
import { fileURLToPath } from 'node:url'
import type { FastifyBaseLogger } from 'fastify'
import type { ToAgent, ToService } from '../../agent/messages.ts'
import { inEnvironment, type ProcessOptions } from '../../agent/nftables/process-options.ts'
import { type Command, within } from '../../agent/run.ts'
import type { Claimed } from '../../core/model/sighting.ts'
import { type AgentLife, startAgentLife } from './agent-life.ts'
import { createQuestions } from './questions.ts'
import { supervise } from './supervise.ts'

export interface AgentProcessOptions extends ProcessOptions {
  /** Network namespace that it enforces in; absent: this one. */
  readonly netns?: string
  /** Milliseconds after which one that says nothing is taken for hung. */
  readonly patienceMs: number
}

export interface AgentListener
  extends Pick<ToService, 'status' | 'round' | 'hits' | 'decisions' | 'sightings'> {
  /** It asks for what is newer than `since`; the signal is aborted when it is no more. */
  want(since: number | null, agent: ToAgent, gone: AbortSignal): void
  /** It has ended unasked, and is started again. */
  lost(how: string): void
}

export interface AgentProcess {
  /** Until then it waits to be told what to enforce. */
  listen(listener: AgentListener): void
  /** Resolves when it has said what it has counted until now, or after a second. */
  count(): Promise<void>
  /** What has become of devices that it has seen. */
  tellClaims(list: readonly Claimed[]): void
  /** Has it read its files again. */
  reload(): void
  /** Ends it after the round that it is in; what it enforces stays. */
  stop(): Promise<void>
}

// Beside the sources of its target; beside the bundle in what is shipped.
const program = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../agent/nftables/main.ts' : 'nftables-agent.js',
    import.meta.url,
  ),
)

/** Resolves when what is to be closed is closed; rejects, with the process ended, when it cannot be. */
export function startAgentProcess(
  { netns, patienceMs, ...options }: AgentProcessOptions,
  logger: FastifyBaseLogger,
): Promise<AgentProcess> {
  const command: Command = [
    process.execPath,
    ...process.execArgv,
    '--disable-warning=ExperimentalWarning',
    program,
  ]
  const env = { ...withoutOurs(process.env), ...inEnvironment(options) }
  const { promise: closed, resolve, reject } = Promise.withResolvers<AgentProcess>()
  let guarded = false
  let listener: AgentListener | undefined
  let waiting: Parameters<AgentListener['want']> | undefined
  const told = (): AgentListener => {
    if (listener) return listener
    throw new Error('it speaks of what it enforces before it was told anything')
  }

  let agent: ToAgent | undefined
  /** 0: it is not there. */
  let pid = 0
  const questions = createQuestions(() => agent?.count())

  function start(): AgentLife {
    const gone = new AbortController()
    const life = startAgentLife({
      command: within(netns, command),
      env,
      hear: {
        hello: (hello) => {
          pid = hello.pid
        },
        guarded({ unwritten }) {
          guarded = true
          if (unwritten !== null) logger.warn(`the guard for the next boot cannot be written: ${unwritten}`)
          logger.info({ pid }, 'the process that enforces has started')
          resolve(running)
        },
        want({ since }) {
          waiting = [since, life.agent, gone.signal]
          listener?.want(...waiting)
        },
        status: (change) => told().status(change),
        round: (round) => told().round(round),
        hits(report) {
          told().hits(report)
          questions.heard(report)
        },
        decisions: (list) => told().decisions(list),
        sightings: (change) => told().sightings(change),
      },
      onStderr: (line) => logger.warn({ pid }, line),
    })
    agent = life.agent
    void life.over.then(() => {
      pid = 0
      gone.abort()
    })
    return life
  }

  const supervisor = supervise({
    start,
    patienceMs,
    onEnd(how, pauseMs) {
      if (!guarded) {
        void supervisor.stop()
        return reject(new Error(how))
      }
      const when = pauseMs === 0 ? 'at once' : `in ${pauseMs / 1000} s`
      logger.error(
        { reason: how },
        `the process that enforces has ended, and is started again ${when}; its rules stay`,
      )
      listener?.lost(how)
    },
  })
  const running: AgentProcess = {
    listen(next) {
      listener = next
      if (waiting) listener.want(...waiting)
    },
    count: questions.ask,
    tellClaims: (list) => agent?.claims(list),
    reload() {
      if (pid > 0) process.kill(pid, 'SIGHUP')
    },
    stop: supervisor.stop,
  }
  return closed
}

/** Settings and secrets of the service are none of its business, nor of the programs that it starts. */
const withoutOurs = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('PORTCULLIS_')))
