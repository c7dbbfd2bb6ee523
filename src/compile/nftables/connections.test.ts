import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { mostConnections, renderConnections, sumOfLimits, trialLimit } from './connections.ts'
import { replaceScript } from './table.ts'

describe('limits of tracked connections', () => {
  test('one whole table, for a person to read (UPDATE_GOLDEN=1 writes it)', async () => {
    const file = new URL('testdata/connections.nft', import.meta.url)
    const text = replaceScript(
      'inet portcullis',
      renderConnections(
        new Map([
          [5, 8192],
          [6, 500],
        ]),
      ),
    )
    if (process.env.UPDATE_GOLDEN) await writeFile(file, text)
    assert.equal(text, await readFile(file, 'utf8'))
  })

  test('the lists of a limit hold no more than the limit, and hardly less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: mostConnections }), (limit) => {
        const chain =
          renderConnections(new Map([[1, limit]])).chains.get(`connections-${limit}-from-vm`) ?? ''
        const [, lists, each] = /mod (\d+) ct count over (\d+)/.exec(chain) ?? []
        const room = Number(lists) * Number(each)
        assert.ok(room <= limit && room >= limit - Number(lists))
        // A new connection costs a walk of its list.
        assert.ok(Number(each) < 1024)
      }),
    )
  })

  test('what they add up to: begun by the VM, begun outside, and two halves on trial', () => {
    assert.equal(sumOfLimits([]), 0)
    assert.equal(sumOfLimits([500, 8192]), 3 * 8692)
    assert.equal(trialLimit(1), 1)
    assert.equal(trialLimit(501), 251)
  })
})
