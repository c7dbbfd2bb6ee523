/** Backups of either engine, restored into either: all that is kept is there, and nothing else has happened. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { seenOn, sighting } from '../../../test/support/sightings.ts'
import { actor, chainTarget, engines, inventory, rule, type TestStore } from '../../../test/support/stores.ts'
import { assertSound, backupOf, inPieces, restoreTo, rowsOf } from '../../../test/support/whole.ts'
import { migrations } from '../migrations/migrate.ts'
import { backup } from './backup.ts'
import { revisionAfter, verifyBackup } from './restore.ts'
import { kept, leftOut, readTables } from './tables.ts'
import { wholeStores } from './whole-store.ts'

const fixture = (engine: string, version = 13) =>
  readFileSync(new URL(`../testdata/schema-${version}-${engine}.sql`, import.meta.url), 'utf8')

/** Brought to this version. */
async function migrated(store: TestStore): Promise<TestStore> {
  await (await store.open()).close()
  return store
}

const all = Object.entries(engines)

for (const [engine, { skip, create }] of all) {
  test(`what becomes of each table is known, on ${engine}`, { skip }, async () => {
    const store = await migrated(await create())
    try {
      const stores = await wholeStores(store.place)
      const tables = await stores.read((whole) => whole.drive(readTables(whole.engine)))
      const known = [...kept.map(({ name }) => name), ...Object.keys(leftOut)]
      assert.deepEqual(known.toSorted(), [...tables.keys()].toSorted(), 'say in tables.ts what becomes of it')
      const versioned = kept.filter(({ name }) => tables.get(name)?.includes('revision'))
      assert.deepEqual(
        versioned.map(({ name }) => name),
        kept.filter(({ revision }) => revision !== undefined).map(({ name }) => name),
        'say in tables.ts what its revision means',
      )
    } finally {
      await store.remove()
    }
  })

  for (const [other, { skip: without, create: make }] of all) {
    for (const version of [1, 13]) {
      test(`a backup of a store of schema version ${version} on ${engine}, restored on ${other}`, {
        skip: skip || without,
      }, async () => {
        const [old, now, next] = [
          await create(fixture(engine, version)),
          await migrated(await make(fixture(other, version))),
          await make(),
        ]
        try {
          const { revision } = await restoreTo(next.place, await backupOf(old.place, 1000), { at: 2000 })
          const [wanted, found] = [await rowsOf(now.place), await rowsOf(next.place)]
          for (const { name, revision: meaning } of kept) {
            const renewed = wanted[name]?.map((row) => {
              const values = JSON.parse(row)
              if (meaning === 'last') values.revision = revision
              if (name === 'installation' && values.name === 'departures-since')
                values.value = String(revision)
              return JSON.stringify(values)
            })
            if (name === 'hosts') assert.equal(found.hosts?.length, wanted.hosts?.length)
            else if (name === 'audit')
              assert.deepEqual(found.audit?.slice(0, -1), withoutLast(found.audit, renewed))
            else assert.deepEqual(found[name], renewed, name)
          }
          for (const name of ['outcomes', 'departures']) assert.deepEqual(found[name], [])
          assert.deepEqual(found.schema_version, wanted.schema_version)
          assert.equal(found.migrations?.length, migrations.length)
          const storage = await next.open()
          assert.equal(await storage.revision(), revision)
          await storage.close()
        } finally {
          for (const store of [old, now, next]) await store.remove()
        }
      })
    }
  }
}

/** The restore is an event of its own, the newest. */
function withoutLast(found: readonly string[] | undefined, wanted: readonly string[] | undefined) {
  const mine = found?.filter((row) => !wanted?.includes(row)) ?? []
  assert.equal(mine.length, 1)
  assert.match(mine[0] ?? '', /"store\.restore"/)
  return found?.filter((row) => row !== found.at(-1))
}

