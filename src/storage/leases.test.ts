/** Addresses of pools on both engines: nobody else's, whatever happens in between. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { actor, engines, inventory, type TestStore } from '../../test/support/stores.ts'
import type { RequestError } from '../core/model/error.ts'
import type { Interface } from '../core/model/interface.ts'
import type { Result } from '../core/result.ts'
import { configureAddresses } from '../service/addresses.ts'
import { defaultAddresses, readAddresses } from '../service/addresses-file.ts'
import { keepHostSecret } from '../service/host-aliases.ts'
import { pendingMs } from './programs/leases.ts'
import type { Actor, Programs, Storage } from './storage.ts'

const hour = 3_600_000

const pools = (text: string) => {
  const read = readAddresses(text, ['upcloud'])
  assert.ok(read.ok, read.ok ? '' : read.error)
  return read.value
}
/** 192.0.2.1 to 192.0.2.6. */
const six = 'pools: [ { kind: public-ipv4, prefixes: [192.0.2.0/29] } ]'

const nic = (id: string, server: string, addresses: readonly string[] = []): Interface => ({
  ...{ id, server, index: 1, mac: '52:54:00:00:00:09', addresses, allowedAddresses: [], senderCheck: true },
  ...{ observe: false, vlanTrunk: false, allowedFrames: [], maxConnections: null, type: 'public' },
  ...{ host: null, device: null, attributes: {} },
})

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`addresses of pools on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    let now: number
    beforeEach(async () => {
      store = await create()
      storage = await store.open()
      now = actor.at
      await storage.run('applyInventory', { inventory: inventory() }, actor)
    })
    afterEach(async () => {
      await storage.close()
      await store.remove()
    })
    const by = (account = 'acme'): Actor => ({ ...actor, account, at: now })
    const configure = (text: string) => configureAddresses(storage, pools(text), now)
    const run = <P extends keyof Programs>(program: P, args: Programs[P]['args'], account = 'acme') =>
      storage.run(program, args, by(account))
    async function take(count = 1, account = 'acme', pool = 'public-ipv4'): Promise<readonly string[]> {
      const done = await run(
        'takeAddresses',
        { account, profile: 'upcloud', wanted: [{ pool, count }] },
        account,
      )
      assert.ok(done.ok, JSON.stringify(done))
      return done.value.addresses
    }
    const makeServer = (id: string, addresses: readonly string[], account = 'acme') =>
      run(
        'createServer',
        {
          server: {
            ...{ id, account, profile: 'upcloud', name: id, number: null, zone: '', state: 'stopped' },
            ...{ nextState: null, nextStateAt: null, createdAt: now, attributes: {} },
          },
          interfaces: [nic(`nic-${id}`, id, addresses)],
          policies: [],
          attachments: [],
          documents: [],
        },
        account,
      )
    const removeServer = (id: string, account = 'acme') =>
      run(
        'deleteServer',
        { account, profile: 'upcloud', server: id, refuseStates: [], documents: [] },
        account,
      )
    const reserve = (id: string, addresses: readonly string[], account = 'acme') =>
      run(
        'putDocument',
        { document: { account, profile: 'upcloud', kind: 'ip', id, body: { id }, addresses } },
        account,
      )
    const drop = (id: string, account = 'acme') =>
      run('deleteDocument', { account, profile: 'upcloud', kind: 'ip', id }, account)
    const refusal = (done: Result<unknown, RequestError>) => (done.ok ? undefined : done.error)
    const held = async (account = 'acme') =>
      (await storage.leases({ account, profile: 'upcloud' })).map(({ address, kind, id }) => [
        address,
        kind,
        id,
      ])
    const use = async (name = 'public-ipv4') => {
      const found = (await storage.poolUse(now)).find((each) => each.name === name)
      return [found?.free, found?.held, found?.quarantined]
    }

    test('the lowest free ones come first, and an empty pool says how many there are', async () => {
      await configure(six)
      assert.deepEqual(await take(2), ['192.0.2.1', '192.0.2.2'])
      assert.deepEqual(await take(3, 'other'), ['192.0.2.3', '192.0.2.4', '192.0.2.5'])
      const done = await run('takeAddresses', {
        ...{ account: 'acme', profile: 'upcloud', wanted: [{ pool: 'public-ipv4', count: 2 }] },
      })
      assert.deepEqual(refusal(done), { kind: 'pool-empty', pool: 'public-ipv4', left: 1 })
      assert.deepEqual(await take(), ['192.0.2.6'])
      assert.deepEqual(await use(), [0, 6, 0])
    })

    test('several are set aside together or not at all', async () => {
      await configure(six)
      const done = await run('takeAddresses', {
        ...{ account: 'acme', profile: 'upcloud' },
        wanted: [
          { pool: 'public-ipv4', count: 4 },
          { pool: 'utility-ipv4', count: 1 },
          { pool: 'public-ipv4', count: 3 },
        ],
      })
      assert.deepEqual(refusal(done), { kind: 'pool-empty', pool: 'public-ipv4', left: 6 })
      assert.deepEqual(await use(), [6, 0, 0])
      assert.equal((await take(6, 'other')).length, 6)
    })

    test('what nobody uses is free again after ten minutes, without a quarantine', async () => {
      await configure(six)
      await take(6)
      now += pendingMs - 1
      assert.deepEqual(await use(), [0, 6, 0])
      now += 1
      assert.deepEqual(await use(), [6, 0, 0])
      assert.deepEqual(await take(), ['192.0.2.1'])
    })

    test('an interface holds what it has; deleted, its addresses wait out the quarantine', async () => {
      await configure(six)
      assert.ok((await makeServer('a', await take(2))).ok)
      now += hour
      assert.deepEqual(await held(), [
        ['192.0.2.1', 'interface', 'nic-a'],
        ['192.0.2.2', 'interface', 'nic-a'],
      ])
      assert.ok((await removeServer('a')).ok)
      assert.deepEqual(await held(), [])
      assert.deepEqual(await use(), [4, 0, 2])
      assert.deepEqual(await take(), ['192.0.2.3'])
      now += 24 * hour - 1
      assert.deepEqual(await use(), [4, 0, 2])
      now += 1
      assert.deepEqual(await take(2), ['192.0.2.1', '192.0.2.2'])
    })

    test('the quarantine is as long as the operator says, or none', async () => {
      await configure(`quarantine: 90s\n${six}`)
      assert.ok((await makeServer('a', await take())).ok)
      await removeServer('a')
      now += 89_999
      assert.deepEqual(await use(), [5, 0, 1])
      now += 1
      assert.deepEqual(await take(), ['192.0.2.1'])
      await configure(`quarantine: 0\n${six}`)
      assert.ok((await makeServer('b', ['192.0.2.1'])).ok)
      await removeServer('b')
      assert.deepEqual(await use(), [6, 0, 0])
    })

    test('nobody gets another’s, a waiting or an excluded address by naming it', async () => {
      await configure('pools: [ { kind: public-ipv4, prefixes: [192.0.2.0/29], exclude: [192.0.2.6] } ]')
      const [mine = '', waiting = '', pending = ''] = await take(3)
      assert.ok((await makeServer('a', [mine])).ok)
      assert.ok((await reserve('gone', [waiting])).ok)
      assert.ok((await drop('gone')).ok)
      for (const address of [mine, waiting, pending, '192.0.2.6', '192.0.2.0', '192.0.2.7']) {
        const want = { kind: 'conflict', resource: 'ip-address', id: address }
        const reason = `the address ${address} is not available`
        assert.deepEqual(refusal(await makeServer('b', [address], 'other')), { ...want, reason })
        assert.deepEqual(refusal(await reserve('theirs', [address], 'other')), { ...want, reason })
        assert.equal(await storage.holding('other', address, now), 'taken')
      }
      assert.equal(await storage.server('upcloud', 'b'), undefined)
      assert.equal(await storage.document('upcloud', 'ip', 'theirs'), undefined)
      assert.deepEqual(await held('other'), [])
      // Its own, also while they wait; free ones; and what no pool has.
      assert.ok((await makeServer('c', [mine, waiting, pending, '192.0.2.5', '203.0.113.9'])).ok)
      assert.deepEqual(await storage.holding('acme', waiting, now), 'own')
      assert.equal(await storage.holding('other', '192.0.2.4', now), 'free')
      assert.equal(await storage.holding('other', '203.0.113.9', now), 'outside')
    })

    test('a document holds what it reserves, on an interface or not', async () => {
      await configure(six)
      const [one = '', two = ''] = await take(2)
      assert.ok((await reserve('x', [one, two])).ok)
      assert.ok((await makeServer('a', [one])).ok)
      assert.deepEqual(await held(), [
        [one, 'ip', 'x'],
        [two, 'ip', 'x'],
      ])
      assert.ok((await removeServer('a')).ok)
      assert.deepEqual((await held()).length, 2)
      // Another document cannot have it, too; fewer addresses give the others back.
      assert.equal(refusal(await reserve('y', [one]))?.kind, 'conflict')
      assert.ok((await reserve('x', [two])).ok)
      assert.deepEqual(await held(), [[two, 'ip', 'x']])
      assert.deepEqual(await use(), [4, 1, 1])
      // Released while an interface has it, it is the interface's.
      assert.ok((await makeServer('b', [two])).ok)
      assert.ok((await drop('x')).ok)
      assert.deepEqual(await held(), [[two, 'interface', 'nic-b']])
      assert.ok((await reserve('z', [two])).ok)
      assert.deepEqual(await held(), [[two, 'ip', 'z']])
    })

    test('attached, moved and detached in one transaction each, or not at all', async () => {
      await configure(six)
      const [address = ''] = await take()
      await makeServer('a', [])
      await makeServer('b', [])
      await makeServer('foreign', [], 'other')
      const put = (body: object, ifRevision: number) => ({
        ...{ kind: 'ip', id: 'x', body: body as never, addresses: [address], ifRevision },
      })
      const change = (args: object) =>
        run('changeAddresses', {
          account: 'acme',
          profile: 'upcloud',
          operation: 'ip.update',
          id: 'x',
          ...args,
        })
      const addresses = async () =>
        Promise.all(['a', 'b'].map(async (id) => (await storage.interfaces(id))[0]?.addresses))
      const revision = async () => (await storage.document('upcloud', 'ip', 'x'))?.revision ?? 0
      const before = (await storage.server('upcloud', 'a'))?.revision ?? 0
      assert.ok(
        (
          await change({
            documents: { put: [put({ server: 'a' }, 0)] },
            interfaces: [{ interface: 'nic-a', add: [address] }],
            serverAttributes: [{ server: 'a', attributes: { ip: 'x' } }],
          })
        ).ok,
      )
      assert.deepEqual(await addresses(), [[address], []])
      const server = await storage.server('upcloud', 'a')
      assert.deepEqual(server?.attributes, { ip: 'x' })
      assert.ok((server?.revision ?? 0) > before)
      const event = await storage.auditEvent(await storage.revision(), { account: 'acme' })
      assert.deepEqual(
        [event?.operation, event?.resource, event?.id, event?.server],
        ['ip.update', 'ip-address', 'x', 'a'],
      )
      const moved = {
        documents: { put: [put({ server: 'b' }, await revision())] },
        interfaces: [
          { interface: 'nic-a', remove: [address] },
          { interface: 'nic-b', add: [address] },
        ],
      }
      for (const [wrong, kind] of [
        [
          { ...moved, interfaces: [...moved.interfaces, { interface: 'nic-foreign', add: [address] }] },
          'not-found',
        ],
        [{ ...moved, interfaces: [...moved.interfaces, { interface: 'nobody' }] }, 'not-found'],
        [{ ...moved, serverAttributes: [{ server: 'foreign', attributes: {} }] }, 'not-found'],
        [{ ...moved, documents: { put: [put({}, 1)] } }, 'conflict'],
        [{ ...moved, documents: { remove: [{ kind: 'ip', id: 'nothing' }] } }, 'not-found'],
      ] as const) {
        const done = await change(wrong)
        assert.equal(done.ok ? 'ok' : done.error.kind, kind)
        assert.deepEqual(await addresses(), [[address], []])
      }
      // What only gives up may have ended, and what is another account's stays.
      const more = ['nobody', 'nic-foreign'].map((nic) => ({ interface: nic, remove: [address] }))
      assert.ok((await change({ ...moved, interfaces: [...moved.interfaces, ...more] })).ok)
      assert.deepEqual(await addresses(), [[], [address]])
      assert.deepEqual(await held(), [[address, 'ip', 'x']])
      const detached = { interfaces: [{ interface: 'nic-b', remove: [address] }] }
      assert.ok((await change({ ...detached, documents: { remove: [{ kind: 'ip', id: 'x' }] } })).ok)
      assert.deepEqual(await addresses(), [[], []])
      assert.deepEqual(await held(), [])
      assert.deepEqual(await use(), [5, 0, 1])
    })

    test('prefixes: a block at a time, around what is there; what is inside one is its account’s', async () => {
      await configure('pools: [ { kind: public-ipv6-prefix, prefixes: ["2001:db8::/62"] } ]')
      const block = (account?: string) => take(1, account, 'public-ipv6-prefix')
      assert.deepEqual(await block(), ['2001:db8::/64'])
      assert.ok((await reserve('x', ['2001:db8::/64'])).ok)
      assert.ok((await makeServer('a', ['2001:db8::5'])).ok)
      assert.deepEqual(await held(), [['2001:db8::/64', 'ip', 'x']])
      assert.equal(refusal(await makeServer('b', ['2001:db8::6'], 'other'))?.kind, 'conflict')
      // An address that is named takes its whole block out of the pool.
      assert.ok((await makeServer('c', ['2001:db8:0:1::5'])).ok)
      assert.deepEqual(await use('public-ipv6-prefix'), [2, 2, 0])
      assert.deepEqual(await block('other'), ['2001:db8:0:2::/64'])
      assert.equal(refusal(await reserve('y', ['2001:db8:0:1::/64']))?.kind, 'conflict')
      // Deleted while an interface has an address of it, it is the interface's until that goes.
      assert.ok((await drop('x')).ok)
      assert.deepEqual((await held())[0], ['2001:db8::/64', 'interface', 'nic-a'])
      await removeServer('a')
      assert.deepEqual(await use('public-ipv6-prefix'), [1, 2, 1])
    })

    test('addresses that an inventory gives are never handed out while an interface has them', async () => {
      await configure(six)
      const named = inventory('a')
      const [entry] = named.servers
      assert.ok(entry)
      const given = (addresses: readonly string[]) => ({
        inventory: {
          ...named,
          servers: [{ ...entry, interfaces: entry.interfaces.map((each) => ({ ...each, addresses })) }],
        },
      })
      assert.ok((await run('applyInventory', given(['192.0.2.1', '192.0.2.3']))).ok)
      assert.deepEqual(await take(2, 'other'), ['192.0.2.2', '192.0.2.4'])
      assert.equal(refusal(await makeServer('b', ['192.0.2.3'], 'other'))?.kind, 'conflict')
      // It takes what is only set aside or waiting, and what it no longer names goes back.
      assert.ok((await run('applyInventory', given(['192.0.2.2']))).ok)
      assert.deepEqual(await held(), [['192.0.2.2', 'interface', 'nic-a']])
      assert.deepEqual(await use(), [2, 2, 2])
      // A server that leaves keeps them: it may come back.
      assert.ok((await run('applyInventory', { inventory: inventory() })).ok)
      now += 48 * hour
      assert.deepEqual(await take(5, 'other'), [
        '192.0.2.1',
        '192.0.2.3',
        '192.0.2.4',
        '192.0.2.5',
        '192.0.2.6',
      ])
      assert.ok((await run('applyInventory', given(['192.0.2.2']))).ok)
    })

    test('an inventory that gives what another account holds is right, and the address stays out of the pool', async () => {
      await configure(six)
      const [address = ''] = await take(1, 'other')
      assert.ok((await reserve('x', [address], 'other')).ok)
      const named = inventory('a')
      const servers = named.servers.map((each) => ({
        ...each,
        interfaces: each.interfaces.map((nic) => ({ ...nic, addresses: [address] })),
      }))
      assert.ok((await run('applyInventory', { inventory: { ...named, servers } })).ok)
      assert.deepEqual(await held('other'), [[address, 'ip', 'x']])
      assert.ok((await drop('x', 'other')).ok)
      assert.deepEqual(await held(), [[address, 'interface', 'nic-a']])
    })

    test('an address that is attached to an inventory’s interface stays there when the file is read again', async () => {
      await configure(six)
      assert.ok((await run('applyInventory', { inventory: inventory('a') })).ok)
      const [address = '', loose = ''] = await take(2)
      const change = {
        documents: { put: [{ kind: 'ip', id: 'x', body: {}, addresses: [address] }] },
        interfaces: [{ interface: 'nic-a', add: [address, loose] }],
      }
      assert.ok(
        (
          await run('changeAddresses', {
            ...{ account: 'acme', profile: 'upcloud', operation: 'ip.create', id: 'x', ...change },
          })
        ).ok,
      )
      const done = await run('applyInventory', { inventory: inventory('a') })
      // What no document reserves is the file's to say.
      assert.deepEqual(done.ok && done.value.changed, true)
      assert.deepEqual(
        (await storage.interfaces('a'))[0]?.addresses,
        ['192.0.2.1', address].filter((a, i, all) => all.indexOf(a) === i),
      )
      const again = await run('applyInventory', { inventory: inventory('a') })
      assert.deepEqual(again.ok && again.value.changed, false)
    })

    test('pools that are configured again: leases stay, and interfaces that were there hold what they have', async () => {
      await makeServer('old', ['192.0.2.2', '198.51.100.7'])
      await configure(six)
      assert.deepEqual(await held(), [['192.0.2.2', 'interface', 'nic-old']])
      await makeServer('a', await take(3))
      await configure('pools: [ { kind: public-ipv4, prefixes: [192.0.2.0/30, 198.51.100.0/29] } ]')
      assert.deepEqual(
        (await held()).map(([address]) => address),
        ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4', '198.51.100.7'].filter(
          (each) => each !== '198.51.100.7',
        ),
      )
      assert.equal(await storage.holding('other', '192.0.2.4', now), 'taken')
      assert.equal(refusal(await makeServer('b', ['192.0.2.4'], 'other'))?.kind, 'conflict')
      assert.deepEqual(await take(2), ['198.51.100.1', '198.51.100.2'])
      await removeServer('a')
      now += 24 * hour
      assert.equal(await storage.holding('other', '192.0.2.4', now), 'outside')
    })

    test('two who write at once never get the same', async () => {
      await configure('pools: [ { kind: public-ipv4, prefixes: [192.0.2.0/24, 198.51.100.0/24] } ]')
      // Only one process uses the embedded store at a time.
      const second = engine === 'postgresql' ? await store.open() : storage
      try {
        const takes = Array.from({ length: 100 }, (_, index) =>
          (index % 2 === 0 ? storage : second).run(
            'takeAddresses',
            {
              account: index % 3 === 0 ? 'acme' : 'other',
              profile: 'upcloud',
              wanted: [{ pool: 'public-ipv4', count: 1 + (index % 4) }],
            },
            by(),
          ),
        )
        const all = (await Promise.all(takes)).flatMap((done) => {
          assert.ok(done.ok)
          return done.value.addresses
        })
        assert.equal(all.length, 250)
        assert.equal(new Set(all).size, 250)
        assert.deepEqual(await use(), [508 - 250, 250, 0])
        const claims = await Promise.all(
          ['acme', 'other'].map((account, index) =>
            (index === 0 ? storage : second).run(
              'putDocument',
              {
                document: {
                  ...{ account, profile: 'upcloud', kind: 'ip', id: account, body: {} },
                  addresses: ['198.51.100.254'],
                },
              },
              by(account),
            ),
          ),
        )
        assert.equal(claims.filter(({ ok }) => ok).length, 1)
      } finally {
        if (second !== storage) await second.close()
      }
    })

    test('what is drawn for the installation is drawn once and kept', async () => {
      const secret = await keepHostSecret(storage, now)
      assert.match(secret, /^[0-9a-f]{64}$/)
      assert.equal(await keepHostSecret(storage, now), secret)
      const first = await configureAddresses(storage, defaultAddresses, now)
      const second = await configureAddresses(storage, defaultAddresses, now)
      assert.deepEqual(second, first)
      const [block = ''] = await take(1, 'acme', 'datacenter-ipv6')
      assert.match(block, /^fd[0-9a-f]{2}:[0-9a-f:]+::\/56$/)
    })
  })
}
