/** Loads so many interfaces into a namespace and prints how many seconds that took, and how many of CPU. */
import { createNftables } from '../src/agent/nftables/nftables.ts'
import type { EffectivePolicy } from '../src/core/model/effective-policy.ts'
import type { Rule } from '../src/core/model/rule.ts'
import { TCP } from '../src/core/net/protocol.ts'
import { essentials } from '../src/core/semantics/essentials.ts'
import { addressSet } from '../src/core/sets/address-set.ts'
import { desire } from '../test/support/desired.ts'
import { cpuSeconds } from './cpu.ts'

const [netns = '', interfaces = '1'] = process.argv.slice(2)
const rulesEach = 20
const uuid = (n: number) => `00000000-0000-8000-8000-${String(n).padStart(12, '0')}`
const address = (n: number) => 0x0a000000n + BigInt(n)

/** Ports that anybody may reach, and ports for one source. */
const rule = (of: number, n: number): Rule => ({
  ...{ id: `rule-${n}`, position: n + 1, direction: 'ingress', action: 'allow', enabled: true },
  matches: [
    {
      ...{ family: 'ipv4', protocol: TCP, destinationPorts: [{ first: 1000 + n, last: 1000 + n }] },
      ...(n % 2 === 1 && {
        source: addressSet([{ family: 'ipv4', first: address(of * 16), last: address(of * 16 + 15) }]),
      }),
    },
  ],
})

const policy = (of: number): EffectivePolicy => {
  const mac = macOf(of)
  const addresses = addressSet([{ family: 'ipv4', first: address(of), last: address(of) }])
  const rules = Array.from({ length: rulesEach }, (_, n) => rule(of, n))
  const lists = [{ policy: uuid(of), part: 0, direction: 'ingress', rules } as const]
  return {
    ...{ stateful: true, essentials, origin: { mac, addresses } },
    ingress: { filtered: true, lists, default: 'deny' },
    egress: { filtered: true, lists: [], default: 'allow' },
  }
}
const macOf = (n: number) =>
  `02:00:00:${n
    .toString(16)
    .padStart(6, '0')
    .replace(/(..)(?=.)/g, '$1:')}`

const desired = desire(
  Array.from({ length: Number(interfaces) }, (_, n) => ({
    ...{ id: uuid(n), device: `tap${n}`, mac: macOf(n), policy: policy(n) },
  })),
)
const dataplane = createNftables({ guard: ['tap*'], netns })
const spent = () => {
  const { own, children } = cpuSeconds()
  return own + children
}
const [started, before] = [performance.now(), spent()]
const report = await dataplane.apply(desired)
const taken = { seconds: (performance.now() - started) / 1000, cpu: spent() - before }
const failing = report.interfaces.find(({ state }) => state !== 'applied')
if (failing) throw new Error(`${failing.id} is ${failing.state}: ${failing.error}`)
await dataplane.close()
process.stdout.write(JSON.stringify(taken), () => process.exit(0))
