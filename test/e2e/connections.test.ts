/** One VM cannot take the host's connection table, and nobody can take a VM's connections: attacks with real packets. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import { trialLimit, trialsPerSecond } from '../../src/compile/nftables/connections.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import { type Endpoint, startEndpoint } from '../../src/lab/endpoint.ts'
import { obstacle } from '../../src/lab/lab.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { desire } from '../support/desired.ts'

const skip = await missing()
const limit = 500
/** Packets of an attack: far more than the limit. */
const many = 5000

/** Ends of the router's links: `device` on the router, `eth0` in a namespace of its own. */
const hosts = {
  attacker: { device: 'tap0', v4: '10.77.1', v6: 'fd77:1' },
  victim: { device: 'tap1', v4: '10.77.2', v6: 'fd77:2' },
  outside: { device: 'up0', v4: '10.77.9', v6: 'fd77:9' },
} as const
type Host = keyof typeof hosts
type Family = 4 | 6
const address = (host: Host, family: Family, last = 2) =>
  family === 4 ? `${hosts[host].v4}.${last}` : `${hosts[host].v6}::${last}`

const addressesOf = (host: Host) => [address(host, 4), address(host, 6)]

const prefix = `pcl-conn-${process.pid}`
const router = `${prefix}-router`
const inside = (namespace: string, command: string, ...args: string[]) =>
  mustRun('ip', ['netns', 'exec', namespace, command, ...args])
const namespaceOf = (host: Host) => `${prefix}-${host}`

const open: EffectivePolicy = {
  stateful: false,
  essentials: [],
  ingress: { filtered: false },
  egress: { filtered: false },
}
const stateful: EffectivePolicy = {
  ...open,
  stateful: true,
  ingress: { filtered: true, lists: [], default: 'allow' },
  egress: { filtered: true, lists: [], default: 'allow' },
}
const desired = desire([
  { id: 'attacker', device: hosts.attacker.device, policy: open, addresses: addressesOf('attacker') },
  { id: 'victim', device: hosts.victim.device, policy: stateful, addresses: addressesOf('victim') },
])

