/** From the API's answer to the verdict in the kernel: one change, many, and beside another program's. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { asRead } from '../src/compile/nftables/commands.ts'
import { table } from '../src/compile/nftables/names.ts'
import { deltaScript, parseListing, type RenderedTable } from '../src/compile/nftables/table.ts'
import { obstacle } from '../src/lab/lab.ts'
import { commitBeside, patienceMs, type Watch, watchCommits } from './commits.ts'
import { type Added, addDevices, createHost, type Host, rulesEach } from './host.ts'
import { median, quantile } from './measure.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { directory, inside, namespace, own, remove } from './workshop.ts'

/** How much is measured. */
export interface Sizes {
  readonly interfaces: number
  /** Fewer than interfaces: each change is of another policy. */
  readonly changes: number
  /** Seconds of 100 changes each; 0 leaves them out. */
  readonly seconds: number
  /** Changes beside another program's, and as many without; 0 leaves them out. */
  readonly beside: number
  /** Pairs of runs of writes with and without enforcement; 0 leaves them out. */
  readonly writes: number
}

const few: Sizes = { interfaces: 200, changes: 190, seconds: 0, beside: 0, writes: 0 }
const many: Sizes = { interfaces: 1000, changes: 200, seconds: 20, beside: 100, writes: 10 }

export const kernel: Group = {
  name: 'kernel',
  title: 'From the API to the kernel',
  note: `Interfaces have policies of their own of ${rulesEach} rules; each change is a rule more, every tenth of a kind that its policy did not have. The verdict is in the kernel with the last transaction of the change, as a listener to the kernel’s own events hears. The baseline is one \`nft -f\` of the same delta, started in a copy of the ruleset. CPU is of the user and the kernel, of all processes that the service started.`,
  obstacle,
  measure: async () => [...(await measureKernel(few, 5, 0.3)), ...(await measureKernel(many, 12))],
}

export async function measureKernel(sizes: Sizes, budgetMs: number, budgetRatio?: number): Promise<Line[]> {
  const { interfaces } = sizes
  const what = `${interfaces.toLocaleString('en')} interfaces`
  say(`  ${what}: load`)
  const [netns, alone] = [await namespace(), await namespace()]
  for (const name of [netns, alone]) await addDevices(name, interfaces)
  const host = await createHost(interfaces, netns)
  const watch = await watchCommits(netns)
  const lines: Line[] = []
  try {
    await settled(host, watch)
    say(`  ${what}: one change`)
    lines.push(await changes(what, host, watch, { netns, alone }, sizes, budgetMs, budgetRatio))
    if (sizes.seconds > 0 || sizes.writes > 0) {
      const without = await createHost(interfaces)
      try {
        say(`  ${what}: 100 changes a second`)
        if (sizes.seconds > 0) lines.push(...(await sustained(what, host, watch, without, sizes)))
        say(`  ${what}: writes`)
        if (sizes.writes > 0) lines.push(await writes(what, host, watch, without, sizes))
      } finally {
        await without.stop()
      }
    }
    // Last: it may take its time to catch up.
    if (sizes.beside > 0) {
      say(`  ${what}: beside another program`)
      lines.push(await besideAnother(what, host, watch, netns, sizes))
    }
    return lines
  } finally {
    watch.stop()
    await host.stop()
    for (const name of [netns, alone]) remove(name)
  }
}

const ms = (from: bigint, to: bigint): number => Number(to - from) / 1e6

/** A change that is not in the kernel within `patienceMs`. */
class Late extends Error {}

/** The moment of the last transaction of a change, which is the only one under way. */
async function inKernel(
  host: Host,
  watch: Watch,
  { sent }: Pick<Added, 'sent'>,
  other?: number,
): Promise<bigint> {
  const mine = ({ pid }: { readonly pid: number }) => pid !== other
  if (!(await watch.first(sent, mine))) throw new Late()
  // Not before: to ask the service is work for it.
  await delay(20)
  await host.caughtUp()
  const last = watch.since(sent).findLast(mine)
  if (!last) throw new Error('a transaction was forgotten')
  return last.at
}

/** Until nobody has committed for a second. Answers the moment of the last transaction. */
async function settled(host: Host, watch: Watch): Promise<bigint> {
  let last = 0n
  do {
    await host.caughtUp()
    last = watch.since(0n).at(-1)?.at ?? 0n
    await delay(1000)
  } while (watch.since(last).length > 0)
  return last
}

interface Places {
  readonly netns: string
  /** Has a copy of the ruleset. */
  readonly alone: string
}

