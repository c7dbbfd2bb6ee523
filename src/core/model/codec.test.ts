/** The stored form of a match: reads back exactly, and never as something else. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arbitraryMatch } from '../../../test/support/arbitraries.ts'
import type { JsonValue } from '../json.ts'
import { decodeMatch, encodeMatch } from './codec.ts'

test('what is written reads back as the same', () => {
  fc.assert(
    fc.property(arbitraryMatch, (match) => {
      assert.deepEqual(decodeMatch(JSON.parse(JSON.stringify(encodeMatch(match))) as JsonValue), match)
    }),
    { numRuns: 500 },
  )
})

test('what is corrupt throws: a rule that is misread could open', () => {
  for (const corrupt of [
    ...[null, 5, 'x', [], [{}]],
    { family: 'ipv5' },
    { protocol: '6' },
    { protocol: null },
    { icmpType: '8' },
    { sourceMac: 5 },
    { source: '10.0.0.0/8' },
    { source: [['10.0.0.0']] },
    { source: [['10.0.0.0', '::1']] },
    { source: [['10.0.0.0', 'x']] },
    { sourcePorts: [['1', 2]] },
    { destinationPorts: [22] },
    { colour: 'red' },
  ] as JsonValue[]) {
    assert.throws(() => decodeMatch(corrupt), JSON.stringify(corrupt))
  }
})
