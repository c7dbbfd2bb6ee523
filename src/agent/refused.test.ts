import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findRefused } from './refused.ts'

test('exactly those that are refused are found, with few questions', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 200 }),
      fc.uniqueArray(fc.integer({ min: 0, max: 199 }), { maxLength: 4 }),
      async (size, bad) => {
        const members = Array.from({ length: size }, (_, n) => n)
        const refused = bad.filter((each) => each < size).sort((a, b) => a - b)
        let asked = 0
        const found = await findRefused(members, async (subset) => {
          asked++
          return !subset.some((each) => refused.includes(each))
        })
        assert.deepEqual(found, refused)
        assert.ok(asked <= 1 + refused.length * 2 * 9, `${asked} questions for ${refused.length} of ${size}`)
      },
    ),
  )
})
