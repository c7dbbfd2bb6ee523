/** Stores that are kept from before: each is brought to this version, and dialects answer from it what they answered. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { clientOf } from '../../../test/support/conformance.ts'
import { dialects, startService } from '../../../test/support/service.ts'
import { engines } from '../../../test/support/stores.ts'
import type { Engine } from './engine.ts'
import { checksumOf, migrations } from './migrate.ts'

const file = (name: string) => new URL(`../testdata/${name}`, import.meta.url)
const read = (name: string) => readFileSync(file(name), 'utf8')

/** What differs from answer to answer. */
const ofTheMoment = new Set(['requestId', 'timestamp'])
function lasting(body: unknown, url: string): unknown {
  const text = JSON.stringify(body, (key, value) => (ofTheMoment.has(key) ? undefined : value))
  return JSON.parse(text.replaceAll(url, ''))
}

interface Answer {
  readonly profile: string
  readonly whose: 'own' | 'foreign'
  readonly path: string
  readonly status: number
  readonly body: unknown
}

for (const [engine, { skip, create }] of Object.entries(engines)) {
  test(`rules of a store of schema version 13 are answered as they were, on ${engine}`, {
    skip,
  }, async () => {
    const store = await create(read(`schema-13-${engine}.sql`))
    const service = await startService({ store, inventory: read('schema-13-inventory.json') })
    try {
      const wanted = JSON.parse(read('schema-13-answers.json')) as readonly Answer[]
      assert.ok(wanted.length > 30, 'answers were kept')
      const found: Answer[] = []
      for (const { profile, whose, path } of wanted) {
        const dialect = dialects.find((each) => each.profile === profile)
        assert.ok(dialect)
        const { status, body } = await clientOf(service, whose, dialect)('GET', path)
        found.push({ profile, whose, path, status, body: lasting(body, service.url) })
      }
      if (process.env.UPDATE_GOLDEN) {
        const lines = found.map((each) => JSON.stringify(each))
        writeFileSync(file('schema-13-answers.json'), `[\n${lines.join(',\n')}\n]\n`)
      }
      assert.deepEqual(found, wanted)
    } finally {
      await service.close()
    }
  })
}

describe('released migrations', () => {
  const golden = () => JSON.parse(read('migrations.json')) as Readonly<Record<string, Record<Engine, string>>>
  const checksums = Object.fromEntries(
    migrations.map((each) => [
      each.name,
      { sqlite: checksumOf(each, 'sqlite'), postgresql: checksumOf(each, 'postgresql') },
    ]),
  )

  test('are as they were released, and in that order', () => {
    // A new one is added here; a released one is never edited: stores have run it.
    if (process.env.UPDATE_GOLDEN) {
      writeFileSync(file('migrations.json'), `${JSON.stringify({ ...checksums, ...golden() }, null, 2)}\n`)
    }
    assert.deepEqual(
      checksums,
      golden(),
      'UPDATE_GOLDEN=1 adds new migrations, and leaves released ones alone',
    )
    assert.deepEqual(Object.keys(checksums), Object.keys(golden()))
  })

  test('have a name each, that of their file', () => {
    assert.equal(Object.keys(checksums).length, migrations.length)
    for (const { name } of migrations) assert.ok(read(`../migrations/${name}.ts`))
  })
})
