/** Packet rates of our rules to those of a ruleset that an expert wrote for the same policy and duties. */
import { families } from '../src/core/net/address.ts'
import { obstacle } from './packets/generator.ts'
import { handWritten } from './packets/hand-written.ts'
import { compare, thousands } from './packets/rounds.ts'
import { createRouter, desiredOf, enforce, type Mode, type Router } from './packets/router.ts'
import { type Shape, withBudget } from './packets/shapes.ts'
import { cases, lineOf, type Measured, settingOf, subject } from './rates.ts'
import { type Group, type Line, say } from './report.ts'
import { inside } from './workshop.ts'

export const byHand: Group = {
  name: 'by-hand',
  title: 'Packet rate, 1,000 rules to a hand-written ruleset',
  note: 'The ruleset is bench/packets/hand-written.ts: the policy as one set, and the same duties (guard, senders, essential traffic, state). A line shows the worst of its cases, as above.',
  obstacle,
  async measure() {
    const lines: Line[] = []
    for (const [mode, stateful] of [
      ['routed', false],
      ['routed', true],
      ['bridged', false],
    ] as const) {
      for (const shape of withBudget) {
        const what = `${shape.name}, ${stateful ? 'stateful' : 'stateless'}, ${mode}`
        say(`  ${what}`)
        lines.push(lineOf(what, await measure(mode, stateful, shape), budget))
      }
    }
    return lines
  },
}

const count = 1000
const budget = 0.95

async function measure(mode: Mode, stateful: boolean, shape: Shape): Promise<readonly Measured[]> {
  const all: Measured[] = []
  for (const family of families) {
    const setting = settingOf(shape, family, count, stateful)
    const routers: Router[] = []
    try {
      const [ours, other] = [await createRouter(mode), await createRouter(mode)]
      routers.push(ours, other)
      await enforce(ours, desiredOf(setting))
      await inside(other.netns, ['nft', '-f', '-'], handWritten(mode, setting, shape, family))
      for (const each of cases(family)) {
        const { ratios, rates, rounds } = await compare(
          {
            ours: subject(ours, shape, setting, count, each),
            baseline: subject(other, shape, setting, count, each),
          },
          budget,
        )
        all.push({
          ...{ ...each, ...ratios.ours, rounds },
          ...{ ours: thousands(rates.ours), baseline: thousands(rates.baseline) },
        })
      }
    } finally {
      for (const router of routers) router.remove()
    }
  }
  return all
}
