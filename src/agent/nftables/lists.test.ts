/** Long rule lists in the kernel: every shape of lookup is accepted, and printed back as it was written. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { desire } from '../../../test/support/desired.ts'
import { lowered } from '../../../test/support/lowered.ts'
import { bridgeTable, table } from '../../compile/nftables/names.ts'
import { type RenderedTable, replaceCommands, sameTable } from '../../compile/nftables/table.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Match, Rule } from '../../core/model/rule.ts'
import type { Family } from '../../core/net/address.ts'
import { type AddressSet, addressSet } from '../../core/sets/address-set.ts'
import type { PortSet } from '../../core/sets/port-set.ts'
import { obstacle } from '../../lab/lab.ts'
import type { Kernel } from './kernel.ts'
import { createNftKernel } from './nft-kernel.ts'

const skip = (await obstacle()) ?? false
const netns = `pcl-lists-${process.pid}`

const base: Record<Family, bigint> = { ipv4: 0x0a00_0000n, ipv6: 0x2001_0db8n << 96n }
/** The network of that number, of 256 addresses. */
const network = (family: Family, n: number): AddressSet => {
  const first = base[family] + BigInt(n) * 256n
  return addressSet([{ family, first, last: first + 255n }])
}
/** The same, without its last address: no prefix. */
const stretch = (family: Family, n: number): AddressSet => {
  const first = base[family] + BigInt(n) * 256n
  return addressSet([{ family, first, last: first + 254n }])
}
const every = (family: Family, count: number, size: number): AddressSet =>
  addressSet(
    Array.from({ length: count }, (_, n) => {
      const first = base[family] + BigInt(n * 8)
      return { family, first, last: first + BigInt(size - 1) }
    }),
  )
const ports = (first: number, last = first): PortSet => [{ first, last }]
const of = (n: number): Family => (n % 2 === 0 ? 'ipv4' : 'ipv6')

/** How many rules, what each asks, and whether leaves are found by a map. */
const shapes: Readonly<Record<string, readonly [number, (n: number) => Match, maps?: number]>> = {
  'few values': [
    1000,
    (n) => ({ protocol: 6, source: stretch('ipv4', n), destinationPorts: ports(n % 9) }),
    1,
  ],
  'one length of prefixes': [
    1000,
    (n) => ({ protocol: 6, source: network('ipv4', n), destinationPorts: ports(n % 9) }),
  ],
  'few leaves': [
    900,
    (n) => ({
      protocol: 6,
      source: network('ipv4', n),
      destinationPorts: ports(n % 300, n % 300 === 0 ? 900 : n % 300),
    }),
  ],
  'many leaves': [
    3000,
    (n) => ({ protocol: 6, destination: network('ipv4', n), destinationPorts: ports(n % 9, 9 + (n % 2)) }),
    1,
  ],
  'leaves of IPv6': [
    1500,
    (n) => ({ protocol: 6, source: network('ipv6', n), destinationPorts: ports(n % 9, 9 + (n % 2)) }),
    1,
  ],
  'leaves by port': [
    900,
    (n) => ({ protocol: 6, sourcePorts: ports(0, 60_000), destinationPorts: ports(n * 70, n * 70 + 50) }),
  ],
  'ICMP from networks': [800, (n) => ({ protocol: 1, source: stretch('ipv4', n >> 2), icmpType: n % 4 }), 1],
  'types and codes': [60, (n) => ({ protocol: n % 2 === 0 ? 1 : 58, icmpType: n >> 1, icmpCode: 0 })],
  MACs: [200, (n) => ({ sourceMac: `52:54:00:00:00:${(n + 16).toString(16)}`, source: network('ipv4', n) })],
  'one protocol': [100, (n) => ({ protocol: n % 2 === 0 ? 6 : 47, source: network(of(n >> 1), n) })],
  'ports of one family': [
    60,
    (n) => ({ family: of(n), protocol: 6, destinationPorts: ports(n * 10, n * 10 + 5) }),
  ],
  'protocols of one family': [200, (n) => ({ family: of(n), protocol: n })],
  'protocols and ports': [
    80,
    (n) => ({ family: of(n), protocol: n % 3 === 0 ? 17 : 6, destinationPorts: ports(n) }),
  ],
  products: [
    8,
    (n) => ({
      ...{ protocol: 6, source: every(of(n), 100, 1 + (n % 3)) },
      destinationPorts: Array.from({ length: 50 }, (_, at) => ({ first: at * 3, last: at * 3 })),
    }),
  ],
}

describe('long lists', { skip }, () => {
  let nft: Kernel
  before(() => {
    assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0)
    nft = createNftKernel({ netns })
  })
  after(() => void spawnSync('ip', ['netns', 'del', netns]))

  for (const [name, [count, make, maps = 0]] of Object.entries(shapes)) {
    test(name, async () => {
      const rules = Array.from(
        { length: count },
        (_, n): Rule => ({
          ...{ id: `rule-${n}`, position: n + 1, direction: 'ingress', enabled: true },
          ...{ action: n % 3 === 0 ? 'allow' : 'deny', matches: [make(n)] },
        }),
      )
      const policy: EffectivePolicy = {
        ...{ stateful: false, essentials: [], egress: { filtered: false } },
        ingress: {
          filtered: true,
          lists: [{ policy: 'p', part: 0, direction: 'ingress', rules }],
          default: 'deny',
        },
      }
      for (const master of [null, { name: 'br0', kind: 'bridge' }]) {
        const { tables } = lowered(desire([{ id: 'nic', device: 'tap0', policy }]), {
          ...{ links: [{ index: 10, name: 'tap0', kind: 'tun', master }], observe: false },
          ...{ refused: new Map(), kernel: { tracks: false, rejects: false } },
        })
        const where = master ? bridgeTable : table
        const wanted = tables.get(where) as RenderedTable
        const own = [...wanted.sets].filter(([set]) => set.startsWith('policy.'))
        assert.ok(own.some(([, { kind }]) => kind === 'set'))
        assert.ok(name === 'products' || own.some(([, { type }]) => / : mark$/m.test(type)))
        assert.equal(own.filter(([, { type }]) => / : verdict$/m.test(type)).length, maps)
        await nft.commit(replaceCommands(where, wanted))
        assert.ok(sameTable(wanted, await nft.read(where, undefined)), where)
      }
    })
  }
})
