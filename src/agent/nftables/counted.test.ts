/** The kernel counts what decides, and the dataplane says it: through changes, moves and new processes, packet for packet. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { desire } from '../../../test/support/desired.ts'
import { kernelIn } from '../../../test/support/kernels.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { InterfaceHits } from '../../core/model/hits.ts'
import type { Action, Rule } from '../../core/model/rule.ts'
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

for (const way of ['netlink', 'nft'] as const)
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
      // It says nothing by itself.
      ip('netns', 'exec', vm, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1')
      ip('-n', host, 'addr', 'add', '10.1.0.1/24', 'dev', 'tap0')
      ip('-n', vm, 'addr', 'add', '10.1.0.2/24', 'dev', 'eth0')
      ip('-n', host, 'link', 'set', 'tap0', 'up')
      ip('-n', vm, 'link', 'set', 'eth0', 'up')
      ip('-n', vm, 'neigh', 'add', '10.1.0.9', 'lladdr', mac, 'dev', 'eth0')
    })
    after(async () => {
      try {
        for (const each of open) await each.close()
      } finally {
        for (const netns of [host, vm]) spawnSync('ip', ['netns', 'del', netns])
      }
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

    test('every packet is counted once while rules change', async () => {
      const dataplane = create()
      await dataplane.apply(desired(few))
      const sum = (counts: Record<string, number>) => Object.values(counts).reduce((a, b) => a + b, 0)
      const before = sum(await total(dataplane))
      // Until it is told to end, and then it says how many it has sent.
      const script = `
        trap 'over=1' TERM
        while [ -z "$over" ]; do
          for port in 1000 2000 9999; do echo > /dev/udp/10.1.0.9/$port && sent=$((sent + 1)); done
        done
        echo $sent`
      const sender = spawn('ip', ['netns', 'exec', vm, 'bash', '-c', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const closed = once(sender, 'close')
        let said = ''
        sender.stdout.setEncoding('utf8').on('data', (text) => {
          said += text
        })
        for (let change = 1; change <= 12; change++) {
          await dataplane.apply(desired(change % 3 === 0 ? few : many(change % 3)))
          if (change % 4 === 0) await total(dataplane)
        }
        sender.kill('SIGTERM')
        await closed
        const packets = Number(said)
        assert.ok(packets > 0, said)
        assert.equal(sum(await total(dataplane)) - before, packets)
      } finally {
        sender.kill('SIGKILL')
      }
    })
  })
