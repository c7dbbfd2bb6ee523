/** The generator of packets and connections (generator.c), compiled and started once in a run. */
import { spawn } from 'node:child_process'
import { release } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { mustRun, run } from '../../src/lab/run.ts'
import { directory, own } from '../workshop.ts'

/** What a command cost. */
export interface Cost {
  /** CPU time of the kernel and the generator together, nanoseconds. */
  readonly cpuNs: number
  readonly wallNs: number
  /** Packets that left behind the router, or connections that were made. */
  readonly arrived: number
}

/** Why no packets can be sent here; undefined when they can. */
export async function obstacle(): Promise<string | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'packets need Linux and root'
  const [major = 0, minor = 0] = release().split('.').map(Number)
  if (major < 5 || (major === 5 && minor < 18)) return 'the generator needs Linux 5.18 (live frames of XDP)'
  for (const [program, flag, debian] of [
    ['cc', '--version', 'gcc'],
    ['ip', '-Version', 'iproute2'],
    ['nft', '--version', 'nftables'],
  ] as const) {
    if ((await run(program, [flag])).status === 127) return `it needs ${program} (Debian package ${debian})`
  }
  return undefined
}

type Ask = (command: string) => Promise<Cost>
let started: Promise<Ask> | undefined

/** Carries out one command of generator.c; commands wait for each other. */
export async function generate(...words: readonly (string | number)[]): Promise<Cost> {
  started ??= start()
  const ask = await started
  return ask(words.join(' '))
}

async function start(): Promise<Ask> {
  const program = join(directory, 'generator')
  await mustRun('cc', ['-O2', '-o', program, fileURLToPath(new URL('generator.c', import.meta.url))])
  const child = own(spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] }))
  const waiting: { resolve: (cost: Cost) => void; reject: (error: Error) => void }[] = []
  createInterface({ input: child.stdout }).on('line', (line) => {
    const answer = JSON.parse(line) as Cost | { error: string }
    const first = waiting.shift()
    if ('error' in answer) first?.reject(new Error(`generator: ${answer.error}`))
    else first?.resolve(answer)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting) reject(new Error(`the generator ended with ${code ?? signal}`))
  })
  return (command) =>
    new Promise((resolve, reject) => {
      waiting.push({ resolve, reject })
      child.stdin.write(`${command}\n`)
    })
}
