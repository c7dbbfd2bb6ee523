/** What the general parts may not say: a provider's words are in its dialect's folder, and nowhere else. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { glob } from 'node:fs/promises'
import { test } from 'node:test'
import { dialects } from '../src/dialects/dialects.ts'

/** The API of this service itself. */
const own = 'native'

/** Of providers' names, and of keys and kinds that one provider has. */
const words = [
  ...dialects.flatMap(({ profile, title }) => (profile === own ? [] : [profile, title])),
  ...['datacenter', 'firewallActive', 'firewallType', 'contractNumber', 'vmid'],
]
const pattern = new RegExp(words.join('|'), 'i')

/**
 * Lines that say such a word all the same. The list may only become shorter: what is added must be a stored format, a
 * migration that stores have run, or the name of a public metric.
 */
const exceptions: Readonly<Record<string, { readonly lines: number; readonly because: string }>> = {
  'src/core/model/pool.ts': {
    lines: 1,
    because: 'the kind of a pool is stored, and stands in address files and in metrics',
  },
  'src/storage/migrations/0004-origins.ts': { lines: 2, because: 'a migration that stores have run' },
  'src/storage/migrations/0012-volumes.ts': { lines: 12, because: 'a migration that stores have run' },
}

test('core, service, storage, compile and agent know no provider', async () => {
  const found: { readonly file: string; readonly line: string }[] = []
  let files = 0
  for await (const file of glob('src/{core,service,storage,compile,agent}/**/*.ts')) {
    if (file.endsWith('.test.ts') || file.includes('/testdata/')) continue
    files++
    for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
      if (pattern.test(line)) found.push({ file, line: `${file}:${index + 1}: ${line.trim()}` })
    }
  }
  assert.ok(files > 100, `only ${files} files were read`)
  const more = found.filter(({ file }) => !(file in exceptions)).map(({ line }) => line)
  assert.deepEqual(more, [], 'a word of one provider belongs to its manifest')
  const counts = Object.keys(exceptions).map((file) => [
    file,
    found.filter((each) => each.file === file).length,
  ])
  const allowed = Object.entries(exceptions).map(([file, { lines }]) => [file, lines])
  assert.deepEqual(counts, allowed, 'the exceptions are those that there are, and no more')
})

test('the words are found however they are written', () => {
  for (const line of [
    "profile === 'ionos'",
    '// as UpCloud does',
    'zoneKind = "datacenter"',
    'SCALEWAY_KEY',
  ]) {
    assert.match(line, pattern)
  }
  assert.doesNotMatch('a zone that is a document is a zone', pattern)
})
