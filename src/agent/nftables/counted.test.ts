/** The kernel counts what decides, and the dataplane says it: through changes, moves and new processes, packet for packet. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { after, afterEach, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { desire } from '../../../test/support/desired.ts'
import { kernelIn } from '../../../test/support/kernels.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { InterfaceHits } from '../../core/model/hits.ts'
import type { Action, Rule } from '../../core/model/rule.ts'
import { parseAddress } from '../../core/net/address.ts'
import { addressSet } from '../../core/sets/address-set.ts'
import { obstacle } from '../../lab/lab.ts'
import type { Dataplane } from '../dataplane.ts'
import { createNftKernel } from './nft-kernel.ts'
import { createNftables } from './nftables.ts'

const skip = (await obstacle()) ?? false

const rule = (id: string, action: Action, port: number): Rule => ({
  ...{ id, position: 1, direction: 'egress', action, enabled: true },
  matches: [{ protocol: 17, destinationPorts: [{ first: port, last: port }] }],
})
/** Of a VM that may send what the rules allow. */
const policy = (rules: readonly Rule[]): EffectivePolicy => ({
  ...{ stateful: false, essentials: [], ingress: { filtered: false } },
  egress: {
    ...{ filtered: true, default: 'deny' },
    lists: [{ policy: 'p', part: 0, direction: 'egress', rules }],
  },
})
const few = [rule('web', 'allow', 1000), rule('bad', 'deny', 2000)]
/** So many that they are looked up. */
const many = (n = 0) => [
  ...few,
  ...Array.from({ length: 40 }, (_, i) => rule(`r${i}`, 'allow', 3000 + i + 100 * n)),
]

const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)
/** What may change beside a rule, which stays what it is. */
const stepKinds = ['grow', 'shrink', 'replace', 'move', 'sharer', 'sender-check', 'observe'] as const
const arbitraryStep = fc.record({
  kind: fc.constantFrom(...stepKinds),
  at: fc.nat({ max: 1000 }),
  some: fc.integer({ min: 1, max: 30 }),
})
/** Of the VM. */
const ownAddresses = (() => {
  const own = parseAddress('10.1.0.2')
  assert.ok(own.ok)
  const { family, value } = own.value
  return addressSet([{ family, first: value, last: value }])
})()

