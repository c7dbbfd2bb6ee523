/** The algebra's laws, and its agreement with sets that are kept member by member. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryAddressSet } from '../../../test/support/arbitraries.ts'
import { type Family, families, maxAddress } from '../net/address.ts'
import * as addresses from './address-set.ts'
import * as ports from './port-set.ts'

interface Algebra<S> {
  readonly arbitrary: fc.Arbitrary<S>
  readonly empty: S
  readonly all: S
  readonly union: (a: S, b: S) => S
  readonly intersect: (a: S, b: S) => S
  readonly subtract: (a: S, b: S) => S
  readonly complement: (a: S) => S
  readonly equals: (a: S, b: S) => boolean
  readonly isEmpty: (a: S) => boolean
}

const edge = fc.oneof(fc.nat(30), fc.integer({ min: 65_510, max: 65_535 }))
const arbitraryPorts = fc
  .array(
    fc.tuple(edge, edge).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
    { maxLength: 6 },
  )
  .map(ports.portSet)

function laws<S>(name: string, algebra: Algebra<S>): void {
  const { arbitrary, empty, all, union, intersect, subtract, complement, equals, isEmpty } = algebra
  const holds = (law: string, check: (a: S, b: S, c: S) => S[]) =>
    test(law, () => {
      fc.assert(
        fc.property(arbitrary, arbitrary, arbitrary, (a, b, c) => {
          const [first, ...others] = check(a, b, c) as [S, ...S[]]
          // Equal sets are equal structures too: that is what makes comparing cheap.
          for (const other of others) {
            assert.deepEqual(other, first)
            assert.ok(equals(other, first))
          }
        }),
      )
    })
  describe(name, () => {
    holds('union is commutative', (a, b) => [union(a, b), union(b, a)])
    holds('union is associative', (a, b, c) => [union(union(a, b), c), union(a, union(b, c))])
    holds('intersection is commutative', (a, b) => [intersect(a, b), intersect(b, a)])
    holds('intersection is associative', (a, b, c) => [
      intersect(intersect(a, b), c),
      intersect(a, intersect(b, c)),
    ])
    holds('each distributes over the other', (a, b, c) => [
      intersect(a, union(b, c)),
      union(intersect(a, b), intersect(a, c)),
    ])
    holds('and the other over it', (a, b, c) => [
      union(a, intersect(b, c)),
      intersect(union(a, b), union(a, c)),
    ])
    holds('absorption', (a, b) => [a, union(a, intersect(a, b)), intersect(a, union(a, b))])
    holds('idempotence and identities', (a) => [
      a,
      union(a, a),
      intersect(a, a),
      union(a, empty),
      intersect(a, all),
    ])
    holds('De Morgan', (a, b) => [complement(union(a, b)), intersect(complement(a), complement(b))])
    holds('De Morgan, the other way', (a, b) => [
      complement(intersect(a, b)),
      union(complement(a), complement(b)),
    ])
    holds('a complement’s complement', (a) => [a, complement(complement(a))])
    holds('a set and its complement are everything', (a) => [all, union(a, complement(a))])
    holds('and share nothing', (a) => [empty, intersect(a, complement(a)), subtract(a, a)])
    holds('subtraction', (a, b) => [subtract(a, b), intersect(a, complement(b))])
    holds('what is taken apart can be put together', (a, b) => [a, union(subtract(a, b), intersect(a, b))])
    test('emptiness', () => {
      assert.ok(isEmpty(empty) && !isEmpty(all))
      fc.assert(fc.property(arbitrary, (a) => assert.equal(isEmpty(a), equals(a, empty))))
    })
  })
}

laws('sets of ports', {
  arbitrary: arbitraryPorts,
  empty: ports.emptyPortSet,
  all: ports.allPorts,
  union: ports.unionPorts,
  intersect: ports.intersectPorts,
  subtract: ports.subtractPorts,
  complement: ports.complementPorts,
  equals: ports.equalPorts,
  isEmpty: ports.isEmptyPorts,
})
laws('sets of addresses', {
  arbitrary: arbitraryAddressSet,
  empty: addresses.emptyAddressSet,
  all: addresses.allAddresses,
  union: addresses.union,
  intersect: addresses.intersect,
  subtract: addresses.subtract,
  complement: addresses.complement,
  equals: addresses.equals,
  isEmpty: addresses.isEmpty,
})

test('sets of ports agree with sets kept member by member', () => {
  const members = (set: ports.PortSet) => {
    const all = new Set<number>()
    for (const { first, last } of set) for (let port = first; port <= last; port++) all.add(port)
    return all
  }
  fc.assert(
    fc.property(arbitraryPorts, arbitraryPorts, (a, b) => {
      const [x, y] = [members(a), members(b)]
      assert.deepEqual(members(ports.unionPorts(a, b)), new Set([...x, ...y].sort((m, n) => m - n)))
      assert.deepEqual(members(ports.intersectPorts(a, b)), new Set([...x].filter((port) => y.has(port))))
      assert.deepEqual(members(ports.subtractPorts(a, b)), new Set([...x].filter((port) => !y.has(port))))
      for (const port of [0, 1, 15, 30, 31, 40_000, 65_509, 65_510, 65_534, 65_535]) {
        assert.equal(ports.containsPort(a, port), x.has(port))
        assert.equal(ports.containsPort(ports.complementPorts(a), port), !x.has(port))
      }
    }),
    { numRuns: 60 },
  )
})

test('sets of addresses agree with members, at both ends of both families and between them', () => {
  const near = (family: Family): bigint[] => {
    const window = Array.from({ length: 12 }, (_, i) => BigInt(i))
    return [...window, maxAddress[family] / 2n, ...window.map((i) => maxAddress[family] - i).reverse()]
  }
  const range = fc
    .constantFrom(...families)
    .chain((family) =>
      fc
        .tuple(fc.constantFrom(...near(family)), fc.constantFrom(...near(family)))
        .map(([a, b]): addresses.AddressRange => ({ family, first: a < b ? a : b, last: a < b ? b : a })),
    )
  const given = fc.array(range, { maxLength: 5 })
  fc.assert(
    fc.property(given, given, (a, b) => {
      const within = (ranges: readonly addresses.AddressRange[], family: Family, value: bigint) =>
        ranges.some((each) => each.family === family && each.first <= value && value <= each.last)
      const [x, y] = [addresses.addressSet(a), addresses.addressSet(b)]
      const results = {
        union: addresses.union(x, y),
        intersection: addresses.intersect(x, y),
        difference: addresses.subtract(x, y),
        complement: addresses.complement(x),
      }
      for (const family of families) {
        for (const value of near(family)) {
          const [inA, inB] = [within(a, family, value), within(b, family, value)]
          const want = {
            union: inA || inB,
            intersection: inA && inB,
            difference: inA && !inB,
            complement: !inA,
          }
          assert.equal(addresses.contains(x, family, value), inA)
          for (const [name, set] of Object.entries(results))
            assert.equal(addresses.contains(set, family, value), want[name as keyof typeof want], name)
        }
      }
    }),
  )
})

test('sets are canonical: sorted, disjoint, never adjacent', () => {
  fc.assert(
    fc.property(arbitraryPorts, (set) => {
      for (const [i, range] of set.entries()) {
        assert.ok(range.first <= range.last)
        const next = set[i + 1]
        if (next) assert.ok(range.last + 1 < next.first)
      }
    }),
  )
  assert.deepEqual(
    ports.portSet([
      { first: 5, last: 9 },
      { first: 1, last: 4 },
      { first: 65_535, last: 65_535 },
      { first: 65_000, last: 65_535 },
    ]),
    [
      { first: 1, last: 9 },
      { first: 65_000, last: 65_535 },
    ],
  )
})
