/** Every route there is, in one file a person can read: a new one, or a changed status, is seen in review. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { dialects } from './support/service.ts'

const golden = new URL('testdata/routes.txt', import.meta.url)

test('routes are those of testdata/routes.txt (UPDATE_GOLDEN=1 writes it)', () => {
  const lines = dialects.flatMap(({ profile, prefixes, schemes, routes }) => [
    `${profile} below ${prefixes.join(' and ')}, credentials: ${schemes.join(', ')}`,
    ...routes.map(
      ({ method, path, operation, scope, success, operators }) =>
        `  ${method.padEnd(6)} ${path.padEnd(38)} ${operation.padEnd(24)} ${scope.padEnd(5)} ${success.join(' ')}${operators ? ', for operators over all accounts' : ''}`,
    ),
    '',
  ])
  const text = lines.join('\n')
  if (process.env.UPDATE_GOLDEN) writeFileSync(golden, text)
  assert.equal(text, readFileSync(golden, 'utf8'))
})

test('operations are named once in a dialect', () => {
  for (const { profile, routes } of dialects) {
    const names = routes.map((route) => route.operation)
    assert.equal(new Set(names).size, names.length, profile)
  }
})
