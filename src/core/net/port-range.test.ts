/** Port ranges read back as printed, and nothing else is one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatPortRange, parsePortRange } from './port-range.ts'

const port = fc.oneof(fc.integer({ min: 0, max: 65_535 }), fc.constantFrom(0, 1, 65_534, 65_535))

test('what is printed reads back as the same', () => {
  fc.assert(
    fc.property(port, port, (a, b) => {
      const range = { first: Math.min(a, b), last: Math.max(a, b) }
      assert.deepEqual(parsePortRange(formatPortRange(range)), { ok: true, value: range })
    }),
  )
})

test('one port is a range of one, printed alone', () => {
  for (const [text, first, last, printed] of [
    ['22', 22, 22, '22'],
    ['22-22', 22, 22, '22'],
    ['0', 0, 0, '0'],
    ['0-65535', 0, 65_535, '0-65535'],
    ['65535', 65_535, 65_535, '65535'],
  ] as const) {
    assert.deepEqual(parsePortRange(text), { ok: true, value: { first, last } }, text)
    assert.equal(formatPortRange({ first, last }), printed)
  }
})

test('nothing else is a port range', () => {
  const wrong: Record<string, readonly string[]> = {
    'ports end at 65535': ['65536', '1-65536', '99999', '70000-80'],
    'first port is above last': ['2-1', '65535-0'],
    'expected a port or first-last': [
      ...[
        '',
        ' ',
        '-',
        '-1',
        '1-',
        '1-2-3',
        '1--2',
        '+1',
        '1 ',
        ' 1',
        '1 - 2',
        '1\n',
        '100000',
        '1:2',
        '1,2',
      ],
      ...['022', '00', '1-02', '0x16', '1e3', '1.0', 'ssh', '２２', '٢٢', 'NaN', 'Infinity', '*'],
    ],
  }
  for (const [error, texts] of Object.entries(wrong))
    for (const text of texts)
      assert.deepEqual(parsePortRange(text), { ok: false, error }, JSON.stringify(text))
})
