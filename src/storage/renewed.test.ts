/**
 * Whatever a write does to interfaces and to what is attached, their servers are of a new revision by it: agents are told by
 * that. Triggers of the database say what was written, so no program can forget to be asked.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { actor, chainTarget, engines, group, inventory, rule } from '../../test/support/stores.ts'
import type { NewRule, ProgramName, Programs } from './storage.ts'

const written = ['interfaces', 'attachments']
  .flatMap((table) => [
    [table, 'INSERT', 'NEW'],
    [table, 'UPDATE', 'OLD'],
    [table, 'UPDATE', 'NEW'],
    [table, 'DELETE', 'OLD'],
  ])
  .map(
    ([table, event, row]) => `CREATE TRIGGER written_${table}_${event}_${row} AFTER ${event} ON ${table}
      BEGIN INSERT OR IGNORE INTO written (server) VALUES (${row}.server); END;`,
  )
  .join('\n')

test('a server is renewed by every write to its interfaces and attachments', async () => {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  const database = new DatabaseSync(join(store.flags[1] ?? '', 'portcullis.db'), { timeout: 30_000 })
  const all = <T>(sql: string, ...params: number[]) => database.prepare(sql).all(...params) as T[]
  /** Which servers it writes to, by what it is called. */
  const found: Record<string, readonly string[]> = {}
  async function does<P extends ProgramName>(
    what: string,
    program: P,
    args: Programs[P]['args'],
    by = actor,
  ) {
    const before = await storage.revision()
    database.exec('DELETE FROM written')
    const done = await storage.run(program, args, by)
    assert.ok(done.ok, `${what}: ${JSON.stringify(done)}`)
    const stale = all<{ id: string }>(
      'SELECT id FROM servers WHERE revision <= ? AND id IN (SELECT server FROM written)',
      before,
    )
    assert.deepEqual(stale, [], what)
    found[what] = all<{ server: string }>('SELECT server FROM written ORDER BY server').map(
      (row) => row.server,
    )
  }
  try {
    const own = { account: 'acme', profile: 'upcloud' }
    const make = async (id: string) =>
      assert.ok((await storage.run('createPolicy', { policy: group(id), rules: [], ids: [] }, actor)).ok)
    assert.ok((await storage.run('applyInventory', { inventory: inventory('a', 'b', 'c') }, actor)).ok)
    for (const id of ['g', 'h', 'i']) await make(id)
    database.exec(`CREATE TABLE written (server TEXT NOT NULL PRIMARY KEY); ${written}`)

    const place = (server: string, nic: string | null = null) => ({ server, interface: nic })
    const attach = (what: string, to: Programs['attachPolicy']['args']['to'], policy = 'g') =>
      does(what, 'attachPolicy', { ...own, policy, to, maxPerPlace: 9 })
    await attach('attach to a server', { add: place('a') })
    await attach('attach to an interface', { add: place('a', 'nic-a') })
    await attach('detach', { remove: place('a') })
    await attach('attach to these instead', { all: [place('b'), place('c', 'nic-c')] })
    await attach('attach to nothing', { all: [] })
    const order = (what: string, nic: string | null, policies: readonly string[]) =>
      does(what, 'attachTo', { ...own, place: place('a', nic), policies, maxPerPlace: 9 })
    await order('put on a server', null, ['g', 'h'])
    await order('put in another order', null, ['h', 'g'])
    await order('put on an interface', 'nic-a', ['h'])
    await order('put nothing', null, [])

    const including = (include: string): NewRule => ({ ...rule(include), include })
    const chain = { ...chainTarget('b'), maxRules: 9 }
    await does('include', 'includePolicy', { ...chain, policy: 'i', rule: including('i'), id: 'r1' })
    await does('include no more', 'includePolicy', { ...chain, policy: null, id: 'r2' })
    await does('insert a rule that includes', 'insertRule', { ...chain, rule: including('i'), id: 'r3' })
    await does('replace it', 'replaceRules', { ...chain, rules: [including('h')], ids: ['r4'] })
    await does('write it anew', 'updateRule', { ...chain, position: 1, rule: including('i') })
    const settings = (await storage.policyNow('chain-b')).policy?.settings ?? assert.fail()
    await does('revert to a rule that includes', 'revertPolicy', {
      ...{ account: 'acme', policy: 'chain-b', ifRevision: (await storage.chain('b'))?.revision ?? 0 },
      ...{ to: await storage.revision(), dryRun: false, settings, rules: [including('h')], ids: ['r5'] },
    })
    await does('delete it', 'deleteRule', { ...chain, position: 1 })

    const to = (device: string) => ({ host: 'local', device })
    await does('claim', 'bind', { changes: [{ interface: 'nic-a', to: to('new') }] })
    await does('release', 'bind', { changes: [{ interface: 'nic-a', to: null }] })
    await does('hand over', 'bind', { changes: [{ interface: 'nic-a', to: to('tap-b'), from: 'nic-b' }] })

    const [nic] = await storage.interfaces('a')
    assert.ok(nic)
    const on = { ...own, server: 'a' }
    const added = { ...nic, id: 'nic-new', host: null, device: null, addresses: ['192.0.2.7'] }
    await does('add an interface', 'addInterface', { ...on, interface: added })
    await does('change an interface', 'updateInterface', {
      ...{ ...on, interface: 'nic-new', change: { addresses: ['192.0.2.8'] } },
    })
    await does('move addresses', 'changeAddresses', {
      ...{ ...own, operation: 'x', id: 'x' },
      interfaces: [
        { interface: 'nic-new', remove: ['192.0.2.8'] },
        { interface: 'nic-c', add: ['192.0.2.8'] },
      ],
    })
    await does('remove an interface', 'removeInterface', { ...on, interface: 'nic-new' })
    await does('attach with a change of the server', 'updateServer', { ...chainTarget('a'), attach: ['g'] })

    const zoneChange = { ...own, zone: 'z', zoneKind: 'zone' }
    const event = { operation: 'x', resource: 'server', id: 'a', before: null, after: null } as const
    const zone = async (what: string, change: object) => {
      const ifRevision = (await storage.document('upcloud', 'zone', 'z'))?.revision ?? 0
      await does(what, 'changeZone', { ...zoneChange, event, ifRevision, ...change })
    }
    const document = { ...own, kind: 'zone', id: 'z', body: {} }
    await zone('make a zone', { documents: { put: [document] } })
    await zone('write an interface in a zone', {
      interfaces: { put: [{ ...nic, addresses: ['192.0.2.9'] }] },
    })
    await zone('attach in a zone', { attach: [{ ...place('b'), policies: ['h'] }] })
    await zone('delete an attached policy in a zone', { policies: { remove: ['h'] } })

    const file = inventory('a', 'b')
    await does('apply a file', 'applyInventory', {
      inventory: {
        ...file,
        servers: file.servers.map((each) => ({
          ...each,
          interfaces: each.interfaces.map((of) => ({ ...of, addresses: ['192.0.2.77'] })),
        })),
      },
    })
    await does('delete a server', 'deleteServer', { ...chainTarget('a'), documents: [] })

    const nothing = Object.entries(found).filter(([, servers]) => servers.length === 0)
    assert.deepEqual(
      nothing.map(([what]) => what),
      ['make a zone'],
    )
    assert.deepEqual(found['hand over'], ['a', 'b'])
    assert.deepEqual(found['apply a file'], ['a', 'b', 'c'])
  } finally {
    database.close()
    await storage.close()
    await store.remove()
  }
})
