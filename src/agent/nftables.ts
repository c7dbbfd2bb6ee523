/**
 * The dataplane that is Linux's own: a table of ours, changed by `nft -f` in one transaction.
 *
 * What it believes to be in the kernel it believes only until somebody else commits anything: then it reads back, and
 * replaces the table if it is not ours any more. It touches no other table, and leaves its own in place when it stops.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { createLowering } from '../compile/nftables/lower.ts'
import { table } from '../compile/nftables/names.ts'
import {
  deltaScript,
  parseListing,
  type RenderedTable,
  render,
  replaceScript,
  sameTable,
} from '../compile/nftables/render.ts'
import type { ApplyReport, Dataplane } from './dataplane.ts'

export interface NftablesOptions {
  /** Devices closed until their policy is known: names, or prefixes that end in `*`. */
  readonly guard: readonly string[]
  /** Network namespace to work in; absent: this process's own. */
  readonly netns?: string
  /** The program, by path or name. */
  readonly nft?: string
  /** How often to read back although nobody was seen to change anything, milliseconds; 0 is never. */
  readonly verifyMs?: number
}

const emptyTable: RenderedTable = { chains: new Map(), devices: { 'from-vm': new Map(), 'to-vm': new Map() } }

export function createNftables(options: NftablesOptions): Dataplane {
  const { guard, netns, nft = 'nft', verifyMs = 0 } = options
  const [program, prefix] = netns === undefined ? [nft, []] : ['ip', ['netns', 'exec', netns, nft]]
  const lowering = createLowering()
  const listeners = new Set<() => void>()
  /** Processes of ours, the latest last: their commits are not foreign. */
  const ours: number[] = []
  let applied: RenderedTable | undefined
  let suspect = true
  let closed = false

  function run(args: readonly string[], input = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, [...prefix, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
      if (child.pid !== undefined && ours.push(child.pid) > 64) ours.shift()
      let stdout = ''
      let stderr = ''
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        stdout += text
      })
      child.stderr.setEncoding('utf8').on('data', (text: string) => {
        stderr += text
      })
      // A program that ends before it has read everything closes the pipe under us; its status says why.
      child.stdin.on('error', () => {})
      child.on('error', (error) => reject(new Error(`${nft} cannot be run: ${error.message}`)))
      child.on('close', (code) =>
        code === 0 ? resolve(stdout) : reject(new NftError(firstLine(stderr) || `${nft} ended with ${code}`)),
      )
      child.stdin.end(input)
    })
  }

  async function read(): Promise<RenderedTable> {
    try {
      return parseListing(await run(['-s', '-n', 'list', 'table', ...table.split(' ')]))
    } catch (error) {
      if (error instanceof NftError && /No such file or directory/.test(error.message)) return emptyTable
      throw error
    }
  }

  /** How this nft prints back bodies that it prints otherwise than we do; learnt from a table that we just wrote. */
  const printedAs = new Map<string, string>()

  async function replace(wanted: RenderedTable): Promise<void> {
    await run(['-f', '-'], replaceScript(wanted))
    printedAs.clear()
    const found = await read()
    for (const [name, text] of wanted.chains) {
      const printed = found.chains.get(name)
      if (printed !== undefined && printed !== text) printedAs.set(text, printed)
    }
  }

  /** A commit by anybody else makes us doubt, whatever it was about: events do not say what is missing. */
  let monitor: ChildProcess | undefined
  function watch(): void {
    const child = spawn(program, [...prefix, '-n', 'monitor'], { stdio: ['ignore', 'pipe', 'ignore'] })
    monitor = child
    createInterface({ input: child.stdout }).on('line', (line) => {
      const by = /^# new generation \d+ by process (\d+)/.exec(line)
      if (by && !ours.includes(Number(by[1]))) doubt()
    })
    child.on('error', () => {})
    child.on('close', () => {
      if (closed) return
      // Nobody watched for a while.
      setTimeout(() => {
        if (closed) return
        watch()
        doubt()
      }, 1000).unref()
    })
  }
  function doubt(): void {
    suspect = true
    for (const listener of listeners) listener()
  }
  watch()
  const timer = verifyMs > 0 ? setInterval(doubt, verifyMs) : undefined
  timer?.unref()

  return {
    async apply(desired) {
      const wanted = render(lowering.lower(desired, guard))
      const before = applied
      const done = (changed: boolean, repaired: boolean): ApplyReport => ({
        changed,
        repaired,
        interfaces: desired.interfaces.map(({ id }) => ({ id, state: 'applied', error: null })),
        warnings: [],
        retryMs: null,
      })
      if (before && !suspect) {
        const script = deltaScript(before, wanted)
        if (script === undefined) return done(false, false)
        try {
          await run(['-f', '-'], script)
          applied = wanted
          return done(true, false)
        } catch {
          // Either the table is no longer what we think, or nft fails: the way below tells, and says so.
        }
      }
      applied = undefined
      suspect = false
      try {
        const found = await read()
        const repaired = before !== undefined && !sameTable(before, found, printedAs)
        const changed = !sameTable(wanted, found, printedAs)
        if (changed) await replace(wanted)
        applied = wanted
        return done(changed, repaired)
      } catch (error) {
        applied = before
        suspect = true
        throw error
      }
    },
    denials: async () => new Map(),
    onForeignChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    async close() {
      closed = true
      clearInterval(timer)
      monitor?.kill()
    },
  }
}

class NftError extends Error {}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? ''
