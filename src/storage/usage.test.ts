/** Quotas on both engines: counts are what there is whatever was written, and no growth goes beyond a limit. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { actor, chainTarget, engines, group, inventory, rule } from '../../test/support/stores.ts'
import { parsePrefix, prefixRange } from '../core/net/prefix.ts'
import { keyRange } from './lease-keys.ts'
import type { InventoryRecords, NewRule, Quotas, Storage } from './storage.ts'

const system = { ...actor, account: '', actor: 'inventory', dialect: 'system' } as const
const named = (count: number, of = 'r') => Array.from({ length: count }, (_, n) => `${of}${n}`)
const rules = (count: number): NewRule[] => named(count).map(rule)

const limited = (records: InventoryRecords, quotas: Quotas): InventoryRecords => ({
  ...records,
  accounts: records.accounts.map((each) => (each.id === 'acme' ? { ...each, quotas } : each)),
})
const server = (id: string) => {
  const [entry] = inventory(id).servers
  assert.ok(entry)
  const { interfaces, policies = [], attachments = [] } = entry
  return {
    server: entry.server,
    interfaces: interfaces.map((nic) => ({ ...nic, host: null, device: null, addresses: [] })),
    ...{ policies, attachments, documents: [] },
  }
}

for (const [name, { skip, create }] of Object.entries(engines)) {
  describe(`quotas on ${name}`, { skip }, () => {
    async function withStorage(use: (storage: Storage) => Promise<void>) {
      const store = await create()
      const storage = await store.open()
      try {
        await use(storage)
        assert.deepEqual(await storage.miscounts(), [])
      } finally {
        await storage.close()
        await store.remove()
      }
    }
    const apply = (storage: Storage, records: InventoryRecords) =>
      storage.run('applyInventory', { inventory: records }, system)
    const reached = (resource: string, limit: number) => ({
      ok: false,
      error: { kind: 'limit-reached', resource, limit, of: 'account' },
    })

    test('each kind of thing is refused beyond its quota, and deleting one makes room', async () => {
      await withStorage(async (storage) => {
        await apply(storage, limited(inventory('web'), { servers: 2, policies: 1, rules: 3 }))
        const target = chainTarget('web')
        const create = (id: string) => storage.run('createServer', server(id), actor)
        assert.ok((await create('two')).ok)
        assert.deepEqual(await create('three'), reached('server', 2))
        const policy = (id: string, count = 0) =>
          storage.run(
            'createPolicy',
            { policy: group(id), rules: rules(count), ids: named(count, id) },
            actor,
          )
        assert.deepEqual(await policy('g', 4), reached('rule', 3))
        assert.ok((await policy('g', 2)).ok)
        assert.deepEqual(await policy('h'), reached('policy', 1))
        const insert = (id: string) =>
          storage.run('insertRule', { ...target, rule: rule(id), id, maxRules: 1000 }, actor)
        assert.ok((await insert('one')).ok)
        assert.deepEqual(await insert('more'), reached('rule', 3))
        const written = { account: 'acme', profile: 'upcloud', policy: 'g' } as const
        const change = (count: number) =>
          storage.run(
            'updatePolicy',
            { ...written, rules: { rules: rules(count), ids: named(count, 'u') } },
            actor,
          )
        assert.deepEqual(await change(3), reached('rule', 3))
        assert.ok((await change(1)).ok)
        assert.ok((await insert('more')).ok)
        assert.deepEqual((await storage.usage('acme')).used, {
          servers: 2,
          policies: 1,
          rules: 3,
          credentials: 1,
          addresses: 0,
        })
        assert.ok((await storage.run('deletePolicy', written, actor)).ok)
        assert.ok((await policy('h', 1)).ok)
        assert.ok((await storage.run('deleteServer', { ...chainTarget('web'), documents: [] }, actor)).ok)
        assert.ok((await create('three')).ok)
        assert.deepEqual((await storage.usage('acme')).used, {
          servers: 2,
          policies: 1,
          rules: 1,
          credentials: 1,
          addresses: 0,
        })
        assert.equal((await storage.usage('other')).used.servers, 0)
      })
    })

    test('credentials of an account count, and those of operators and hosts do not', async () => {
      await withStorage(async (storage) => {
        const records = inventory('web')
        await apply(storage, limited(records, { credentials: 2 }))
        const [given] = records.credentials
        assert.ok(given)
        const create = (id: string, more: Partial<typeof given> = {}) => {
          const credential = { ...given, origin: 'api', id, lookup: id, label: id, ...more } as const
          return storage.run('createCredential', { credential }, actor)
        }
        assert.ok((await create('two')).ok)
        assert.deepEqual(await create('three'), reached('credential', 2))
        assert.ok((await create('operator', { holder: 'operator', account: '' })).ok)
        assert.ok((await create('host', { holder: 'host', account: '', host: 'kvm7' })).ok)
        assert.equal((await storage.usage('acme')).used.credentials, 2)
        const target = { id: 'two', account: 'acme' }
        assert.ok((await storage.run('revokeCredential', { target }, actor)).ok)
        assert.ok(
          (await storage.run('revokeCredential', { target: { id: 'host', account: null } }, actor)).ok,
        )
        assert.ok((await create('three')).ok)
        assert.equal((await storage.usage('acme')).used.credentials, 2)
      })
    })

    test('what is refused leaves nothing, and takes no revision', async () => {
      await withStorage(async (storage) => {
        await apply(storage, limited(inventory('web'), { rules: 1 }))
        const before = await storage.revision()
        const many = { ...chainTarget('web'), rules: rules(2), ids: named(2), maxRules: 1000 }
        assert.deepEqual(await storage.run('replaceRules', many, actor), reached('rule', 1))
        assert.deepEqual([await storage.revision(), await storage.rules('chain-web')], [before, []])
      })
    })

    test('over a lowered quota nothing is lost, less is allowed, and more is not', async () => {
      await withStorage(async (storage) => {
        await apply(storage, inventory('web'))
        const replace = (count: number) =>
          storage.run(
            'replaceRules',
            { ...chainTarget('web'), rules: rules(count), ids: named(count, `n${count}`), maxRules: 1000 },
            actor,
          )
        assert.ok((await replace(10)).ok)
        assert.ok((await apply(storage, limited(inventory('web'), { rules: 4 }))).ok)
        assert.equal((await storage.rules('chain-web')).length, 10)
        assert.deepEqual(await replace(11), reached('rule', 4))
        assert.ok((await replace(9)).ok)
        const edit = { ...chainTarget('web'), position: 1, rule: rule('edited') }
        assert.ok((await storage.run('updateRule', edit, actor)).ok, 'a rule is changed')
        assert.deepEqual(await replace(10), reached('rule', 4))
        assert.ok((await replace(3)).ok)
        assert.ok((await replace(4)).ok)
        assert.deepEqual(await replace(5), reached('rule', 4))
      })
    })

    test('without a quota of its own an account has the installation’s', async () => {
      await withStorage(async (storage) => {
        await apply(storage, inventory('web'))
        const set = (quotas: Quotas) => storage.run('setDefaultQuotas', { quotas }, system)
        const replace = async (count: number) =>
          (
            await storage.run(
              'replaceRules',
              { ...chainTarget('web'), rules: rules(count), ids: named(count, `n${count}`), maxRules: 1000 },
              actor,
            )
          ).ok
        assert.ok((await set({ rules: 2 })).ok)
        assert.deepEqual([await replace(3), await replace(2)], [false, true])
        await apply(storage, limited(inventory('web'), { rules: 3 }))
        assert.deepEqual([await replace(4), await replace(3)], [false, true])
        await apply(storage, limited(inventory('web'), {}))
        assert.deepEqual([await replace(4), await replace(2)], [false, true])
        assert.ok((await set({})).ok)
        assert.equal(await replace(51), true)
        assert.equal((await storage.usage('acme')).quotas.rules, null)
      })
    })

    test('of very many writers at the limit exactly so many succeed as there is room for', async () => {
      await withStorage(async (storage) => {
        const servers = named(8, 's')
        await apply(storage, limited(inventory(...servers), { rules: 20 }))
        const done = await Promise.all(
          named(60).map((id, n) =>
            storage.run(
              'insertRule',
              { ...chainTarget(`s${n % 8}`), rule: rule(id), id, maxRules: 1000 },
              actor,
            ),
          ),
        )
        assert.equal(done.filter(({ ok }) => ok).length, 20)
        for (const each of done) if (!each.ok) assert.deepEqual(each, reached('rule', 20))
        assert.equal((await storage.usage('acme')).used.rules, 20)
      })
    })

    test('an inventory that goes beyond a quota is refused with the account, and one that does not grow is not', async () => {
      await withStorage(async (storage) => {
        const fault = (reason: string) => ({ ok: false, error: { kind: 'invalid', field: 'acme', reason } })
        assert.deepEqual(
          await apply(storage, limited(inventory('web', 'db'), { servers: 1 })),
          fault('would have 2 servers, and its quota is 1'),
        )
        assert.deepEqual(await storage.accounts(), [])
        assert.ok((await apply(storage, inventory('web', 'db'))).ok)
        assert.ok((await apply(storage, limited(inventory('web', 'db'), { servers: 1, credentials: 1 }))).ok)
        assert.ok(!(await apply(storage, limited(inventory('web', 'db', 'new'), { servers: 1 }))).ok)
        const [credential] = inventory().credentials
        assert.ok(credential)
        const two = {
          ...limited(inventory('web'), { credentials: 1 }),
          credentials: [credential, { ...credential, id: 'c2', lookup: 'bb' }],
        }
        assert.deepEqual(await apply(storage, two), fault('would have 2 credentials, and its quota is 1'))
      })
    })

    test('what the inventory drops is not counted, and is again when it comes back', async () => {
      await withStorage(async (storage) => {
        await apply(storage, inventory('web', 'db'))
        const insert = { ...chainTarget('db'), rules: rules(5), ids: named(5), maxRules: 9 }
        assert.ok((await storage.run('replaceRules', insert, actor)).ok)
        const used = async () => {
          const { servers, rules } = (await storage.usage('acme')).used
          return [servers, rules]
        }
        assert.deepEqual(await used(), [2, 5])
        await apply(storage, inventory('web'))
        assert.deepEqual(await used(), [1, 0])
        await apply(storage, inventory('web', 'db'))
        assert.deepEqual(await used(), [2, 5])
      })
    })

    test('addresses count from when they are set aside until they are given up or forgotten', async () => {
      await withStorage(async (storage) => {
        const prefix = parsePrefix('192.0.2.0/24', { hostBits: 'refuse' })
        assert.ok(prefix.ok)
        const range = keyRange('ipv4', prefixRange(prefix.value))
        const pool = {
          name: 'p',
          kind: 'public-ipv4',
          profile: null,
          zone: null,
          whole: [range],
          ranges: [range],
        } as const
        await storage.run('configurePools', { pools: [pool], quarantineMs: 1000 }, system)
        await apply(storage, limited(inventory(), { addresses: 3 }))
        const used = async () => (await storage.usage('acme')).used.addresses
        const take = (count: number, at = actor.at) =>
          storage.run(
            'takeAddresses',
            { account: 'acme', profile: 'upcloud', wanted: [{ pool: 'p', count }] },
            { ...actor, at },
          )
        assert.deepEqual(await take(4), reached('ip-address', 3))
        assert.equal(await used(), 0)
        const taken = await take(2)
        assert.ok(taken.ok)
        assert.equal(await used(), 2)
        assert.deepEqual(await take(2), reached('ip-address', 3))
        const addresses = taken.value.addresses.slice(0, 1)
        const document = {
          account: 'acme',
          profile: 'upcloud',
          kind: 'ip',
          id: 'one',
          body: {},
          addresses,
        } as const
        assert.ok((await storage.run('putDocument', { document }, actor)).ok)
        assert.equal(await used(), 2, 'one is held, and one still set aside')
        const later = actor.at + 3_600_000
        assert.ok((await take(2, later)).ok, 'what nobody came for is forgotten')
        assert.equal(await used(), 3)
        const gone = { account: 'acme', profile: 'upcloud', kind: 'ip', id: 'one' } as const
        assert.ok((await storage.run('deleteDocument', gone, { ...actor, at: later })).ok)
        assert.equal(await used(), 2, 'one in quarantine is nobody’s')
        assert.ok((await take(1, later)).ok)
      })
    })

    test('a store of before is counted when it is opened', async () => {
      const sql = readFileSync(new URL(`testdata/schema-13-${name}.sql`, import.meta.url), 'utf8')
      const store = await create(sql)
      const storage = await store.open()
      try {
        const used = await Promise.all((await storage.accounts()).map(({ id }) => storage.usage(id)))
        const sum = (what: 'servers' | 'rules' | 'policies' | 'credentials') =>
          used.reduce((so, each) => so + each.used[what], 0)
        for (const what of ['servers', 'rules', 'policies', 'credentials'] as const)
          assert.ok(sum(what) > 0, what)
        assert.deepEqual(await storage.miscounts(), [])
      } finally {
        await storage.close()
        await store.remove()
      }
    })

    test('whatever is written in whatever order, counts are what there is and no quota is passed', async () => {
      const step = fc.oneof(
        fc.record({ do: fc.constant('insert' as const), server: fc.nat(2) }),
        fc.record({ do: fc.constant('replace' as const), server: fc.nat(2), count: fc.nat(6) }),
        fc.record({ do: fc.constant('delete' as const), server: fc.nat(2) }),
        fc.record({ do: fc.constant('policy' as const), id: fc.nat(3), count: fc.nat(4) }),
        fc.record({ do: fc.constant('change' as const), id: fc.nat(3), count: fc.nat(4) }),
        fc.record({ do: fc.constant('remove' as const), id: fc.nat(3) }),
        fc.record({ do: fc.constant('server' as const), id: fc.nat(3) }),
        fc.record({ do: fc.constant('end' as const), id: fc.nat(3) }),
        fc.record({ do: fc.constant('zone' as const), id: fc.nat(3), count: fc.nat(4), drop: fc.nat(3) }),
        fc.record({ do: fc.constant('file' as const), servers: fc.nat(3) }),
      )
      const quotas = { servers: 5, policies: 2, rules: 12 }
      let counter = 0
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
          await withStorage(async (storage) => {
            await apply(storage, limited(inventory('s0', 's1', 's2'), quotas))
            const files = named(3, 's')
            for (const each of steps) {
              const id = `x${counter++}`
              const before = (await storage.usage('acme')).used
              await act(storage, each, id, files)
              const { used } = await storage.usage('acme')
              assert.deepEqual(await storage.miscounts(), [], JSON.stringify(each))
              for (const name of ['servers', 'policies', 'rules'] as const) {
                if (used[name] > before[name])
                  assert.ok(used[name] <= quotas[name], `${name} ${used[name]}: ${each.do}`)
              }
            }
          })
        }),
        { numRuns: name === 'sqlite' ? 12 : 3 },
      )

      type Step = typeof step extends fc.Arbitrary<infer S> ? S : never
      async function act(
        storage: Storage,
        each: Step,
        id: string,
        files: readonly string[],
      ): Promise<unknown> {
        const own = { account: 'acme', profile: 'upcloud' } as const
        switch (each.do) {
          case 'insert':
            return storage.run(
              'insertRule',
              { ...chainTarget(`s${each.server}`), rule: rule(id), id, maxRules: 9 },
              actor,
            )
          case 'replace': {
            const write = { rules: rules(each.count), ids: named(each.count, id), maxRules: 9 }
            return storage.run('replaceRules', { ...chainTarget(`s${each.server}`), ...write }, actor)
          }
          case 'delete':
            return storage.run('deleteRule', { ...chainTarget(`s${each.server}`), position: 1 }, actor)
          case 'policy': {
            if (await storage.policy(`g${each.id}`)) return
            const write = { rules: rules(each.count), ids: named(each.count, id) }
            return storage.run('createPolicy', { policy: group(`g${each.id}`), ...write }, actor)
          }
          case 'change': {
            const write = { rules: rules(each.count), ids: named(each.count, id) }
            return storage.run('updatePolicy', { ...own, policy: `g${each.id}`, rules: write }, actor)
          }
          case 'remove':
            return storage.run('deletePolicy', { ...own, policy: `g${each.id}` }, actor)
          case 'server':
            return storage.run('createServer', server(`made${each.id}`), actor)
          case 'end':
            return storage.run('deleteServer', { ...chainTarget(`made${each.id}`), documents: [] }, actor)
          case 'zone': {
            const zone = await storage.document('upcloud', 'zone', 'z')
            const policy = group(`g${each.id}`)
            const drop = each.drop !== each.id && (await storage.policy(`g${each.drop}`))
            const change = {
              ...{ ...own, zone: 'z', zoneKind: 'zone', ifRevision: zone?.revision ?? 0 },
              policies: { put: [policy], ...(drop && { remove: [drop.id] }) },
              rules: [{ policy: policy.id, rules: rules(each.count), ids: named(each.count, id) }],
              event: { operation: 'zone.change', resource: 'document', id: 'z', before: null, after: null },
            } as const
            return storage.run('changeZone', change, actor)
          }
          case 'file':
            return apply(storage, limited(inventory(...files.slice(0, each.servers)), quotas))
        }
      }
    })
  })
}

test('no statement makes or takes away what can be limited without saying how many', () => {
  // What an inventory made is counted whole at its end.
  const files = globSync('src/storage/programs/**/*.ts').filter(
    (file) => !file.endsWith('.test.ts') && !file.includes('/inventory'),
  )
  const limitable =
    /(?:INSERT INTO|DELETE FROM) (?:servers|policies|rules|credentials|leases)\b|insertRows\(\s*`?(?:servers|policies|rules|credentials|leases) /g
  const silent: string[] = []
  let found = 0
  for (const file of files) {
    const text = readFileSync(file, 'utf8')
    for (const { 0: statement, index } of text.matchAll(limitable)) {
      found++
      const says = statement.startsWith('insertRows')
        ? // Counts are the last argument.
          /^[^;]*?,\s*'',\s*(counts|one|\[heldBy)/.test(text.slice(index, index + 300))
        : text.slice(0, index).match(/.*\b(counted|query|queryOne)\b/s)?.[1] === 'counted'
      if (!says) silent.push(`${file}: ${statement}`)
    }
  }
  assert.deepEqual(silent, [])
  assert.ok(found > 10)
})
