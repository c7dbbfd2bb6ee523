/** PostgreSQL away, silent or slow: nobody waits long, nobody is told a lie, and all goes on when it is back. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import pg from 'pg'
import { eventually } from '../../test/support/eventually.ts'
import {
  admin,
  createDatabase,
  noCluster,
  noPostgresql,
  startCluster,
} from '../../test/support/postgresql.ts'
import { type DatabaseProxy, startProxy } from '../../test/support/proxy.ts'
import {
  credentials,
  projects,
  type Reply,
  secretKeys,
  servers,
  startService,
  type TestService,
} from '../../test/support/service.ts'
import { actor, chainTarget, inventory, rule, type TestStore } from '../../test/support/stores.ts'
import { openPostgresql } from './postgresql.ts'
import { createConnections } from './postgresql-connections.ts'
import type { Commit, Storage } from './storage.ts'
import { Unavailable } from './unavailable.ts'

const noRoot = process.getuid?.() === 0 ? false : 'needs root'

/** A database that is reached through a proxy. */
async function behindProxy(): Promise<{
  readonly store: TestStore
  readonly proxy: DatabaseProxy
  readonly url: string
}> {
  const { url, drop } = await createDatabase()
  const proxy = await startProxy(url)
  const remove = async () => {
    await proxy.close()
    await drop()
  }
  return {
    url,
    proxy,
    store: storeAt(proxy.url, remove),
  }
}

const storeAt = (url: string, remove: () => Promise<void>): TestStore => ({
  ...{ open: () => openPostgresql({ url }), flags: ['--database', url], place: { url }, remove },
  run: (sql) => admin(url, sql),
})

const list = `/1.3/server/${servers.web}/firewall_rule`
const insert = (storage: Storage, id: string) =>
  storage.run('insertRule', { ...chainTarget('a'), rule: rule(id), id, maxRules: 1000 }, actor)

/** Resolves when `path` is answered 200; until then nothing but 503 is. */
async function served(service: TestService, path: string): Promise<void> {
  await eventually(`${path} is served`, async () => {
    const { status, text } = await service.call('GET', path)
    if (status === 200) return true
    assert.equal(status, 503, text)
    return undefined
  })
}

describe('a database that says nothing', { skip: noPostgresql }, () => {
  test('the connection that listens dies silently: what others commit is heard of all the same', async () => {
    const { store, proxy, url } = await behindProxy()
    const [one, two] = await Promise.all([openPostgresql({ url }), store.open()])
    try {
      await one.run('applyInventory', { inventory: inventory('a') }, actor)
      // Until it listens, anything may come.
      await new Promise<void>((resolve) => {
        const stop = two.onCommit(({ topics }) => {
          if (topics.includes('credentials')) {
            stop()
            resolve()
          }
        })
        void one.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
      })
      proxy.freeze('LISTEN')
      const heard = new Promise<Commit>((resolve) => {
        two.onCommit((commit) => commit.revision === 3 && resolve(commit))
      })
      assert.ok((await insert(one, 'unheard')).ok)
      const commit = await Promise.race([heard, delay(10_000)])
      assert.ok(commit?.topics.includes('rules'), 'not heard of within 10 s')
    } finally {
      await Promise.all([one.close(), two.close()])
      await store.remove()
    }
  })

  test('all connections die silently: refused soon, and served again soon', async () => {
    const { store, proxy } = await behindProxy()
    const service = await startService({ store })
    try {
      assert.equal((await service.call('GET', list)).status, 200)
      proxy.freeze()
      proxy.made()
      const [read, write] = await Promise.all([
        service.call('GET', list),
        service.call('POST', list, { firewall_rule: { direction: 'in', action: 'drop' } }),
      ])
      // Without being looked for they would wait for ever. What finds them dead is few connections.
      assert.ok(proxy.made() <= 10)
      for (const { status, body } of [read, write]) {
        if (status === 200 || status === 201) continue
        assert.equal(status, 503)
        assert.equal(body.error.error_code, 'SERVICE_UNAVAILABLE')
      }
      assert.ok([read.status, write.status].includes(503))
      await served(service, list)
      await service.call('POST', list, { firewall_rule: { direction: 'in', action: 'drop' } })
      assert.equal((await service.call('GET', '/readyz')).status, 200)
    } finally {
      await service.close()
    }
  })

  test('new connections are taken and never answered: refused soon, everybody, until it is back', async () => {
    const { store, proxy } = await behindProxy()
    const service = await startService({ store })
    try {
      proxy.forward(false)
      proxy.freeze()
      proxy.made()
      const first = await Promise.all(Array.from({ length: 40 }, () => service.call('GET', list)))
      // Those of the pool, and a look or two whether it is back: nobody waits until another has had his turn.
      const made = proxy.made()
      assert.ok(made < 25, `${made} connections for 40 requests`)
      assert.deepEqual([...new Set(first.map(({ status }) => status))], [503])
      assert.equal((await service.call('GET', '/readyz')).status, 503)
      proxy.forward(true)
      await served(service, list)
    } finally {
      await service.close()
    }
  })

  test('a connection that is ended anywhere in a transaction is trouble of the database, and no fault of ours', async () => {
    const { url, run, drop } = await createDatabase()
    const connections = createConnections(url, {
      getTypeParser: pg.types.getTypeParser,
    } as pg.CustomTypesConfig)
    try {
      // Whether the end is noticed by a statement or between two of them differs from one time to the next.
      for (let round = 0; round < 20; round++) {
        const work = connections.use(async (session) => {
          const { rows } = await session.query({ text: 'SELECT pg_backend_pid() AS pid' })
          const ending = run(`SELECT pg_terminate_backend(${rows[0].pid})`)
          try {
            for (let i = 0; i < 100_000; i++) {
              await setImmediate()
              await session.query({ text: 'SELECT 1' })
            }
          } catch (error) {
            await assert.rejects(session.query({ text: 'ROLLBACK' }), Unavailable)
            throw error
          } finally {
            await ending
          }
        })
        await assert.rejects(work, Unavailable)
      }
    } finally {
      await connections.close()
      await drop()
    }
  })

  test('a statement that takes long is left to finish', async () => {
    const { url, drop } = await createDatabase()
    const connections = createConnections(url, {
      getTypeParser: pg.types.getTypeParser,
    } as pg.CustomTypesConfig)
    try {
      const { rows } = await connections.use((session) =>
        session.query({ text: 'SELECT pg_sleep(3), 7 AS seven' }),
      )
      assert.equal(rows[0].seven, 7)
      await assert.rejects(
        connections.use((session) => session.query({ text: 'SELECT * FROM nowhere' })),
        (error) => !(error instanceof Unavailable),
      )
    } finally {
      await connections.close()
      await drop()
    }
  })
})

