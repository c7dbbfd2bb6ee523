/** One edit in a round of the agent, on hosts of every size: from the message to a kernel that takes everything. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createDesiredState } from '../src/agent/desired-state.ts'
import { MessageBuilder } from '../src/agent/netlink/message.ts'
import { beginBatch } from '../src/agent/netlink/nfnetlink.ts'
import { writeCommands } from '../src/agent/nftables/netlink/commands.ts'
import { createNftables } from '../src/agent/nftables/nftables.ts'
import { createStatuses } from '../src/agent/statuses.ts'
import type { Command } from '../src/compile/nftables/commands.ts'
import { createLowering } from '../src/compile/nftables/lower.ts'
import type { DesiredUpdate, Placement } from '../src/core/model/desired-update.ts'
import type { Link } from '../src/core/model/link.ts'
import type { Policy } from '../src/core/model/policy.ts'
import { createUpdateReader, encodeUpdate } from '../src/core/model/update-codec.ts'
import { imaginedHost, imaginedKernel } from '../test/support/imagined.ts'
import { describeInterfaces } from './described.ts'
import { median } from './measure.ts'
import { type Group, judged, type Line, round, say } from './report.ts'

export const rounds: Group = {
  name: 'rounds',
  title: 'One edit in a round of the agent',
  note: 'All that the agent’s process does between the service’s message and the system call, with a host and a kernel that are imagined: decoded, resolved, lowered, in stages, assembled, reported. Each policy has 20 rules. The median of 100 edits there and back, in brackets the least. The baseline is a fresh lowering of the whole host, once. Memory is the heap that all this holds of a host.',
  measure: async () =>
    measureRounds({ sizes: [100, 10_000, 100_000], group: 10_000, each: 2000, edits: 100 }),
}

export interface Sizes {
  /** Numbers of interfaces, each with a policy of its own. */
  readonly sizes: readonly number[]
  /** How many share a policy and have no other, and how many have one of their own beside a shared one. */
  readonly group: number
  readonly each: number
  readonly edits: number
}

export async function measureRounds({ sizes, group, each, edits }: Sizes): Promise<Line[]> {
  const lines: Line[] = []
  async function on(
    count: number,
    what: string,
    policiesOf: (n: number) => readonly string[],
    kinds: readonly (readonly [string, number | null, (n: number) => Part])[],
  ): Promise<void> {
    say(`  ${count.toLocaleString('en')} interfaces, ${what}`)
    const before = heap()
    const host = await createHost(count, policiesOf)
    const held = heap() - before
    const anew = host.anew()
    for (const [kind, budgetMs, part] of kinds) {
      const times: number[] = []
      for (let n = 1; n <= edits; n++) times.push(await host.edit(part(n)))
      const [middle, least] = [median(times), Math.min(...times)]
      lines.push({
        what: `${count.toLocaleString('en')} interfaces, ${what}: ${kind}`,
        ours: `${round(middle)} ms (${round(least)})`,
        baseline: `${round(anew, 0)} ms`,
        ratio: round(middle / anew, 5),
        budget: budgetMs === null ? '' : `≤ ${budgetMs} ms`,
        ...(budgetMs !== null && { verdict: judged(middle <= budgetMs) }),
      })
    }
    lines.push({
      what: `${count.toLocaleString('en')} interfaces, ${what}: memory`,
      ours: `${round(held / 2 ** 20, 0)} MiB (${round(held / count / 1024, 1)} KiB each)`,
      ...{ baseline: '', budget: '' },
    })
    await host.close()
  }

  for (const count of sizes) {
    const middle = Math.floor(count / 2)
    await on(count, 'a policy each', (n) => [`policy-${n}`], [
      ['one rule', 2, (n) => ({ policies: [policyOf(middle, n % 2)] })],
      ['one address', 2, (n) => ({ put: [placementOf(middle, [`policy-${middle}`], n % 2)] })],
    ])
  }
  await on(group, 'one policy', (n) => [n === 0 ? 'policy-0' : 'policy-1'], [
    ['one rule', 20, (n) => ({ policies: [policyOf(1, n % 2)] })],
    ['one member', 20, (n) => ({ put: [placementOf(0, [`policy-${n % 2}`], 0)] })],
  ])
  await on(each, 'a policy each beside a shared one', (n) => [`policy-${n + 1}`, 'policy-0'], [
    ['one rule of their own', 2, (n) => ({ policies: [policyOf(1, n % 2)] })],
    ['one rule of the shared one', null, (n) => ({ policies: [policyOf(0, n % 2)] })],
  ])
  return lines
}

type Part = Partial<{ readonly policies: readonly Policy[]; readonly put: readonly Placement[] }>

/** Bytes, after what is not held any more has gone. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const rulesEach = 20
const { policyOf, placementOf } = describeInterfaces(rulesEach)

/** An agent's part of a host with so many interfaces, and policies by name, that is enforced already. */
async function createHost(count: number, policiesOf: (n: number) => readonly string[]) {
  const links = Array.from(
    { length: count },
    (_, n): Link => ({ index: n + 2, name: `tap${n}`, kind: 'tun', master: null }),
  )
  let messages = 0
  /** The first load is not measured here, and its transactions are too large for one builder. */
  let assembles = false
  const commit = (commands: readonly Command[]): void => {
    if (!assembles) return
    const builder = new MessageBuilder()
    beginBatch(builder, { subsystem: 10 })
    writeCommands(builder, commands)
    messages += builder.count
  }
  const dataplane = createNftables({
    ...{ kernel: imaginedKernel(commit), host: imaginedHost(links), guard: ['tap*'] },
  })
  const state = createDesiredState()
  const statuses = createStatuses()
  const update = ({ policies = [], put = [] }: Part, from: number | null): DesiredUpdate => ({
    ...{ from, revision: (from ?? 0) + 1, policies },
    interfaces: { put, remove: [] },
  })
  const placements = Array.from({ length: count }, (_, n) => placementOf(n, policiesOf(n), 0))
  const named = new Set(placements.flatMap(({ policies }) => policies))
  const policies = [...named].map((id) => policyOf(Number(id.slice('policy-'.length)), 0))
  state.apply(update({ policies, put: placements }, null))
  statuses.arrive(state.desired, null)
  statuses.settle(state.desired, null, await dataplane.apply(state.desired, null), null)
  assembles = true

  return {
    /** Milliseconds of an edit. */
    async edit(part: Part): Promise<number> {
      const [message, ...more] = encodeUpdate(update(part, state.desired.revision))
      if (message === undefined || more.length > 0) throw new Error('an edit is one message')
      const text = JSON.stringify(message)
      messages = 0
      const started = performance.now()
      const read = createUpdateReader().take(JSON.parse(text))
      if (!read) throw new Error('an edit is one message')
      const { revision: before } = state.desired
      const { delta } = state.apply(read)
      statuses.arrive(state.desired, delta)
      const report = await dataplane.apply(state.desired, delta)
      statuses.settle(state.desired, delta, report, before)
      const spent = performance.now() - started
      if (messages === 0) throw new Error('an edit changed nothing')
      return spent
    },
    /** Milliseconds of lowering all of it anew. */
    anew(): number {
      const started = performance.now()
      createLowering().update(state.desired, null, {
        links: new Map(links.map((link) => [link.name, link])),
        ...{ changedLinks: null, observe: false, refused: new Map() },
        kernel: { tracks: true, rejects: true },
        ...({ counts: 'rules', samples: 10 } as const),
      })
      return performance.now() - started
    },
    close: () => dataplane.close(),
  }
}
