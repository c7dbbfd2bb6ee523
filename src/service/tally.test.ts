/** The most frequent text is the one that counting all of them gives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTally } from './tally.ts'

test('after any history, what there is most of is what counting finds', () => {
  const step = fc.record({ text: fc.constantFrom('a', 'b', 'c', 'd'), add: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (history) => {
      const tally = createTally()
      const counts = new Map<string, number>()
      for (const { text, add } of history) {
        const before = counts.get(text) ?? 0
        if (!add && before === 0) {
          assert.throws(() => tally.remove(text))
          continue
        }
        if (add) tally.add(text)
        else tally.remove(text)
        counts.set(text, before + (add ? 1 : -1))
        const most = Math.max(...counts.values())
        for (const [each, count] of counts) assert.equal(tally.count(each), count)
        if (most === 0) assert.equal(tally.most(), undefined)
        else assert.equal(counts.get(tally.most() ?? ''), most)
      }
    }),
    { numRuns: 300 },
  )
})