for (const [engine, { skip, create }] of all) {
  describe(`a store on ${engine}`, { skip }, () => {
    test('is kept as it is at one moment, while it is written', async () => {
      const store = await create()
      const storage = await store.open()
      try {
        await storage.run('applyInventory', { inventory: inventory('a') }, actor)
        const insert = (comment: string) =>
          storage.run(
            'insertRule',
            { ...chainTarget('a'), rule: rule(comment), id: comment, maxRules: 1000 },
            actor,
          )
        await insert('before')
        const text: string[] = []
        const stores = await wholeStores(store.place)
        await stores.read(async (whole) => {
          for await (const each of backup(whole, 1)) {
            text.push(each)
            // Between the tables, and after all of them.
            assert.ok((await insert(`while ${text.length}`)).ok)
          }
        })
        assert.ok(text.length > 10)
        const { header } = await verifyBackup(inPieces(Buffer.from(text.join(''))))
        assert.equal(header.revision, 2)
        const rows = text.join('').split('\n')
        assert.ok(rows.some((row) => row.includes('before')))
        assert.ok(!rows.some((row) => row.includes('while')))
        // Whoever read it keeps nobody from writing afterwards.
        assert.ok((await insert('after')).ok)
      } finally {
        await storage.close()
        await store.remove()
      }
    })

    test('is not replaced unseen, nor while a service uses it', async () => {
      const [from, to] = [await create(fixture(engine)), await create()]
      try {
        const bytes = await backupOf(from.place)
        const storage = await to.open()
        await storage.run('applyInventory', { inventory: inventory('a') }, actor)
        await assert.rejects(restoreTo(to.place, bytes, { replace: true }), /a service uses .*stop it first/)
        await storage.close()
        const before = await rowsOf(to.place)
        await assert.rejects(restoreTo(to.place, bytes), /not empty: --replace/)
        // In the middle of a transaction that has replaced much already.
        const cut = bytes.subarray(0, bytes.lastIndexOf('{"table":"audit"'))
        await assert.rejects(restoreTo(to.place, cut, { replace: true }), /cut/)
        assert.deepEqual(await rowsOf(to.place), before)
        const { replaced } = await restoreTo(to.place, bytes, { replace: true })
        assert.equal(replaced, true)
        const again = await to.open()
        assert.deepEqual(
          (await again.accounts()).map(({ name }) => name),
          ['foreign', 'own'],
        )
        await again.close()
      } finally {
        for (const store of [from, to]) await store.remove()
      }
    })

    test('that a newer program wrote is neither kept nor replaced', async () => {
      const store = await create(`${fixture(engine)};\nUPDATE schema_version SET version = 999;`)
      const other = await create(fixture(engine))
      try {
        await assert.rejects(backupOf(store.place), /schema version 999.*newer version/)
        const bytes = await backupOf(other.place)
        await assert.rejects(restoreTo(store.place, bytes, { replace: true }), /schema version 999.*newer/)
      } finally {
        await store.remove()
        await other.remove()
      }
    })

    test('that is not there is not made by whoever wants to keep it', async () => {
      const store = await create()
      try {
        await assert.rejects(backupOf(store.place), /there is no store/)
      } finally {
        await store.remove()
      }
    })
  })
}

