/** The first load of a host: from its desired state to rules that are committed and read back. */
import { spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { obstacle } from '../src/lab/lab.ts'
import { cpuSeconds } from './cpu.ts'
import { median } from './measure.ts'
import { type Group, judged, type Line, round, say } from './report.ts'
import { batch, inside, namespace, own, remove } from './workshop.ts'

const note =
  'From the desired state to the dataplane’s answer, in a process of its own; each interface has rules of its own. In brackets seconds of CPU, of all programs together. The baseline is one `nft -f` of the ruleset that resulted. A load that lasts too long is ended and tells that.'

export const firstLoad: Group = {
  name: 'first-load',
  title: 'First load of 1,000 stateful interfaces × 20 rules',
  ...{ note, obstacle },
  measure: async () => [await line(1000, { rounds: 3, budgetS: 0.3 })],
}

export const firstLoadOfMany: Group = {
  name: 'first-load-10000',
  title: 'First load of 10,000 stateful interfaces × 20 rules',
  ...{ note, obstacle },
  measure: async () => [await line(10_000, { rounds: 1, budgetS: 3 })],
}

/** Seconds by the clock, and of CPU. */
interface Taken {
  readonly seconds: number
  readonly cpu: number
}

/** Seconds until a load is given up. */
const patienceS = 60

async function line(
  interfaces: number,
  { rounds, budgetS }: { rounds: number; budgetS: number },
): Promise<Line> {
  const ours: Taken[] = []
  const bare: Taken[] = []
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
      const taken = await load(netns, interfaces)
      if (taken === undefined) {
        const verdict = judged(false)
        return { what, ours: `> ${patienceS} s, given up`, baseline: '', budget, verdict }
      }
      ours.push(taken)
      const text = await inside(netns, ['nft', '-s', '-n', 'list', 'ruleset'])
      const [started, before] = [performance.now(), cpuSeconds().children]
      await inside(alone, ['nft', '-f', '-'], text)
      bare.push({ seconds: (performance.now() - started) / 1000, cpu: cpuSeconds().children - before })
    } finally {
      for (const name of [netns, alone]) remove(name)
    }
  }
  const middle = (all: readonly Taken[]): Taken => ({
    seconds: median(all.map(({ seconds }) => seconds)),
    cpu: median(all.map(({ cpu }) => cpu)),
  })
  const text = ({ seconds, cpu }: Taken) => `${round(seconds)} s (${round(cpu)})`
  const [own, other] = [middle(ours), middle(bare)]
  return {
    ...{ what, ours: text(own), baseline: text(other), ratio: own.seconds / other.seconds, budget },
    verdict: judged(own.seconds <= budgetS),
    details: ours.map((taken, n) => ({ ours: taken, baseline: bare[n] })),
  }
}

/** Undefined when it was given up. */
async function load(netns: string, interfaces: number): Promise<Taken | undefined> {
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
  return JSON.parse(said) as Taken
}
