/** Nothing writes rules or settings behind the back of what remembers how they were. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'

const folder = new URL('.', import.meta.url)
const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
const text = (file: string) => readFileSync(new URL(file, folder), 'utf8')

/** Statements that change what a step leads back from, each in its file. */
const statements: readonly (readonly [statement: string, pattern: RegExp, files: readonly string[]])[] = [
  ['rules are inserted', /\brules \(\$\{storedRuleColumns\}\)|INSERT INTO rules\b/, ['rules.ts']],
  ['rules are deleted', /DELETE FROM rules\b/, ['rules.ts', 'servers.ts']],
  ['rules are changed in place', /UPDATE rules\b/, ['common.ts']],
  [
    'policies are inserted',
    /\bpolicies \(\$\{policyColumns\}|INSERT INTO policies\b/,
    ['inventory-servers.ts', 'servers.ts'],
  ],
  ['policies are deleted', /DELETE FROM policies\b/, ['servers.ts']],
]

for (const [what, pattern, allowed] of statements) {
  test(`${what} in ${allowed.join(' and ')} alone`, () => {
    assert.deepEqual(
      files.filter((file) => pattern.test(text(file))),
      allowed,
    )
  })
}

test('settings are written in one place; elsewhere only what is none', () => {
  const others = /^(revision|attached_revision|modified_at|name|default_for|attributes) = (\?|NULL)$/
  const found = files.flatMap((file) =>
    [...text(file).matchAll(/UPDATE policies SET ([^`']*?) *\n? *WHERE/g)].flatMap(([, columns = '']) =>
      columns
        .split(/,\s*/)
        .filter((column) => !others.test(column.trim()))
        .map((column) => `${file}: ${column}`),
    ),
  )
  assert.equal(found.length, 1, found.join())
  assert.match(found[0] ?? '', /^servers\.ts: .*settings/)
})
