/**
 * nft 1.0.6 is the judge: for every ruleset of ours it sends, byte for byte, what we send. What it is asked changes nothing.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryLine, looked } from '../../../../test/support/arbitrary-line.ts'
import { tellingOf } from '../../../../test/support/counted.ts'
import { desire } from '../../../../test/support/desired.ts'
import { lowered } from '../../../../test/support/lowered.ts'
import { arbitraryProfilePolicy, profiles } from '../../../../test/support/profile-policies.ts'
import { saidByNft, saidByUs } from '../../../../test/support/said-by-nft.ts'
import { renderGuard } from '../../../compile/nftables/guard.ts'
import { createLimits } from '../../../compile/nftables/limits.ts'
import { createLiveTable } from '../../../compile/nftables/live-table.ts'
import { table } from '../../../compile/nftables/names.ts'
import { type RenderedSet, type RenderedTable, replaceCommands } from '../../../compile/nftables/table.ts'
import { createTracking } from '../../../compile/nftables/tracking.ts'
import type { EffectivePolicy } from '../../../core/model/effective-policy.ts'
import { linkLocalOf } from '../../../core/net/mac.ts'
import { addressSet } from '../../../core/sets/address-set.ts'
import { obstacle } from '../../../lab/lab.ts'

const skip = (await obstacle()) ?? false
const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)
/** Policies of each profile; lines of the language. */
const policies = Number(process.env.PORTCULLIS_TEST_POLICIES ?? 3)
const lines = Number(process.env.PORTCULLIS_TEST_LINES ?? 1000)
const netns = `pcl-as-nft-${process.pid}`

/** 12 addresses of each family, so that they are in sets, and fewer. */
function originOf(count: number): EffectivePolicy['origin'] {
  const mac = '52:54:00:00:00:01'
  if (count === 0) return { mac }
  const derived = linkLocalOf(mac)
  const at = (first: bigint, family: 'ipv4' | 'ipv6', n: number) => ({
    ...{ family, first: first + BigInt(4 * n), last: first + BigInt(4 * n + (n % 2)) },
  })
  const own = Array.from({ length: count }, (_, n) => [
    at(0x0a00_0000n, 'ipv4', n),
    at(0x2001_0db8n << 96n, 'ipv6', n),
  ])
  return { mac, addresses: addressSet([...own.flat(), { family: 'ipv6', first: derived, last: derived }]) }
}

