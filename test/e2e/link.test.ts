/** VMs configure themselves under policies that let nothing else pass: real DHCP, router advertisements and neighbour discovery. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import { plainGuards } from '../../src/core/model/inventory.ts'
import { essentialsOf } from '../../src/core/semantics/essentials.ts'
import { originOf } from '../../src/core/semantics/origin.ts'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { noLabOr } from '../support/lab.ts'

const skip = await noLabOr({ dnsmasq: 'dnsmasq-base', dhclient: 'isc-dhcp-client' })

const prefix = `pcl-link${process.pid % 1000}-`
const [vm, router] = [`${prefix}vm`, `${prefix}router`]
const mac = '52:54:00:00:00:01'
const address = { ipv4: '192.0.2.50', ipv6: '2001:db8:5::50', slaac: '2001:db8:5:0:5054:ff:fe00:1' }
const host = { ipv4: '192.0.2.1', ipv6: '2001:db8:5::1' }

const script = `#!/bin/sh
case $reason in
BOUND|RENEW|REBIND|REBOOT) ip addr replace $new_ip_address/24 dev $interface ;;
BOUND6|RENEW6|REBIND6) ip addr replace $new_ip6_address/128 dev $interface ;;
esac
`

/** Nothing passes but what is essential, from the interface's own addresses. */
function closed(stateful: boolean, guards = plainGuards): EffectivePolicy {
  const part = { filtered: true, lists: [], default: 'deny' } as const
  const sender = { mac, addresses: Object.values(address), allowedAddresses: [], senderCheck: true }
  const origin = originOf(sender, guards)
  return {
    stateful,
    essentials: essentialsOf(guards),
    ingress: part,
    egress: part,
    ...(origin && { origin }),
  }
}

describe('a closed VM and its link', { skip }, () => {
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
    await writeFile(join(directory, 'script'), script)
    await chmod(join(directory, 'script'), 0o755)
    await writeFile(
      join(directory, 'dhclient.conf'),
      'timeout 3;\nretry 60;\ninitial-interval 1;\nbackoff-cutoff 1;\n',
    )
    const batch = (options: string[], lines: string[]) =>
      mustRun('ip', [...options, '-batch', '-'], `${lines.join('\n')}\n`)
    await batch(
      [],
      [vm, router].map((name) => `netns add ${name}`),
    )
    await inside(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding')
    await batch(['-n', vm], [`link add eth0 address ${mac} type veth peer name tap0 netns ${router}`])
    await batch(
      ['-n', router],
      [
        'link set tap0 up',
        `addr add ${host.ipv4}/24 dev tap0`,
        `addr add ${host.ipv6}/64 dev tap0 nodad`,
        'addr add fe80::1/64 dev tap0 nodad',
      ],
    )
    // What passed our table on its way from the VM.
    await mustRun(
      'ip',
      ['netns', 'exec', router, 'nft', '-f', '-'],
      `table inet passed {
      counter reports6 { }
      counter reports4 { }
      chain behind { type filter hook prerouting priority -140; policy accept;
        icmpv6 type 143 counter name reports6
        ip protocol igmp counter name reports4
      }
    }\n`,
    )
    dataplane = createNftables({ guard: ['tap*'], netns: router })
    start(
      ...[router, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--no-ping'],
      ...['--interface=tap0', '--except-interface=lo', '--bind-interfaces', '--user=root', '--pid-file='],
      ...['--no-hosts', '--no-resolv', `--dhcp-leasefile=${join(directory, 'leases')}`, '--enable-ra'],
      `--dhcp-range=${address.ipv4},${address.ipv4},1h`,
      `--dhcp-range=${address.ipv6},${address.ipv6},slaac,64,1h`,
    )
  })
  after(async () => {
    for (const child of running) await stop(child)
    await dataplane?.close()
    await destroyNetwork(prefix)
    if (directory) await rm(directory, { recursive: true, force: true })
  })

  /** A device as after a boot: no addresses, no routes, no neighbours. */
  async function reset(policy: EffectivePolicy): Promise<void> {
    for (const family of ['-4', '-6']) await rm(join(directory, `lease${family}`), { force: true })
    await mustRun('ip', ['-n', vm, 'link', 'set', 'eth0', 'down'])
    await mustRun('ip', ['-n', vm, 'addr', 'flush', 'dev', 'eth0'])
    await mustRun('ip', ['-n', router, 'neigh', 'flush', 'dev', 'tap0'])
    await inside(router, 'nft', 'reset', 'counters', 'table', 'inet', 'passed')
    const { interfaces } = await dataplane.apply({
      revision: 1,
      interfaces: [{ id: 'nic', device: 'tap0', policy }],
    })
    assert.equal(interfaces[0]?.state, 'applied')
    await mustRun('ip', ['-n', vm, 'link', 'set', 'eth0', 'up'])
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
  const addresses = async () => (await mustRun('ip', ['-n', vm, 'addr', 'show', 'dev', 'eth0'])) as string
  /** Of its own, and no longer being looked for on the link. */
  const has = async (one: string) =>
    (await addresses()).split('\n').some((line) => line.includes(` ${one}/`) && !line.includes('tentative'))
  const neighbour = async (name: string, device: string, one: string, word: string) =>
    (await mustRun('ip', ['-n', name, 'neigh', 'show', one, 'dev', device])).includes(word)
  const counted = async (name: string) =>
    Number(
      /packets (\d+)/.exec(
        (await inside(router, 'nft', 'list', 'counter', 'inet', 'passed', name)).stdout,
      )?.[1],
    )

  for (const stateful of [true, false]) {
    test(`addresses, routes and neighbours, ${stateful ? 'stateful' : 'stateless'}`, async () => {
      await reset(closed(stateful))
      await until('an address by router advertisement', () => has(address.slaac))
      assert.match(await mustRun('ip', ['-n', vm, '-6', 'route']), /default via fe80::/)
      for (const [family, one] of [
        ['-4', address.ipv4],
        ['-6', address.ipv6],
      ] as const) {
        const [name, ...command] = dhclient(family)
        const client = start(name, ...command)
        await until(`a lease of ${one}`, () => has(one))
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
        const place = [one, 'lladdr', mac, 'dev', 'tap0', 'nud', 'probe']
        await mustRun('ip', ['-n', router, 'neigh', 'replace', ...place])
        await until(`an answer of ${one}`, () => neighbour(router, 'tap0', one, 'REACHABLE'))
        assert.notEqual((await inside(router, 'ping', '-n', '-c', '1', '-W', '0.3', one)).status, 0)
      }
      await mustRun('ip', ['-n', vm, 'addr', 'add', '224.0.0.251/32', 'dev', 'eth0', 'autojoin'])
      await until(
        'membership reports',
        async () => (await counted('reports6')) > 0 && (await counted('reports4')) > 0,
      )
    })
  }

  test('where DHCP is not essential there is no lease', async () => {
    await reset(closed(true, { ...plainGuards, dhcp: false }))
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
