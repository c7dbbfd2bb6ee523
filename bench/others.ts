/** The same policies as people write them otherwise: linear nft, iptables of both kinds, ipset. */
import { run } from '../src/lab/run.ts'
import { obstacle } from './packets/generator.ts'
import { type Loader, loaders } from './packets/other-tools.ts'
import { compare, thousands } from './packets/rounds.ts'
import { createRouter, desiredOf, enforce, type Router } from './packets/router.ts'
import { withBudget } from './packets/shapes.ts'
import { type Case, settingOf, subject } from './rates.ts'
import { type Group, type Line, say } from './report.ts'

export const others: Group = {
  name: 'others',
  title: 'Packet rate of 1,000 rules, beside other tools',
  note: 'IPv4, stateless, routed, new flows that no rule matches. The others hold the policy alone: no guard, no check of senders, no essential traffic; ours has the whole.',
  obstacle,
  async measure() {
    const lines: Line[] = []
    for (const shape of withBudget) {
      say(`  ${shape.name}`)
      const setting = settingOf(shape, 'ipv4', count, false)
      const routers: Router[] = []
      try {
        const create = async () => {
          const router = await createRouter('routed')
          routers.push(router)
          return router
        }
        const subjects: Record<string, ReturnType<typeof subject>> = {}
        for (const [name, loader] of Object.entries(loaders)) {
          const why = (await missing(loader)) ?? loader.cannot(shape)
          if (why !== undefined) {
            lines.push({ what: `${shape.name}: ${name}`, ours: '', baseline: why, budget: '' })
            continue
          }
          const router = await create()
          await loader.load(router.netns, shape, setting)
          subjects[name] = subject(router, shape, setting, count, which)
        }
        const own = await create()
        await enforce(own, desiredOf(setting))
        subjects.ours = subject(own, shape, setting, count, which)
        const { rates, ratios } = await compare(subjects)
        for (const name of Object.keys(subjects).filter((each) => each !== 'ours')) {
          const [rate, ratio] = [rates[name], ratios[name]]
          if (!rate || !ratio || !rates.ours) continue
          lines.push({
            what: `${shape.name}: ${name}`,
            ...{ ours: thousands(rates.ours), baseline: thousands(rate), budget: '' },
            ...{ ratio: 1 / ratio.ratio, error: ratio.error },
          })
        }
      } finally {
        for (const router of routers) router.remove()
      }
    }
    return lines
  },
}

const count = 1000
const which: Case = { family: 'ipv4', kind: 'new flows', rule: 'none' }

async function missing({ programs }: Loader): Promise<string | undefined> {
  for (const program of programs)
    if ((await run(program, ['--version'])).status === 127) return `${program} is not installed`
  return undefined
}
