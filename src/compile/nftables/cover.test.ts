/** What ranges add to each other, against places one by one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createCover } from './cover.ts'

test('a range adds the places that none before it has', () => {
  const range = fc.tuple(fc.nat(40), fc.integer({ min: 1, max: 20 })).map(([first, size]) => ({
    first,
    end: first + size,
  }))
  fc.assert(
    fc.property(fc.array(range, { maxLength: 40 }), (ranges) => {
      const cover = createCover()
      const covered = new Set<number>()
      for (const { first, end } of ranges) {
        const pieces = cover.add(first, end)
        const places = pieces.flatMap(([a, b]) => Array.from({ length: b - a }, (_, n) => a + n))
        const wanted = Array.from({ length: end - first }, (_, n) => first + n).filter(
          (place) => !covered.has(place),
        )
        assert.deepEqual(places, wanted)
        // Ranges that touch are one.
        for (const [n, [a]] of pieces.entries()) assert.ok(n === 0 || (pieces[n - 1]?.[1] as number) < a)
        for (const place of wanted) covered.add(place)
      }
    }),
    { numRuns: 500 },
  )
})
