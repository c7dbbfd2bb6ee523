/**
 * Packets that are not tracked because neither end is stateful, and those that are tracked all the same: real packets
 * between two VMs and the outside, behind a router.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables, type NftablesOptions } from '../../src/agent/nftables/nftables.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Rule } from '../../src/core/model/rule.ts'
import { essentials } from '../../src/core/semantics/essentials.ts'
import { type Endpoint, startEndpoint } from '../../src/lab/endpoint.ts'
import { obstacle } from '../../src/lab/lab.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { desire } from '../support/desired.ts'
import { sendFrames } from '../support/frames.ts'
import { packet, udp } from '../support/link-frames.ts'

/** Ends of the router's links: `device` on the router, `eth0` in a namespace of its own. */
const hosts = {
  one: { device: 'tap0', net: 1 },
  two: { device: 'tap1', net: 2 },
  outside: { device: 'up0', net: 9 },
} as const
type Host = keyof typeof hosts
type Vm = Exclude<Host, 'outside'>
const families = [4, 6] as const
type Family = (typeof families)[number]
const address = (host: Host, family: Family, last = 2) =>
  family === 4 ? `10.78.${hosts[host].net}.${last}` : `fd78:${hosts[host].net}::${last}`

const prefix = `pcl-unt-${process.pid}`
const router = `${prefix}-router`
const namespaceOf = (host: Host) => `${prefix}-${host}`
const inside = (namespace: string, ...command: [string, ...string[]]) =>
  mustRun('ip', ['netns', 'exec', namespace, ...command])
const nft = (text: string) => mustRun('ip', ['netns', 'exec', router, 'nft', '-f', '-'], text)

const OPEN = 80
const SHUT = 81
const open = { filtered: false } as const
const unfiltered: EffectivePolicy = { stateful: false, essentials, ingress: open, egress: open }
const allow = (id: string, ports: readonly number[]): Rule => ({
  ...{ id, position: 1, direction: 'ingress', action: 'allow', enabled: true },
  matches: [6, 17].map((protocol) => ({
    protocol,
    destinationPorts: ports.map((port) => ({ first: port, last: port })),
  })),
})
/** New connections come in at these ports alone. */
const closed = (name: string, stateful: boolean, ports: readonly number[] = []): EffectivePolicy => ({
  ...{ stateful, essentials, egress: open },
  ingress: {
    ...{ filtered: true, default: 'deny' },
    lists: [{ policy: name, part: 0, direction: 'ingress', rules: [allow(`${name}-rule`, ports)] }],
  },
})
const policies = {
  stateful: closed('stateful', true),
  stateless: unfiltered,
} as const

