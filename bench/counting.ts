/** What counting, and telling of decisions, costs a packet. */
import { fileURLToPath } from 'node:url'
import type { Enforced } from './counting-child.ts'
import { obstacle } from './packets/generator.ts'
import { compare, judge, type Rate, type Subject, thousands } from './packets/rounds.ts'
import { createRouter, kinds, passageOf, type Router, send } from './packets/router.ts'
import { type Shape, shapes } from './packets/shapes.ts'
import { settingOf } from './rates.ts'
import { type Group, type Line, round, say } from './report.ts'
import { inside } from './workshop.ts'

export const counting: Group = {
  name: 'counting',
  title: 'Packet rate with counters to without',
  note: 'IPv4, routed, by netlink. The baseline is the same ruleset with all that counts, marks and tells taken out of its text: where a rule counts by the number that a map has, it looks into a set of the same keys. With decisions nobody reads the log, and all but ten a second are suppressed.',
  obstacle,
  async measure() {
    const lines: Line[] = []
    for (const stateful of [false, true]) {
      for (const length of [4, many]) lines.push(...(await measureCounting(stateful, length)))
    }
    return lines
  },
}

const many = 1000
const budget = 0.97
/** Shapes by what becomes of packets that none of their rules and that the last of them matches. */
const [allowList, , blockList] = shapes

/** With so many rules of each shape: the packets that pass, and those that do not. */
export async function measureCounting(stateful: boolean, length: number): Promise<Line[]> {
  const lines: Line[] = []
  for (const shape of [allowList, blockList]) lines.push(...(await measure(shape, stateful, length)))
  return lines
}

const variants = {
  'counted and told': { counted: true, samples: 10 },
  counted: { counted: true, samples: 0 },
  bare: { counted: false, samples: 0 },
} as const
type Variant = keyof typeof variants

async function measure(shape: Shape, stateful: boolean, length: number): Promise<Line[]> {
  const family = 'ipv4'
  const setting = settingOf(shape, family, many, stateful, length)
  const routers = new Map<Variant, Router>()
  const lines: Line[] = []
  try {
    for (const [name, variant] of Object.entries(variants) as [Variant, (typeof variants)[Variant]][]) {
      const router = await createRouter('routed')
      routers.set(name, router)
      await enforceBy(router, { shape: shape.name, rules: many, length, family, stateful, ...variant })
    }
    for (const kind of kinds) {
      for (const decidedBy of ['the default', 'a rule'] as const) {
        const flow = decidedBy === 'a rule' ? shape.last(family, many) : shape.none(family)
        const passage = passageOf(shape, setting, family, flow, kind)
        // Nothing decides anew about a connection that is established.
        if (stateful && kind === 'one flow' && decidedBy === 'a rule') continue
        const by = stateful && kind === 'one flow' ? 'their connection' : decidedBy
        const what = `${stateful ? 'stateful' : 'stateless'}, ${length.toLocaleString('en')} rules, ${kind}, ${passage.passes ? 'allowed' : 'denied'} by ${by}`
        const subjects = Object.fromEntries(
          [...routers].map(([name, router]): [string, Subject] => [
            name,
            (count) => send(router, passage, count),
          ]),
        ) as Record<Variant, Subject>
        const { rates, ratios } = await compare(subjects, budget)
        for (const name of ['counted', 'counted and told'] as const) {
          // What passes is told of where a rule asks for it; none of these does.
          if (name === 'counted and told' && passage.passes) continue
          const { ratio, error } = ratios[name]
          say(`  ${what}, ${name}: ${round(ratio, 3)} ± ${round(error * 100, 1)} %`)
          lines.push({
            what: `${what}: ${name}`,
            ours: text(rates[name]),
            baseline: text(rates.bare),
            ...{ ratio, error, budget: `≥ ${budget}`, verdict: judge(ratios[name], budget) },
          })
        }
      }
    }
    return lines
  } finally {
    for (const router of routers.values()) router.remove()
  }
}

const text = (rate: Rate): string => `${thousands(rate)} (${round(rate.medianNs, 0)} ns)`

async function enforceBy({ netns }: Router, enforced: Enforced): Promise<void> {
  const program = fileURLToPath(new URL('counting-child.ts', import.meta.url))
  await inside(netns, [process.execPath, program, JSON.stringify(enforced)])
}
