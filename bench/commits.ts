/** Who commits to nftables in a namespace and when, heard from the kernel itself (commits.c); and somebody else who does. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { mustRun } from '../src/lab/run.ts'
import { directory, own } from './workshop.ts'

export interface Commit {
  /** Nanoseconds, of the clock of `process.hrtime`. */
  readonly at: bigint
  readonly pid: number
}

export interface Watch {
  /** The first of those after `after` that `mine` takes; undefined when there is none for a minute. */
  first(after: bigint, mine: (commit: Commit) => boolean): Promise<Commit | undefined>
  /** All of them that were heard of so far, the oldest first. */
  since(after: bigint): readonly Commit[]
  stop(): void
}

/** Milliseconds until nobody is waited for any more. */
export const patienceMs = 60_000
let compiled: Promise<string> | undefined

async function start(netns: string, ...args: readonly string[]): Promise<ChildProcess> {
  const path = join(directory, 'commits')
  const source = fileURLToPath(new URL('commits.c', import.meta.url))
  compiled ??= mustRun('cc', ['-O2', '-o', path, source]).then(() => path)
  const command = ['netns', 'exec', netns, await compiled, ...args]
  return own(spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] }))
}

export async function watchCommits(netns: string): Promise<Watch> {
  const child = await start(netns, 'watch')
  const commits: Commit[] = []
  const listeners = new Set<() => void>()
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })
  const ready = once(lines, 'line')
  lines.on('line', (line) => {
    const [at = '', pid = ''] = line.split(' ')
    if (pid === '') return
    commits.push({ at: BigInt(at), pid: Number(pid) })
    for (const listener of listeners) listener()
  })
  await ready
  const since = (after: bigint) => {
    const from = commits.findLastIndex(({ at }) => at <= after)
    return commits.slice(from + 1)
  }
  return {
    since,
    async first(after, mine) {
      const deadline = performance.now() + patienceMs
      for (;;) {
        const found = since(after).find(mine)
        if (found) return found
        const left = deadline - performance.now()
        if (left <= 0) return undefined
        const controller = new AbortController()
        let heard = () => {}
        await Promise.race([
          new Promise<void>((resolve) => {
            heard = resolve
            listeners.add(heard)
          }),
          delay(left, undefined, { signal: controller.signal }).catch(() => {}),
        ])
        listeners.delete(heard)
        controller.abort()
      }
    },
    stop: () => void child.kill(),
  }
}

/** Another program that commits to a table of its own so often, until it is stopped. Answers its pid. */
export async function commitBeside(netns: string, everyMs: number): Promise<{ pid: number; stop(): void }> {
  const child = await start(netns, 'make', String(everyMs))
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  child.stdout?.resume()
  return { pid: child.pid as number, stop: () => void child.kill() }
}
