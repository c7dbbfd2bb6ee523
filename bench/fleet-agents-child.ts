/** Agents of many hosts in one process: real code down to the dataplane, which is imagined. Does what it is told over IPC. */
import { createEnforcer } from '../src/agent/enforcer.ts'
import { createFake } from '../src/agent/fake.ts'
import { speakTo } from '../src/agent/speak-to.ts'

/** What it is told. */
export type Told =
  | {
      readonly connect: string
      readonly agents: readonly { readonly host: string; readonly token: string }[]
    }
  /** Asks when those of these numbers, all where it is absent, apply something next: answered at once where they have since `mark`. */
  | { readonly id: number; readonly until: 'applied' | 'welcomed'; readonly of?: readonly number[] }
  | { readonly id: number; readonly until: 'mark' }

export interface Answer {
  readonly id: number
  /** Nanoseconds of `process.hrtime`: when the last of them had. */
  readonly at: string
  /** Rounds of all agents together, so far. */
  readonly rounds: number
  /** Bytes. */
  readonly resident: number
}

const log = { info() {}, warn() {}, error() {} }
/** By number of the agent, when it did so last. */
const last = { applied: [] as bigint[], welcomed: [] as bigint[] }
/** What happened before counts no more. */
let since = 0n
let rounds = 0
const waiting = new Set<Extract<Told, { until: 'applied' | 'welcomed' }>>()

function answer(id: number, at: bigint): void {
  process.send?.({ id, at: String(at), rounds, resident: process.memoryUsage().rss } satisfies Answer)
}

function look(): void {
  for (const each of waiting) {
    const times = each.of ? each.of.map((n) => last[each.until][n] ?? 0n) : last[each.until]
    if (!times.every((at) => at > since)) continue
    waiting.delete(each)
    answer(
      each.id,
      times.reduce((a, b) => (a > b ? a : b), 0n),
    )
  }
}

function happened(what: keyof typeof last, n: number): void {
  last[what][n] = process.hrtime.bigint()
  if (waiting.size > 0) look()
}

process.on('message', (told: Told) => {
  if ('connect' in told) {
    for (const [n, { host, token }] of told.agents.entries()) {
      for (const times of Object.values(last)) times[n] = 0n
      void run(told.connect, n, host, token)
    }
    return
  }
  if (told.until === 'mark') {
    since = process.hrtime.bigint()
    return answer(told.id, since)
  }
  waiting.add(told)
  look()
})

async function run(url: string, n: number, host: string, token: string): Promise<void> {
  const enforcer = createEnforcer({
    ...{ host, target: 'fake', release: 'bench', observeHost: false },
    ...{ closeFirst: async () => null, createDataplane: createFake },
    heard: {
      guarded() {},
      status() {},
      round({ kind }) {
        if (kind !== 'applied') return
        rounds++
        happened('applied', n)
      },
    },
  })
  const welcomes = {
    converse(options: Parameters<typeof enforcer.converse>[0]) {
      return enforcer.converse({
        ...options,
        welcome(said) {
          options.welcome?.(said)
          happened('welcomed', n)
        },
      })
    },
  }
  await enforcer.start()
  const address = { server: new URL(url), host, tls: {} }
  await speakTo(
    { enforcer: welcomes, address, token: async () => token, log, patienceMs: 60_000 },
    new AbortController().signal,
  )
}
