/** What an event keeps of two lists, and that either follows from the other. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JsonObject } from '../../core/json.ts'
import { shortened } from './difference.ts'

const list = (text: string) => ({ rules: [...text].map((name) => ({ name })) })

describe('the difference of two lists of rules', () => {
  for (const [before, after, old, now] of [
    ['abc', 'abc', '', ''],
    ['abc', 'axc', '2b', '2x'],
    ['abcd', 'xbcy', '1a 4d', '1x 4y'],
    ['abc', 'abcd', '', '4d'],
    ['abc', 'xabc', '', '1x'],
    ['abc', 'ac', '2b', ''],
    ['', 'a', undefined, undefined],
    ['ab', 'cd', undefined, undefined],
  ] as const) {
    test(`${before} becomes ${after}`, () => {
      const [left, right] = shortened(list(before), list(after)) as JsonObject[]
      const shown = (side: JsonObject | undefined) =>
        (side?.changedRules as { position: number; name: string }[] | undefined)
          ?.map(({ position, name }) => `${position}${name}`)
          .join(' ')
      assert.deepEqual([shown(left), shown(right)], [old, now])
    })
  }

  test('what else there is stays, and what is no list is left alone', () => {
    assert.deepEqual(shortened({ name: 'x', ...list('ab') }, { name: 'y', ...list('ac') }), [
      { name: 'x', ruleCount: 2, changedRules: [{ position: 2, name: 'b' }] },
      { name: 'y', ruleCount: 2, changedRules: [{ position: 2, name: 'c' }] },
    ])
    for (const pair of [
      [null, list('ab')],
      [{ rules: 1 }, { rules: 2 }],
      [['a'], ['b']],
    ] as const) {
      assert.deepEqual(shortened(...(pair as [never, never])), pair)
    }
  })

  test('either list follows from the other', () => {
    const words = fc.array(fc.constantFrom<string>('a', 'b', 'c'), { maxLength: 8 })
    fc.assert(
      fc.property(words, words, (before, after) => {
        const [left, right] = shortened(list(before.join('')), list(after.join(''))) as JsonObject[]
        if (!left?.changedRules || !right?.changedRules) return
        const entries = (side: JsonObject) => side.changedRules as { position: number; name: string }[]
        const taken = new Set(entries(right).map(({ position }) => position))
        const rebuilt = after.filter((_, index) => !taken.has(index + 1))
        for (const { position, name } of entries(left)) rebuilt.splice(position - 1, 0, name)
        assert.deepEqual(rebuilt, before)
      }),
    )
  })
})
