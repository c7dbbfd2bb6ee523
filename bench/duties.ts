/** What the whole costs a packet beside no table at all, and what each of its duties costs. */
import type { Notrack } from '../src/agent/nftables/nftables.ts'
import { obstacle } from './packets/generator.ts'
import { compare, type Subject } from './packets/rounds.ts'
import {
  createRouter,
  desiredOf,
  enforce,
  type Kind,
  kinds,
  passageOf,
  type Router,
  type Setting,
  send,
} from './packets/router.ts'
import { shapes } from './packets/shapes.ts'
import { type Group, type Line, round } from './report.ts'
import { inside } from './workshop.ts'

export const duties: Group = {
  name: 'duties',
  title: 'What the whole costs a packet, and each duty',
  note: 'One rule, IPv4, routed, between two VMs; a duty costs what a packet takes less without it. Each figure is nanoseconds of CPU for one packet, the median of the rounds.',
  obstacle,
  async measure() {
    const lines: Line[] = []
    for (const kind of kinds) lines.push(...(await measure(kind)))
    return lines
  },
}

const shape = shapes[0]
const whole: Setting = { stateful: false, rules: shape.rules('ipv4', 1), default: shape.default }
const nft = (netns: string, script: string) => inside(netns, ['nft', '-f', '-'], script)
const ours =
  (setting: Setting, afterwards = '', notrack?: Notrack) =>
  async (router: Router) => {
    await enforce(router, desiredOf(setting), notrack)
    await nft(router.netns, afterwards)
  }
const byNft =
  (script: string) =>
  ({ netns }: Router) =>
    nft(netns, script)

const chains = (names: readonly (readonly [hook: string, priority: number])[]) =>
  `table inet bare {\n${names.map(([hook, priority], n) => `chain c${n} {\ntype filter hook ${hook} priority ${priority};\n}`).join('\n')}\n}\n`
const noGuard = 'delete table inet portcullis-guard\ndelete table bridge portcullis-guard\n'

const variants = {
  whole: ours(whole),
  'without the guard': ours(whole, noGuard),
  'without the check of senders': ours({ ...whole, without: ['origin'] }),
  'without essential traffic': ours({ ...whole, without: ['essentials'] }),
  'without filtering at all': ours({ ...whole, without: ['origin', 'filtering'] }),
  'tracked although stateless': ours(whole, '', 'never'),
  stateful: ours({ ...whole, stateful: true }),
  'six empty base chains': byNft(
    chains([
      ...[-146, -145, -144].map((at) => ['prerouting', at] as const),
      ...[-1, 0, 1].map((at) => ['forward', at] as const),
    ]),
  ),
  'one empty base chain': byNft(chains([['forward', 0]])),
  'tracking alone': byNft('table inet bare {\nchain unused {\nct state invalid drop\n}\n}\n'),
  'no table': async () => {},
} as const satisfies Record<string, (router: Router) => Promise<unknown>>
type Variant = keyof typeof variants

async function measure(kind: Kind): Promise<Line[]> {
  const routers: Router[] = []
  try {
    const subjects: Partial<Record<Variant, Subject>> = {}
    for (const [name, prepare] of Object.entries(variants) as [Variant, (typeof variants)[Variant]][]) {
      const router = await createRouter('routed')
      routers.push(router)
      await prepare(router)
      const passage = passageOf(shape, whole, 'ipv4', shape.last('ipv4', 1), kind)
      subjects[name] = (count) => send(router, passage, count)
    }
    const { rates, ratios } = await compare(subjects as Record<Variant, Subject>)
    const ns = (name: Variant) => `${round(rates[name].medianNs, 0)} ns`
    return (Object.keys(variants) as Variant[]).map((name) => ({
      what: `${kind}: ${name}`,
      ours: `${ns(name)} (${round(rates[name].medianNs - rates.whole.medianNs, 0)})`,
      baseline: ns('no table'),
      ...{ ratio: ratios[name].ratio, error: ratios[name].error, budget: '' },
    }))
  } finally {
    for (const router of routers) router.remove()
  }
}
