/** The stored form of a match: reads back exactly, and never as something else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arbitraryMatch } from '../../../test/support/arbitraries.ts'
import type { JsonValue } from '../json.ts'
import { addressSet } from '../sets/address-set.ts'
import { decodeMatch, encodeMatch } from './codec.ts'
import type { Match } from './rule.ts'

test('what is written reads back as the same', () => {
  fc.assert(
    fc.property(arbitraryMatch, (match) => {
      assert.deepEqual(decodeMatch(JSON.parse(JSON.stringify(encodeMatch(match))) as JsonValue), match)
    }),
    { numRuns: 500 },
  )
})

test('the stored form is for people to read', () => {
  const match: Match = {
    family: 'ipv6',
    protocol: 6,
    source: addressSet([{ family: 'ipv6', first: 0n, last: 1n }]),
    destinationPorts: [{ first: 22, last: 23 }],
  }
  assert.deepEqual(encodeMatch(match), {
    family: 'ipv6',
    protocol: 6,
    source: [['::', '::1']],
    destinationPorts: [[22, 23]],
  })
  // A set that holds nothing matches nothing; a field that is not there matches anything.
  assert.deepEqual(decodeMatch({ source: [], sourcePorts: [] }), { source: addressSet([]), sourcePorts: [] })
  assert.deepEqual(decodeMatch({}), {})
})

test('sets are canonical however they were written', () => {
  assert.deepEqual(
    decodeMatch({
      sourcePorts: [
        [5, 9],
        [1, 4],
      ],
    }),
    { sourcePorts: [{ first: 1, last: 9 }] },
  )
  assert.deepEqual(
    decodeMatch({
      source: [
        ['0.0.0.5', '0.0.0.9'],
        ['0.0.0.1', '0.0.0.4'],
      ],
    }),
    { source: { ipv4: [{ first: 1n, last: 9n }], ipv6: [] } },
  )
})

test('what is corrupt throws: a rule that is misread could open', () => {
  for (const corrupt of [
    ...[null, 5, 'x', [], [{}]],
    ...[{ family: 'ipv5' }, { family: null }],
    ...[{ protocol: '6' }, { protocol: null }, { protocol: 256 }, { protocol: -1 }, { protocol: 6.5 }],
    ...[{ icmpType: '8' }, { icmpType: 256 }, { icmpCode: -1 }],
    // Only the canonical text is ever compared with a packet's.
    ...[{ sourceMac: 5 }, { sourceMac: '52:54' }, { sourceMac: '52:54:00:AB:CD:01' }],
    { source: '10.0.0.0/8' },
    { source: [['10.0.0.0']] },
    { source: [['10.0.0.0', '::1']] },
    { source: [['10.0.0.0', 'x']] },
    // The wrong way round it would be a set that no operation understands.
    { source: [['10.0.0.9', '10.0.0.1']] },
    { source: [[['10.0.0.0'], '10.0.0.1']] },
    { source: null },
    { destination: { ipv4: [] } },
    ...[{ sourcePorts: [['1', 2]] }, { sourcePorts: [[2, 1]] }, { sourcePorts: [[0, 65_536]] }],
    ...[{ sourcePorts: [[-1, 5]] }, { sourcePorts: [[1.5, 2]] }, { sourcePorts: [[1, 2, 3]] }],
    { destinationPorts: [22] },
    { colour: 'red' },
  ] as JsonValue[]) {
    assert.throws(() => decodeMatch(corrupt), JSON.stringify(corrupt))
  }
})
