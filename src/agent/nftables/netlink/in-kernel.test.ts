/** What we commit over netlink nft lists as what it commits itself: tables anew, and deltas from one to another. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { surroundedBy, tellingOf } from '../../../../test/support/counted.ts'
import { desire } from '../../../../test/support/desired.ts'
import { lowered } from '../../../../test/support/lowered.ts'
import { arbitraryProfilePolicy } from '../../../../test/support/profile-policies.ts'
import { type Command, scriptOf } from '../../../compile/nftables/commands.ts'
import type { Counting } from '../../../compile/nftables/counting.ts'
import { renderGuard } from '../../../compile/nftables/guard.ts'
import { table } from '../../../compile/nftables/names.ts'
import { stages } from '../../../compile/nftables/stages.ts'
import { deltaCommands, type RenderedTables } from '../../../compile/nftables/table.ts'
import type { EffectivePolicy } from '../../../core/model/effective-policy.ts'
import { obstacle } from '../../../lab/lab.ts'

const skip = (await obstacle()) ?? false
const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)
/** Tables that follow each other. */
const changes = Number(process.env.PORTCULLIS_TEST_POLICIES ?? 4)
const [byNft, byUs] = [`pcl-said-${process.pid}`, `pcl-sent-${process.pid}`] as const
const program = new URL('../../../../test/support/commit.ts', import.meta.url).pathname

function inside(netns: string, input: string, ...command: string[]): string {
  const args = ['netns', 'exec', netns, ...command]
  const { status, stdout, stderr } = spawnSync('ip', args, { input, encoding: 'utf8', maxBuffer: 1 << 28 })
  assert.equal(status, 0, `${command.join(' ')}: ${stderr.slice(0, 2000)}`)
  return stdout
}
const jsonOf = (steps: readonly Command[]): string =>
  JSON.stringify(steps, (_, value) => (value instanceof Map ? [...value] : value))

/** Elements of sets without intervals come in an order of the kernel's. */
const listed = (netns: string): string =>
  inside(netns, '', 'nft', '-s', '-n', 'list', 'ruleset').replace(
    /elements = \{([^}]*)\}/g,
    (_, list: string) =>
      `elements = ${list
        .split(',')
        .map((each) => each.trim())
        .toSorted()
        .join(', ')}`,
  )

function tablesOf(policy: EffectivePolicy, n: number, by: Counting['by']): RenderedTables {
  const links = [10, 11, 12].map((index) => ({
    ...{ index, name: `tap${index}`, kind: 'tun' },
    master: index === 11 ? { name: 'br0', kind: 'bridge' } : null,
  }))
  const interfaces = links.map(({ name, index }) => ({
    ...{ id: name, device: name, mac: '52:54:00:00:00:01', frames: [0x88cc], policy: tellingOf(policy) },
    ...(index === 12 && { observe: true }),
    maxConnections: index === 10 && n % 2 === 0 ? 500 : 0,
  }))
  const { tables } = lowered(desire(interfaces), {
    ...{ links, observe: false, refused: new Map(), trackers: { others: null, routes: null } },
    ...surroundedBy({ by, samples: n % 3 === 2 ? 0 : 10 }),
    // Without what not every kernel has in family bridge.
    kernel: { tracks: false, rejects: false },
  })
  const guard = {
    devices: new Set([`tap${n}`]),
    indexes: new Set([n + 1]),
    patterns: ['tap*'],
    open: new Set(['eth0']),
  }
  return new Map([...renderGuard(guard), ...tables])
}

