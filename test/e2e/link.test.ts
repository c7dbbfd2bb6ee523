/**
 * VMs configure themselves under policies that let nothing else pass: real DHCP, router advertisements and neighbour
 * discovery, where their host routes, and in a bridge whose servers are beyond its uplink.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import { defaultSwitches } from '../../src/core/model/policy.ts'
import { essentialsOf } from '../../src/core/semantics/essentials.ts'
import { originOf } from '../../src/core/semantics/origin.ts'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { desire } from '../support/desired.ts'
import { sendFrames } from '../support/frames.ts'
import { kernelIn } from '../support/kernels.ts'
import { noLabOr } from '../support/lab.ts'
import { discovery } from '../support/link-frames.ts'

const skip = await noLabOr({
  dnsmasq: 'dnsmasq-base',
  dhclient: 'isc-dhcp-client',
  trafgen: 'netsniff-ng',
})

const prefix = `pcl-link${process.pid % 1000}-`
const names = { vm: `${prefix}vm`, host: `${prefix}host`, beyond: `${prefix}beyond` }
const { vm } = names
const mac = '52:54:00:00:00:01'
const address = { ipv4: '192.0.2.50', ipv6: '2001:db8:5::50', slaac: '2001:db8:5:0:5054:ff:fe00:1' }
/** Of the host where it routes, of the server beyond the bridge. */
const host = { ipv4: '192.0.2.1', ipv6: '2001:db8:5::1' }

const script = (log: string) => `#!/bin/sh
echo $reason >> ${log}
case $reason in
BOUND|RENEW|REBIND|REBOOT) ip addr replace $new_ip_address/24 dev $interface ;;
BOUND6|RENEW6|REBIND6) ip addr replace $new_ip6_address/128 dev $interface ;;
esac
`

/** Nothing passes but what is essential, from the interface's own addresses. */
function closed(stateful: boolean, switches = defaultSwitches): EffectivePolicy {
  const part = { filtered: true, lists: [], default: 'deny' } as const
  const sender = { mac, addresses: Object.values(address), allowedAddresses: [], senderCheck: true }
  const origin = originOf(sender, switches)
  return {
    stateful,
    essentials: essentialsOf(switches),
    ingress: part,
    egress: part,
    ...(origin && { origin }),
  }
}

