/** Elements in bounded sets: every packet that an element holds finds it, in one set, and few sets are asked. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { Range } from '../../core/sets/range.ts'
import type { FieldValue } from './boxes.ts'
import { type Leaf, leavesOf } from './leaves.ts'

interface Element {
  readonly ranges: readonly Range<FieldValue>[]
}
/** An IPv4 address, a port and a protocol. */
const bits = [32, 16, 8]
const most = 20

const address = fc.oneof(
  fc.nat(400).map((n) => 0x0a00_0000n + BigInt(n)),
  fc.nat(0xffff_ffff).map(BigInt),
  fc.constantFrom(0n, 0xffff_ffffn),
)
const addresses = fc.oneof(
  { weight: 6, arbitrary: address.map((first) => ({ first, last: first })) },
  {
    weight: 3,
    arbitrary: fc.tuple(address, fc.nat(12)).map(([value, size]) => {
      const first = (value >> BigInt(size)) << BigInt(size)
      return { first, last: first + (1n << BigInt(size)) - 1n }
    }),
  },
  { weight: 1, arbitrary: fc.constant({ first: 0n, last: 0xffff_ffffn }) },
)
const ports = fc.oneof(
  fc.nat(300).map((first) => ({ first, last: first })),
  fc.tuple(fc.nat(60_000), fc.nat(3_000)).map(([first, more]) => ({ first, last: first + more })),
)
const protocols = fc.constantFrom(6, 17).map((each) => ({ first: each, last: each }))

const meets = (a: Element, b: Element): boolean =>
  a.ranges.every((range, n) => {
    const other = b.ranges[n] as Range<FieldValue>
    return range.first <= other.last && other.first <= range.last
  })
/** No two share a packet. */
const disjoint = (maxLength: number) =>
  fc
    .array(
      fc.tuple(addresses, ports, protocols).map((ranges): Element => ({ ranges })),
      { maxLength, size: 'max' },
    )
    .map((all) => all.filter((each, n) => !all.slice(0, n).some((other) => meets(each, other))))

const asked = (leaves: readonly Leaf<Element>[], values: readonly FieldValue[]): Leaf<Element>[] =>
  leaves.filter(({ guard }) => {
    const value = guard && (values[guard.field] as FieldValue)
    return !guard || (guard.range.first <= (value as FieldValue) && (value as FieldValue) <= guard.range.last)
  })

const corners = ({ ranges }: Element): FieldValue[][] => [
  ranges.map(({ first }) => first),
  ranges.map(({ last }) => last),
]

