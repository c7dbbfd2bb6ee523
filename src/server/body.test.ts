import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RequestError } from '../core/model/error.ts'
import { readBody } from './body.ts'

const read = (text: string | Buffer) => readBody(Buffer.from(text), 'application/json')
const refused = (text: string | Buffer): RequestError | undefined => {
  const body = read(text)
  return body.ok ? undefined : body.error
}
const times = (count: number, each: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => each(i))
const keys = (count: number) => `{${times(count, (i) => `"k${i}":1`).join()}}`

describe('a body', () => {
  for (const [what, text] of Object.entries({
    'brackets, commas and colons within text': `{"a":"${'[{,:'.repeat(200_000)}"}`,
    'quotes and backslashes within text': '{"a":"\\"[[\\\\","b":"\\\\u0000"}',
    'text that ends in a backslash': `["\\\\",${times(50, () => '[]').join()}]`,
    'lists beside each other': `[${times(40_000, () => '[]').join()}]`,
    'as deep as can be': '['.repeat(32) + ']'.repeat(32),
    'as many keys as can be': keys(2000),
    'as many objects of many keys as can be': `[${times(24, () => keys(2000)).join()}]`,
  })) {
    test(`with ${what} is what JSON says`, () => {
      assert.deepEqual(read(text), { ok: true, value: JSON.parse(text) })
    })
  }

  for (const [what, text, reason] of [
    ['deeper than can be', '['.repeat(33) + ']'.repeat(33), 'the body is nested more than 32 deep'],
    ['a key too many', keys(2001), 'an object holds more than 2000 keys'],
    [
      'a key too many, after an object within',
      `{"a":{},${keys(2000).slice(1)}`,
      'an object holds more than 2000 keys',
    ],
    ['a value too many', `[${times(100_001, () => '1').join()}]`, 'the body holds more than 100000 values'],
    ['a NUL character', '["a\\\\\\u0000"]', 'the body holds a NUL character'],
    ['a NUL character in a key', '{"\\u0000":1}', 'the body holds a NUL character'],
  ] as const) {
    test(`with ${what} is refused`, () => {
      assert.deepEqual(refused(text), { kind: 'malformed', reason })
    })
  }

  test('that ends anywhere is refused', () => {
    const whole = '{"a":["\\u0000'
    for (let length = 1; length < whole.length; length++) {
      assert.equal(refused(whole.slice(0, length))?.kind, 'malformed', whole.slice(0, length))
    }
  })

  test('of nothing but keys or brackets is refused without being made', () => {
    const most = 2 * 1024 * 1024
    const brackets = '['.repeat(most / 2) + ']'.repeat(most / 2)
    for (const text of [keys(150_000), brackets, '{"":'.repeat(most / 4), '\\u0001'.repeat(most / 6)]) {
      const used = process.threadCpuUsage()
      assert.equal(refused(text)?.kind, 'malformed')
      const { user, system } = process.threadCpuUsage(used)
      assert.ok(user + system < 50_000, `${text.slice(0, 10)}: ${(user + system) / 1000} ms`)
    }
  })
})