describe('a backup', () => {
  const verify = (bytes: Buffer) => verifyBackup(inPieces(bytes))
  const whole = async () => {
    const store = await engines.sqlite.create(fixture('sqlite'))
    try {
      return await backupOf(store.place)
    } finally {
      await store.remove()
    }
  }

  test('that was cut is refused wherever it was', async () => {
    const bytes = await whole()
    await verify(bytes)
    for (let length = 0; length < bytes.length; length += length > bytes.length - 300 ? 1 : 199) {
      await assert.rejects(verify(bytes.subarray(0, length)), /cut|empty/, String(length))
    }
  })

  test('that was altered is refused, whatever of it', async () => {
    const bytes = await whole()
    for (let at = 0; at < bytes.length; at += at > bytes.length - 200 ? 1 : 997) {
      const other = Buffer.from(bytes)
      other[at] = bytes[at] === 0x30 ? 0x31 : 0x30
      await assert.rejects(verify(other), { name: 'Refused' }, `byte ${at}`)
    }
    await assert.rejects(verify(Buffer.concat([bytes, Buffer.from('{}\n')])), /follows its end/)
    const lines = bytes.toString().split('\n')
    const without = (n: number) => Buffer.from(lines.filter((_, index) => index !== n).join('\n'))
    await assert.rejects(verify(without(2)), /altered/)
    await assert.rejects(verify(Buffer.from(lines.toSpliced(3, 0, lines[2] ?? '').join('\n'))), /altered/)
  })

  /** As somebody would write it who knows the form. */
  const refused = async (change: (lines: string[]) => void, why: RegExp) => {
    const { createHash } = await import('node:crypto')
    const lines = (await whole()).toString().trimEnd().split('\n')
    const end = JSON.parse(lines.pop() ?? '')
    change(lines)
    const text = `${lines.join('\n')}\n`
    end.end.sha256 = createHash('sha256').update(text).digest('hex')
    end.end.rows = {}
    let table = ''
    for (const line of lines.slice(1)) {
      const value = JSON.parse(line)
      if (Array.isArray(value)) end.end.rows[table]++
      else {
        table = value.table
        end.end.rows[table] = 0
      }
    }
    const store = await engines.sqlite.create()
    try {
      const bytes = Buffer.from(`${text}${JSON.stringify(end)}\n`)
      await assert.rejects(
        verify(bytes).then(() => restoreTo(store.place, bytes)),
        (error: Error) => why.test(error.message) && error.name === 'Refused',
      )
      // Without a store, or with an empty one: nothing is written.
      const rows = await rowsOf(store.place).catch((error: Error) => {
        assert.match(error.message, /there is no store/)
        return {}
      })
      assert.deepEqual(rows, {})
    } finally {
      await store.remove()
    }
  }
  const header = (change: object) => (lines: string[]) => {
    lines[0] = JSON.stringify({ ...JSON.parse(lines[0] ?? ''), ...change })
  }

  test('of another program, or with other tables, is refused with the reason', async () => {
    await refused(header({ format: 'other' }), /no backup/)
    await refused(header({ version: 2 }), /version 2 of the format.*newer version/)
    const names = migrations.map(({ name }) => name)
    const newer = [...names, '9999-newer']
    await refused(header({ schema: newer.length, migrations: newer }), /schema version .*newer version/)
    await refused(
      header({ migrations: ['0001-other', ...names.slice(1, 13)] }),
      /migration 1 of the backup is 0001-other, this program’s is 0001-initial/,
    )
    await refused(header({ revision: -1 }), /header/)
    await refused(header({ at: 'soon' }), /header/)
    const named = (name: string) => (line: string) => line.includes(`"table":"${name}"`)
    await refused((lines) => {
      lines[lines.findIndex(named('pools'))] = '{"table":"pools","columns":["name","body","other"]}'
    }, /table pools is none of its schema/)
    await refused((lines) => {
      lines[lines.findIndex(named('pools'))] = '{"table":"revision","columns":["id","value","next"]}'
    }, /table revision is none/)
    await refused((lines) => {
      lines.splice(lines.findIndex(named('hit_sums')), 2)
    }, /no table hit_sums/)
  })

  test('goes on above all revisions that anybody may know', () => {
    const of = { revision: 100, at: 1_000_000 }
    const first = revisionAfter(of, 0, 2_000_000)
    // A store that commits 2,000 times a second until then.
    assert.ok(first > 100 + 2000 * 1000)
    // What the first restore went on to meanwhile.
    assert.ok(revisionAfter(of, 0, 2_001_000) > first + 2000)
    assert.ok(revisionAfter(of, 5e9, 2_000_000) > 5e9)
    // A clock that was set back.
    assert.ok(revisionAfter(of, 0, 0) > 1_000_000)
    assert.ok(Number.isSafeInteger(revisionAfter({ revision: 1e12, at: 0 }, 0, 4e12)))
  })
})

for (const [engine, { skip, create }] of all) {
  for (const [other, { skip: without, create: make }] of all) {
    test(`what a host found, backed up on ${engine} and restored on ${other}, stays until the host says otherwise`, {
      skip: skip || without,
    }, async () => {
      const [old, next] = [await create(), await make()]
      try {
        const before = await old.open()
        const [macA, macB] = ['52:54:00:00:00:0a', '52:54:00:00:00:0b']
        const { servers, ...rest } = inventory('a', 'b')
        const nowhere = servers.map((each) => ({
          ...each,
          interfaces: each.interfaces.map((nic) => ({
            ...{ ...nic, host: null, device: null },
            mac: each.server.id === 'a' ? macA : macB,
          })),
        }))
        const applied = { inventory: { ...rest, servers: nowhere } }
        assert.ok((await before.run('applyInventory', applied, actor)).ok)
        const a = sighting('tap0', macA)
        await seenOn(before, 'kvm1', [a, sighting('tap1', macB)])
        await before.close()
        await restoreTo(next.place, await backupOf(old.place, 1000), { at: 2000 })
        await assertSound(next.place)
        const storage = await next.open()
        try {
          const where = async (name: string) => (await storage.binding(`nic-${name}`))?.host
          assert.deepEqual([await where('a'), await where('b')], ['kvm1', 'kvm1'])
          const said = { remove: [], again: [], awayBefore: 0 }
          const ran = await storage.run('see', { ...said, host: 'kvm1', put: [a], settled: true }, actor)
          assert.ok(ran.ok)
          assert.deepEqual([await where('a'), await where('b')], ['kvm1', undefined])
        } finally {
          await storage.close()
        }
      } finally {
        await Promise.all([old.remove(), next.remove()])
      }
    })
  }
}