describe('leaves', () => {
  test('an element is found by its packets, once, and no leaf holds more than it may', () => {
    let split = 0
    fc.assert(
      fc.property(disjoint(300), (elements) => {
        const leaves = leavesOf(elements, bits, most)
        if (leaves.some(({ guard }) => guard)) split++
        for (const leaf of leaves) assert.ok(leaf.elements.length <= most)
        if (elements.length > 0) assert.ok(leaves.every((leaf) => leaf.elements.length > 0))
        for (const element of elements) {
          for (const packet of corners(element)) {
            const found = asked(leaves, packet).filter((leaf) => leaf.elements.includes(element))
            assert.equal(found.length, 1)
          }
        }
        const placed = new Set(leaves.flatMap((leaf) => leaf.elements))
        assert.equal(placed.size, elements.length)
      }),
      { numRuns: 60 },
    )
    assert.ok(split > 10, `${split} were split`)
  })

  test('the order of the elements means nothing', () => {
    const texts = (leaves: readonly Leaf<Element>[]): string[] =>
      leaves
        .map(({ guard, elements }) => {
          const of = ({ first, last }: Range<FieldValue>) => `${first}-${last}`
          const own = elements.map(({ ranges }) => ranges.map(of).join(' ')).sort()
          return `${guard ? `${guard.field} ${of(guard.range)}` : ''}: ${own.join(', ')}`
        })
        .sort()
    fc.assert(
      fc.property(disjoint(200), (elements) => {
        assert.deepEqual(
          texts(leavesOf(elements.toReversed(), bits, most)),
          texts(leavesOf(elements, bits, most)),
        )
      }),
      { numRuns: 40 },
    )
  })

  const host = (n: number): Range<bigint> => ({ first: BigInt(n), last: BigInt(n) })
  const port = (n: number): Range<number> => ({ first: n, last: n })

  test('ten thousand in one network: a packet is looked up in one leaf, and one more changes one leaf', () => {
    const elements = Array.from(
      { length: 10_000 },
      (_, n): Element => ({
        ranges: [host(0x0a00_0000 + n * 4), port(n % 700), port(6)],
      }),
    )
    const before = leavesOf(elements, bits, 500)
    for (const element of elements) assert.equal(asked(before, corners(element)[0] as FieldValue[]).length, 1)
    assert.ok(before.length < 50, `${before.length} leaves`)
    const after = leavesOf([...elements, { ranges: [host(0x0a00_0003), port(1), port(6)] }], bits, 500)
    const same = after.filter((leaf) =>
      before.some(
        (other) =>
          other.elements.length === leaf.elements.length &&
          other.elements.every((element, n) => element === leaf.elements[n]),
      ),
    )
    assert.equal(same.length, before.length - 1)
  })

  test('what no field takes apart is in several sets that every packet is looked up in', () => {
    // Protocols are not halved, and everything else is the same in all.
    const elements = Array.from({ length: 200 }, (_, n): Element => ({ ranges: [host(1), port(1), port(n)] }))
    const leaves = leavesOf(elements, bits, most)
    assert.ok(leaves.length > 9 && leaves.every(({ guard, elements: own }) => !guard && own.length <= most))
    assert.equal(
      leaves.reduce((sum, leaf) => sum + leaf.elements.length, 0),
      200,
    )
  })

  test('what covers a part that is halved is not in every leaf of it', () => {
    // Neither the source nor the port takes all of them apart.
    const elements = Array.from({ length: 1000 }, (_, n): Element[] => [
      { ranges: [{ first: 0x0a00_0000n, last: 0x0a00_ffffn }, port(20_000 + n), port(6)] },
      { ranges: [host(0x0a00_0000 + n * 16), { first: 10_000, last: 10_100 }, port(6)] },
      { ranges: [host(0x0b00_0000 + n), { first: 30_000, last: 30_200 }, port(6)] },
      { ranges: [host(0x0c00_0000 + (n >> 4)), port(30_000 + (n & 127)), port((n >> 7) + 17)] },
    ]).flat()
    const leaves = leavesOf(elements, bits, 200)
    assert.ok(leaves.every((leaf) => leaf.elements.length <= 200))
    const held = leaves.reduce((sum, leaf) => sum + leaf.elements.length, 0)
    assert.ok(held < 2 * elements.length, `${held} for ${elements.length}`)
    for (const element of elements)
      assert.ok(
        asked(leaves, corners(element)[0] as FieldValue[]).some((leaf) => leaf.elements.includes(element)),
      )
  })

  test('guards of one field do not overlap', () => {
    // Networks within networks, each with more ports than a leaf holds.
    const elements = Array.from({ length: 12 }, (_, depth) =>
      Array.from({ length: 40 }, (_, n): Element => {
        const last = 0x0a00_0000n + (1n << BigInt(depth * 2)) - 1n
        return { ranges: [{ first: 0x0a00_0000n, last }, port(depth * 50 + n), port(6)] }
      }),
    ).flat()
    const leaves = leavesOf(elements, bits, most)
    const guards = leaves.flatMap(({ guard }) => (guard ? [guard] : []))
    for (const a of guards) {
      for (const b of guards.filter(({ field }) => field === a.field)) {
        const apart = a.range.last < b.range.first || b.range.last < a.range.first
        assert.ok(apart || (a.range.first === b.range.first && a.range.last === b.range.last))
      }
    }
  })

  test('ranges whose hashes are all the same are taken apart too', () => {
    // [address, port]: chosen so that the texts of these ranges have one hash in all 32 bits.
    const chosen: [number, number][] = [
      ...[
        [167772161, 80],
        [167791255, 4226],
        [168558719, 5230],
        [169671645, 8820],
        [169847616, 9427],
      ],
      ...[
        [169986864, 1979],
        [170070407, 8026],
        [170191773, 20],
        [170493184, 2486],
        [170620240, 6202],
      ],
      ...[
        [170941649, 2592],
        [170997934, 4581],
        [171095219, 1524],
        [171147804, 6114],
        [171155334, 8510],
      ],
      ...[
        [171192850, 3386],
        [171250387, 9566],
        [171265966, 1070],
        [171727944, 6862],
        [171961032, 5797],
      ],
      ...[
        [172201143, 2138],
        [172307301, 1087],
        [172421424, 5243],
        [172803196, 5564],
      ],
    ] as [number, number][]
    const elements = chosen.map(([address, of]): Element => ({ ranges: [host(address), port(of)] }))
    const leaves = leavesOf(elements, [0, 0], most)
    assert.deepEqual(
      leaves.map((leaf) => leaf.elements.length),
      [20, 4],
    )
  })
})