async function changes(
  what: string,
  host: Host,
  watch: Watch,
  places: Places,
  sizes: Sizes,
  budgetMs: number,
  budgetRatio?: number,
): Promise<Line> {
  const bare = await startBare(places, host, watch)
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let n = 0; n < sizes.changes; n++) {
    const added = await host.addRule()
    ours.push(Math.max(0, ms(added.answered, await inKernel(host, watch, added))))
    theirs.push(await bare.change(added))
  }
  bare.stop()
  const ends = (values: readonly number[]) => ({ p50: median(values), p99: quantile(values, 0.99) })
  const [own, other] = [ends(ours), ends(theirs)]
  const text = ({ p50, p99 }: { p50: number; p99: number }) => `${round(p99, 1)} ms (p50 ${round(p50, 1)})`
  const ratio = own.p99 / other.p99
  return {
    what: `${what}: API answer → verdict in the kernel, p99`,
    ...{ ours: text(own), baseline: text(other), ratio: round(ratio) },
    budget: `≤ ${budgetMs} ms${budgetRatio === undefined ? '' : `, ≤ ${budgetRatio}`}`,
    verdict: judged(own.p99 <= budgetMs && ratio <= (budgetRatio ?? Number.POSITIVE_INFINITY)),
  }
}

/** One `nft -f` for each change: milliseconds. */
interface Bare {
  change(added: Added): Promise<number>
  stop(): void
}

/** Learns from a change of each kind what it is, and copies the ruleset. */
async function startBare({ netns, alone }: Places, host: Host, watch: Watch): Promise<Bare> {
  const read = async (): Promise<RenderedTable> => {
    const text = await inside(netns, ['nft', '-s', '-n', 'list', 'table', ...table.split(' ')])
    return parseListing(byMark(text), () => undefined)
  }
  const policyOf = new Map(policiesOf(await read()))
  const learn = async (ofNewKind: boolean): Promise<(policy: string) => string> => {
    const before = await read()
    const { device, ...added } = await host.addRule(ofNewKind)
    await inKernel(host, watch, added)
    const script = deltaScript(new Map([[table, before]]), new Map([[table, await read()]]))
    const learnt = policyOf.get(device)
    if (script === undefined || learnt === undefined || !script.includes(learnt))
      throw new Error(`no delta was seen: ${script}`)
    return (policy) => script.replaceAll(learnt, policy)
  }
  const scripts = new Map([
    [false, await learn(false)],
    [true, await learn(true)],
  ])
  const ruleset = await inside(netns, ['nft', '-s', '-n', 'list', 'ruleset'])
  // nft would own the tables, which would go with it.
  const copy = byMark(ruleset.replaceAll(/^\tflags .*\n/gm, ''))
  await inside(alone, ['nft', '-f', '-'], copy.split('\n').map(asRead).join('\n'))
  // A shell that is inside already: `ip netns exec` costs as much as nft.
  const shell = own(spawn('ip', ['netns', 'exec', alone, 'sh'], { stdio: ['pipe', 'pipe', 'inherit'] }))
  const answers = createInterface({ input: shell.stdout })
  const file = join(directory, 'delta.nft')
  return {
    async change({ device, ofNewKind }) {
      writeFileSync(file, scripts.get(ofNewKind)?.(policyOf.get(device) ?? '') ?? '')
      const answer = once(answers, 'line')
      const started = process.hrtime.bigint()
      shell.stdin.write(`nft -f ${file}; echo $?\n`)
      const [status] = (await answer) as [string]
      if (status !== '0') throw new Error(`nft -f ended with ${status}`)
      return ms(started, process.hrtime.bigint())
    },
    stop: () => void shell.kill(),
  }
}

/**
 * Has rules that count by a map's number put it into the packet's mark, which is as much work for nft: for what they do it
 * has no words (decision 0050).
 */
const byMark = (listing: string): string =>
  listing.replaceAll(
    /(\w+ \w+(?: & \S+)?(?: \. \w+ \w+(?: & \S+)?)* map @\S+) != 0x0 \[invalid type\] update @\S+ \{[^}]*\}/g,
    'meta mark set $1',
  )

/** Id of the policy of each device. */
const policiesOf = ({ chains, sets }: RenderedTable): readonly (readonly [string, string])[] =>
  [...(sets.get('to-vm-devices')?.elements ?? [])].flatMap(([key, verdict]) => {
    const policy = / policy\.([-0-9a-f]{36})/.exec(chains.get(verdict.replace(/^goto /, '')) ?? '')
    return policy?.[1] === undefined ? [] : [[key.replaceAll('"', ''), policy[1]] as const]
  })

/** What stays behind at the end of a load counts as a backlog from here on, milliseconds: a few changes take as long. */
const backlogMs = 100
const perSecond = 100

