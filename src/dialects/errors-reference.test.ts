/** The page on errors says what the dialects answer. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { dialects } from './dialects.ts'
import { errorsReference } from './errors-reference.ts'

test('docs/errors.md is fresh: npm run docs', () => {
  const page = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
  assert.equal(page, errorsReference(dialects))
})
