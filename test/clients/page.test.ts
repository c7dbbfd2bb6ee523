/** The compatibility page says what the last recorded runs gave, of exactly the clients and versions that are driven. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { clients } from './clients.ts'
import { freshPage, page, recorded } from './page.ts'

test('the section is what the recorded results give', () => {
  assert.equal(readFileSync(page, 'utf8'), freshPage(), 'npm run docs writes it')
})

test('what is recorded is of the version that is driven now, and nothing failed', () => {
  for (const [name, { version, failed }] of Object.entries(recorded()))
    assert.deepEqual(
      { version, failed },
      { version: clients.find((each) => each.name === name)?.version, failed: [] },
    )
})
