/** Taking lookups apart by value loses no element, and puts what elements differ in most in front. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byValue, mostTellingFirst } from './by-value.ts'
import type { Lookup } from './runs.ts'

const only = (value: number) => ({ first: value, last: value })
const lookupOf = (elements: readonly (readonly [source: number, first: number, last: number])[]): Lookup => ({
  ...{ kind: 'lookup', family: 'ipv4', protocol: 6, ranged: true, key: ['source', 'destinationPort'] },
  elements: elements.map(([source, first, last], owner) => ({
    owner,
    ranges: [
      { first: source * 10, last: source * 10 + 9 },
      { first, last },
    ],
  })),
})
const times = <T>(count: number, make: (n: number) => T): T[] =>
  Array.from({ length: count }, (_, n) => make(n))

test('values of many elements are asked first, and the rest stays together', () => {
  const lookup = lookupOf([
    ...times(8, (n) => [n, 22, 22] as const),
    ...times(7, (n) => [n + 100, 80, 80] as const),
    ...times(9, (n) => [n + 200, 443, 443] as const),
    ...times(20, (n) => [n + 300, 8000, 8080] as const),
  ])
  const { by, rest } = byValue(lookup)
  assert.equal(by?.field, 'destinationPort')
  assert.deepEqual(
    by.lookups.map(({ value, lookup: { key, elements } }) => [value, key, elements.length]),
    [
      [only(22), ['source'], 8],
      [only(443), ['source'], 9],
    ],
  )
  const owners = [...by.lookups.flatMap((each) => each.lookup.elements), ...(rest?.elements ?? [])]
  assert.deepEqual(
    owners.map(({ owner }) => owner).toSorted((a, b) => a - b),
    times(lookup.elements.length, (n) => n),
  )
})

test('one element that is left is kept', () => {
  const { by, rest } = byValue(lookupOf([...times(8, (n) => [n, 22, 22] as const), [9, 1, 9]]))
  assert.equal(by?.lookups[0]?.lookup.elements.length, 8)
  assert.deepEqual(
    rest?.elements.map(({ owner }) => owner),
    [8],
  )
})

test('what is left without ranges is hashed', () => {
  const { by } = byValue({
    ...lookupOf([]),
    elements: times(8, (n) => ({ owner: n, ranges: [only(n), only(22)] })),
  })
  assert.deepEqual(
    by?.lookups.map(({ lookup }) => lookup.ranged),
    [false],
  )
})

test('a lookup whose values have few elements each stays as it is', () => {
  const lookup = lookupOf(times(100, (n) => [n >> 1, n, n] as const))
  assert.deepEqual(byValue(lookup), { rest: lookup })
  const { key, elements } = mostTellingFirst(lookup)
  assert.deepEqual(key, ['destinationPort', 'source'])
  assert.deepEqual(elements[3]?.ranges, [only(3), { first: 10, last: 19 }])
})
