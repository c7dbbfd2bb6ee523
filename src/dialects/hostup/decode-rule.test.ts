/** The parsers of HostUp's rule language: a file of only invalid input each, and what the tables must hold. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { logLevels } from '../../core/model/rule.ts'
import { portSet } from '../../core/sets/port-set.ts'
import { decodeAddresses, decodePorts, decodeRule, type RuleText } from './decode-rule.ts'
import { macroName, macros } from './macros.ts'
import { icmpTypes, icmpv6Types } from './names.ts'

const lines = (name: string) =>
  readFileSync(new URL(`testdata/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '')

test('no line of invalid-ports.txt is a list of ports', () => {
  for (const line of lines('invalid-ports.txt')) {
    const decoded = decodePorts('dport', line)
    assert.equal(decoded.ok, false, JSON.stringify(line))
    assert.deepEqual(
      [!decoded.ok && decoded.error.field, !decoded.ok && decoded.error.reason.length > 5],
      ['dport', true],
    )
  }
})

test('no line of invalid-addresses.txt is an address', () => {
  for (const line of lines('invalid-addresses.txt')) {
    const decoded = decodeAddresses('source', line)
    assert.equal(decoded.ok, false, JSON.stringify(line))
  }
  assert.equal(decodeAddresses('source', `${'10.0.0.1,'.repeat(60)}10.0.0.1`).ok, false, 'longer than 512')
})

test('ports that are printed as the language has it are read as they were', () => {
  const port = fc.integer({ min: 0, max: 65_535 })
  const range = fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }))
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 7 }), (ranges) => {
      const text = ranges
        .map(({ first, last }) => (first === last ? `${first}` : `${first}:${last}`))
        .join(',')
      assert.deepEqual(decodePorts('dport', text), { ok: true, value: portSet(ranges) })
    }),
  )
})

test('a level is kept as it is spelled, and means that the rule is told of; nolog and none mean nothing', () => {
  const given = { type: 'in', action: 'ACCEPT', enable: 1 } as const
  const log = (text: RuleText) => {
    const decoded = decodeRule(text)
    assert.ok(decoded.ok)
    return [decoded.value.spec.log, decoded.value.log]
  }
  assert.deepEqual(log(given), [undefined, undefined])
  assert.deepEqual(log({ ...given, log: 'nolog' }), ['nolog', undefined])
  for (const level of logLevels) assert.deepEqual(log({ ...given, log: level }), [level, level])
  // A row of a group decides nothing by itself.
  assert.deepEqual(log({ ...given, type: 'group', action: 'web', log: 'info' }), ['info', undefined])
  for (const level of ['INFO', 'loud', 'constructor'])
    assert.equal(decodeRule({ ...given, log: level }).ok, false, level)
})

test('any text at all is a rule or a refusal that names a field', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('tcp', 'icmp', '80', '10.0.0.1', '::1', 'SSH', 'net0', '-'),
  )
  const fields = fc.record(
    {
      ...{
        proto: text,
        dport: text,
        sport: text,
        source: text,
        dest: text,
        comment: text,
        iface: text,
        macro: text,
      },
      ...{ log: text, 'icmp-type': text },
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fields, fc.constantFrom('in', 'out', 'group'), text, (rest, type, action) => {
      const decoded = decodeRule({ ...rest, type, action, enable: 1 } as RuleText)
      if (!decoded.ok) assert.ok(decoded.error.field !== '' && decoded.error.reason !== '')
    }),
    { numRuns: 2000 },
  )
})

describe('tables', () => {
  test('every macro is a rule, under any case of its name', () => {
    for (const name of Object.keys(macros)) {
      assert.equal(macroName(name.toUpperCase()), name)
      const decoded = decodeRule({ type: 'in', action: 'ACCEPT', enable: 1, macro: name.toLowerCase() })
      assert.ok(decoded.ok && decoded.value.matches.length > 0, name)
      assert.equal(decoded.value.spec.macro, name)
    }
    assert.equal(macroName('nothing'), undefined)
  })

  test('every ICMP type has its number, in the family that it is of', () => {
    for (const [proto, types] of [
      ['icmp', icmpTypes],
      ['ipv6-icmp', icmpv6Types],
    ] as const) {
      for (const [name, [type, code]] of Object.entries(types)) {
        for (const field of ['dport', 'icmp-type']) {
          const decoded = decodeRule({ type: 'in', action: 'DROP', enable: 1, proto, [field]: name })
          assert.ok(decoded.ok, name)
          const [match] = decoded.value.matches
          assert.deepEqual([match?.icmpType, match?.icmpCode], [type, code], name)
        }
      }
    }
  })
})