for (const mode of ['routed', 'bridged'] as const) {
  describe(`a closed VM and its link, ${mode}`, { skip }, () => {
    /** Where its link ends: the namespace that answers it, and its device there. */
    const [router, end] =
      mode === 'routed' ? ([names.host, 'tap0'] as const) : ([names.beyond, 'eth0'] as const)
    const family = mode === 'routed' ? 'inet' : 'bridge'
    let directory: string
    let dataplane: Dataplane
    const running = new Set<ChildProcess>()
    const inside = (name: string, ...command: string[]) => run('ip', ['netns', 'exec', name, ...command])

    function start(name: string, ...command: string[]): ChildProcess {
      // `ip netns exec` becomes the program.
      const child = spawn('ip', ['netns', 'exec', name, ...command], { stdio: 'ignore' })
      running.add(child)
      return child
    }
    async function stop(child: ChildProcess): Promise<void> {
      running.delete(child)
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGKILL')
      await ended
    }

    before(async () => {
      directory = await mkdtemp(join(tmpdir(), 'portcullis-link-'))
      await writeFile(join(directory, 'script'), script(join(directory, 'reasons')))
      await chmod(join(directory, 'script'), 0o755)
      await writeFile(
        join(directory, 'dhclient.conf'),
        'timeout 3;\nretry 60;\ninitial-interval 1;\nbackoff-cutoff 1;\n',
      )
      const batch = (options: string[], lines: string[]) =>
        mustRun('ip', [...options, '-batch', '-'], `${lines.join('\n')}\n`)
      await batch(
        [],
        Object.values(names).map((name) => `netns add ${name}`),
      )
      await inside(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding')
      await batch(['-n', vm], [`link add eth0 address ${mac} type veth peer name tap0 netns ${names.host}`])
      if (mode === 'bridged') {
        await batch(['-n', router], [`link add eth0 type veth peer name up0 netns ${names.host}`])
        await batch(
          ['-n', names.host],
          [
            'link add br0 type bridge',
            'link set br0 up',
            ...['tap0', 'up0'].map((port) => `link set ${port} master br0 up`),
          ],
        )
      }
      await batch(['-n', names.host], ['link set tap0 up'])
      await batch(
        ['-n', router],
        [
          `link set ${end} up`,
          `addr add ${host.ipv4}/24 dev ${end}`,
          `addr add ${host.ipv6}/64 dev ${end} nodad`,
          `addr add fe80::1/64 dev ${end} nodad`,
        ],
      )
      // What passed our table on its way from the VM.
      await mustRun(
        'ip',
        ['netns', 'exec', names.host, 'nft', '-f', '-'],
        `table ${family} passed {
      counter reports6 { }
      counter reports4 { }
      counter renewals { }
      counter claims { }
      chain behind { type filter hook prerouting priority -140; policy accept;
        icmpv6 type 143 counter name reports6
        ip protocol igmp counter name reports4
        ip daddr ${host.ipv4} udp sport 68 udp dport 67 counter name renewals
        icmpv6 type 136 counter name claims
      }
    }\n`,
      )
      dataplane = createNftables({
        guard: ['tap*'],
        netns: names.host,
        kernel: kernelIn(names.host, 'owned'),
      })
      start(
        ...[router, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--no-ping'],
        ...[`--interface=${end}`, '--except-interface=lo', '--bind-interfaces', '--user=root', '--pid-file='],
        ...['--no-hosts', '--no-resolv', `--dhcp-leasefile=${join(directory, 'leases')}`, '--enable-ra'],
        `--dhcp-range=${address.ipv4},${address.ipv4},1h`,
        // T1 and T2: the lease is to be renewed soon, of its server, and not of anybody for a long time.
        ...['--dhcp-option=58,3', '--dhcp-option=59,3000'],
        `--dhcp-range=${address.ipv6},${address.ipv6},slaac,64,1h`,
      )
    })
    after(async () => {
      for (const child of running) await stop(child)
      await dataplane?.close()
      await destroyNetwork(prefix)
      if (directory) await rm(directory, { recursive: true, force: true })
    })

    /**
     * A device as after a boot: no addresses, no routes, no neighbours. Answers whether its policy is in force: a stateful
     * one is not in a bridge where the kernel tracks nothing.
     */
    async function reset(policy: EffectivePolicy): Promise<boolean> {
      for (const name of ['lease-4', 'lease-6', 'reasons']) await rm(join(directory, name), { force: true })
      await mustRun('ip', ['-n', vm, 'link', 'set', 'eth0', 'down'])
      await mustRun('ip', ['-n', vm, 'addr', 'flush', 'dev', 'eth0'])
      await mustRun('ip', ['-n', router, 'neigh', 'flush', 'dev', end])
      await inside(names.host, 'nft', 'reset', 'counters', 'table', family, 'passed')
      const { interfaces } = await dataplane.apply(desire([{ id: 'nic', device: 'tap0', policy }]))
      const [{ state, error } = { state: 'closed', error: null }] = interfaces
      if (mode === 'bridged' && policy.stateful && state !== 'applied') {
        assert.equal(state, 'failing')
        assert.match(error ?? '', /tracks no connections/)
        return false
      }
      assert.equal(state, 'applied')
      await mustRun('ip', ['-n', vm, 'link', 'set', 'eth0', 'up'])
      return true
    }

    async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
      const deadline = Date.now() + 30_000
      while (!(await holds())) {
        assert.ok(Date.now() < deadline, `${what} did not come about in 30 s`)
        await delay(50)
      }
    }

    const dhclient = (family: '-4' | '-6') =>
      [
        ...[vm, 'dhclient', family, '-d', '-1', '-D', 'LL', '-cf', join(directory, 'dhclient.conf')],
        ...['-lf', join(directory, `lease${family}`), '-pf', join(directory, `pid${family}`)],
        ...['-sf', join(directory, 'script'), 'eth0'],
      ] as const
    /** What dhclient came to tell its script, in order. */
    const reasons = async () =>
      (await readFile(join(directory, 'reasons'), 'utf8').catch(() => '')).split('\n').filter(Boolean)
    const addresses = async () => (await mustRun('ip', ['-n', vm, 'addr', 'show', 'dev', 'eth0'])) as string
    /** Of its own, and no longer being looked for on the link. */
    const has = async (one: string) =>
      (await addresses()).split('\n').some((line) => line.includes(` ${one}/`) && !line.includes('tentative'))
    const neighbour = async (name: string, device: string, one: string, word: string) =>
      (await mustRun('ip', ['-n', name, 'neigh', 'show', one, 'dev', device])).includes(word)
    const counted = async (name: string) =>
      Number(
        /packets (\d+)/.exec(
          (await inside(names.host, 'nft', 'list', 'counter', family, 'passed', name)).stdout,
        )?.[1],
      )

    for (const stateful of [true, false]) {
      test(`addresses, routes and neighbours, ${stateful ? 'stateful' : 'stateless'}`, async (t) => {
        if (!(await reset(closed(stateful))))
          return t.diagnostic('this kernel tracks nothing on bridges: it is closed')
        await until('an address by router advertisement', () => has(address.slaac))
        assert.match(await mustRun('ip', ['-n', vm, '-6', 'route']), /default via fe80::/)
        for (const [family, one] of [
          ['-4', address.ipv4],
          ['-6', address.ipv6],
        ] as const) {
          const [name, ...command] = dhclient(family)
          const client = start(name, ...command)
          await until(`a lease of ${one}`, () => has(one))
          // It asks the server that gave it, directly, and is answered.
          if (family === '-4') await until('a renewed lease', async () => (await reasons()).includes('RENEW'))
          await stop(client)
        }
        // Nothing but essentials passes: a ping is no answer, and finds out the MAC.
        for (const one of [host.ipv6, host.ipv4]) {
          const { status } = await inside(vm, 'ping', '-n', '-c', '1', '-W', '0.3', one)
          assert.equal(status, 1, `${one} answered`)
          await until(`the MAC of ${one}`, () => neighbour(vm, 'eth0', one, 'lladdr'))
        }
        // The host asks the VM whether it is still there.
        for (const one of [address.ipv6, address.slaac]) {
          const place = [one, 'lladdr', mac, 'dev', end, 'nud', 'probe']
          await mustRun('ip', ['-n', router, 'neigh', 'replace', ...place])
          await until(`an answer of ${one}`, () => neighbour(router, end, one, 'REACHABLE'))
          assert.notEqual((await inside(router, 'ping', '-n', '-c', '1', '-W', '0.3', one)).status, 0)
        }
        assert.ok((await counted('renewals')) > 0)
        await mustRun('ip', ['-n', vm, 'addr', 'add', '224.0.0.251/32', 'dev', 'eth0', 'autojoin'])
        await until(
          'membership reports',
          async () => (await counted('reports6')) > 0 && (await counted('reports4')) > 0,
        )
      })
    }

    test('claims of another address do not leave, those of its own do', async () => {
      await reset(closed(false))
      await until('a link-local address', () => has('fe80::5054:ff:fe00:1'))
      await inside(names.host, 'nft', 'reset', 'counters', 'table', family, 'passed')
      const link = { from: mac, to: '33:33:00:00:00:01' }
      const claim = (target: string) =>
        discovery(link, { source: address.ipv6, destination: 'ff02::1' }, 136, target)
      await sendFrames(
        vm,
        'eth0',
        ['fe80::1', host.ipv6, '2001:db8:5::51', 'fe80::5054:ff:fe00:2'].map(claim),
        'one-piece',
      )
      await sendFrames(vm, 'eth0', [address.ipv6, 'fe80::5054:ff:fe00:1'].map(claim), 'one-piece')
      await until('its own claims', async () => (await counted('claims')) === 2)
    })

    test('where DHCP is not essential there is no lease', async () => {
      await reset(closed(mode === 'routed', { ...defaultSwitches, dhcp: false }))
      await until('a link-local address', () => has('fe80::5054:ff:fe00:1'))
      const clients = (['-4', '-6'] as const).map((family) => {
        const [name, ...command] = dhclient(family)
        return start(name, ...command)
      })
      const [first] = clients
      // The first gives up by itself, after three seconds; the second never does.
      await until('the end of dhclient -4', async () => first?.exitCode != null)
      for (const client of clients) await stop(client)
      assert.deepEqual([await has(address.ipv4), await has(address.ipv6)], [false, false])
    })
  })
}
