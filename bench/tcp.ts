/** New TCP connections a second through a router of 1,000 rules, to one of 1 rule. */

import { formatAddress } from '../src/core/net/address.ts'
import { TCP } from '../src/core/net/protocol.ts'
import { generate, obstacle } from './packets/generator.ts'
import { compare, judge, thousands } from './packets/rounds.ts'
import { createRouter, desiredOf, enforce, type Router, type Setting } from './packets/router.ts'
import { withBudget } from './packets/shapes.ts'
import { settingOf } from './rates.ts'
import { type Group, type Line, say } from './report.ts'

export const tcp: Group = {
  name: 'tcp',
  title: 'New TCP connections, 1,000 rules to 1',
  note: 'IPv4, routed: connect, accept, reset, one after the other, in one thread, per second of its CPU. The last rule allows them, or of the block list none matches.',
  obstacle,
  async measure() {
    const lines: Line[] = []
    for (const stateful of [false, true]) {
      for (const shape of withBudget) {
        const what = `${shape.name}, ${stateful ? 'stateful' : 'stateless'}`
        say(`  ${what}`)
        const flow = shape.default === 'allow' ? shape.none('ipv4') : shape.last('ipv4', count)
        const [sender, receiver] = [flow.source + 10n, flow.destination].map((each) =>
          formatAddress('ipv4', each),
        )
        const hosts = { sender: sender as string, receiver: receiver as string }
        const routers: Router[] = []
        try {
          const prepare = async (setting: Setting) => {
            const router = await createRouter('routed', hosts)
            routers.push(router)
            await enforce(router, desiredOf(overTcp(setting)))
            return (connections: number) =>
              generate(
                ...['connections', router.netns, router.ends.sender, router.ends.receiver],
                ...[hosts.receiver, flow.destinationPort, connections],
              )
          }
          const { ratios, rates } = await compare(
            {
              ours: await prepare(settingOf(shape, 'ipv4', count, stateful)),
              baseline: await prepare(settingOf(shape, 'ipv4', count, stateful, 1)),
            },
            budget,
          )
          lines.push({
            ...{ what, ours: thousands(rates.ours), baseline: thousands(rates.baseline) },
            ...{ ratio: ratios.ours.ratio, error: ratios.ours.error, budget: `≥ ${budget}` },
            verdict: judge(ratios.ours, budget),
          })
        } finally {
          for (const router of routers) router.remove()
        }
      }
    }
    return lines
  },
}

const count = 1000
const budget = 0.95

const overTcp = (setting: Setting): Setting => ({
  ...setting,
  rules: setting.rules.map((rule) => ({
    ...rule,
    matches: rule.matches.map((match) => ({ ...match, protocol: TCP })),
  })),
})
