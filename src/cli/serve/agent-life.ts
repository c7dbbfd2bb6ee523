/** One life of the process that enforces: how it is started, what it says, and how it ended. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Duplex, Readable } from 'node:stream'
import { openChannel } from '../../agent/channel.ts'
import { fromAgent, type Listener, type ToAgent, toAgent } from '../../agent/messages.ts'
import { type Command, cannotRun } from '../../agent/run.ts'
import { version as release } from '../version.ts'

export interface AgentLife {
  readonly agent: ToAgent
  /** Resolves when it is over and all that was said has been heard: with how it ended, in words. */
  readonly over: Promise<string>
  /** Whether anything has come from it since this was asked last. */
  wasHeard(): boolean
  /** Ends it at once. */
  kill(why: string): void
}

export interface AgentLifeOptions {
  readonly command: Command
  readonly env: Readonly<Record<string, string | undefined>>
  readonly hear: Omit<Listener, 'failed' | 'pong'>
  /** Told each line of its standard error once it has greeted: until then they say how it ended. */
  readonly onStderr: (line: string) => void
}

/** Milliseconds. */
const times = {
  /** For one whose channel has ended to end by itself. */
  end: 2000,
  /** For what was said to come when it has ended: programs that it started may hold its standard error open. */
  drain: 1000,
}
/** Of standard error, that may say how it ended. */
const maxLines = 50

/** Starts it, with the channel as its file 3. */
export function startAgentLife({ command, env, hear, onStderr }: AgentLifeOptions): AgentLife {
  const [program, ...args] = command
  const child = spawn(program, args, { env, stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  const [, , stderr, stream] = child.stdio as unknown as readonly [null, null, Readable, Duplex]
  const { promise: over, resolve } = Promise.withResolvers<string>()
  const lines: string[] = []
  let greeted = false
  let heard = false
  /** What came first: what it said of its end, or what it was killed for. */
  let why: string | undefined
  function kill(reason: string): void {
    why ??= reason
    child.kill('SIGKILL')
  }

  createInterface({ input: stderr }).on('line', (line) => {
    if (lines.push(line) > maxLines) lines.shift()
    if (greeted) onStderr(line)
  })
  stream.on('data', () => {
    heard = true
  })
  let silent: NodeJS.Timeout | undefined
  const channel = openChannel({
    stream,
    incoming: fromAgent({
      ...hear,
      hello(hello, version) {
        greeted = true
        life.agent.welcome({ version, release })
        hear.hello(hello, version)
      },
      failed({ reason }) {
        why ??= reason
      },
      pong() {},
    }),
    ended(error) {
      if (error) kill(`what it said cannot be understood: ${error.message}`)
      else silent = setTimeout(() => kill('it closed its channel'), times.end)
    },
  })
  child.on('error', (error) => {
    // Only where it could not be started: a signal that cannot be sent is no end.
    if (child.pid === undefined) resolve(cannotRun(program, error).message)
  })
  child.on('exit', (code, signal) => {
    clearTimeout(silent)
    const late = setTimeout(() => {
      for (const each of [stderr, stream]) each.destroy()
    }, times.drain)
    child.on('close', () => {
      clearTimeout(late)
      resolve(why ?? inWords(code, signal, told(lines), greeted))
    })
  })
  const life: AgentLife = {
    agent: toAgent(channel),
    over,
    wasHeard() {
      const was = heard
      heard = false
      return was
    },
    kill,
  }
  return life
}

function inWords(
  code: number | null,
  signal: string | null,
  told: string | undefined,
  greeted: boolean,
): string {
  if (signal !== null) return `it was ended by ${signal}`
  if (told === undefined) return `it ended with status ${code}`
  // What cannot even begin says why, and nothing else.
  return greeted ? `it ended with status ${code}: ${told}` : told
}

/** The line of an error that the runtime prints between code and stack, else the first. */
const told = (lines: readonly string[]): string | undefined =>
  lines.find((line) => /^\w*Error\b.*: /.test(line)) ?? lines.find((line) => line !== '')