describe('tracked connections', { skip }, () => {
  let dataplane: Dataplane
  let endpoints: Record<Host, Endpoint>
  const create = () => createNftables({ guard: [], netns: router, maxConnections: limit, notrack: 'never' })
  const macs = new Map<string, string>()

  before(async () => {
    await mustRun('ip', ['netns', 'add', router])
    await inside(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    for (const host of Object.keys(hosts) as Host[]) {
      const { device } = hosts[host]
      const [there, here] = [
        (...args: string[]) => mustRun('ip', ['-n', namespaceOf(host), ...args]),
        (...args: string[]) => mustRun('ip', ['-n', router, ...args]),
      ]
      await mustRun('ip', ['netns', 'add', namespaceOf(host)])
      await here('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespaceOf(host))
      for (const [say, last, on] of [
        [here, 1, device],
        [there, 2, 'eth0'],
      ] as const) {
        await say('address', 'add', `${address(host, 4, last)}/24`, 'dev', on)
        await say('address', 'add', `${address(host, 6, last)}/64`, 'dev', on, 'nodad')
        await say('link', 'set', on, 'up')
        const [link] = JSON.parse(await say('-j', 'link', 'show', on))
        macs.set(`${host} ${last}`, link.address)
      }
      await there('route', 'add', 'default', 'via', address(host, 4, 1))
      await there('-6', 'route', 'add', 'default', 'via', address(host, 6, 1))
      // What the attack sends is answered by the attack alone.
      await run(
        'ip',
        ['netns', 'exec', namespaceOf(host), 'nft', '-f', '-'],
        'table inet quiet {\nchain in {\ntype filter hook input priority 0\nth dport 81 drop\nth sport 81 drop\n}\n}\n',
      )
    }
    const started = await Promise.all(
      (['attacker', 'victim', 'outside'] as const).map(
        async (host) => [host, await startEndpoint(namespaceOf(host))] as const,
      ),
    )
    endpoints = Object.fromEntries(started) as typeof endpoints
    for (const host of Object.keys(hosts) as Host[]) {
      for (const family of [4, 6] as const) {
        await endpoints[host].ask({
          ...{ op: 'listen', protocol: 'tcp', address: address(host, family), port: 80 },
        })
      }
    }
  })
  after(async () => {
    for (const endpoint of Object.values(endpoints ?? {})) await endpoint.close()
    await dataplane?.close()
    for (const name of [router, ...(Object.keys(hosts) as Host[]).map(namespaceOf)]) {
      await run('ip', ['netns', 'del', name])
    }
  })
  beforeEach(async () => {
    // A table of its own for each: nothing is counted, no trial has been used.
    await run('ip', ['netns', 'exec', router, 'nft', 'delete', 'table', 'inet', 'portcullis'])
    await run('ip', ['netns', 'exec', router, 'conntrack', '-F'])
    await dataplane?.close()
    dataplane = create()
    const { interfaces } = await dataplane.apply(desired)
    assert.deepEqual(
      interfaces.map(({ state }) => state),
      ['applied', 'applied'],
    )
  })

  let port = 20_000
  /** Of so many connections one after the other, those that are answered: a SYN that finds a queue full is sent again. */
  async function connections(
    from: Host,
    to: Host,
    count: number,
    family: Family = 4,
    waitMs = 5000,
  ): Promise<number> {
    let answered = 0
    for (let n = 0; n < count; n++) {
      port = port === 30_000 ? 20_001 : port + 1
      const { came } = await endpoints[from].ask({
        ...{ op: 'send', protocol: 'tcp', source: address(from, family), sourcePort: port },
        ...{ destination: address(to, family), port: 80, waitMs },
      })
      if (came === 'answer') answered++
    }
    return answered
  }

  /** One packet of each of so many connections between ports 1024 and up and port 81. */
  async function attack(kind: Kind, from: Host, to: Host | 'router', count: number, family: Family = 4) {
    const destination = to === 'router' ? address(from, family, 1) : address(to, family)
    const ip = family === 4 ? 'ipv4' : 'ipv6'
    const [source, target] = [address(from, family), destination]
    const text = `{ eth(daddr=${macs.get(`${from} 1`)}, saddr=${macs.get(`${from} 2`)}), ${ip}(saddr=${source}, daddr=${target}${family === 4 ? ', ttl=64' : ', hoplimit=64'}), ${kinds[kind]} }`
    const args = [
      '--dev',
      'eth0',
      '--conf',
      '-',
      '--num',
      String(count),
      '--cpus',
      '1',
      '--no-sock-mem',
      '-q',
    ]
    await mustRun('ip', ['netns', 'exec', namespaceOf(from), 'trafgen', ...args], text)
  }
  /** Begins connections, answers them and completes them. */
  async function handshakes(from: Host, to: Host, count: number, family: Family = 4): Promise<void> {
    await attack('syn', from, to, count, family)
    await attack('syn-ack', to, from, count, family)
    await attack('ack', from, to, count, family)
  }

  /** Entries of the kernel's table that speak of port 81. */
  async function entries(assured = false): Promise<number> {
    const text = await inside(router, 'conntrack', '-L')
    return text
      .split('\n')
      .filter(
        (line) =>
          /port=81 /.test(line) && (!assured || (line.includes('[ASSURED]') && !line.includes(' CLOSE '))),
      ).length
  }
  const refused = async (way: 'from-vm' | 'to-vm'): Promise<number> => {
    const text = await inside(router, 'nft', 'list', 'set', 'inet', 'portcullis', `refused-${way}`)
    return Number(/packets (\d+)/.exec(text)?.[1] ?? 0)
  }

  for (const family of [4, 6] as const) {
    test(`a VM that completes connections with an accomplice takes its own share only, IPv${family}`, async () => {
      let stop = false
      const during = (async () => {
        let [tried, answered] = [0, 0]
        while (!stop || tried < 200) {
          answered += await connections('outside', 'victim', 20, family)
          tried += 20
        }
        return [answered, tried]
      })()
      await handshakes('attacker', 'outside', many, family)
      await handshakes('attacker', 'outside', many, family)
      stop = true
      const [answered, tried] = await during
      assert.equal(answered, tried)
      assert.equal(await entries(), limit)
      const counted = (await dataplane.connections()).get('attacker')
      assert.deepEqual([counted?.limit, counted?.uses], [limit, { ingress: 0, egress: limit }])
      assert.ok((counted?.refusals.egress ?? 0) >= many - limit)
      assert.equal(await connections('outside', 'victim', 200, family), 200)
      assert.equal(await connections('victim', 'outside', 20, family), 20)
      // It is reached, and begins nothing more.
      assert.equal(await connections('outside', 'attacker', 10, family), 10)
      assert.equal(await connections('attacker', 'outside', 2, family, 300), 0)
    })
  }

  for (const [what, to, kind] of [
    ['datagrams to an accomplice', 'outside', 'udp'],
    ['datagrams to another VM', 'victim', 'udp'],
    ['connections to another VM', 'victim', 'syn'],
    ['datagrams to the host', 'router', 'udp'],
  ] as const) {
    test(`a VM that sends ${what} takes its own share only`, async () => {
      await attack(kind, 'attacker', to, many)
      assert.ok((await entries()) <= limit)
      assert.ok((await refused('from-vm')) >= many - limit)
      assert.equal(await connections('outside', 'victim', 20), 20)
      assert.equal(await connections('victim', 'outside', 20), 20)
    })
  }

  test('connections that the accomplice begins and the VM answers are limited as well', async () => {
    await handshakes('outside', 'attacker', many)
    await handshakes('outside', 'attacker', many)
    assert.ok((await entries(true)) <= 2 * limit, `${await entries(true)} are kept`)
    assert.ok((await refused('to-vm')) >= many - 2 * limit)
    assert.equal(await connections('outside', 'attacker', 2, 4, 300), 0)
    assert.equal(await connections('attacker', 'outside', 20), 20)
    assert.equal(await connections('outside', 'victim', 200), 200)
  })

  for (const [what, count, answered, family] of [
    ['that nobody answers', 600, false, 4],
    ['that nobody answers', 600, false, 6],
    ['that the VM answers', many, true, 4],
  ] as const) {
    test(`${count} half-open connections ${what} silence no VM, IPv${family}`, async () => {
      await attack('syn', 'outside', 'attacker', count, family)
      if (answered) await attack('syn-ack', 'attacker', 'outside', count, family)
      assert.ok((await entries()) > limit)
      assert.equal(await connections('outside', 'attacker', 10, family), 10)
      assert.equal(await connections('attacker', 'outside', 10, family), 10)
    })
  }

  test('so do no datagrams from outside', async () => {
    await attack('udp', 'outside', 'attacker', many)
    assert.equal(await connections('outside', 'attacker', 10), 10)
    assert.equal(await connections('attacker', 'outside', 10), 10)
  })

  test('a pulse of half-open connections that are completed at once is bounded', async () => {
    const pulse = 3 * trialsPerSecond
    await handshakes('outside', 'attacker', pulse)
    assert.ok((await entries(true)) <= 2 * limit)
    assert.ok((await refused('to-vm')) > 0)
    assert.equal(await connections('outside', 'victim', 20), 20)
  })

  test('what was refused is not counted: when the connections have ended there is room at once', async () => {
    await attack('udp', 'attacker', 'outside', many)
    assert.equal(await entries(), limit)
    await run('ip', ['netns', 'exec', router, 'conntrack', '-F'])
    const until = Date.now() + 5000
    while ((await connections('attacker', 'outside', 1, 4, 300)) === 0) assert.ok(Date.now() < until)
    assert.equal(await connections('attacker', 'outside', 100), 100)
  })

  test('what the kernel puts into our sets is nobody’s change', async () => {
    await handshakes('attacker', 'outside', 2 * limit)
    await handshakes('outside', 'attacker', 3 * limit)
    const other = create()
    const { changed } = await other.apply(desired)
    await other.close()
    const listing = await inside(router, 'nft', '-s', '-n', 'list', 'table', 'inet', 'portcullis')
    assert.equal(changed, false, listing)
    assert.match(listing, /ct count over/)
  })

  test('a VM under a flood of half-open connections may admit others again when it has few', async () => {
    await attack('syn', 'outside', 'attacker', many)
    await attack('syn-ack', 'attacker', 'outside', many)
    // Those on trial are answered, and half of the limit is admitted. The next is the last that is tried.
    await connections('outside', 'attacker', trialLimit(limit) + 1, 4, 300)
    assert.equal(await connections('outside', 'attacker', 2, 4, 300), 0)
    await dataplane.connections()
    assert.equal(await connections('outside', 'attacker', 10), 10)
  })

  test('a stateless VM that is not tracked has its limit towards the host and stateful VMs', async () => {
    await dataplane.close()
    dataplane = createNftables({ guard: [], netns: router, maxConnections: limit })
    await dataplane.apply(desired)
    for (const [to, entered] of [
      ['router', limit],
      ['victim', limit],
      ['outside', 0],
    ] as const) {
      await run('ip', ['netns', 'exec', router, 'conntrack', '-F'])
      // Within a second of what was refused nobody is counted.
      const until = Date.now() + 5000
      while ((await connections('attacker', 'victim', 1, 4, 300)) === 0) assert.ok(Date.now() < until)
      await attack('udp', 'attacker', to, many)
      assert.equal(await entries(), entered, to)
    }
    assert.equal(await connections('victim', 'outside', 20), 20)
  })

  test('limits that the kernel has no room for are told', async () => {
    const other = createNftables({ guard: [], netns: router, maxConnections: 1_000_000 })
    const { warnings } = await other.apply(desired)
    await other.close()
    assert.match(warnings.join('\n'), /limits of 2 interfaces add up to 6000000 .* room for \d+: raise/)
    const { warnings: before } = await dataplane.apply(desired)
    assert.doesNotMatch(before.join(), /limits of/)
  })
})

const kinds = {
  syn: 'tcp(sport=dinc(1024,65000), dport=81, seq=1000, syn, window=64000)',
  'syn-ack': 'tcp(sport=81, dport=dinc(1024,65000), seq=5000, ackseq=1001, syn, ack, window=64000)',
  ack: 'tcp(sport=dinc(1024,65000), dport=81, seq=1001, ackseq=5001, ack, window=64000)',
  udp: 'udp(sport=dinc(1024,65000), dport=81), fill(0x41, 18)',
} as const
type Kind = keyof typeof kinds

async function missing(): Promise<string | false> {
  const why = await obstacle()
  if (why !== undefined) return why
  for (const [program, debian] of [
    ['trafgen', 'netsniff-ng'],
    ['conntrack', 'conntrack'],
  ] as const) {
    if ((await run(program, ['--version'])).status === 127)
      return `${program} is missing (Debian package ${debian})`
  }
  return false
}
