/** Reading all that rules have counted on a host, in the process that enforces. */
import { fileURLToPath } from 'node:url'
import { table } from '../src/compile/nftables/names.ts'
import { obstacle } from '../src/lab/lab.ts'
import { median } from './measure.ts'
import { type Group, judged, type Line, round } from './report.ts'
import { inside, namespace, remove } from './workshop.ts'

const [interfaces, times] = [1000, 50]
/** In each direction of an interface. */
const deciders = [10, 20]
const budgetMs = 50

export const counts: Group = {
  name: 'counts',
  title: 'Reading counters',
  note: `An element for each decider in each direction of each interface; all are read, ${times} times, and a line says the median. The baseline is one \`nft -j list\` of both sets. CPU is of the user and the kernel. The process does nothing else meanwhile, and the API is in another one.`,
  obstacle,
  async measure(): Promise<Line[]> {
    const lines: Line[] = []
    for (const each of deciders) lines.push(await measureCounts(each))
    return lines
  },
}

async function measureCounts(deciders: number): Promise<Line> {
  const netns = await namespace()
  try {
    const program = fileURLToPath(new URL('counts-child.ts', import.meta.url))
    const args = [interfaces, deciders, times].map(String)
    const said = await inside(netns, [process.execPath, program, ...args])
    const taken = JSON.parse(said) as { elements: number; ms: number; cpuMs: number }[]
    const [ms, cpuMs] = [median(taken.map((each) => each.ms)), median(taken.map((each) => each.cpuMs))]
    const started = performance.now()
    await inside(netns, ['nft', '-j', 'list', 'table', ...table.split(' ')])
    const listed = performance.now() - started
    return {
      what: `${interfaces.toLocaleString('en')} interfaces, ${(taken[0]?.elements ?? 0).toLocaleString('en')} counters`,
      ours: `${round(ms, 1)} ms, CPU ${round(cpuMs, 1)} ms`,
      ...{ baseline: `${round(listed, 0)} ms`, ratio: round(ms / listed) },
      budget: `≤ ${budgetMs} ms`,
      verdict: judged(ms <= budgetMs),
      details: taken,
    }
  } finally {
    remove(netns)
  }
}
