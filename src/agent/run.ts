/** Programs of the host that the agent runs: once, or for as long as it lives itself. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { after } from './after.ts'
import { hasJoinedGroup } from './netlink-groups.ts'

/** A program and how it is called, in a network namespace or in this process's own. */
export type Command = readonly [program: string, ...args: string[]]

export const within = (netns: string | undefined, command: Command): Command =>
  netns === undefined ? command : ['ip', 'netns', 'exec', netns, ...command]

/** What a program said when it ended by itself with another status than 0. */
export class ProgramError extends Error {
  readonly stdout: string
  constructor(
    message: string,
    { stdout = '', ...options }: ErrorOptions & { readonly stdout?: string } = {},
  ) {
    super(message, options)
    this.stdout = stdout
  }
}

export interface RunOptions {
  readonly input?: string
  /** Told the process's id. */
  readonly started?: (pid: number) => void
  /** Milliseconds until a program that has not ended is killed. */
  readonly patienceMs?: number
  /** UTF-16 code units of standard output from which on a program is killed; absent: it may say what it likes. */
  readonly maxLength?: number
  /** Kills the program when it is aborted. */
  readonly signal?: AbortSignal
  /** Beside those of this process. */
  readonly env?: Environment
}

type Environment = Readonly<Record<string, string>>

/**
 * Answers standard output. Rejects with a ProgramError, or with what kept the program from starting or ending by itself:
 * one that was killed has said nothing about what it was given.
 */
export function run(
  [program, ...args]: Command,
  { input = '', started = () => {}, patienceMs = 60_000, maxLength = Infinity, signal, env }: RunOptions = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } })
    if (child.pid !== undefined) started(child.pid)
    function kill(why: string): void {
      child.kill('SIGKILL')
      // Children of its own may hold them for ever.
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy()
      reject(new Error(`${program} ${why}, and was killed`))
    }
    const aborted = () => kill('is no longer wanted')
    signal?.addEventListener('abort', aborted)
    if (signal?.aborted) aborted()
    const patience = setTimeout(() => kill(`has not ended in ${patienceMs / 1000} s`), patienceMs)
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (stdout.length > maxLength) kill(`has said more than ${maxLength} characters`)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    // A program that ends before it has read everything closes the pipe under us; its status says why.
    child.stdin.on('error', () => {})
    child.on('error', (error) => reject(cannotRun(program, error)))
    child.on('close', (code, killed) => {
      clearTimeout(patience)
      signal?.removeEventListener('abort', aborted)
      if (code === 0) return resolve(stdout)
      if (killed !== null) return reject(new Error(`${program} was ended by ${killed}`))
      reject(new ProgramError(firstLine(stderr) || `${program} ended with ${code}`, { stdout }))
    })
    child.stdin.end(input)
  })
}

/** Calls back for each line of standard output, for programs that print very much. Rejects as `run` does. */
export async function eachLine([program, ...args]: Command, onLine: (line: string) => void): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const closed = new Promise<void>((resolve, reject) => {
    child.on('error', (error) => reject(cannotRun(program, error)))
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()
      reject(new ProgramError(firstLine(stderr) || `${program} ended with ${code ?? signal}`))
    })
  })
  // The last lines may come after the program has ended.
  const read = new Promise<void>((resolve) =>
    createInterface({ input: child.stdout }).on('line', onLine).on('close', resolve),
  )
  await Promise.all([closed, read])
}

export const cannotRun = (program: string, error: NodeJS.ErrnoException): Error =>
  new Error(`${program} cannot be run: ${error.code === 'ENOENT' ? 'it is not installed' : error.message}`)
const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''

export interface Follower {
  /** Why the program does not run; null while it does. */
  problem(): string | null
  stop(): void
}

export interface FollowOptions {
  readonly command: Command
  readonly onLine: (line: string) => void
  /** Something may have been missed: the program has just begun to listen, or may not listen yet, or it has ended. */
  readonly onGap: () => void
  /** Milliseconds until it is started again, doubled from the first to the last. */
  readonly pauses?: { readonly first: number; readonly last: number }
  /** Beside those of this process. */
  readonly env?: Environment
}

/**
 * Runs the program for as long as this process lives, and not longer: a shell between the two kills it when our end of
 * its standard input closes, which a SIGKILL does as well. It says the program's process id on descriptor 3.
 */
const shell =
  '"$@" </dev/null 3>&- & child=$!; echo $child >&3; exec >&- 2>&- 3>&-; read -r _; kill $child 2>/dev/null; wait $child'
/** A program that has run for so long works, milliseconds. */
const settledMs = 1000
/** Until the second look whether it listens, milliseconds; a tenth longer each time. */
const lookMs = 20

/** Ends in a row that are no problem yet: two changes of our own, one upon the other, end nft 1.0.6 twice. */
const tolerated = 2

/** Reads the lines of a program that runs on, on either of its outputs, and starts it again when it ends. */
export function follow({
  command,
  onLine,
  onGap,
  // nft 1.0.6 crashes when somebody deletes a table of ours, with its time-outs; the next change should be seen.
  pauses = { first: 50, last: 60_000 },
  env,
}: FollowOptions): Follower {
  let problem: string | null = null
  /** How often in a row it has ended soon after its start, or at once after it had run well. */
  let ends = 0
  let stopped = false
  let pause = pauses.first
  let cancel = () => {}
  let end = () => {}

  function start(): void {
    const child = spawn('sh', ['-c', shell, 'sh', ...command], {
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    let last = ''
    let listens = false
    let over = false
    const linesOf = (stream: Readable, then: (line: string) => void) =>
      createInterface({ input: stream }).on('line', then)
    const lines = [child.stdout, child.stderr].map((stream) =>
      linesOf(stream, (line) => {
        last = line
        onLine(line)
      }),
    )
    linesOf(child.stdio[3] as Readable, (pid) => void awaitListening(Number(pid)))
    child.stdin.on('error', () => {})
    end = () => {
      over = true
      child.stdin.end()
      for (const each of lines) each.close()
    }
    cancel = after(settledMs, () => {
      problem = null
      ends = 0
      pause = pauses.first
      missed(settledMs)
    })
    // The shell has closed its outputs: when they end, the program has.
    lines[0]?.on('close', () => child.stdin.end())
    child.on('error', (error) => ended(error.message))
    child.on('close', (code, signal) => ended(last || `it ended with ${code ?? signal}`))

    async function awaitListening(pid: number): Promise<void> {
      for (let ms = lookMs; !(await hasJoinedGroup(pid)); ms *= 1.1) {
        if (over) return
        await new Promise<void>((resolve) => after(ms, resolve))
      }
      if (over) return
      listens = true
      onGap()
    }
    /** Nobody knows since when one listens that is not seen to: how long it took to start is seldom more than doubled. */
    function missed(ms: number): void {
      if (listens) return
      onGap()
      if (ms < pauses.last) cancel = after(ms, () => missed(ms * 2))
    }
    function ended(why: string): void {
      cancel()
      over = true
      if (stopped) return
      if (++ends > tolerated) problem = `${command.join(' ')}: ${why}`
      onGap()
      // Nothing is seen until it listens again: one that has listened is worth more starts.
      cancel = after(listens ? Math.min(pause, settledMs) : pause, start)
      pause = Math.min(pause * 2, pauses.last)
    }
  }
  start()
  return {
    problem: () => problem,
    stop() {
      stopped = true
      cancel()
      end()
    },
  }
}
