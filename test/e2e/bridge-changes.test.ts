/**
 * A bridged VM under streams that never stop, while its device changes its place, its tables are interfered with, and
 * the service ends and begins: not one packet passes that should not, at any instant.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { bridgeOf, namespaceOf, routerNamespace } from '../../src/lab/network.ts'
import type { LabNic } from '../../src/lab/topology.ts'
import { canOwn } from '../support/kernels.ts'
import { noLabOr, openLab, type TestLab, type WireRule } from '../support/lab.ts'
import {
  arp,
  broadcast,
  type Datagram,
  ethernet,
  type FrameMeter,
  frameMeter,
  type Link,
  packet,
  udp,
} from '../support/link-frames.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng' })

const UDP = 17
/** By the way that they come: over the first bridge, over the second, by the router. */
const ways = { first: 5000, second: 5001, routed: 5002 } as const
type Way = keyof typeof ways
/** What is never let in, by the same ways: ten ports on. */
const shut = (way: Way) => ways[way] + 10

for (const way of ['netlink', 'nft'] as const)
  describe(`a bridged VM while everything changes, by ${way}`, { skip }, () => {
    const isOwned = way === 'netlink' && canOwn
    let lab: TestLab
    let router: string
    const running: ChildProcess[] = []
    let here: FrameMeter
    let there: FrameMeter
    let elsewhere: FrameMeter
    const nic = (name: string): LabNic => lab.vm(name).nics[0] as LabNic
    const main = bridgeOf('public')
    const other = 'br-other'
    const ip = async (...command: string[]) => {
      const { status, stderr } = await lab.inRouter(['ip', ...command])
      assert.equal(status, 0, `${command.join(' ')}: ${stderr}`)
    }
    const macIn = async (namespace: 'outside' | 'router', device: string) => {
      const command = ['ip', '-j', 'link', 'show', device]
      const text =
        namespace === 'outside' ? await lab.inside('outside', command) : (await lab.inRouter(command)).stdout
      return (JSON.parse(text) as [{ address: string }])[0].address
    }

    /** Sends these frames again and again, some thousand in a second, until it is killed. */
    function stream(name: string, device: string, frames: readonly Buffer[]): void {
      const config = frames.map(
        (each) => `{ ${[...each].map((byte) => `0x${byte.toString(16)}`).join(', ')} }\n`,
      )
      const command = [
        'netns',
        'exec',
        namespaceOf(lab.lab().prefix, name),
        'trafgen',
        '--cpus',
        '1',
        '--dev',
        device,
      ]
      const options = [
        '--gap',
        '300us',
        '--qdisc-path',
        '--no-sock-mem',
        '--notouch-irq',
        '--no-cpu-stats',
        '--conf',
        '-',
      ]
      const child = spawn('ip', [...command, ...options], { stdio: ['pipe', 'ignore', 'ignore'] })
      child.stdin.end(config.join(''))
      running.push(child)
    }

    before(async () => {
      lab = await openLab(way === 'nft' ? ['--nft', 'nft'] : [], true)
      router = routerNamespace(lab.lab().prefix)
      const open = (port: number): WireRule => ({
        ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'udp' },
        ...{ destination_port_start: String(port), destination_port_end: String(port) },
      })
      await lab.chain('web1', [...Object.values(ways).map(open), { direction: 'in', action: 'drop' }])
      await lab.firewall('web1', 'on')
      await ip('link', 'add', other, 'type', 'bridge')
      await ip('link', 'set', other, 'up')
      await lab.inside('outside', [
        'ip',
        'link',
        'add',
        'eth1',
        'type',
        'veth',
        'peer',
        'name',
        'up1',
        'netns',
        router,
      ])
      await lab.inside('outside', ['ip', 'link', 'set', 'eth1', 'up'])
      await ip('link', 'set', 'up1', 'master', other, 'up')
      const { mac, device, addresses } = nic('web1')
      const own = addresses[0] as string
      // The router finds it by its device as well, whether that is a port of a bridge or not.
      await ip('route', 'replace', own, 'dev', device)
      await ip('neigh', 'replace', own, 'lladdr', mac, 'dev', device, 'nud', 'permanent')
      const datagram = (ends: Link, head: Pick<Datagram, 'source' | 'destination'>, port: number) => {
        const whole = { ...head, protocol: UDP }
        return packet(ends, whole, udp(whole, [4000, port], Buffer.alloc(16)))
      }
      const from = await macIn('outside', 'eth0')
      const inbound = { source: '198.51.100.10', destination: own }
      const both = (ends: Link, way: Way) =>
        [ways[way], shut(way)].map((port) => datagram(ends, inbound, port))
      const outbound = { source: own, destination: '198.51.100.10' }
      const stolen = nic('web2')
      here = await frameMeter(namespaceOf(lab.lab().prefix, 'web1'), 'eth0', {
        ...Object.fromEntries(Object.entries(ways).map(([way, port]) => [way, `udp dport ${port}`])),
        shut: `udp dport ${shut('first')}-${shut('routed')}`,
      })
      const leaving = {
        honest: 'udp dport 6000',
        forged: 'udp dport 6001',
        'forged MAC': 'udp dport 6002',
        'forged ARP': `arp operation 2 arp saddr ether ${mac} arp saddr ip ${stolen.addresses[0]}`,
        tagged: 'ether type 0x8100',
      }
      there = await frameMeter(namespaceOf(lab.lab().prefix, 'outside'), 'eth0', leaving)
      // A table of the same name is one table: the second device has its own.
      elsewhere = await frameMeter(namespaceOf(lab.lab().prefix, 'web2'), 'eth0', leaving)
      stream('outside', 'eth0', [
        ...both({ from, to: mac }, 'first'),
        ...both({ from, to: await macIn('router', main) }, 'routed'),
      ])
      stream('outside', 'eth1', both({ from: await macIn('outside', 'eth1'), to: mac }, 'second'))
      stream('web1', 'eth0', [
        datagram({ from: mac, to: broadcast }, outbound, 6000),
        datagram({ from: mac, to: broadcast }, { ...outbound, source: stolen.addresses[0] as string }, 6001),
        datagram({ from: stolen.mac, to: broadcast }, outbound, 6002),
        arp(
          { from: mac, to: broadcast },
          'reply',
          [mac, stolen.addresses[0] as string],
          [from, '198.51.100.10'],
        ),
        ethernet({ from: mac, to: broadcast, vlans: [5] }, 0x0800, Buffer.alloc(46)),
      ])
    })
    after(async () => {
      for (const child of running) {
        const ended = new Promise((resolve) => child.once('exit', resolve))
        if (child.exitCode === null && child.kill('SIGKILL')) await ended
      }
      await lab?.close()
    })

    /** What has come that should not. */
    async function wrong() {
      const [a, b, c] = [await here.read(), await there.read(), await elsewhere.read()]
      const left = ({ honest: _, ...counts }: Record<string, number>) => counts
      return { shut: a.shut, outside: left(b), web2: left(c) }
    }
    /** As it was when the test began: one that fails is not all that follow. */
    let known: Awaited<ReturnType<typeof wrong>>
    async function nothingWrong(after = ''): Promise<void> {
      assert.deepEqual(await wrong(), known, `packets came that no rule lets pass ${after}`)
    }
    beforeEach(async () => {
      await ip('link', 'set', nic('web1').device, 'master', main)
      await becomes('bridged')
      known = await wrong()
    })

    /** Waits until packets of that way come again, and nothing wrong has come. */
    async function arrives(way: Way): Promise<void> {
      const before = (await here.read())[way] ?? 0
      const deadline = Date.now() + 30_000
      while (((await here.read())[way] ?? 0) <= before) {
        assert.ok(Date.now() < deadline, `nothing came by ${way} in 30 s`)
        await delay(5)
      }
      await nothingWrong()
    }
    async function leaves(): Promise<void> {
      const before = (await there.read()).honest ?? 0
      const deadline = Date.now() + 30_000
      while (((await there.read()).honest ?? 0) <= before) {
        assert.ok(Date.now() < deadline, 'nothing left in 30 s')
        await delay(5)
      }
    }
    const state = async () => {
      const { body } = await lab.api('GET', `/v1/servers/${lab.vm('web1').server}`)
      return body.interfaces[0] as { state: string; mode: string; error: string | null }
    }
    async function becomes(mode: string): Promise<void> {
      const deadline = Date.now() + 30_000
      for (;;) {
        const now = await state()
        if (now.state === 'applied' && now.mode === mode) return
        assert.ok(Date.now() < deadline, JSON.stringify(now))
        await delay(5)
      }
    }

    test('in its bridge', async () => {
      await arrives('first')
      await leaves()
    })

    test('it changes its bridge, leaves it, comes back, slowly and quickly', async () => {
      const { device } = nic('web1')
      const move = (to: string | null) =>
        to === null ? ip('link', 'set', device, 'nomaster') : ip('link', 'set', device, 'master', to)
      await move(other)
      await arrives('second')
      await becomes('bridged')
      await move(null)
      await becomes('routed')
      await arrives('routed')
      await move(main)
      await becomes('bridged')
      await arrives('first')
      await leaves()
      // Faster than anybody can follow.
      for (let n = 0; n < 12; n++) for (const to of [other, null, main, null, other, main]) await move(to)
      await becomes('bridged')
      await arrives('first')
      await leaves()
    })

    test('its bridge goes, and comes again', async () => {
      const { device } = nic('web1')
      await ip('link', 'set', device, 'master', other)
      await arrives('second')
      await ip('link', 'del', other)
      await becomes('routed')
      await arrives('routed')
      await ip('link', 'set', device, 'master', main)
      await becomes('bridged')
      await arrives('first')
      await leaves()
    })

    test('what somebody does to the tables is refused or repaired, and opens nothing', async () => {
      const words = ['bridge', 'portcullis']
      const repairs = async () => {
        const text = await (await fetch(`${lab.lab().service.url}/metrics`)).text()
        return Number(/^portcullis_repairs_total\{.*\} (\d+)$/m.exec(text)?.[1])
      }
      const { stdout: devices } = await lab.inRouter(['nft', 'list', 'map', ...words, 'to-vm-devices'])
      const [, entered = ''] = /"tap1i0" : goto ([^\s,}]+)/.exec(devices) ?? []
      for (const command of [
        ['flush', 'table', ...words],
        ['delete', 'table', ...words],
        ['flush', 'chain', ...words, entered],
        ['insert', 'rule', ...words, entered, 'accept'],
        ['insert', 'rule', ...words, 'to-vm', 'accept'],
        ['flush', 'map', ...words, 'to-vm-devices'],
        ['flush', 'map', ...words, 'from-vm-frames'],
        ['flush', 'set', ...words, 'headers6'],
        ['delete', 'table', 'bridge', 'portcullis-guard'],
        ['flush', 'table', 'inet', 'portcullis-guard'],
      ]) {
        const before = await repairs()
        const { status, stderr } = await lab.inRouter(['nft', ...command])
        if (isOwned) assert.match(stderr, /Operation not permitted/, command.join(' '))
        else assert.equal(status, 0, `${command.join(' ')}: ${stderr}`)
        const deadline = Date.now() + 30_000
        while (!isOwned && (await repairs()) <= before)
          assert.ok(Date.now() < deadline, `${command.join(' ')}: not repaired`)
        await nothingWrong(command.join(' '))
        await arrives('first')
        await leaves()
      }
    })

    test('the service is killed, and starts over what stands', async () => {
      await lab.kill()
      await arrives('first')
      await leaves()
      await lab.restart()
      await becomes('bridged')
      await arrives('first')
      await leaves()
      await nothingWrong()
    })

    test('the guard: a port that nobody has described passes nothing, nor does a described one before it is judged', async () => {
      await lab.kill()
      // As after a boot: the guard alone.
      const deadline = Date.now() + 30_000
      // Its process for the kernel ends a little later, and owns the table until then.
      while ((await lab.inRouter(['nft', 'delete', 'table', 'bridge', 'portcullis'])).status !== 0)
        assert.ok(Date.now() < deadline, 'the table is not given up in 30 s')
      const before = await here.read()
      await lab.inside('outside', ['ping', '-n', '-c', '3', '-i', '0.1', '-W', '1', '192.0.2.1'])
      assert.deepEqual(await here.read(), before)
      await lab.restart()
      await becomes('bridged')
      await arrives('first')
      await lab.inside('web2', [
        'ip',
        'link',
        'add',
        'eth9',
        'type',
        'veth',
        'peer',
        'name',
        'tap99i0',
        'netns',
        router,
      ])
      await ip('link', 'set', 'tap99i0', 'master', main, 'up')
      await lab.inside('web2', ['ip', 'link', 'set', 'eth9', 'up'])
      const seen = JSON.parse(
        (await lab.inRouter(['bridge', '-j', 'fdb', 'show', 'dev', 'tap99i0'])).stdout,
      ) as {
        mac: string
        state?: string
      }[]
      // The bridge learns nothing from what the guard stops.
      assert.deepEqual(
        seen.filter((each) => each.state !== 'permanent'),
        [],
      )
      await nothingWrong()
    })

    test('the bridge has learnt no address from forged frames', async () => {
      const fdb = JSON.parse((await lab.inRouter(['bridge', '-j', 'fdb', 'show', 'br', main])).stdout) as {
        mac: string
        ifname: string
        state?: string
      }[]
      const learnt = fdb.filter((each) => each.state !== 'permanent' && each.ifname === nic('web1').device)
      assert.deepEqual([...new Set(learnt.map(({ mac }) => mac))], [nic('web1').mac])
    })
  })
