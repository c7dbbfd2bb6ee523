/** The first load of a host: from its desired state to rules that are committed and read back. */
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { obstacle } from '../src/lab/lab.ts'
import { median } from './measure.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { batch, inside, namespace, own, remove } from './workshop.ts'

export const firstLoad: Group = {
  name: 'first-load',
  title: 'First load of stateful interfaces × 20 rules',
  note: 'From the desired state to the dataplane’s answer, in a process of its own; each interface has rules of its own. The baseline is one `nft -f` of the ruleset that resulted. A load that lasts too long is ended and tells that.',
  obstacle,
  async measure() {
    return [await line(1000, { rounds: 3, budgetS: 0.3 }), await line(10_000, { rounds: 1, budgetS: 3 })]
  },
}

/** Seconds until a load is given up. */
const patienceS = 60

async function line(
  interfaces: number,
  { rounds, budgetS }: { rounds: number; budgetS: number },
): Promise<Line> {
  const ours: number[] = []
  const bare: number[] = []
  const what = `${interfaces.toLocaleString('en')} interfaces`
  const budget = `≤ ${budgetS} s`
  for (let n = 0; n < rounds; n++) {
    say(`  ${what}`)
    const [netns, alone] = [await namespace(), await namespace()]
    try {
      for (const name of [netns, alone])
        await batch(
          name,
          Array.from(
            { length: interfaces / 2 },
            (_, pair) => `link add tap${2 * pair} type veth peer name tap${2 * pair + 1}`,
          ),
        )
      const seconds = await load(netns, interfaces)
      if (seconds === undefined) {
        const verdict = judged(false)
        return { what, ours: `> ${patienceS} s, given up`, baseline: '', budget, verdict }
      }
      ours.push(seconds)
      const text = await inside(netns, ['nft', '-s', '-n', 'list', 'ruleset'])
      const started = performance.now()
      await inside(alone, ['nft', '-f', '-'], text)
      bare.push((performance.now() - started) / 1000)
    } finally {
      for (const name of [netns, alone]) remove(name)
    }
  }
  return {
    ...{ what, ours: `${round(median(ours))} s`, baseline: `${round(median(bare))} s` },
    ...{ ratio: median(ours) / median(bare), budget, verdict: judged(median(ours) <= budgetS) },
    details: ours.map((seconds, n) => ({ seconds, bareSeconds: bare[n] })),
  }
}

/** Seconds; undefined when it was given up. */
async function load(netns: string, interfaces: number): Promise<number | undefined> {
  const program = fileURLToPath(new URL('first-load-child.ts', import.meta.url))
  const child = own(
    spawn(process.execPath, [program, netns, `${interfaces}`], { stdio: ['ignore', 'pipe', 'inherit'] }),
  )
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  const controller = new AbortController()
  const late = delay(patienceS * 1000, 'late' as const, { signal: controller.signal })
  late.catch(() => {})
  const first = await Promise.race([ended, late])
  controller.abort()
  if (first === 'late') {
    child.kill('SIGKILL')
    return undefined
  }
  if (first !== 0) throw new Error(`loading ${interfaces} interfaces ended with ${first}`)
  return Number(said)
}
