/** Texts of configuration files: YAML without its traps, JSON as the same, and complaints that hold no word of the file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson } from './json.ts'
import { parseConfig } from './text.ts'
import { Numeral, parseYaml } from './yaml.ts'

const n = (source: string) => new Numeral(source)

const values: readonly (readonly [text: string, value: unknown])[] = [
  // What is a date, a switch or a number in YAML 1.1 is text.
  ['a: 2024-01-01', { a: '2024-01-01' }],
  ['[no, NO, yes, on, off, y]', ['no', 'NO', 'yes', 'on', 'off', 'y']],
  ['[true, True, FALSE, ~, null, Null]', [true, true, false, null, null, null]],
  ['[0o17, 0x1f, 1_000, 1:30:00, .inf, 1e3, -1, +1]', '0o17 0x1f 1_000 1:30:00 .inf 1e3 -1 +1'.split(' ')],
  // Digits are as they are written.
  ['[012, 1.50, 123456789012345]', [n('012'), n('1.50'), n('123456789012345')]],
  ['id: 12345678901234567890', { id: '12345678901234567890' }],
  ['{ 1: x, 01: y, 1.0: z }', { '1': 'x', '01': 'y', '1.0': 'z' }],
  ['[!!str 5, !!int "5", !!null "", !!bool "true"]', ['5', n('5'), null, true]],
  ['%YAML 1.1\n---\na: yes', { a: 'yes' }],
  ['', null],
  ['# nothing\n---\n', null],
  [
    'a: &a { x: p, y: q }\nb: { <<: *a, y: r }\nc: *a',
    { a: { x: 'p', y: 'q' }, b: { x: 'p', y: 'r' }, c: { x: 'p', y: 'q' } },
  ],
  ['a: |\n  one\n  two\nb: >-\n  one\n  two', { a: 'one\ntwo\n', b: 'one two' }],
]

for (const [text, value] of values) {
  test(`${JSON.stringify(text)} is read as it is written`, () => {
    assert.deepEqual(parseConfig(text), { ok: true, value })
  })
}

test('JSON is read fast where that means the same, and is left to YAML where it does not', () => {
  for (const [text, fast] of [
    ['{ "a": [1, true, null, "x:y", "\\"", "\\\\", ":\\\\\\""], "b": {} }', true],
    ['[[], {}, ""]', true],
    ['{ "__proto__": { "a": 1 } }', true],
    ['{ "a": 1, "a": 1 }', false],
    ['{ "a": { "b": [ { "c": 1, "c": 2 } ] } }', false],
    ['{ "a": 1.50 }', false],
    ['{ "a": 1e3 }', false],
    ['{ "a": -1 }', false],
    ['{ "a": 1234567890123456 }', false],
    ['{ "a": 1, }', false],
    [`${'['.repeat(200)}${']'.repeat(200)}`, false],
    ['{ a: 1 }', false],
  ] as const) {
    const value = parseJson(text)
    assert.equal(value !== undefined, fast, text)
    const yaml = parseYaml(text)
    if (fast) {
      assert.ok(yaml.ok)
      const plain = (each: unknown) =>
        JSON.stringify(each, (_, v) => (v instanceof Numeral ? Number(v.source) : v))
      assert.equal(plain(value), plain(yaml.value), text)
    } else assert.deepEqual(parseConfig(text), yaml, text)
  }
})

const bomb = (levels: number, width: number) =>
  ['x0: &x0 { name: a }']
    .concat(
      Array.from({ length: levels }, (_, l) => `x${l + 1}: &x${l + 1} [${Array(width).fill(`*x${l}`)}]`),
    )
    .join('\n')

const complaints: readonly (readonly [text: string, complaint: string])[] = [
  ['{"a": {"b": 1, "c": {"x":1}, "b": 2}}', 'line 1, column 31: a key is there twice'],
  ['1: 2\n"1": 3', 'line 2, column 2: a key is there twice'],
  ['a: secret\na: secret', 'line 2, column 1: a key is there twice'],
  ['a: *secret', 'line 1, column 5: an alias (*) has no anchor (&) before it'],
  ['a: &a [ *a ]', 'its aliases (*) stand for too much'],
  [bomb(9, 20), 'its aliases (*) stand for too much'],
  [bomb(5000, 1), 'its aliases (*) stand for too much'],
  ['- { <<: [ 5 ], a: 1 }', 'line 1, column 5: a merge key (<<) has no keys and values to take'],
  ['a: !secret x', 'line 1, column 4: a tag (!) is not known'],
  ['a: !!timestamp 2024-01-01', 'line 1, column 4: a tag (!) is not known'],
  ['a: !!float 5', 'line 1, column 4: a tag (!) is not known'],
  ['a: !!int secret', 'line 1, column 4: a tag (!) does not fit what follows it'],
  ['a: 1\n---\nb: secret', 'line 2, column 1: there is a second document (---); one is expected'],
  ['# c\n---\na: 1\n---\nb: 2', 'line 4, column 1: there is a second document (---); one is expected'],
  ['a: 1\n...\nb: 2', 'the file: there is a second document (---); one is expected'],
  ['%YAML 2.0\n---\na: 1', 'line 2, column 1: a directive (%) is not known, or not written as one'],
  ['a: "\\q"', 'line 1, column 6: an escape (\\) in double quotes is not known'],
  ['\ta: 1', 'line 1, column 1: a tab cannot indent; use spaces'],
  ['a:\n  b: 1\n \tc: 2', 'line 3, column 2: a tab cannot indent; use spaces'],
  ['a: @secret', 'line 1, column 4: a text that begins with this character needs quotes'],
  ['a: "secret', 'line 1, column 11: a quote, bracket, brace, comma or space is missing'],
  ['{"a" 1}', 'line 1, column 6: a quote, bracket, brace, comma or space is missing'],
  ['? [a]\n: b', 'line 1, column 1: a key is not text in one line'],
  ['['.repeat(200), 'line 1, column 100: it is nested too deeply'],
  ['a: "\u0007"', 'line 1, column 5: there is a control character'],
  ['a\u0000b: 1', 'line 1, column 2: there is a control character'],
]

for (const [text, complaint] of complaints) {
  test(`${JSON.stringify(text.slice(0, 60))}: ${complaint}`, () => {
    assert.deepEqual(parseConfig(text), { ok: false, error: complaint })
  })
}