describe('packets that are not tracked', { skip: (await obstacle()) ?? false }, () => {
  let dataplane: Dataplane
  let endpoints: Record<Host, Endpoint>
  const macs = new Map<string, string>()
  const create = (options: Partial<NftablesOptions> = {}) =>
    createNftables({ guard: ['tap*'], netns: router, ...options })
  const wanted = (one: EffectivePolicy, two: EffectivePolicy) =>
    desire([
      { id: 'one', device: hosts.one.device, policy: one },
      { id: 'two', device: hosts.two.device, policy: two },
    ])
  async function apply(one: EffectivePolicy, two: EffectivePolicy): Promise<readonly string[]> {
    const { interfaces, warnings } = await dataplane.apply(wanted(one, two))
    assert.deepEqual(
      interfaces.map(({ state }) => state),
      ['applied', 'applied'],
    )
    return warnings
  }

  before(async () => {
    await mustRun('ip', ['netns', 'add', router])
    await inside(router, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    await inside(
      router,
      'sysctl',
      '-qw',
      'net.ipv4.conf.all.rp_filter=0',
      'net.ipv4.conf.default.rp_filter=0',
    )
    for (const host of Object.keys(hosts) as Host[]) {
      const { device } = hosts[host]
      const there = (...args: string[]) => mustRun('ip', ['-n', namespaceOf(host), ...args])
      const here = (...args: string[]) => mustRun('ip', ['-n', router, ...args])
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
    }
    endpoints = Object.fromEntries(
      await Promise.all(
        (Object.keys(hosts) as Host[]).map(
          async (host) => [host, await startEndpoint(namespaceOf(host))] as const,
        ),
      ),
    ) as typeof endpoints
    for (const host of Object.keys(hosts) as Host[])
      for (const family of families)
        for (const protocol of ['tcp', 'udp'] as const)
          await endpoints[host].ask({
            ...{ op: 'listen', protocol, address: address(host, family), port: OPEN },
          })
  })
  after(async () => {
    for (const endpoint of Object.values(endpoints ?? {})) await endpoint.close()
    await dataplane?.close()
    for (const name of [router, ...(Object.keys(hosts) as Host[]).map(namespaceOf)])
      await run('ip', ['netns', 'del', name])
  })
  beforeEach(async () => {
    await dataplane?.close()
    dataplane = create()
    await inside(router, 'conntrack', '-F')
  })

  let port = 20_000
  const ask = async (
    from: Host,
    to: Host,
    family: Family,
    protocol: 'tcp' | 'udp',
    at: number = OPEN,
    waitMs = 5000,
  ) =>
    (
      await endpoints[from].ask({
        ...{ op: 'send', protocol, source: address(from, family), sourcePort: ++port },
        ...{ destination: address(to, family), port: at, waitMs },
      })
    ).came
  /** Answers, or the lack of them where nothing may pass. */
  async function expect(from: Host, to: Host, want: 'answer' | 'nothing', what: string): Promise<void> {
    for (const family of families)
      for (const protocol of ['tcp', 'udp'] as const) {
        const came = await ask(from, to, family, protocol, OPEN, want === 'answer' ? 5000 : 300)
        assert.equal(came, want, `${protocol} over IPv${family} from ${from} to ${to}: ${what}`)
      }
  }
  /** Entries of the kernel's table about these two. */
  async function tracked(a: Host, b: Host): Promise<number> {
    const lists = await Promise.all(
      families.map((family) => inside(router, 'conntrack', '-L', '-f', family === 4 ? 'ipv4' : 'ipv6')),
    )
    const about = families.map((family) => [address(a, family), address(b, family)])
    return lists
      .flatMap((text) => text.split('\n'))
      .filter((line) => about.some((pair) => pair.every((each) => line.includes(`=${each} `)))).length
  }
  /** Whether our table says what not to track. */
  const untracks = async () =>
    (await inside(router, 'nft', 'list', 'table', 'inet', 'portcullis')).includes('notrack')

  test('a flood of new flows from and to a stateless VM leaves nothing in the kernel’s table', async () => {
    await apply(unfiltered, closed('ports', false, [OPEN]))
    const ports = Array.from({ length: 500 }, (_, n) => 1000 + n)
    for (const [from, to] of [
      ['one', 'outside'],
      ['outside', 'one'],
      ['one', 'two'],
    ] as const) {
      for (const family of families) {
        await endpoints[from].ask({
          ...{ op: 'stream', source: address(from, family), sourcePort: ++port },
          ...{ destination: address(to, family), ports, burst: 500 },
        })
        await endpoints[from].ask({ op: 'stop' })
      }
      // Behind them: what was sent has arrived.
      await expect(from, to, 'answer', 'it is open')
      assert.equal(await tracked(from, to), 0, `between ${from} and ${to}`)
    }
    await expect('two', 'outside', 'nothing', 'answers need a rule of a stateless policy')
    assert.equal(await tracked('two', 'outside'), 0)
  })

  for (const one of ['stateful', 'stateless'] as const) {
    for (const two of ['stateful', 'stateless'] as const) {
      test(`two VMs, ${one} and ${two}: answers and errors come back, nothing else does`, async () => {
        await apply(policies[one], policies[two])
        const kind: Record<Vm, typeof one> = { one, two }
        for (const [from, to] of [
          ['one', 'two'],
          ['two', 'one'],
          ['one', 'outside'],
          ['outside', 'one'],
          ['two', 'outside'],
          ['outside', 'two'],
        ] as const) {
          const stateful = [from, to].some((each) => each !== 'outside' && kind[each] === 'stateful')
          await inside(router, 'conntrack', '-F')
          const shut = to !== 'outside' && kind[to] === 'stateful'
          await expect(from, to, shut ? 'nothing' : 'answer', `${one}, ${two}`)
          if (!shut) {
            for (const family of families)
              assert.equal(await ask(from, to, family, 'udp', SHUT), 'refusal', `the error from ${to}`)
          }
          const entries = await tracked(from, to)
          // What does not pass is not kept.
          if (!stateful || !shut) assert.equal(entries > 0, stateful, `${entries} between ${from} and ${to}`)
        }
      })
    }
  }

  test('the host and its VM speak in tracked connections', async () => {
    await apply(unfiltered, unfiltered)
    for (const family of families) {
      await endpoints.one.ask({
        ...{ op: 'send', protocol: 'udp', source: address('one', family), sourcePort: ++port },
        ...{ destination: address('one', family, 1), port: SHUT, waitMs: 5000 },
      })
      const list = await inside(router, 'conntrack', '-L', '-f', family === 4 ? 'ipv4' : 'ipv6')
      assert.match(list, new RegExp(`src=${address('one', family)} dst=${address('one', family, 1)} `))
    }
  })

  test('where a route was not foreseen, an answer is judged as new, and never passes as established', async () => {
    const rule = (verb: string) =>
      mustRun('ip', ['-n', router, 'rule', verb, 'iif', 'tap1', 'lookup', '100', 'priority', '100'])
    const route = (...words: string[]) => mustRun('ip', ['-n', router, 'route', ...words])
    // To those who do not know where a packet comes from, the way to the first VM leads outside.
    await route('add', `${address('one', 4)}/32`, 'via', address('outside', 4))
    await route('add', `${address('one', 4)}/32`, 'dev', 'tap0', 'table', '100')
    await rule('add')
    await dataplane.close()
    try {
      dataplane = create({ notrack: 'always' })
      assert.deepEqual(await apply(policies.stateful, policies.stateless), [])
      assert.equal(await ask('one', 'two', 4, 'udp', OPEN, 300), 'nothing')
      assert.equal(await ask('one', 'two', 4, 'tcp', OPEN, 300), 'nothing')
      // The first VM's policy decides about them as about new ones.
      await apply(
        closed(
          'opened',
          true,
          Array.from({ length: 40 }, (_, n) => port + n),
        ),
        policies.stateless,
      )
      assert.equal(await ask('one', 'two', 4, 'udp'), 'answer')
      await dataplane.close()
      dataplane = create()
      assert.match((await apply(policies.stateful, policies.stateless)).join(), /a routing rule .* iif tap1/)
      assert.equal(await ask('one', 'two', 4, 'udp'), 'answer')
    } finally {
      await rule('del')
      await route('del', `${address('one', 4)}/32`, 'via', address('outside', 4))
      await route('flush', 'table', '100')
    }
    await until(async () => (await apply(policies.stateful, policies.stateless)).length === 0 && untracks())
  })

  for (const family of families) {
    test(`fragments over IPv${family} to a stateless VM are put together, and slip past no rule about ports`, async () => {
      await apply(unfiltered, closed('ports', false, [OPEN]))
      const link = { from: macs.get('outside 2') ?? '', to: macs.get('outside 1') ?? '' }
      const whole = (source: number, to: number, cuts: readonly number[], reverse: boolean): Buffer[] => {
        const of = {
          ...{ source: address('outside', family), destination: address('two', family) },
          ...{ protocol: 17, id: source },
        }
        const datagram = udp(of, [source, to], Buffer.alloc(3000, 'f'))
        const made = [0, ...cuts].map((start, n) =>
          packet(link, { ...of, fragment: [start, cuts[n] ?? datagram.length] }, datagram),
        )
        return reverse ? made.reverse() : made
      }
      const cases = [
        [1000, 2000],
        [8, 1000, 2000],
      ].flatMap((cuts) =>
        [false, true].flatMap((reverse) => [OPEN, SHUT].map((to) => ({ cuts, reverse, to }))),
      )
      const first = 30_000
      const frames = cases.flatMap(({ cuts, reverse, to }, n) => whole(first + n, to, cuts, reverse))
      const last = whole(first + cases.length, OPEN, [1000, 2000], false)
      await mustRun(
        'ip',
        ['netns', 'exec', namespaceOf('two'), 'nft', '-f', '-'],
        `table inet whole { chain got { type filter hook input priority 0; policy accept;
          ct state invalid drop
          ${[...cases, null].map((_, n) => `udp sport ${first + n} udp length 3008 counter comment "${n}"`).join('\n')}
        }
        }\n`,
      )
      const counts = async () => {
        const text = await inside(namespaceOf('two'), 'nft', 'list', 'table', 'inet', 'whole')
        return [...text.matchAll(/counter packets (\d+)/g)].map(([, n]) => Number(n))
      }
      try {
        await sendFrames(namespaceOf('outside'), 'eth0', [...frames, ...last], 'one-piece')
        await until(async () => (await counts()).at(-1) === 1)
        assert.deepEqual(await counts(), [...cases.map(({ to }) => (to === OPEN ? 1 : 0)), 1])
        assert.equal(await tracked('outside', 'two'), 0)
      } finally {
        await inside(namespaceOf('two'), 'nft', 'delete', 'table', 'inet', 'whole')
      }
    })
  }

  test('others who translate addresses see connections again, as soon as they come and until they go', async () => {
    await apply(unfiltered, unfiltered)
    assert.ok(await untracks())
    await nft(`table ip theirs {
      chain behind { type nat hook postrouting priority 100; oif "up0" masquerade; }
    }\n`)
    try {
      let warnings: readonly string[] = []
      await until(async () => {
        warnings = await apply(unfiltered, unfiltered)
        return !(await untracks())
      })
      assert.match(warnings.join(), /are tracked.*the chain ip theirs behind; see --notrack/)
      assert.equal(await ask('one', 'outside', 4, 'udp'), 'answer')
      const list = await inside(router, 'conntrack', '-L')
      const translated = new RegExp(`src=${address('one', 4)} .*dst=${address('outside', 4, 1)} `)
      assert.match(list, translated)
      // Whoever has no memory of it reads the same.
      const other = create()
      const { changed } = await other.apply(wanted(unfiltered, unfiltered))
      await other.close()
      assert.equal(changed, false)
    } finally {
      await nft('delete table ip theirs\n')
    }
    await until(async () => (await apply(unfiltered, unfiltered)).length === 0 && untracks())
    await inside(router, 'conntrack', '-F')
    assert.equal(await ask('one', 'outside', 4, 'udp'), 'answer')
    assert.equal(await tracked('one', 'outside'), 0)
  })

  test('chains of others that see no forwarded packet keep nothing tracked; never and always are kept to', async () => {
    const sees = 'type filter hook forward priority 0; policy accept;'
    for (const [chain, options, want] of [
      ['type filter hook input priority 0; policy accept;', {}, true],
      [sees, {}, false],
      [sees, { notrack: 'always' }, true],
      ['type filter hook input priority 0; policy accept;', { notrack: 'never' }, false],
    ] as const) {
      await nft(`table inet theirs { chain c { ${chain} }\n}\n`)
      try {
        await dataplane.close()
        dataplane = create(options)
        await apply(unfiltered, unfiltered)
        assert.equal(await untracks(), want, `${chain} ${JSON.stringify(options)}`)
      } finally {
        await nft('delete table inet theirs\n')
      }
    }
  })

  test('tables of iptables that knows nothing of nftables are seen', async (t) => {
    const command = ['netns', 'exec', router, 'iptables-legacy', '-w', '-t', 'nat', '-L', '-n'] as const
    if ((await run('ip', command)).status !== 0) return t.skip('there is no iptables-legacy here')
    // Its tables stay as long as the namespace.
    const warnings = await apply(unfiltered, unfiltered)
    assert.match(warnings.join(), /the legacy table nat of iptables/)
    assert.equal(await untracks(), false)
    await dataplane.close()
    dataplane = create({ notrack: 'always' })
    assert.deepEqual(await apply(unfiltered, unfiltered), [])
    assert.equal(await untracks(), true)
  })

  test('a policy that becomes stateful and back under traffic: nothing passes that both deny, nothing is lost that both allow', async () => {
    await dataplane.close()
    dataplane = create({ notrack: 'always' })
    const [stateless, stateful] = [closed('a', false, [OPEN]), closed('b', true, [OPEN])]
    await apply(stateless, unfiltered)
    // What is shut is counted where it would arrive.
    await mustRun(
      'ip',
      ['netns', 'exec', namespaceOf('one'), 'nft', '-f', '-'],
      `table inet shut { chain got { type filter hook input priority 0; policy accept;
        udp dport ${SHUT} counter
      }
      }\n`,
    )
    try {
      await endpoints.outside.ask({
        ...{ op: 'stream', source: address('outside', 4), sourcePort: ++port },
        ...{ destination: address('one', 4), ports: [SHUT], burst: 20 },
      })
      for (let turn = 0; turn < 10; turn++) {
        const change = apply(turn % 2 === 0 ? stateful : stateless, unfiltered)
        assert.equal(await ask('two', 'one', 4, 'udp'), 'answer')
        assert.equal(await ask('two', 'one', 6, 'tcp'), 'answer')
        await change
        // The guard is as closed as before.
        const guarded = await inside(router, 'nft', 'list', 'table', 'inet', 'portcullis-guard')
        assert.match(guarded, /iifname "tap\*" drop/)
      }
      const { sent } = await endpoints.outside.ask({ op: 'stop' })
      assert.ok((sent ?? 0) > 0)
      const got = await inside(namespaceOf('one'), 'nft', 'list', 'table', 'inet', 'shut')
      assert.match(got, /counter packets 0 /)
    } finally {
      await endpoints.outside.ask({ op: 'stop' })
      await inside(namespaceOf('one'), 'nft', 'delete', 'table', 'inet', 'shut')
    }
  })
})

/** Asks again for 20 s at most. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, 'it did not come to pass within 20 s')
    await delay(20)
  }
}