describe('what we commit', { skip }, () => {
  before(() => {
    for (const netns of [byNft, byUs]) assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0)
  })
  after(() => {
    for (const netns of [byNft, byUs]) spawnSync('ip', ['netns', 'del', netns])
  })

  test(`is listed as what nft commits, stage by stage (seed ${seed})`, () => {
    const sample = fc.sample(arbitraryProfilePolicy({ most: 400 }), { numRuns: changes, seed })
    let applied: RenderedTables = new Map()
    for (const [n, policy] of sample.entries()) {
      const wanted = tablesOf(policy, n, 'lists')
      const transactions: (readonly Command[])[] = []
      for (const next of stages(applied, wanted)) {
        const steps = deltaCommands(applied, next)
        if (steps.length > 0) transactions.push(steps)
        applied = next
      }
      for (const steps of transactions) inside(byNft, scriptOf(steps), 'nft', '-f', '-')
      inside(byUs, transactions.map(jsonOf).join('\n'), process.execPath, program)
      assert.equal(listed(byUs), listed(byNft), `after change ${n}`)
    }
    inside(
      byUs,
      jsonOf([...applied.keys()].map((name) => ({ do: 'delete-table', table: name }))),
      process.execPath,
      program,
    )
    assert.equal(listed(byUs), '')
  })

  test(`is listed without harm where lists are counted by rule (seed ${seed})`, () => {
    const sample = fc.sample(arbitraryProfilePolicy({ most: 400 }), { numRuns: changes, seed })
    let [applied, within]: [RenderedTables, number] = [new Map(), 0]
    for (const [n, policy] of sample.entries()) {
      const wanted = tablesOf(policy, n, 'rules')
      for (const { chains } of wanted.values())
        within += [...chains.values()].filter((text) => / \. .* map @\S+ \}/.test(text)).length
      inside(byUs, jsonOf(deltaCommands(applied, wanted)), process.execPath, program)
      applied = wanted
      assert.doesNotMatch(listed(byUs), / \. [^{}]* map @\S+ \}/)
      JSON.parse(inside(byUs, '', 'nft', '-j', 'list', 'ruleset'))
    }
    assert.ok(within > 0)
    const all = [...applied.keys()].map((name): Command => ({ do: 'delete-table', table: name }))
    inside(byUs, jsonOf(all), process.execPath, program)
  })

  test('takes away elements of every shape, the last values of their types included', () => {
    const shapes: readonly (readonly [type: string, ...keys: string[]])[] = [
      ['type ipv4_addr\nflags interval', '0.0.0.0', '1.2.3.0/24', '1.2.4.0-1.2.4.9', '255.255.255.255'],
      ['type ipv6_addr\nflags interval', '::/16', '2001:db8::1', 'ff00::/8'],
      ['type inet_service\nflags interval', '0-5', '6', '7-9', '65535'],
      ['type ether_addr\nflags interval', '52:54:00:00:00:01-52:54:00:00:00:05', 'ff:ff:ff:ff:ff:ff'],
      [
        'type inet_proto . ipv4_addr . inet_service\nflags interval',
        '6 . 10.0.0.0/8 . 1-5',
        '255 . 255.255.255.255 . 65535',
      ],
      ['type ipv4_addr . inet_service', '10.0.0.1 . 443', '255.255.255.255 . 65535'],
      ['type iface_index', '10', '2147483647'],
    ]
    const sets = (['set', 'map'] as const)
      .flatMap((kind) => shapes.map(([type, ...keys]) => ({ kind, type, keys })))
      .filter(({ kind, type }) => kind === 'set' || !type.includes(' . '))
      .map(({ kind, type, keys }, n) => {
        const verdict = kind === 'map' ? 'jump next' : ''
        const declared = {
          table,
          set: `shape${n}`,
          kind,
          type: kind === 'map' ? type.replace(/$/m, ' : verdict') : type,
        }
        const some = (from: number, to?: number) => new Map(keys.slice(from, to).map((key) => [key, verdict]))
        return { declared, some, first: `${keys[0]}${kind === 'map' ? ` : ${verdict}` : ''}` }
      })
    const transactions: readonly (readonly Command[])[] = [
      [
        { do: 'add-table', table },
        { do: 'add-chain', table, chain: 'next' },
      ],
      sets.flatMap(({ declared, some }): Command[] => [
        { do: 'add-set', ...declared },
        { do: 'add-elements', ...declared, elements: some(0) },
      ]),
      sets.map(({ declared, some }) => ({ do: 'delete-elements', ...declared, elements: some(1) })),
    ]
    inside(byUs, transactions.map(jsonOf).join('\n'), process.execPath, program)
    const left = [...listed(byUs).matchAll(/elements = (.*)/g)].map(([, elements]) => elements)
    assert.deepEqual(
      left,
      sets.map(({ first }) => first),
    )
    const end: readonly (readonly Command[])[] = [
      sets.map(({ declared, some }) => ({ do: 'delete-elements', ...declared, elements: some(0, 1) })),
      sets.map(({ declared }) => ({ do: 'delete-set', ...declared })),
    ]
    inside(byUs, end.map(jsonOf).join('\n'), process.execPath, program)
    assert.doesNotMatch(listed(byUs), /elements|shape/)
    inside(byUs, jsonOf([{ do: 'delete-table', table }]), process.execPath, program)
  })

  test('counts by what a map has for a key, which nft cannot say, and prints without harm', () => {
    inside(byUs, '', 'ip', 'link', 'set', 'lo', 'up')
    const hits = { table, set: 'to-vm-hits', kind: 'set' as const }
    const maps: readonly (readonly [set: string, type: string, elements: Record<string, string>])[] = [
      ['exact', 'type ipv4_addr : mark', { '127.1.0.0': '0x00000011' }],
      [
        'ranges',
        'type ipv4_addr . inet_service : mark\nflags interval',
        { '127.2.0.0/24 . 5000-5009': '0x00000021', '127.2.0.0/23 . 5010': '0xffffffff' },
      ],
      // 10 words, and the whole key is 11.
      [
        'six',
        'type ipv6_addr . ipv6_addr . inet_proto . inet_service : mark',
        { '::1 . ::1 . 17 . 6000': '0x00000031' },
      ],
      [
        'sixRanges',
        'type ipv6_addr . inet_proto . inet_service : mark\nflags interval',
        { '::/64 . 17 . 7000-7001': '0x00000041' },
      ],
      ['denied', 'type ipv4_addr : mark\nflags interval', { '127.4.0.0/16': '0x00000051' }],
    ]
    const sets: readonly (readonly [set: string, type: string])[] = [
      [hits.set, 'type iface_index . mark\nsize 4194304\nflags dynamic\ncounter'],
      ['full', 'type iface_index . mark\nsize 1\nflags dynamic\ncounter'],
      ['to-vm-samples-1', 'type iface_index\nsize 1048576\nflags dynamic'],
      ['to-vm-suppressed', 'type iface_index\nsize 1048576\nflags dynamic\ncounter'],
    ]
    const rules = [
      'udp dport 4000 update @to-vm-hits { oif . 0x00000001 } goto pass.in',
      'update @to-vm-hits { oif . ip daddr & 255.255.0.0 map @exact } goto pass.in',
      'update @to-vm-hits { oif . ip daddr . udp dport map @ranges } goto pass.in',
      'update @to-vm-hits { oif . ip6 saddr . ip6 daddr . meta l4proto . th dport map @six } goto pass.in',
      'update @to-vm-hits { oif . ip6 daddr . meta l4proto . th dport map @sixRanges } goto pass.in',
      // The first of them takes all the room there is: a rule that cannot count does not allow.
      'udp dport 4001 update @full { oif . 0x00000001 } goto pass.in',
      'udp dport 4002 update @full { oif . 0x00000002 } goto pass.in',
      'meta mark set ip daddr map @denied goto denied.in',
      'meta mark set 0x00000099 goto denied.in',
    ]
    const burst = 5
    const sampled = `update @to-vm-samples-1 { oif limit rate over 1/minute burst ${burst} packets }`
    const chains = [
      ['pass.in', ['accept']],
      [
        'denied.in',
        [
          'update @to-vm-hits { oif . meta mark }',
          `${sampled} goto suppressed.in`,
          'log prefix "denied in" group 1017 snaplen 128',
          'drop',
        ],
      ],
      ['suppressed.in', ['update @to-vm-suppressed { oif }', 'drop']],
      ['policy', rules],
    ] as const
    const steps: readonly Command[] = [
      { do: 'add-table', table },
      ...chains.map(([chain]): Command => ({ do: 'add-chain', table, chain })),
      { do: 'add-chain', table, chain: 'out', place: 'type filter hook output priority 0; policy accept;' },
      ...sets.map(([set, type]): Command => ({ do: 'add-set', table, set, kind: 'set', type })),
      ...maps.flatMap(([set, type, elements]): Command[] => [
        { do: 'add-set', table, set, kind: 'map', type },
        { do: 'add-elements', table, set, kind: 'map', type, elements: new Map(Object.entries(elements)) },
      ]),
      ...chains.map(([chain, lines]): Command => ({ do: 'add-rules', table, chain, rules: lines })),
      { do: 'add-rules', table, chain: 'out', rules: ['meta l4proto 17 goto policy'] },
    ]
    inside(byUs, jsonOf(steps), process.execPath, program)

    const packets: readonly (readonly [to: string, port: number, count: number, by: string | undefined])[] = [
      ['127.0.0.1', 4000, 1, '0x00000001'],
      ['127.0.0.1', 4001, 1, 'full'],
      ['127.0.0.1', 4002, 2, undefined],
      ['127.4.5.6', 4000, 1, '0x00000001'],
      ['127.4.5.6', 5000, 3, '0x00000051'],
      ['127.1.255.7', 1, 2, '0x00000011'],
      ['127.2.0.0', 5000, 3, '0x00000021'],
      ['127.2.0.255', 5009, 4, '0x00000021'],
      ['127.2.1.255', 5010, 5, '0xffffffff'],
      ['127.2.1.1', 5009, 6, undefined],
      ['127.3.0.1', 5000, 7, undefined],
      ['::1', 6000, 8, '0x00000031'],
      ['::1', 7001, 9, '0x00000041'],
      ['::1', 7002, 10, undefined],
    ]
    inside(byUs, JSON.stringify(packets), process.execPath, '-e', sends)
    const wanted = new Map<string, number>()
    for (const [, , count, by = '0x00000099'] of packets) wanted.set(by, (wanted.get(by) ?? 0) + count)
    wanted.delete('full')

    const list = (set: string) => inside(byUs, '', 'nft', '-n', 'list', 'set', ...table.split(' '), set)
    const text = list(hits.set)
    const counted = [...text.matchAll(/"lo" \. (0x[0-9a-f]{8}) counter packets (\d+) bytes (\d+)/g)]
    assert.deepEqual(new Map(counted.map(([, by = '', count]) => [by, Number(count)])), wanted)
    // Headers of IPv4 and of UDP, and a byte.
    assert.equal(counted.find(([, by]) => by === '0x00000011')?.[3], String(2 * 29))

    const [, suppressed] = /"lo" counter packets (\d+) /.exec(list('to-vm-suppressed')) ?? []
    const denied = (wanted.get('0x00000099') ?? 0) + (wanted.get('0x00000051') ?? 0)
    // One more is told for each minute that the test has taken.
    assert.ok(
      Math.abs(denied - burst - Number(suppressed)) <= 1,
      `${denied} denied, ${suppressed} suppressed`,
    )

    const all = inside(byUs, '', 'nft', '-s', '-n', 'list', 'table', ...table.split(' '))
    for (const rule of rules) {
      // What decides, but not what it counts: nft would abort at a map within a key.
      const line = rule.replace(
        /update @to-vm-hits \{ oif \. (.* map @\S+) \}/,
        '$1 != 0x0 [invalid type] update @to-vm-hits { oif . 0x00000000 }',
      )
      assert.ok(all.includes(`\t\t${line}\n`), `${line}\n${all}`)
    }
    const { nftables } = JSON.parse(inside(byUs, '', 'nft', '-j', '-n', 'list', 'table', ...table.split(' ')))
    assert.ok(Array.isArray(nftables))
    inside(byUs, jsonOf([{ do: 'delete-table', table }]), process.execPath, program)
  })
})

/** Sends so many packets of one byte to each address and port; those that are dropped are refused. */
const sends = `
  const { createSocket } = require('node:dgram')
  const sockets = { 4: createSocket('udp4'), 6: createSocket('udp6') }
  const send = (to, port) => new Promise((done) => sockets[to.includes(':') ? 6 : 4].send('x', port, to, () => done()))
  let text = ''
  process.stdin.on('data', (part) => { text += part }).on('end', async () => {
    for (const [to, port, count] of JSON.parse(text)) for (let n = 0; n < count; n++) await send(to, port)
    for (const socket of Object.values(sockets)) socket.close()
  })
`
