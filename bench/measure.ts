/** Processes to measure, load to put on them, and the arithmetic. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { own } from './workshop.ts'

export interface Running {
  readonly child: ChildProcess
  readonly url: string
  /** Milliseconds from the start of the process to its first answer. */
  readonly startMs: number
  stop(): Promise<void>
}

/** Starts a program whose first line says `listening on URL`, and waits until `path` is answered. */
export async function start(args: readonly string[], path: string): Promise<Running> {
  const started = performance.now()
  const child = own(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] }))
  const exited = once(child, 'exit')
  const ended = exited.then(([code, signal]) => {
    throw new Error(`${args.join(' ')} ended with ${code ?? signal}`)
  })
  ended.catch(() => {})
  const [line] = (await Promise.race([once(child.stdout, 'data'), ended])) as [Buffer]
  const url = /listening on (\S+)/.exec(String(line))?.[1]
  if (url === undefined) throw new Error(`${args.join(' ')} said ${line}`)
  child.stdout.resume()
  await fetch(url + path)
  const startMs = performance.now() - started
  return {
    child,
    url,
    startMs,
    async stop() {
      child.kill()
      await exited
    },
  }
}

/** MiB of memory that are resident (proc(5), VmRSS). */
export function residentMemory({ child }: Running): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

export interface Call {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

export interface Load {
  /** Requests per second. */
  readonly rate: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Sends `calls` one after the other on each of `connections`, for so many seconds; any answer but 2xx is an error. */
export async function load(
  url: string,
  connections: number,
  seconds: number,
  call: (n: number) => Call,
): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const times: number[] = []
  const end = performance.now() + seconds * 1000
  let n = 0
  async function worker(): Promise<void> {
    while (performance.now() < end) {
      const started = performance.now()
      await send(url, agent, call(n++))
      times.push(performance.now() - started)
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: connections }, worker))
  const rate = times.length / ((performance.now() - started) / 1000)
  agent.destroy()
  return { rate, p50: quantile(times, 0.5), p99: quantile(times, 0.99) }
}

export function send(url: string, agent: Agent, { method, path, headers, body }: Call): Promise<void> {
  return new Promise((resolve, reject) => {
    const sending = request(url + path, { method, headers, agent }, (answer) => {
      answer.resume()
      answer.on('end', () =>
        (answer.statusCode ?? 0) < 300
          ? resolve()
          : reject(new Error(`${method} ${path}: ${answer.statusCode}`)),
      )
    })
    sending.on('error', reject)
    sending.end(body)
  })
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export const median = (values: readonly number[]): number => quantile(values, 0.5)
