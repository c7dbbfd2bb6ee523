import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { JsonValue } from '../core/json.ts'
import { Body, isLonger, type Problem } from './body.ts'

/** Spells an issue as `path.field: what`; null is absent, two issues are kept. */
class Fields extends Body<[string], string, readonly string[]> {
  protected readonly maxIssues = 2
  protected isUnset(value: JsonValue | undefined): boolean {
    return value === undefined || value === null
  }
  protected words(_field: string, { kind }: Problem): [string] {
    return [kind]
  }
  protected issue(path: readonly string[], field: string, [what]: [string]): string {
    return `${[...path, field].join('.')}: ${what}`
  }
  protected failure(issues: readonly string[]): readonly string[] {
    return issues
  }
}

suite('the reader of bodies', () => {
  const cases: [string, Record<string, JsonValue>, (fields: Fields) => unknown, unknown][] = [
    ['text as it is', { a: 'x' }, (f) => f.text('a', 1), 'x'],
    ['absent is nothing wrong', { a: null }, (f) => f.text('a', 1), undefined],
    ['a number is no text', { a: 1 }, (f) => f.text('a', 1), ['a: type']],
    ['too long', { a: 'xy' }, (f) => f.text('a', 1), ['a: too-long']],
    ['astral characters count as one', { a: '😀' }, (f) => f.text('a', 1), '😀'],
    ['boolean', { a: false }, (f) => f.boolean('a'), false],
    ['text is no boolean', { a: 'false' }, (f) => f.boolean('a'), ['a: type']],
    ['one of', { a: 'y' }, (f) => f.oneOf('a', ['x', 'y']), 'y'],
    ['none of', { a: 'z' }, (f) => f.oneOf('a', ['x', 'y']), ['a: one-of']],
    ['parsed', { a: 2 }, (f) => f.read('a', (v) => Number(v) * 2, 'no'), 4],
    ['refused in given words', { a: 2 }, (f) => f.read('a', () => undefined, 'no'), ['a: no']],
    ['needed and absent', { a: null }, (f) => f.needs(['a', 'b']), ['a: missing', 'b: missing']],
    ['unknown', { a: 1, b: 1 }, (f) => f.refuseUnknown(new Set(['a'])), ['b: unknown']],
    ['inside', { a: { b: 1 } }, (f) => f.inside(f.given.a, 'a')?.text('b'), ['a.b: type']],
    ['a list is no object', { a: [] }, (f) => f.inside(f.given.a, 'a'), ['a: type']],
    ['beside', {}, (f) => f.beside({ b: 1 }).text('b'), ['b: type']],
    ['beside, below', {}, (f) => f.beside({ c: 1 }, 'a', 'b').text('c'), ['a.b.c: type']],
    ['the first are kept', {}, (f) => f.needs(['c', 'b', 'a']), ['c: missing', 'b: missing']],
    ['what is not one field’s', {}, (f) => f.add('all wrong'), ['all wrong']],
  ]
  for (const [name, given, read, want] of cases) {
    test(name, () => {
      const fields = new Fields(given)
      const value = read(fields)
      const result = fields.result(() => value)
      assert.deepEqual(result.ok ? result.value : result.error, want)
    })
  }

  test('sound is a reader that found nothing, whatever others found and however much is kept', () => {
    const fields = new Fields({ d: 1 })
    const before = fields.beside({})
    fields.needs(['a', 'b', 'c'])
    const past = fields.beside({})
    past.needs(['e'])
    assert.deepEqual([before.isSound, fields.isSound, past.isSound], [true, false, false])
    const added = fields.beside({})
    added.add('all wrong')
    const refused = fields.beside({})
    refused.refuse('d', 'no')
    assert.deepEqual([added.isSound, refused.isSound], [false, false])
  })

  test('checks again begin without issues', () => {
    const fields = new Fields({})
    fields.needs(['a'])
    assert.equal(fields.result(() => 1).ok, false)
    assert.equal(fields.again().result(() => 1).ok, true)
  })

  test('lengths are of characters', () => {
    assert.deepEqual(
      [isLonger('😀😀', 2), isLonger('😀😀😀', 2), isLonger('x'.repeat(5), 2)],
      [false, true, true],
    )
  })
})
