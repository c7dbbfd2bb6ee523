/** What an agent says of a round arrives as it was said, errors with all that the log needs of them, or not at all. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { misreadings } from '../../test/support/misreadings.ts'
import type { JsonValue } from '../core/json.ts'
import { decodeRound, type Round, roundError } from './round.ts'
import { ProgramError } from './run.ts'

const sent = (round: unknown): JsonValue => JSON.parse(JSON.stringify(round))

const rounds: readonly Round[] = [
  {
    ...{ kind: 'applied', seconds: 0.25, changed: true, repaired: false, guarded: 'tap*' },
    details: [{ interface: 'a', detail: 'line 3' }],
  },
  { kind: 'failed', error: roundError(new ProgramError('nft: no such luck')) },
]

test('what is said is heard as the same, and nothing else is', () => {
  for (const round of rounds) {
    assert.deepEqual(decodeRound(sent(round)), round)
    const wrong = [...misreadings(sent(round))]
    assert.ok(wrong.length > 8)
    for (const each of [...wrong, { ...round, kind: 'other' }, { ...round, seconds: -1 }]) {
      assert.throws(() => decodeRound(sent(each)), /^Error: corrupt/, JSON.stringify(each))
    }
  }
})

test('an error keeps its kind, its place and its causes', () => {
  const { kind, message, stack } = roundError(new ProgramError('outer', { cause: new TypeError('inner') }))
  assert.deepEqual([kind, message], ['ProgramError', 'outer'])
  assert.match(stack, /outer\n\s+at .*round\.test.*\ncaused by: TypeError: inner\n\s+at /s)
  assert.deepEqual(roundError('just text'), { kind: 'string', message: 'just text', stack: '' })
})
