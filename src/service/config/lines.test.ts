/** Lines of places in configuration files. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lineOf } from './lines.ts'

const text = `# of a host
metadata: true
rules:
  - match: { tag: web }
    account: a
  - match:
      # ones that are many
      name: "x-*"
    policies:
      - one
      - two
    &z zone: fi
  - *z
`

test('a place is on the line where it begins, or where the nearest thing around it does', () => {
  for (const [place, line] of [
    ['metadata', 2],
    ['rules', 3],
    ['rules[0]', 4],
    ['rules[0].match.tag', 4],
    ['rules[0].account', 5],
    ['rules[1].match', 6],
    ['rules[1].match.name', 8],
    ['rules[1].policies[1]', 11],
    ['rules[1].zone', 12],
    ['rules[2]', 13],
    // What is not there.
    ['rules[0].profile', 4],
    ['rules[7].match', 3],
    ['the file', 1],
    ['', 1],
  ] as const) {
    assert.equal(lineOf(text, place), line, place)
  }
  assert.equal(lineOf('{ "a": [\n1,\n{ "b": 2 }] }', 'a[1].b'), 3)
  assert.equal(lineOf('', 'a'), 1)
})
