/** Fills sets of counters in the namespace that it is started in, reads all of them again and again, and prints what each time took. */
import { openNetlinkKernel } from '../src/agent/nftables/netlink-kernel.ts'
import { hitsOf, table } from '../src/compile/nftables/names.ts'
import { hooks } from '../src/compile/nftables/places.ts'

const [interfaces = '1', deciders = '1', times = '1'] = process.argv.slice(2)
const kernel = await openNetlinkKernel()
await kernel.commit([
  { do: 'add-table', table },
  ...hooks.flatMap((hook) => {
    const set = {
      ...{ table, set: hitsOf(hook), kind: 'set' as const },
      type: 'type iface_index . mark\nsize 4194304\nflags dynamic\ncounter',
    }
    return [{ do: 'add-set', ...set } as const]
  }),
])
for (const hook of hooks) {
  for (let index = 1; index <= Number(interfaces); index++) {
    // Numbers are digests: they come in no order.
    const numbers = Array.from(
      { length: Number(deciders) },
      (_, n) => Math.imul(index * 64 + n, 0x9e3779b1) >>> 0,
    )
    const keys = numbers.map((number) => `${index} . 0x${number.toString(16).padStart(8, '0')}`)
    await kernel.commit([
      {
        ...{ do: 'add-elements', table, set: hitsOf(hook), kind: 'set', type: 'type iface_index . mark' },
        elements: new Map(keys.map((key) => [key, ''])),
      },
    ])
  }
}
const taken: { elements: number; ms: number; cpuMs: number }[] = []
for (let n = 0; n < Number(times); n++) {
  const [started, before] = [performance.now(), process.cpuUsage()]
  let elements = 0
  for (const hook of hooks) elements += (await kernel.hits(table, hitsOf(hook)))?.elements.length ?? 0
  const { user, system } = process.cpuUsage(before)
  taken.push({ elements, ms: performance.now() - started, cpuMs: (user + system) / 1000 })
}
await kernel.close()
process.stdout.write(JSON.stringify(taken), () => process.exit(0))
