/** Reading all that rules have counted on a host, in the process that enforces. */
import { fileURLToPath } from 'node:url'
import { obstacle } from '../src/lab/lab.ts'
import { median } from './measure.ts'
import { type Group, judged, type Line, round } from './report.ts'
import { inside, namespace, remove } from './workshop.ts'

const [interfaces, deciders, times] = [1000, 20, 50]
const budgetMs = 50

export const counts: Group = {
  name: 'counts',
  title: 'Reading counters',
  note: `${deciders} deciders in each direction of each interface, an element for each; all are read, ${times} times. CPU is of the user and the kernel. The process does nothing else meanwhile, and the API is in another one.`,
  obstacle,
  async measure(): Promise<Line[]> {
    const netns = await namespace()
    try {
      const program = fileURLToPath(new URL('counts-child.ts', import.meta.url))
      const args = [interfaces, deciders, times].map(String)
      const said = await inside(netns, [process.execPath, program, ...args])
      const taken = JSON.parse(said) as { elements: number; ms: number; cpuMs: number }[]
      const [ms, cpuMs] = [median(taken.map((each) => each.ms)), median(taken.map((each) => each.cpuMs))]
      return [
        {
          what: `${interfaces.toLocaleString('en')} interfaces, ${(taken[0]?.elements ?? 0).toLocaleString('en')} counters`,
          ours: `${round(ms, 1)} ms, CPU ${round(cpuMs, 1)} ms`,
          baseline: '',
          budget: `≤ ${budgetMs} ms`,
          verdict: judged(ms <= budgetMs),
          details: taken,
        },
      ]
    } finally {
      remove(netns)
    }
  },
}
