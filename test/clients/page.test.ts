/** The compatibility page says what the last recorded runs gave, of exactly the clients and versions that are driven, and what each dialect leaves out. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { clients } from './clients.ts'
import { freshPage, page, recorded } from './page.ts'

test('the page is what the recorded results and the gaps of the dialects give', () => {
  assert.equal(readFileSync(page, 'utf8'), freshPage(), 'npm run docs writes it')
})

test('every client was run whole in the version that it has now, and nothing failed', () => {
  assert.deepEqual(
    Object.entries(recorded()).map(([name, { version, failed }]) => ({ name, version, failed })),
    clients.map(({ name, version }) => ({ name, version, failed: [] })),
  )
})