describe('a database that is stopped', { skip: noCluster }, () => {
  test('every dialect says in its own words that it is unavailable, and all is served when it is back', async () => {
    const cluster = startCluster()
    const store = storeAt(cluster.url, async () => cluster.remove())
    const service = await startService({ store })
    try {
      assert.equal((await service.call('GET', list)).status, 200)
      cluster.stop()
      for (const [path, headers, want] of [
        [list, credentials.right, (body) => body.error.error_code === 'SERVICE_UNAVAILABLE'],
        ['/api/vm/10000/firewall', credentials.right, (body) => body.code === 'SERVICE_UNAVAILABLE'],
        ['/api/v2/vps', credentials.right, (body) => body.code === 'unavailable'],
        ['/cloudapi/v6/datacenters', credentials.right, (body) => body.httpStatus === 503],
        [
          '/instance/v1/zones/fr-par-1/servers',
          secretKeys.right,
          (body) => body.type === 'service_unavailable',
        ],
        ['/v1/servers', credentials.right, (body) => body.type === 'urn:portcullis:problem:unavailable'],
      ] as const satisfies readonly (readonly [string, object, (body: Reply['body']) => boolean])[]) {
        const { status, body, text } = await service.call('GET', path, undefined, headers)
        assert.equal(status, 503, `${path}: ${text}`)
        assert.ok(want(body), `${path}: ${text}`)
      }
      assert.equal((await service.call('GET', '/readyz')).status, 503)
      assert.equal((await service.call('GET', '/healthz')).status, 200)
      const written = await service.call(
        'POST',
        '/instance/v1/zones/fr-par-1/security_groups',
        {
          ...{ name: 'x', project: projects.first },
        },
        secretKeys.right,
      )
      assert.equal(written.status, 503)
      cluster.start()
      await served(service, list)
      assert.equal((await service.call('GET', '/readyz')).status, 200)
    } finally {
      await service.close()
    }
  })
})

describe('a database whose disk is full', { skip: noCluster || noRoot }, () => {
  test('is 503 and not ready; reads go on, and writes when there is room again', async () => {
    const cluster = startCluster({ disk: 24 })
    const database = new URL(cluster.url)
    database.pathname = '/small'
    const admin = new pg.Client({ connectionString: cluster.url })
    await admin.connect()
    await admin.query(
      `CREATE TABLESPACE small LOCATION '${cluster.disk().replace(/^\/proc\/\d+\/root/, '')}'`,
    )
    await admin.query('CREATE DATABASE small TABLESPACE small')
    await admin.end()
    const url = String(database)
    const service = await startService({ store: storeAt(url, async () => cluster.remove()) })
    try {
      const one = { direction: 'in', action: 'drop' }
      const many = Array.from({ length: 900 }, () => ({ ...one, comment: 'x'.repeat(200) }))
      const write = () => service.call('PUT', list, { firewall_rules: { firewall_rule: many } })
      assert.equal((await service.call('GET', '/readyz')).status, 200)
      const filler = join(cluster.disk(), 'filler')
      for (let size = 24 * 1024 * 1024; size >= 1024; size = Math.floor(size / 2)) {
        try {
          writeFileSync(filler, Buffer.alloc(size), { flag: 'a' })
        } catch {
          // As much as there is room for.
        }
      }
      const refused = await write()
      assert.equal(refused.status, 503, refused.text)
      assert.equal(refused.body.error.error_code, 'SERVICE_UNAVAILABLE')
      assert.equal((await service.call('GET', '/readyz')).status, 503)
      assert.equal((await service.call('GET', list)).status, 200)
      rmSync(filler)
      assert.equal((await service.call('GET', '/readyz')).status, 200)
      assert.ok((await write()).status < 300)
    } finally {
      await service.close()
    }
  })
})
