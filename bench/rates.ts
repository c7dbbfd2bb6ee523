/** Packet rates of long policies to those of one rule. */
import { type Family, families } from '../src/core/net/address.ts'
import { obstacle } from './packets/generator.ts'
import { compare, judge, type Ratio, type Subject, thousands } from './packets/rounds.ts'
import {
  createRouter,
  desiredOf,
  enforce,
  type Kind,
  kinds,
  type Mode,
  passageOf,
  type Router,
  type Setting,
  send,
} from './packets/router.ts'
import { type Shape, shapes, withBudget } from './packets/shapes.ts'
import { type Group, type Line, round, say } from './report.ts'

const common =
  'Packets of 60-byte UDP enter at one VM’s device and leave at another’s; both VMs have the whole of the duties. Rates are packets per second of CPU, the median of at least 7 rounds by turns; ± is half the 95 % interval of the ratio.'

export const rates: Group = {
  name: 'rates',
  title: 'Packet rate, 1,000 rules to 1',
  note: `${common} A line shows the worst of its cases: packets that no rule and that the last rule matches, new flows and one established flow.`,
  obstacle,
  measure: () => measure(1000, shapes, 0.97),
}

export const ratesOfMany: Group = {
  name: 'rates-10000',
  title: 'Packet rate, 10,000 rules to 1',
  note: common,
  obstacle,
  measure: () => measure(10_000, withBudget, 0.9),
}

export interface Case {
  readonly family: Family
  readonly kind: Kind
  /** Which rule decides. */
  readonly rule: 'none' | 'last'
}

/** Every kind of packet that a shape is tried with. */
export const cases = (family: Family): readonly Case[] =>
  kinds.flatMap((kind) => (['none', 'last'] as const).map((rule) => ({ family, kind, rule })))

/** A policy of so many of a shape's rules; one rule is the last of them, so that the same packets meet it. */
export const settingOf = (
  shape: Shape,
  family: Family,
  count: number,
  stateful: boolean,
  length = count,
): Setting => ({ stateful, rules: shape.rules(family, count).slice(-length), default: shape.default })

/** Packets of one case as a subject. */
export function subject(router: Router, shape: Shape, setting: Setting, count: number, each: Case): Subject {
  const { family, kind, rule } = each
  const flow = rule === 'none' ? shape.none(family) : shape.last(family, count)
  const passage = passageOf(shape, setting, family, flow, kind)
  return (packets) => send(router, passage, packets)
}

export const describe = ({ family, kind, rule }: Case): string =>
  `${family === 'ipv4' ? 'IPv4' : 'IPv6'}, ${kind}, ${rule === 'none' ? 'no rule' : 'last rule'}`

async function measure(count: number, which: readonly Shape[], budget: number): Promise<Line[]> {
  const lines: Line[] = []
  for (const mode of ['routed', 'bridged'] as const) {
    for (const stateful of [false, true]) {
      for (const shape of which) {
        const what = `${shape.name}, ${stateful ? 'stateful' : 'stateless'}, ${mode}`
        say(`  ${what}`)
        const measured = await whole(what, mode, stateful, shape, count, budget)
        if (typeof measured === 'string') {
          lines.push({ what, ours: measured, baseline: '', budget: '' })
          break
        }
        lines.push(lineOf(what, measured, withBudget.includes(shape) ? budget : undefined))
      }
    }
  }
  return lines
}

export interface Measured extends Case, Ratio {
  readonly rounds: number
  readonly ours: string
  readonly baseline: string
}

/** The worst of the cases, and all of them as details. */
export function lineOf(what: string, all: readonly Measured[], budget?: number): Line {
  const worst = all.toSorted((a, b) => a.ratio - b.ratio)[0] as Measured
  say(`    ${round(worst.ratio, 3)} ± ${round(worst.error * 100, 1)} %, ${describe(worst)}`)
  return {
    what: `${what} (${describe(worst)})`,
    ...{ ours: worst.ours, baseline: worst.baseline, ratio: worst.ratio, error: worst.error },
    budget: budget === undefined ? '' : `≥ ${budget}`,
    ...(budget !== undefined && { verdict: judge(worst, budget) }),
    details: all.map((each) => ({ ...each, ratio: round(each.ratio, 4), best: round(each.best, 4) })),
  }
}

/** All cases of a shape, or why there are none. */
async function whole(
  what: string,
  mode: Mode,
  stateful: boolean,
  shape: Shape,
  count: number,
  budget: number,
): Promise<readonly Measured[] | string> {
  const all: Measured[] = []
  for (const family of families) {
    const long = settingOf(shape, family, count, stateful)
    const short = settingOf(shape, family, count, stateful, 1)
    const routers: Router[] = []
    try {
      for (const setting of [long, short]) {
        const router = await createRouter(mode)
        routers.push(router)
        await enforce(router, desiredOf(setting))
      }
      const [ours, one] = routers as [Router, Router]
      for (const each of cases(family)) {
        const { ratios, rates, rounds } = await compare(
          {
            ours: subject(ours, shape, long, count, each),
            baseline: subject(one, shape, short, count, each),
          },
          budget,
        )
        all.push({
          ...{ ...each, ...ratios.ours, rounds },
          ...{ ours: thousands(rates.ours), baseline: thousands(rates.baseline) },
        })
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      if (mode === 'bridged' && stateful && /tracks no connections/.test(why))
        return 'this kernel tracks nothing in bridges'
      throw new Error(`${what}: ${why}`)
    } finally {
      for (const router of routers) router.remove()
    }
  }
  return all
}
