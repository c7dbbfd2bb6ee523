/** The algebra of matches says what packets say. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arbitraryMatch, arbitraryPacket } from '../../../test/support/arbitraries.ts'
import { mismatch } from '../semantics/match.ts'
import { addressSet, allAddresses } from '../sets/address-set.ts'
import { containsMatch, intersectMatches } from './match-fields.ts'
import type { Match } from './rule.ts'

const pairs = { numRuns: 20_000, seed: 20261126 }

test('a packet matches the intersection when it matches both', () => {
  let both = 0
  fc.assert(
    fc.property(arbitraryMatch, arbitraryMatch, arbitraryPacket, (a, b, packet) => {
      const expected = mismatch(a, packet) === null && mismatch(b, packet) === null
      const intersection = intersectMatches(a, b)
      assert.equal(intersection !== undefined && mismatch(intersection, packet) === null, expected)
      if (expected) both++
    }),
    pairs,
  )
  assert.ok(both > 100, `${both} packets matched both`)
})

test('what a match contains, it matches', () => {
  let contained = 0
  fc.assert(
    fc.property(arbitraryMatch, arbitraryMatch, arbitraryPacket, (a, b, packet) => {
      // The intersection is contained in both by construction, where two random matches hardly ever are.
      for (const inner of [b, intersectMatches(a, b)]) {
        if (!inner || !containsMatch(a, inner) || mismatch(inner, packet) !== null) continue
        contained++
        assert.equal(mismatch(a, packet), null)
      }
    }),
    pairs,
  )
  assert.ok(contained > 100, `${contained} packets matched the contained one`)
})

test('a match contains itself, the empty match all, and the intersection is in both', () => {
  fc.assert(
    fc.property(arbitraryMatch, arbitraryMatch, (a, b) => {
      assert.ok(containsMatch(a, a))
      assert.ok(containsMatch({}, a))
      const both = intersectMatches(a, b)
      if (both) assert.ok(containsMatch(a, both) && containsMatch(b, both))
    }),
    { numRuns: 2_000, seed: 20261126 },
  )
})

test('what fields say of each other', () => {
  const v4 = addressSet([{ family: 'ipv4', first: 0n, last: 0xffff_ffffn }])
  // Without a family, ICMP's number means IPv4's ICMP: that protocol over IPv6 is another one.
  assert.equal(intersectMatches({ protocol: 1 }, { family: 'ipv6' }), undefined)
  assert.ok(!containsMatch({ protocol: 1 }, { family: 'ipv6', protocol: 1 }))
  assert.ok(containsMatch({ family: 'ipv4' }, { protocol: 1 }))
  for (const [outer, inner, expected] of [
    [{ source: v4 }, { family: 'ipv4' }, true],
    [{ source: v4 }, {}, false],
    [{ source: allAddresses }, {}, true],
    // A packet without ports satisfies no set of ports.
    [{ sourcePorts: [{ first: 0, last: 65_535 }] }, { protocol: 6 }, false],
    [{ protocol: 6 }, {}, false],
  ] as [Match, Match, boolean][]) {
    assert.equal(containsMatch(outer, inner), expected, JSON.stringify(Object.keys(outer)))
  }
})