/** 100 changes a second, sent when it is time whatever has been answered. */
async function sustained(
  what: string,
  host: Host,
  watch: Watch,
  without: Host,
  { seconds }: Sizes,
): Promise<Line[]> {
  /** Share of one core, and when the last was answered. */
  const run = async (of: Host): Promise<{ share: number; answered: bigint; late: number }> => {
    const before = of.cpuSeconds()
    const started = process.hrtime.bigint()
    const sent: Promise<Added>[] = []
    for (let n = 0; n < seconds * perSecond; n++) {
      await delay(Math.max(0, (n * 1000) / perSecond - ms(started, process.hrtime.bigint())))
      sent.push(of.addRule())
    }
    const all = await Promise.all(sent)
    const answered = all.reduce((last, { answered }) => (answered > last ? answered : last), 0n)
    // What is still to be done is part of the load.
    if (of === host) await settled(host, watch)
    return {
      share: (of.cpuSeconds() - before) / seconds,
      answered,
      late: quantile(
        all.map(({ sent, answered }) => ms(sent, answered)),
        0.99,
      ),
    }
  }
  const bare = await run(without)
  const ours = await run(host)
  const last = await settled(host, watch)
  const backlog = Math.max(0, ms(ours.answered, last))
  const percent = ({ share }: { share: number }) => `${round(share * 100, 1)} %`
  const load = `${what}: 100 changes/s for ${seconds} s`
  return [
    {
      what: `${load}, CPU of one core; the baseline does not enforce`,
      ...{ ours: percent(ours), baseline: percent(bare), ratio: round(ours.share / bare.share) },
      budget: '≤ 15 %',
      verdict: judged(ours.share <= 0.15),
    },
    {
      what: `${load}: last answer → last transaction (answers, p99)`,
      ours: `${round(backlog, 1)} ms (${round(ours.late, 1)})`,
      baseline: `(${round(bare.late, 1)})`,
      budget: `≤ ${backlogMs} ms`,
      verdict: judged(backlog <= backlogMs),
    },
  ]
}

/** How often the other program commits, milliseconds. */
const everyMs = 5
/** Changes in a row before it is the other's turn. */
const inARow = 20

async function besideAnother(
  what: string,
  host: Host,
  watch: Watch,
  netns: string,
  { beside: count }: Sizes,
): Promise<Line> {
  const [quiet, busy]: [number[], number[]] = [[], []]
  const some = async (into: number[], other?: number) => {
    for (let n = 0; n < Math.min(inARow, count); n++) {
      const added = await host.addRule(false)
      into.push(Math.max(0, ms(added.answered, await inKernel(host, watch, added, other))))
    }
  }
  const line = `${what}: API answer → verdict in the kernel, p50, while another commits to its own table every ${everyMs} ms`
  const budget = '≤ 1.5'
  while (busy.length < count) {
    await some(quiet)
    const other = await commitBeside(netns, everyMs)
    try {
      await some(busy, other.pid)
    } catch (error) {
      if (!(error instanceof Late)) throw error
      const ours = `> ${patienceMs / 1000} s, given up`
      return { what: line, ours, baseline: `${round(median(quiet))} ms`, budget, verdict: judged(false) }
    } finally {
      other.stop()
    }
    await settled(host, watch)
  }
  const ratio = median(busy) / median(quiet)
  return {
    what: line,
    ours: `${round(median(busy))} ms (p99 ${round(quantile(busy, 0.99), 1)})`,
    baseline: `${round(median(quiet))} ms when it is quiet`,
    ...{ ratio: round(ratio), budget, verdict: judged(ratio <= 1.5) },
  }
}

/** Writes in a row before it is the other's turn. */
const writesInARow = 50

/** One after the other, each as soon as the one before is answered. */
async function writes(
  what: string,
  host: Host,
  watch: Watch,
  without: Host,
  { writes: pairs }: Sizes,
): Promise<Line> {
  const run = async (of: Host): Promise<number> => {
    const times: number[] = []
    for (let n = 0; n < writesInARow; n++) {
      const { sent, answered } = await of.addRule()
      times.push(ms(sent, answered))
    }
    if (of === host) await settled(host, watch)
    return median(times)
  }
  const [ours, bare]: [number[], number[]] = [[], []]
  for (let n = 0; n < pairs; n++) {
    ours.push(await run(host))
    bare.push(await run(without))
  }
  const ratio = median(ours.map((each, n) => each / (bare[n] ?? Number.NaN)))
  return {
    what: `${what}: POST of a rule, p50; the baseline does not enforce`,
    ...{ ours: `${round(median(ours))} ms`, baseline: `${round(median(bare))} ms`, ratio: round(ratio) },
    ...{ budget: '≤ 1.1', verdict: judged(ratio <= 1.1) },
  }
}