for (const [way, changes] of [
  ['netlink', Number(process.env.PORTCULLIS_TEST_CHANGES ?? 250)],
  ['nft', Number(process.env.PORTCULLIS_TEST_CHANGES ?? 60)],
] as const)
  describe(`what is counted by ${way}`, { skip }, () => {
    const [host, vm] = [`pcl-hits-${way}-${process.pid}`, `pcl-hits-vm-${way}-${process.pid}`]
    const ip = (...args: string[]) => {
      const done = spawnSync('ip', args, { encoding: 'utf8' })
      assert.equal(done.status, 0, `ip ${args.join(' ')}: ${done.stderr}`)
    }
    /** So many datagrams of the VM to a port of another host. */
    const send = (port: number, count = 1) => {
      const script = `for n in $(seq ${count}); do echo > /dev/udp/10.1.0.9/${port}; done`
      ip('netns', 'exec', vm, 'bash', '-c', script)
    }
    const open: Dataplane[] = []
    const create = () => {
      const kernel = way === 'nft' ? createNftKernel({ netns: host }) : kernelIn(host, way)
      const dataplane = createNftables({ guard: [], netns: host, kernel, decisionsPerSecond: 10 })
      open.push(dataplane)
      return dataplane
    }
    const last = new Map<string, number>()
    const sums = new Map<string, number>()
    /** All that was counted since the test began, as a service adds it up. */
    async function total(dataplane: Dataplane): Promise<Record<string, number>> {
      add(await dataplane.hits())
      return Object.fromEntries(sums)
    }
    function add(some: readonly InterfaceHits[]): void {
      for (const { id, epoch, ingress, egress } of some) {
        assert.deepEqual(ingress, [])
        for (const { by, packets, bytes } of egress) {
          assert.equal(bytes, packets * (20 + 8 + 1))
          const before = last.get(`${epoch} ${id} ${by}`) ?? 0
          last.set(`${epoch} ${id} ${by}`, packets)
          sums.set(by, (sums.get(by) ?? 0) + (packets >= before ? packets - before : packets))
        }
      }
    }
    const desired = (rules: readonly Rule[]) => desire([{ id: 'nic', device: 'tap0', policy: policy(rules) }])

    before(() => {
      for (const netns of [host, vm]) ip('netns', 'add', netns)
      const mac = '02:00:00:00:00:01'
      ip(
        '-n',
        host,
        'link',
        'add',
        'tap0',
        'address',
        mac,
        'type',
        'veth',
        'peer',
        'name',
        'eth0',
        'netns',
        vm,
      )
      ip('-n', host, 'link', 'add', 'tap1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', vm)
      // It says nothing by itself.
      ip('netns', 'exec', vm, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
      ip('-n', host, 'addr', 'add', '10.1.0.1/24', 'dev', 'tap0')
      ip('-n', vm, 'addr', 'add', '10.1.0.2/24', 'dev', 'eth0')
      ip('-n', host, 'link', 'set', 'tap0', 'up')
      ip('-n', vm, 'link', 'set', 'eth0', 'up')
      ip('-n', vm, 'neigh', 'add', '10.1.0.9', 'lladdr', mac, 'dev', 'eth0')
    })
    after(() => {
      for (const netns of [host, vm]) spawnSync('ip', ['netns', 'del', netns])
    })

    // What others commit is foreign to one that goes on.
    afterEach(async () => {
      for (const each of open.splice(0)) await each.close()
    })

    test('rules, long lists of them and the default, through changes and another process', async () => {
      let dataplane = create()
      await dataplane.apply(desired(few))
      send(1000, 3)
      send(2000, 2)
      send(9999)
      assert.deepEqual(await total(dataplane), { 'rule p web': 3, 'rule p bad': 2, default: 1 })
      for (let n = 0; n < 5; n++) {
        await dataplane.apply(desired(n % 2 === 0 ? many(n) : few))
        send(1000)
        send(2000)
        send(9999)
      }
      const expected = { 'rule p web': 8, 'rule p bad': 7, default: 6 }
      const looked = { ...expected, 'rule p web': 5, 'list p': 3 }
      assert.deepEqual(await total(dataplane), way === 'nft' ? looked : expected)
      dataplane = create()
      await dataplane.apply(desired(many(7)))
      send(3739, 2)
      send(2000)
      const more = { 'rule p bad': 8 }
      assert.deepEqual(
        await total(dataplane),
        way === 'nft' ? { ...looked, ...more, 'list p': 5 } : { ...expected, ...more, 'rule p r39': 2 },
      )
    })

    test(`every packet is counted once, for what decided, through ${changes} changes of all else`, async (t) => {
      const dataplane = create()
      await dataplane.apply(desired(few))
      const before = await total(dataplane)
      // Until it is told to end, and then it says how many it has sent to each port.
      const script = `
        trap 'over=1' TERM
        declare -A sent=([1000]=0 [2000]=0 [9999]=0)
        while [ -z "$over" ]; do
          for port in 1000 2000 9999; do
            echo > /dev/udp/10.1.0.9/$port && sent[$port]=$((sent[$port] + 1))
          done
        done
        echo "\${sent[1000]} \${sent[2000]} \${sent[9999]}"`
      const sender = spawn('ip', ['netns', 'exec', vm, 'bash', '-c', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const closed = once(sender, 'close')
        let said = ''
        sender.stdout.setEncoding('utf8').on('data', (text) => {
          said += text
        })
        let rules = few
        let [shared, checked, observe] = [false, false, false]
        let [next, longest, revision] = [0, 0, 1]
        const others = (count: number) =>
          Array.from({ length: count }, () => rule(`o${++next}`, next % 3 ? 'allow' : 'deny', 3000 + next))
        for (const [n, { kind, at, some }] of fc
          .sample(arbitraryStep, { numRuns: changes, seed })
          .entries()) {
          const mine = rules.filter((each) => few.includes(each))
          const place = at % (rules.length + 1)
          if (kind === 'grow' && rules.length < 60) rules = rules.toSpliced(place, 0, ...others(some))
          else if (kind === 'shrink')
            rules = rules.filter((each, i) => mine.includes(each) || i < place || i >= place + 2 * some)
          else if (kind === 'replace') rules = [...mine, ...others(rules.length - mine.length)]
          else if (kind === 'move') {
            const moved = few[at % 2] as Rule
            const rest = rules.filter((each) => each !== moved)
            rules = rest.toSpliced(some % (rest.length + 1), 0, moved)
          } else if (kind === 'sharer') shared = !shared
          else if (kind === 'sender-check') checked = !checked
          else if (kind === 'observe') observe = !observe
          longest = Math.max(longest, rules.length)
          const common = policy(rules.map((each, i) => ({ ...each, position: i + 1 })))
          const own = checked ? { ...common, origin: { addresses: ownAddresses } } : common
          const nics = [
            { id: 'nic', device: 'tap0', policy: own, observe },
            ...(shared ? [{ id: 'sharer', device: 'tap1', policy: common }] : []),
          ]
          const { interfaces } = await dataplane.apply(desire(nics, ++revision))
          for (const { id, state, error } of interfaces)
            assert.ok(state === 'applied' || state === 'observing', `${id} after ${kind}: ${error}`)
          if (n % 10 === 0) await total(dataplane)
        }
        sender.kill('SIGTERM')
        await closed
        const [web = 0, bad = 0, other = 0] = said.trim().split(' ').map(Number)
        const after = await total(dataplane)
        const counted = Object.fromEntries(
          Object.entries(after).map(([by, packets]) => [by, packets - (before[by] ?? 0)]),
        )
        t.diagnostic(`seed ${seed}: ${said.trim()} packets, lists of up to ${longest} rules`)
        assert.ok(web > 0 && bad > 0 && other > 0, said)
        assert.ok(longest > 40)
        const { 'rule p web': byRule = 0, 'list p': byList = 0, ...rest } = counted
        const of = (by: string) => rest[by] ?? 0
        // By nft a long list counts what it allows together.
        if (way === 'netlink') assert.equal(byList, 0)
        assert.deepEqual([byRule + byList, of('rule p bad'), of('default')], [web, bad, other])
        const all = Object.values(counted).reduce((a, b) => a + b, 0)
        assert.equal(all, web + bad + other, JSON.stringify(counted))
      } finally {
        sender.kill('SIGKILL')
      }
    })
  })