describe('nft says what we say', { skip }, () => {
  before(() => assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0))
  after(() => void spawnSync('ip', ['netns', 'del', netns]))

  const compare = (name: string, rendered: RenderedTable) => {
    const commands = replaceCommands(name, rendered)
    const [said, byNft] = [saidByUs(commands), saidByNft(netns, commands)]
    for (const [chain, rules] of Object.entries(byNft.rules))
      assert.deepEqual(said.rules[chain], rules, rendered.chains.get(chain) ?? chain)
    assert.deepEqual(said, byNft)
    return Object.values(said.rules).reduce((sum, { length }) => sum + length, 0)
  }

  test('of the guard', () => {
    const guard = {
      devices: new Set(['tap0', 'eth0.100']),
      indexes: new Set([7, 300]),
      patterns: ['tap*', 'vnet3'],
      open: new Set(['tap5']),
    }
    for (const [name, rendered] of renderGuard(guard)) assert.ok(compare(name, rendered) > 10)
  })

  test('of limits of connections, and of what is not tracked', () => {
    const [limited, tracked] = [createLiveTable(), createLiveTable()]
    const limits = createLimits(limited, 'inet')
    for (const [index, limit] of [
      ['5', 500],
      ['6', 500],
      ['7', 8192],
    ] as const)
      limits.add(index, limit)
    limits.settle()
    compare(table, limited.table)
    const tracking = createTracking(tracked, {
      get: (name) => ({ name, index: Number(name), kind: 'tun', master: null }),
      over: () => [],
    })
    for (const device of ['2', '3']) tracking.add(device, 'stateful')
    for (const device of ['4', '5']) tracking.add(device, 'stateless')
    tracking.settle({ others: null, routes: null })
    compare(table, tracked.table)
  })

  for (const [n, profile] of profiles.entries()) {
    test(`of policies of ${profile} (seed ${seed + n})`, (t) => {
      const sample = fc.sample(arbitraryProfilePolicy({ profile, most: 400 }), {
        numRuns: policies,
        seed: seed + n,
      })
      let rules = 0
      for (const [at, policy] of sample.entries()) {
        const origin = [undefined, 0, 1, 3, 12][at % 5]
        const checked = origin === undefined ? undefined : originOf(origin)
        const links = [10, 11, 12].map((index) => ({
          ...{ index, name: `tap${index}`, kind: 'tun' },
          master: index === 11 ? { name: 'br0', kind: 'bridge' } : null,
        }))
        const interfaces = links.map(({ name, index }) => ({
          ...{ id: name, device: name, mac: '52:54:00:00:00:01', frames: [0x88cc, 0x8100] },
          policy: { ...tellingOf(policy), ...(checked && { origin: checked }) },
          ...(index === 12 && { observe: true }),
          maxConnections: 0,
        }))
        const { tables } = lowered(desire(interfaces), {
          ...{ links, observe: false, refused: new Map(), samples: at % 3 === 1 ? 0 : 10 },
          // Without what not every kernel has in family bridge: nft asks it for all of this.
          kernel: { tracks: false, rejects: false },
          ...(at % 2 === 0 && { trackers: { others: null, routes: null } }),
        })
        for (const [name, each] of tables) rules += compare(name, each)
      }
      t.diagnostic(`${rules} rules`)
    })
  }

  test(`of lines of the language, generated (seed ${seed})`, () => {
    for (const family of ['inet', 'bridge'] as const) {
      // What not every kernel has in family bridge: nft asks it for all of this.
      const own = arbitraryLine(family).filter((line) => family === 'inet' || !/\b(?:ct|fib) /.test(line))
      const sample = fc.sample(own, { numRuns: lines, seed })
      const chains = sample.map((line, n) => [`line.${n}`, line] as const)
      compare(`${family} portcullis`, { sets: looked, chains: new Map([['next', 'drop'], ...chains]) })
    }
  })

  test('of sets of every shape', () => {
    const all: Record<string, [RenderedSet['kind'], string, readonly string[]]> = {
      addresses: [
        'set',
        'type ipv4_addr\nflags interval',
        ['0.0.0.0/8', '9.0.0.0', '9.0.0.1-9.0.0.9', '224.0.0.0/3'],
      ],
      last: [
        'map',
        'type ipv4_addr : verdict\nflags interval',
        ['1.2.3.0/24', '1.2.4.0/24', '255.255.255.255'],
      ],
      either: ['map', 'type ipv6_addr : verdict\nflags interval', ['::/8', 'ff00::/8']],
      ports: ['map', 'type inet_service : verdict\nflags interval', ['0-5', '7', '65535']],
      values: ['map', 'type ipv4_addr : verdict', ['1.2.3.4', '255.255.255.255']],
      macs: [
        'set',
        'type ether_addr\nflags interval',
        ['52:54:00:00:00:01-52:54:00:00:00:05', 'ff:ff:ff:ff:ff:ff'],
      ],
      targets: ['set', 'typeof @th,64,128\nflags interval', ['0x1', '0x5-0x7', `0x${'f'.repeat(32)}`]],
      three: [
        'set',
        'type inet_proto . ipv4_addr . inet_service\nflags interval',
        ['6 . 1.2.3.4 . 5', '6-17 . 2.0.0.0/8 . 0-65535', '255 . 255.255.255.255 . 65535'],
      ],
      five: [
        'set',
        'type ether_addr . inet_proto . ipv6_addr . inet_service . inet_service\nflags interval',
        ['52:54:00:00:00:01-52:54:00:00:00:05 . 6 . ::/1 . 1 . 2-3'],
      ],
      codes: ['set', 'type icmp_type . icmp_code\nflags interval', ['3 . 0-255']],
      marks: [
        'map',
        'type ipv4_addr : mark\nflags interval',
        ['0.0.0.0/8', '9.0.0.1-9.0.0.9', '255.255.255.255'],
      ],
      exactMarks: ['map', 'type ipv6_addr : mark', ['::1', '2001:db8::']],
      rangedMarks: [
        'map',
        'type inet_proto . ipv4_addr . inet_service : mark\nflags interval',
        ['6 . 1.2.3.4 . 5', '6-17 . 2.0.0.0/8 . 0-65535', '255 . 255.255.255.255 . 65535'],
      ],
      rangedVerdicts: [
        'map',
        'type inet_proto . ipv4_addr . inet_service : verdict\nflags interval',
        ['6 . 1.2.3.4 . 5', '6-17 . 2.0.0.0/8 . 0-65535', '255 . 255.255.255.255 . 65535'],
      ],
      exactPairs: ['map', 'type icmp_type . icmp_code : mark', ['3 . 1', '3 . 4']],
      typeOf: ['map', 'typeof @th,64,128 : meta mark\nflags interval', ['0x1', '0x5-0x7']],
      typesOf: ['map', 'typeof icmp type . icmp code : meta mark', ['3 . 1']],
      hits: ['set', 'type iface_index . mark\nsize 4194304\nflags dynamic\ncounter', []],
      answers: ['set', 'type ether_addr . mark\nsize 1048576\nflags dynamic\ncounter', []],
      suppressed: ['set', 'type iface_index\nsize 1048576\nflags dynamic\ncounter', []],
      deviceAddresses: ['set', 'type iface_index . ipv4_addr', ['1 . 10.0.0.1']],
      names: ['set', 'type ifname', ['"tap0"', '"a-b_c.d"']],
    }
    const verdicts = ['jump next', 'drop', 'return']
    const sets = Object.entries(all).map(([name, [kind, type, keys]]) => {
      const elements = new Map(
        keys.map((key, n) => {
          const held = type.includes('mark') ? ['0x00000011', '0xffffffff', '0x00000000'] : verdicts
          return [key, kind === 'set' ? '' : (held[n % 3] as string)]
        }),
      )
      return [name, { kind, type, elements }] as const
    })
    compare(table, { chains: new Map([['next', 'drop']]), sets: new Map(sets) })
  })
})
