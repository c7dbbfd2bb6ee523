/** One edit in our processes, on hosts of every size: from the store to the messages for the kernel. */
import { createDesiredState } from '../src/agent/desired-state.ts'
import { MessageBuilder } from '../src/agent/netlink/message.ts'
import { beginBatch } from '../src/agent/netlink/nfnetlink.ts'
import { writeCommands } from '../src/agent/nftables/netlink/commands.ts'
import { createLowering } from '../src/compile/nftables/lower.ts'
import { stages } from '../src/compile/nftables/stages.ts'
import { deltaCommands } from '../src/compile/nftables/table.ts'
import type { DesiredUpdate, Placement } from '../src/core/model/desired-update.ts'
import type { Link } from '../src/core/model/link.ts'
import type { Policy } from '../src/core/model/policy.ts'
import { createUpdateReader, encodeUpdate } from '../src/core/model/update-codec.ts'
import { describeInterfaces } from './described.ts'
import { timesInStore } from './edits-store.ts'
import { median, quantile } from './measure.ts'
import { type Group, judged, type Line, round, say } from './report.ts'

export const edits: Group = {
  name: 'edits',
  title: 'One edit in our processes',
  note: 'In the service, from the commit of a rule to what its agent is sent; in the agent, from that message to the messages for the kernel: decoded, resolved, lowered, in stages, assembled. The kernel’s part is left out. Each policy has 10 rules, which are looked up in sets. The median of 200 edits there and back, in brackets the 99th percentile. The baseline is the same edit with 100 interfaces.',
  measure: async () => measureEdits({ sizes: [100, 10_000, 100_000], group: 10_000, edits: 200 }),
}

export interface Sizes {
  /** Numbers of interfaces, each with a policy of its own; the first is the baseline. */
  readonly sizes: readonly number[]
  /** How many interfaces share a policy. */
  readonly group: number
  readonly edits: number
}

export async function measureEdits({ sizes, group, edits }: Sizes): Promise<Line[]> {
  const lines: Line[] = []
  const bare = new Map<string, Spent>()
  const add = (what: string, count: number, spent: Spent, budgetMs: number): void => {
    const baseline = bare.get(what)
    if (!baseline) bare.set(what, spent)
    lines.push({
      what: `${count.toLocaleString('en')} interfaces: ${what}`,
      ours: text(spent),
      baseline: baseline ? text(baseline) : '',
      ...(baseline && { ratio: round(spent.p50 / baseline.p50) }),
      budget: `≤ ${budgetMs} ms`,
      verdict: judged(spent.p50 <= budgetMs),
    })
  }
  for (const count of sizes) {
    say(`  ${count.toLocaleString('en')} interfaces`)
    add(
      'one rule, from its commit to what the agent is sent',
      count,
      spentOf(await timesInStore(count, edits)),
      2,
    )
    const host = createHost(count, (n) => [`policy-${n}`])
    const middle = Math.floor(count / 2)
    add(
      'one rule more or less',
      count,
      host.edit(edits, (n) => ({ policies: [policyOf(middle, n % 2)] })),
      2,
    )
    const placed = (n: number) => placementOf(middle, [`policy-${middle}`], n % 2)
    add(
      'one interface’s address',
      count,
      host.edit(edits, (n) => ({ put: [placed(n)] })),
      2,
    )
  }
  for (const count of [100, group]) {
    say(`  a group of ${count.toLocaleString('en')}`)
    const host = createHost(count, (n) => (n === 0 ? ['policy-0'] : ['policy-1']))
    add(
      'one rule of their group',
      count,
      host.edit(edits, (n) => ({ policies: [policyOf(1, n % 2)] })),
      20,
    )
    const member = (n: number) => placementOf(0, [`policy-${n % 2}`], 0)
    add(
      'one member of the group',
      count,
      host.edit(edits, (n) => ({ put: [member(n)] })),
      20,
    )
  }
  return lines
}

interface Spent {
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}
const spentOf = (times: readonly number[]): Spent => ({ p50: median(times), p99: quantile(times, 0.99) })
const text = ({ p50, p99 }: Spent) => `${round(p50)} ms (${round(p99)})`

const rulesEach = 10
const { policyOf, placementOf } = describeInterfaces(rulesEach)

/** An agent that holds so many interfaces, with policies by name, and has loaded them. */
function createHost(count: number, policiesOf: (n: number) => readonly string[]) {
  const state = createDesiredState()
  const lowering = createLowering()
  const links = new Map(
    Array.from({ length: count }, (_, n): [string, Link] => {
      const name = `tap${n}`
      return [name, { index: n + 2, name, kind: 'tun', master: null }]
    }),
  )
  const surroundings = {
    links,
    observe: false,
    kernel: { tracks: true, rejects: true },
    ...({ counts: 'rules', samples: 10 } as const),
    refused: new Map<string, string>(),
  }
  const update = (
    part: Partial<{ policies: readonly Policy[]; put: readonly Placement[] }>,
    from: number | null,
  ): DesiredUpdate => ({
    ...{ from, revision: (from ?? 0) + 1, policies: part.policies ?? [] },
    interfaces: { put: part.put ?? [], remove: [] },
  })
  const placements = Array.from({ length: count }, (_, n) => placementOf(n, policiesOf(n), 0))
  const named = new Set(placements.flatMap(({ policies }) => policies))
  const policies = [...named].map((id) => policyOf(Number(id.slice('policy-'.length)), 0))
  const first = update({ policies, put: placements }, null)
  state.apply(first)
  lowering.update(state.desired, null, { ...surroundings, changedLinks: null })

  function once(message: string): number {
    const started = performance.now()
    const read = createUpdateReader().take(JSON.parse(message))
    if (!read) throw new Error('an edit is one message')
    const { delta } = state.apply(read)
    const { from, to } = lowering.update(state.desired, delta, { ...surroundings, changedLinks: new Set() })
    let standing = from
    let messages = 0
    for (const next of stages(from, to)) {
      const commands = deltaCommands(standing, next)
      standing = next
      if (commands.length === 0) continue
      const builder = new MessageBuilder()
      beginBatch(builder, { subsystem: 10 })
      writeCommands(builder, commands)
      messages += builder.count
    }
    const spent = performance.now() - started
    if (messages === 0) throw new Error('an edit changed nothing')
    return spent
  }

  return {
    /** Makes so many edits, there and back, beginning with the one of number 1. */
    edit(edits: number, part: (n: number) => Parameters<typeof update>[0]): Spent {
      const times: number[] = []
      for (let n = 1; n <= edits; n++) {
        const [message, ...more] = encodeUpdate(update(part(n), state.desired.revision))
        if (message === undefined || more.length > 0) throw new Error('an edit is one message')
        times.push(once(JSON.stringify(message)))
      }
      return spentOf(times)
    },
  }
}
