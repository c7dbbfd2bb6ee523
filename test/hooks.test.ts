/** Test files share a process: a hook that stands in no suite would run around the tests of all of them. */
import assert from 'node:assert/strict'
import { glob, readFile } from 'node:fs/promises'
import { test } from 'node:test'

test('hooks for each test stand in suites', async () => {
  const root = new URL('../', import.meta.url).pathname
  const outside: string[] = []
  for await (const file of glob(['src/**/*.test.ts', 'test/**/*.test.ts'], { cwd: root }))
    if (/^(beforeEach|afterEach)\(/m.test(await readFile(`${root}${file}`, 'utf8'))) outside.push(file)
  assert.deepEqual(outside, [])
})
