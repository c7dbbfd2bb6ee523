/** One `nft -i` that is kept open: a line is a transaction, and no process is started for a change. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import type { Command } from '../run.ts'
import { RefusedError } from './kernel.ts'

export interface NftSession {
  /**
   * Commits what is written in one line of printable ASCII, all of it or nothing. Only when it has ended may the next be given. Rejects
   * with a RefusedError when nft or the kernel refuses it; after any other error it may have been committed or not.
   */
  commit(line: string): Promise<void>
  close(): void
}

export interface NftSessionOptions {
  /** `nft -i`. */
  readonly command: Command
  /** Told the id of the process that is about to commit. */
  readonly commits: (pid: number) => void
  /** Milliseconds until a program that does not answer is killed. */
  readonly patienceMs: number
  /** How many lines one process is given: it remembers all of them. */
  readonly lines?: number
}

interface Asked {
  readonly end: string
  readonly answer: (said: string) => void
  readonly fail: (error: Error) => void
}

const refusal = /(?:^|: )Error: (.*)$/m
/** It may have been committed, and what the kernel answered is lost. */
const isLost = (said: string): boolean => said.includes('No buffer space available')

export function createNftSession(options: NftSessionOptions): NftSession {
  const { patienceMs, lines = 1000 } = options
  const [program, ...args] = options.command
  let child: ChildProcessWithoutNullStreams | undefined
  let asked: Asked | undefined
  let count = 0

  function start(): ChildProcessWithoutNullStreams {
    // It keeps a history of its lines there.
    const started = spawn(program, args, { env: { ...process.env, HOME: '/nonexistent' } })
    let said = ''
    /** That of a process before it is nobody's answer. */
    const question = () => (child === started ? asked : undefined)
    started.stdout.resume()
    started.stderr.setEncoding('utf8').on('data', (text: string) => {
      const now = question()
      if (!now) return
      said += text
      const at = said.indexOf(`${now.end}\n`)
      if (at < 0) return
      const answer = said.slice(0, at)
      said = ''
      now.answer(answer)
    })
    started.stdin.on('error', () => {})
    started.on('error', (error: NodeJS.ErrnoException) => {
      question()?.fail(
        new Error(
          `${program} cannot be run: ${error.code === 'ENOENT' ? 'it is not installed' : error.message}`,
        ),
      )
      if (child === started) child = undefined
    })
    started.on('close', (code, signal) => {
      const last = said.trim().split('\n')[0]
      question()?.fail(
        new Error(
          `${program} ended while it was asked: ${last || (signal === null ? `status ${code}` : signal)}`,
        ),
      )
      if (child === started) child = undefined
    })
    return started
  }

  /** A process that is let go ends when it has read all it was given. */
  function leave(): void {
    child?.stdin.end()
    child = undefined
  }

  return {
    async commit(line) {
      if (asked) throw new Error('a transaction is under way')
      if (child && count % lines === 0) leave()
      const running = child ?? start()
      child = running
      // A word that means nothing is complained about when all before it is done.
      const end = `end-of-${++count}`
      try {
        const said = await new Promise<string>((resolve, reject) => {
          const patience = setTimeout(() => {
            child = undefined
            running.kill('SIGKILL')
            for (const stream of [running.stdin, running.stdout, running.stderr]) stream.destroy()
            reject(new Error(`${program} has not answered in ${patienceMs / 1000} s, and was killed`))
          }, patienceMs)
          const ended = () => clearTimeout(patience)
          asked = {
            end,
            answer(text) {
              ended()
              resolve(text)
            },
            fail(error) {
              ended()
              reject(error)
            },
          }
          if (running.pid !== undefined) options.commits(running.pid)
          running.stdin.write(`${line}\n${end}\n`)
        })
        const [, reason] = refusal.exec(withoutEnd(said)) ?? []
        if (reason === undefined) return
        if (isLost(reason)) throw new Error(reason)
        throw new RefusedError(`${reason}: ${complainedOf(said, line)}`)
      } finally {
        asked = undefined
      }
    },
    close: leave,
  }
}

/** The last error is about the word that ends. */
const withoutEnd = (said: string): string => said.slice(0, Math.max(0, said.lastIndexOf('Error: ')))

/** The part of the line that nft has marked; the first where it has marked none. */
function complainedOf(said: string, line: string): string {
  // What is before the error may be the rest of what was said of the line before.
  const at = /^ *(?=\^)/m.exec(said.slice(said.indexOf('Error: ')))?.[0].length ?? 0
  const from = line.lastIndexOf('; ', at) + 1
  const to = line.indexOf('; ', at)
  return line.slice(from, to < 0 ? line.length : to).trim()
}
