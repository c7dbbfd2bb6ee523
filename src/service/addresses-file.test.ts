/** The address file: which pool serves whom, what is handed out of it, and every way to be wrong. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type Pool, poolFor } from '../core/model/pool.ts'
import { formatAddress } from '../core/net/address.ts'
import { formatPrefix } from '../core/net/prefix.ts'
import { addressExample, addressesReference } from '../dialects/addresses-reference.ts'
import { dialects } from '../dialects/dialects.ts'
import { takersOf } from '../dialects/manifest.ts'
import { defaultAddresses, readAddresses } from './addresses-file.ts'

function read(text: string) {
  const done = readAddresses(text, takersOf(dialects))
  assert.ok(done.ok, done.ok ? '' : done.error)
  return done.value
}
const rangesOf = ({ ranges }: Pool, family: 'ipv4' | 'ipv6' = 'ipv4') =>
  ranges.map(({ first, last }) => `${formatAddress(family, first)}-${formatAddress(family, last)}`)

test('the example of the page is read, and the most particular pool serves', () => {
  const { pools, quarantineMs } = read(addressExample)
  assert.equal(quarantineMs, 48 * 3_600_000)
  const named = (profile: 'ionos' | 'upcloud', zone: string | null) =>
    poolFor(pools, { kind: 'public-ipv4', profile, zone })?.name
  assert.equal(named('ionos', 'de/txl'), 'public-ipv4 ionos de/txl')
  assert.equal(named('ionos', 'de/fra'), 'public-ipv4')
  assert.equal(named('upcloud', 'de/txl'), 'public-ipv4')
  assert.equal(named('upcloud', null), 'public-ipv4')
  assert.equal(poolFor(pools, { kind: 'public-ipv6-prefix', profile: 'upcloud', zone: null }), undefined)
  // Kinds that the file does not name have the default pool.
  assert.ok(poolFor(pools, { kind: 'utility-ipv4', profile: 'upcloud', zone: null }))
  const [first] = pools
  assert.ok(first)
  assert.deepEqual(first.prefixes.map(formatPrefix), ['203.0.113.0/24', '198.51.100.0/25'])
  assert.deepEqual(rangesOf(first), ['198.51.100.10-198.51.100.126', '203.0.113.2-203.0.113.239'])
})

test('what cannot be a host’s address is not handed out', () => {
  const of = (entry: string) => read(`pools: [ ${entry} ]`).pools[0] as Pool
  assert.deepEqual(rangesOf(of('{ kind: public-ipv4, prefixes: [192.0.2.0/30] }')), ['192.0.2.1-192.0.2.2'])
  assert.deepEqual(rangesOf(of('{ kind: public-ipv4, prefixes: [192.0.2.0/31] }')), ['192.0.2.0-192.0.2.1'])
  assert.deepEqual(rangesOf(of('{ kind: public-ipv4, prefixes: [192.0.2.7/32] }')), ['192.0.2.7-192.0.2.7'])
  assert.deepEqual(rangesOf(of('{ kind: lan-ipv4, prefixes: [192.0.2.0/24] }')), ['192.0.2.0-192.0.2.255'])
  const ipv6 = of('{ kind: public-ipv6, prefixes: ["2001:db8::/126"] }')
  assert.deepEqual(rangesOf(ipv6, 'ipv6'), ['2001:db8::1-2001:db8::3'])
})

test('times of a quarantine', () => {
  for (const [text, want] of [
    ['0', 0],
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ] as const) {
    assert.equal(read(`{ quarantine: ${text}, pools: [] }`).quarantineMs, want)
  }
  assert.equal(defaultAddresses.quarantineMs, 86_400_000)
  assert.equal(read('pools: []').quarantineMs, 86_400_000)
})

describe('a file that is wrong is refused with its place', () => {
  const pool = (rest: string) => `pools: [ { kind: public-ipv4, ${rest} } ]`
  const wrong: readonly [text: string, complaint: RegExp][] = [
    ['', /^the file: expected keys and values$/],
    ['pools: [', /^line 1, column \d+: /],
    ['quarantine: 24h', /^pools: expected a list of at most 1000 pools$/],
    ['{ quarantine: 24, pools: [] }', /^quarantine: expected a time such as 90s, 30m, 24h or 7d, or 0$/],
    ['{ quarantine: 0h, pools: [] }', /^quarantine: expected a time/],
    ['{ quarantine: -1h, pools: [] }', /^quarantine: expected a time/],
    ['{ pool: [], pools: [] }', /^the file: pool is not known here; known are quarantine, pools$/],
    [
      'pools: [ { kind: ipv4, prefixes: [192.0.2.0/24] } ]',
      /^pools\[0\]\.kind: expected one of public-ipv4, /,
    ],
    ['pools: [ { kind: public-ipv4 } ]', /^pools\[0\]\.prefixes: expected a list of 1 to 1000 prefixes$/],
    [pool('prefixes: []'), /^pools\[0\]\.prefixes: expected a list of 1 to 1000 prefixes$/],
    [pool('prefixes: [192.0.2.1]'), /^pools\[0\]\.prefixes\[0\]: expected address\/length$/],
    [
      pool('prefixes: [192.0.2.1/24]'),
      /^pools\[0\]\.prefixes\[0\]: address has bits beyond the prefix length$/,
    ],
    [pool('prefixes: ["2001:db8::/64"]'), /^pools\[0\]\.prefixes\[0\]: expected an IPv4 prefix$/],
    [
      'pools: [ { kind: lan-ipv4, prefixes: [10.0.0.0/25] } ]',
      /^pools\[0\]\.prefixes\[0\]: expected a prefix of at most \/24$/,
    ],
    [
      pool('prefixes: [192.0.2.0/24, 192.0.2.128/25]'),
      /^pools\[0\]\.prefixes\[1\]: 192\.0\.2\.128\/25 is in the pool twice$/,
    ],
    [
      pool('zone: fi-hel1, prefixes: [192.0.2.0/24]'),
      /^pools\[0\]\.zone: needs the profile whose zone it is$/,
    ],
    [
      pool('profile: hostup, prefixes: [192.0.2.0/24]'),
      /^pools\[0\]\.profile: expected one of upcloud, ionos, scaleway$/,
    ],
    [
      pool('prefixes: [192.0.2.0/24], exclude: [198.51.100.1]'),
      /^pools\[0\]\.exclude\[0\]: 198\.51\.100\.1 is in none of the pool’s prefixes$/,
    ],
    [
      pool('prefixes: [192.0.2.0/24], exclude: [192.0.2.9-192.0.2.1]'),
      /^pools\[0\]\.exclude\[0\]: the first address is above the last$/,
    ],
    [
      pool('prefixes: [192.0.2.0/24], exclude: ["::1"]'),
      /^pools\[0\]\.exclude\[0\]: expected the pool’s family$/,
    ],
    [
      pool('prefixes: [192.0.2.0/24], exclude: [x]'),
      /^pools\[0\]\.exclude\[0\]: expected an IPv4 or IPv6 address$/,
    ],
    [
      pool('prefixes: [192.0.2.0/24], exclude: [192.0.2.1-]'),
      /^pools\[0\]\.exclude\[0\]: expected an IPv4 or IPv6/,
    ],
    [
      pool('prefixes: [192.0.2.0/24], exclude: [192.0.2.1-192.0.2.2-192.0.2.3]'),
      /^pools\[0\]\.exclude\[0\]: expected/,
    ],
    [pool('prefixes: [192.0.2.0/24], exclude: [192.0.2.0/24]'), /^pools\[0\]: nothing is left to hand out$/],
    [
      'pools: [ { kind: lan-ipv4, prefixes: [10.0.0.0/24], exclude: [10.0.0.7] } ]',
      /^pools\[0\]: nothing is left to hand out$/,
    ],
    [
      'pools: [ { kind: public-ipv4, prefixes: [192.0.2.0/25] }, { kind: public-ipv4, prefixes: [192.0.2.128/25] } ]',
      /^pools\[1\]: the pool public-ipv4 is there twice, first at pools\[0\]$/,
    ],
    [
      'pools: [ { kind: public-ipv4, prefixes: [192.0.2.0/24] }, { kind: utility-ipv4, prefixes: [192.0.2.128/25] } ]',
      /^pools\[1\]\.prefixes: overlaps pools\[0\]$/,
    ],
  ]
  for (const [text, complaint] of wrong) {
    test(text === '' ? 'an empty file' : text, () => {
      const done = readAddresses(text, takersOf(dialects))
      assert.ok(!done.ok)
      assert.match(done.error, complaint)
    })
  }
})

test('docs/addresses.md is what the schema says: npm run docs', () => {
  assert.equal(readFileSync('docs/addresses.md', 'utf8'), addressesReference(dialects))
})
