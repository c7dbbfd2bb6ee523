/** Taking lookups apart by length loses no element, hashes no other range than a prefix, and leaves what is not worth it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byLength } from './by-length.ts'
import type { Lookup, RunElement } from './runs.ts'

const bitsOf = (field: string) => (field === 'source' ? 32 : undefined)
const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))
/** Prefixes number `n` of such a length, or other ranges of so many addresses. */
const prefix = (n: number, length: number, port = 80): RunElement['ranges'] => [
  { first: BigInt(n) << 8n, last: (BigInt(n) << 8n) + (1n << BigInt(32 - length)) - 1n },
  { first: port, last: port },
]
const lookupOf = (ranges: readonly RunElement['ranges'][]): Lookup => ({
  ...{ kind: 'lookup', family: 'ipv4', protocol: 17, ranged: true, key: ['source', 'destinationPort'] },
  elements: ranges.map((each, owner) => ({ owner, ranges: each })),
})

test('prefixes of few lengths are hashed, and few others stay ranges', () => {
  const odd: RunElement['ranges'] = [
    { first: 0x01000001n, last: 0x01000002n },
    { first: 80, last: 80 },
  ]
  const lookup = lookupOf([
    ...times(200, (n) => prefix(n, 24)),
    ...times(100, (n) => prefix(n + 200, 32)),
    odd,
  ])
  const { by, rest } = byLength(lookup, bitsOf)
  assert.deepEqual(
    by.map(({ lengths, lookup: own }) => [lengths, own.ranged, own.elements.length]),
    [
      [[24, undefined], false, 200],
      [[undefined, undefined], false, 100],
    ],
  )
  assert.deepEqual(by[0]?.lookup.elements[3], {
    owner: 3,
    ranges: [
      { first: 0x300n, last: 0x300n },
      { first: 80, last: 80 },
    ],
  })
  assert.deepEqual(rest?.elements, [{ owner: 300, ranges: odd }])
})

test('nothing is left of one length', () => {
  assert.equal(byLength(lookupOf(times(16, (n) => prefix(n, 25))), bitsOf).rest, undefined)
})

test('what has many lengths, ranges of ports, or every address stays as it is', () => {
  for (const lookup of [
    lookupOf(times(160, (n) => prefix(n, 24 + (n % 8)))),
    lookupOf(
      times(100, (n) => [
        { first: BigInt(n), last: BigInt(n) },
        { first: 80, last: 81 },
      ]),
    ),
    lookupOf(
      times(100, (n) => [
        { first: 0n, last: 0xffffffffn },
        { first: n, last: n },
      ]),
    ),
    // A range as large as a prefix that begins between two.
    lookupOf(
      times(100, (n) => [
        { first: BigInt(n * 4 + 1), last: BigInt(n * 4 + 2) },
        { first: 80, last: 80 },
      ]),
    ),
  ])
    assert.deepEqual(byLength(lookup, bitsOf), { by: [], rest: lookup })
})
