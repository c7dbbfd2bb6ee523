/** One suite, both engines: what the services rely on. */
import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import {
  actor,
  chainTarget,
  engines,
  group,
  inventory,
  rule,
  type TestStore,
} from '../../test/support/stores.ts'
import type { RequestError } from '../core/model/error.ts'
import { interfaceDefaults } from '../core/model/interface.ts'
import { manifest as ionos } from '../dialects/ionos/manifest.ts'
import { type Commit, effectiveState, type HostRecord, type Programs, type Storage } from './storage.ts'

const comments = async (storage: Storage, policy = 'chain-a') =>
  (await storage.rules(policy)).map((each) => each.spec.comment)
const positions = async (storage: Storage, policy = 'chain-a') =>
  (await storage.rules(policy)).map((each) => each.position)

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`storage on ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage

    beforeEach(async () => {
      store = await create()
      storage = await store.open()
      await storage.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
    })
    afterEach(async () => {
      await storage.close()
      await store.remove()
    })

    let number = 0
    const insert = (comment: string, position?: number, maxRules = 1000) =>
      storage.run(
        'insertRule',
        {
          ...chainTarget('a'),
          rule: rule(comment),
          id: `rule-${number++}`,
          maxRules,
          ...(position === undefined ? {} : { position }),
        },
        actor,
      )
    const replace = (names: readonly string[], maxRules = 1000) =>
      storage.run(
        'replaceRules',
        { ...chainTarget('a'), rules: names.map(rule), ids: names.map((n) => `id-${n}`), maxRules },
        actor,
      )

    test('insertion appends, moves others down, and clamps what is beyond the end', async () => {
      for (const [name, position] of [['a'], ['b'], ['c', 1], ['d', 2], ['e', 900]] as const) {
        const done = await insert(name, position)
        assert.ok(done.ok)
      }
      assert.deepEqual(await comments(storage), ['c', 'd', 'a', 'b', 'e'])
      assert.deepEqual(await positions(storage), [1, 2, 3, 4, 5])
      const at2 = await storage.rule('chain-a', 2)
      assert.deepEqual(at2?.spec, { comment: 'd' })
      assert.deepEqual(at2?.matches, [{ protocol: 6, destinationPorts: [{ first: 22, last: 22 }] }])
    })

    test('a zone is changed whole, on condition, and renewed by whatever happens within', async () => {
      const { id: account } = (await storage.accounts())[0] ?? { id: '' }
      const { zoneKind, interfacePolicies } = ionos
      const place = { account, profile: 'ionos', zone: 'z', zoneKind, interfacePolicies } as const
      const event = { operation: 'x', resource: 'document', id: 'z', before: null, after: null } as const
      const document = { account, profile: 'ionos', kind: 'datacenter', id: 'z', body: {} } as const
      const server = {
        ...({
          id: 's',
          account,
          profile: 'ionos',
          name: 's',
          number: null,
          zone: 'z',
          state: 'started',
        } as const),
        ...{ nextState: null, nextStateAt: null, createdAt: 1, attributes: {} },
      }
      const nic = {
        ...({
          id: 'n',
          server: 's',
          index: 1,
          mac: '02:00:00:00:00:01',
          addresses: [],
          type: 'public',
        } as const),
        ...{ ...interfaceDefaults, attributes: { firewallActive: true, firewallType: 'EGRESS' } },
      }
      const { interface: _, ...own } = { ...group('g'), interface: null }
      const policy = { ...own, interface: null, account, profile: 'ionos', zone: 'z' } as const
      const change = (ifRevision: number, rest: object = {}) =>
        storage.run('changeZone', { ...place, ifRevision, event, ...rest }, actor)
      const made = await change(0, {
        documents: { put: [document] },
        servers: { put: [server] },
        interfaces: { put: [nic] },
        policies: { put: [policy] },
        rules: [{ policy: 'n', rules: [rule('a')], ids: ['r'] }],
        attach: [{ server: 's', interface: 'n', policies: ['g'] }],
      })
      assert.ok(made.ok, JSON.stringify(made))
      const [placed] = await storage.placedInterfaces('s')
      assert.deepEqual(placed?.policies.map(({ id }) => id).sort(), ['g', 'n'])
      const firewall = await storage.policy('n')
      assert.deepEqual([firewall?.enabled, firewall?.filters], [true, ['egress']])
      assert.deepEqual(
        (await storage.rules('n')).map(({ id }) => id),
        ['r'],
      )
      // Nothing of it is done when somebody else came in between.
      const stale = await change(made.value.revision - 1, { servers: { remove: ['s'] } })
      assert.deepEqual([stale.ok, (await storage.servers({ account, zone: 'z' })).length], [false, 1])
      const within = { ...actor, dialect: 'ionos', within: { kind: 'datacenter', id: 'z' } } as const
      const target = { account, profile: 'ionos', policy: 'n' } as const
      const inserted = await storage.run(
        'insertRule',
        { ...target, rule: rule('b'), id: 'q', maxRules: 9 },
        within,
      )
      assert.ok(inserted.ok)
      const { revision = 0 } = (await storage.document('ionos', 'datacenter', 'z')) ?? {}
      assert.equal(revision, inserted.value.revision)
      const gone = { interfaces: { remove: ['n'] }, policies: { remove: ['g'] }, servers: { put: [server] } }
      assert.ok((await change(revision, gone)).ok)
      assert.deepEqual(await storage.placedInterfaces('s'), [])
      assert.deepEqual(
        [await storage.policy('n'), await storage.policy('g'), await storage.rules('n')],
        [undefined, undefined, []],
      )
    })

    test('a change of a zone touches nothing of another account or profile, and does not say that it is there', async () => {
      await storage.run('createPolicy', { policy: group('g'), rules: [rule('a')], ids: ['r'] }, actor)
      const label = {
        account: 'acme',
        profile: 'upcloud',
        kind: 'label',
        id: 'l',
        body: { of: 'acme' },
      } as const
      await storage.run('putDocument', { document: label }, actor)
      const server = await storage.server('upcloud', 'a')
      const [nic] = await storage.interfaces('a')
      assert.ok(server && nic)
      const before = await storage.revision()
      for (const theirs of [
        { account: 'other', profile: 'upcloud' },
        { account: 'acme', profile: 'ionos' },
      ]) {
        const changes: readonly (readonly [resource: string, change: object])[] = [
          ['server', { servers: { put: [{ ...server, ...theirs, name: 'taken' }] } }],
          ['server', { servers: { remove: ['a'] } }],
          ['server', { interfaces: { put: [{ ...nic, id: 'new', index: 9, host: null, device: null }] } }],
          ['server', { interfaces: { put: [{ ...nic, mac: '02:00:00:00:00:99' }] } }],
          ['server', { attach: [{ server: 'a', interface: null, policies: [] }] }],
          ['interface', { interfaces: { remove: [nic.id] } }],
          ['policy', { policies: { put: [{ ...group('g'), ...theirs, name: 'taken' }] } }],
          ['policy', { policies: { remove: ['g'] } }],
          ['policy', { rules: [{ policy: 'g', rules: [rule('b')], ids: ['q'] }] }],
          ['policy', { rules: [{ policy: 'chain-a', rules: [rule('b')], ids: ['q'] }] }],
          // Documents of different profiles are different documents.
          ...(theirs.account === 'acme'
            ? []
            : ([
                ['document', { documents: { put: [{ ...label, ...theirs, body: { of: 'other' } }] } }],
                ['document', { documents: { remove: [{ kind: 'label', id: 'l' }] } }],
              ] as const)),
        ]
        for (const [resource, change] of changes) {
          const event = { operation: 'x', resource: 'document', id: 'z', before: null, after: null } as const
          const place = { ...theirs, zone: 'z', zoneKind: 'zone', ifRevision: 0, event }
          const done = await storage.run('changeZone', { ...place, ...change }, { ...actor, ...theirs })
          const found = done.ok
            ? 'done'
            : `${done.error.kind} ${'resource' in done.error && done.error.resource}`
          assert.equal(found, `not-found ${resource}`, JSON.stringify(change))
        }
      }
      assert.equal(await storage.revision(), before)
      assert.deepEqual(await storage.server('upcloud', 'a'), server)
      assert.deepEqual(await storage.interfaces('a'), [nic])
      assert.deepEqual(await comments(storage, 'g'), ['a'])
      assert.deepEqual((await storage.document('upcloud', 'label', 'l'))?.body, { of: 'acme' })
    })

    test('deletion closes the gap; a place without a rule is not found', async () => {
      await replace(['a', 'b', 'c', 'd'])
      const remove = (position: number) => storage.run('deleteRule', { ...chainTarget('a'), position }, actor)
      assert.ok((await remove(2)).ok)
      assert.deepEqual(await comments(storage), ['a', 'c', 'd'])
      assert.deepEqual(await positions(storage), [1, 2, 3])
      const missing = await remove(4)
      assert.deepEqual(missing, { ok: false, error: { kind: 'not-found', resource: 'rule', id: '4' } })
    })

    test('replacement is whole or not at all, and limits are checked inside', async () => {
      await replace(['a', 'b'])
      const tooMany = await replace(['c', 'd', 'e'], 2)
      assert.deepEqual(tooMany, {
        ok: false,
        error: { kind: 'limit-reached', resource: 'rule', limit: 2 },
      })
      assert.deepEqual(await comments(storage), ['a', 'b'])
      const full = await insert('c', 1, 2)
      assert.equal(full.ok, false)
      assert.deepEqual(await positions(storage), [1, 2])
      const thousand = Array.from({ length: 1000 }, (_, i) => `r${i}`)
      assert.ok((await replace(thousand)).ok)
      assert.deepEqual(await comments(storage), thousand)
      assert.ok((await replace([])).ok)
      assert.deepEqual(await comments(storage), [])
    })

    test('a failed write uses no revision and leaves no audit event', async () => {
      const before = await storage.revision()
      assert.equal((await insert('a', 1, 0)).ok, false)
      assert.equal(await storage.revision(), before)
      const done = await insert('a')
      assert.ok(done.ok)
      assert.equal(done.value.revision, before + 1)
      assert.equal(await storage.revision(), before + 1)
      const [event] = (await storage.audit({ account: 'acme', limit: 1 })).items
      assert.deepEqual(
        { ...event, id: '' },
        {
          ...actor,
          revision: before + 1,
          operation: 'rule.create',
          resource: 'rule',
          id: '',
          server: 'a',
          policy: 'chain-a',
          before: null,
          after: { position: 1, comment: 'a' },
        },
      )
      assert.deepEqual(await storage.auditEvent(before + 1, { account: 'acme' }), event)
      assert.equal(await storage.auditEvent(before + 1, { account: 'other' }), undefined)
    })

    test('an engine error in one write does not touch those that share its transaction', async () => {
      const duplicate = { ...chainTarget('a'), rules: [rule('x')], ids: ['x'], maxRules: 10 }
      const broken = { ...duplicate, rules: [{ ...rule('x'), spec: undefined as never }] }
      const [first, second, third] = await Promise.allSettled([
        insert('before'),
        storage.run('replaceRules', broken, actor),
        insert('after'),
      ])
      assert.equal(first?.status, 'fulfilled')
      assert.equal(second?.status, 'rejected')
      assert.equal(third?.status, 'fulfilled')
      assert.deepEqual(await comments(storage), ['before', 'after'])
    })

    test('existence, then ownership, then state', async () => {
      const as = (target: object) =>
        storage.run(
          'insertRule',
          { ...chainTarget('a'), rule: rule('x'), id: 'x', maxRules: 10, ...target },
          actor,
        )
      const kinds = async (target: object) => {
        const done = await as(target)
        return done.ok ? 'ok' : done.error.kind
      }
      assert.equal(await kinds({ server: 'nowhere', account: 'other' }), 'not-found')
      assert.equal(await kinds({ profile: 'hostup' }), 'not-found')
      assert.equal(await kinds({ account: 'other', refuseStates: ['started'] }), 'forbidden')
      assert.equal(await kinds({ refuseStates: ['started'] }), 'conflict')
      assert.equal(await kinds({}), 'ok')
    })

    test('64 writers at once on one policy: positions dense, no update lost', async () => {
      const before = await storage.revision()
      const writers = Array.from({ length: 64 }, async (_, writer) => {
        for (let i = 0; i < 5; i++) {
          const done = await insert(`${writer}-${i}`, 1 + ((writer * 7 + i) % 40))
          assert.ok(done.ok)
          if (i === 4) {
            const gone = await storage.run('deleteRule', { ...chainTarget('a'), position: 1 }, actor)
            assert.ok(gone.ok)
          }
        }
      })
      await Promise.all(writers)
      assert.deepEqual(
        await positions(storage),
        Array.from({ length: 64 * 4 }, (_, i) => i + 1),
      )
      assert.equal(await storage.revision(), before + 64 * 6)
      // Every event has its own revision, none is missing.
      const { items: events } = await storage.audit({ account: 'acme', limit: 1000 })
      assert.deepEqual(
        events.map((event) => event.revision),
        Array.from({ length: before + 64 * 6 }, (_, i) => before + 64 * 6 - i),
      )
    })

    test('what was answered is there after closing and opening again', async () => {
      await insert('kept')
      await storage.close()
      storage = await store.open()
      assert.deepEqual(await comments(storage), ['kept'])
    })

    test('an inventory that changes nothing uses no revision; a change of it is applied', async () => {
      const before = await storage.revision()
      const same = await storage.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
      assert.deepEqual(same, { ok: true, value: { revision: before, changed: false } })
      assert.equal(await storage.revision(), before)
      await insert('kept')
      const next = inventory('a', 'b')
      const changed = {
        ...next,
        servers: next.servers.map((entry) => ({
          ...entry,
          server: { ...entry.server, name: 'renamed', state: 'stopped' },
          interfaces: entry.interfaces.map((nic) => ({ ...nic, addresses: ['192.0.2.9'] })),
        })),
      }
      const done = await storage.run('applyInventory', { inventory: changed }, actor)
      assert.ok(done.ok && done.value.changed)
      const server = await storage.server('upcloud', 'a')
      assert.equal(server?.name, 'renamed')
      assert.equal(server?.state, 'started', 'a state lives on')
      assert.deepEqual((await storage.interfaces('a'))[0]?.addresses, ['192.0.2.9'])
      assert.deepEqual(await comments(storage), ['kept'])
    })

    test('servers are changed, move through states by the clock, and go with all that is theirs', async () => {
      await insert('x')
      const target = chainTarget('a')
      const done = await storage.run(
        'updateServer',
        {
          ...target,
          change: { name: 'new', state: 'started', nextState: 'stopped', nextStateAt: actor.at + 100 },
          attributes: { plan: 'big' },
          policy: { enabled: false },
        },
        actor,
      )
      assert.ok(done.ok)
      const server = await storage.server('upcloud', 'a')
      assert.ok(server)
      assert.equal(effectiveState(server, actor.at + 99), 'started')
      assert.equal(effectiveState(server, actor.at + 100), 'stopped')
      assert.deepEqual(server.attributes, { plan: 'big' })
      assert.equal((await storage.chain('a'))?.enabled, false)
      const remove = (at: number) =>
        storage.run(
          'deleteServer',
          { ...target, requireStates: ['stopped'], documents: [] },
          { ...actor, at },
        )
      const early = await remove(actor.at)
      assert.equal(early.ok, false)
      assert.ok((await remove(actor.at + 100)).ok)
      assert.equal(await storage.serverById('a'), undefined)
      assert.equal(await storage.chain('a'), undefined)
      assert.deepEqual(await storage.rules('chain-a'), [])
      assert.deepEqual(await storage.interfaces('a'), [])
      const [event] = (await storage.audit({ account: 'acme', limit: 1 })).items
      const before = event?.before as { rules: unknown } | undefined
      assert.deepEqual(before?.rules, [{ comment: 'x' }])
    })

    test('documents change with their server, all or nothing, and their bodies are in no event', async () => {
      const { id: account } = (await storage.accounts())[0] ?? { id: '' }
      const at = { account, profile: 'scaleway' } as const
      const target = { ...at, server: 's', refuseStates: [] }
      const document = (id: string, body: object) => ({ ...at, kind: 'd', id, body: { ...body } })
      const server = {
        ...{ ...at, id: 's', name: 's', number: null, zone: 'z', state: 'stopped', createdAt: 1 },
        ...{ nextState: null, nextStateAt: null, attributes: {} },
      }
      const nothing = { interfaces: [], policies: [], attachments: [] }
      const made = await storage.run(
        'createServer',
        { server, ...nothing, documents: [document('a', { n: 1 })] },
        actor,
      )
      assert.ok(made.ok)
      const { revision: first } = made.value
      const update = (args: object) => storage.run('updateServer', { ...target, ...args }, actor)
      const bodies = async () =>
        Object.fromEntries((await storage.documents({ ...at, kind: 'd' })).map(({ id, body }) => [id, body]))

      const put = [{ ...document('a', { secret: 2 }), ifRevision: first }, document('b', { secret: 3 })]
      const second = await update({ documents: { put }, ifRevision: first })
      assert.ok(second.ok)
      assert.deepEqual(await bodies(), { a: { secret: 2 }, b: { secret: 3 } })
      for (const late of [
        { ifRevision: first, attributes: { x: 1 } },
        { attributes: { x: 1 }, documents: { put: [{ ...document('b', {}), ifRevision: first }] } },
        { attributes: { x: 1 }, documents: { put: [{ ...document('c', {}), ifRevision: first }] } },
      ]) {
        const refused = await update(late)
        assert.deepEqual(
          !refused.ok && [refused.error.kind, 'resource' in refused.error && refused.error.resource],
          [...['conflict', 'document']],
        )
      }
      assert.deepEqual((await storage.server('scaleway', 's'))?.attributes, {})
      const third = await update({ documents: { remove: [{ kind: 'd', id: 'a' }] } })
      assert.ok(third.ok)
      assert.deepEqual(await bodies(), { b: { secret: 3 } })

      const { revision: ifRevision } = second.value
      const end = (args: object) => storage.run('deleteServer', { ...target, documents: [], ...args }, actor)
      assert.equal((await end({ ifRevision })).ok, false)
      assert.equal((await end({ outlive: [{ ...document('b', {}), ifRevision: first }] })).ok, false)
      assert.ok(await storage.serverById('s'))
      assert.ok((await end({ outlive: [{ ...document('b', { free: true }), ifRevision }] })).ok)
      assert.deepEqual(await bodies(), { b: { free: true } })
      assert.ok(!JSON.stringify(await storage.audit({ account, limit: 10 })).includes('secret'))
    })

    test('what an interface is filtered by, and what changed since a revision', async () => {
      const { revision, policies, placed } = await storage.desired('local', null)
      assert.equal(revision, await storage.revision())
      assert.deepEqual(
        placed.map((each) => [each.device, each.policies.map((policy) => policy.id), each.generation]),
        [
          ['tap-a', ['chain-a'], 1],
          ['tap-b', ['chain-b'], 1],
        ],
      )
      assert.deepEqual(policies.map(({ id }) => id).sort(), ['chain-a', 'chain-b'])
      assert.deepEqual((await storage.desired('elsewhere', null)).placed, [])
      await replace(['x', 'y'])
      const changed = await storage.desired('local', revision)
      assert.equal(changed.revision, revision + 1)
      assert.deepEqual(
        changed.policies.map((policy) => [policy.id, policy.rules.length, policy.revision]),
        [['chain-a', 2, revision + 1]],
      )
      assert.deepEqual(await storage.policies(['chain-a', 'nowhere']), changed.policies)
      assert.equal((await storage.placedInterfaces('a'))[0]?.generation, revision + 1)
    })

    test('a rule is changed in its place, on condition that nobody else has written', async () => {
      await replace(['a', 'b', 'c'])
      const chain = await storage.chain('a')
      const target = { ...chainTarget('a'), ifRevision: chain?.revision ?? 0 }
      const update = (comment: string) =>
        storage.run('updateRule', { ...target, position: 2, rule: { ...rule(comment), interface: 2 } }, actor)
      const done = await update('x')
      assert.ok(done.ok)
      assert.deepEqual([done.value.rule.id, done.value.rule.position], ['id-b', 2])
      assert.deepEqual(await comments(storage), ['a', 'x', 'c'])
      assert.equal((await storage.rule('chain-a', 2))?.interface, 2)
      const late = await update('y')
      assert.equal(late.ok === false && late.error.kind, 'conflict')
      const { ifRevision: _, ...plain } = target
      const beyond = await storage.run('updateRule', { ...plain, position: 4, rule: rule('z') }, actor)
      assert.equal(beyond.ok === false && beyond.error.kind, 'not-found')
      assert.deepEqual(await positions(storage), [1, 2, 3])
    })

    test('policies by themselves are included in chains, and not deleted while they are', async () => {
      await replace(['x', 'y'])
      const chain = await storage.chain('a')
      assert.ok(chain)
      const { revision: _, ...settings } = chain
      const policy = (id: string) => ({ ...settings, id, name: id, server: null, filters: [] })
      for (const id of ['g1', 'g2']) {
        const args = { policy: policy(id), rules: [rule(`${id}-rule`)], ids: [`${id}-1`] }
        assert.ok((await storage.run('createPolicy', args, actor)).ok)
      }
      const groups = await storage.policiesBy({ account: 'acme', profile: 'upcloud' })
      assert.deepEqual(
        groups.map((group) => [group.id, group.ruleCount]),
        [
          ['g1', 1],
          ['g2', 1],
        ],
      )
      const include = (id: string | null, maxRules = 100) =>
        storage.run(
          'includePolicy',
          {
            ...chainTarget('a'),
            policy: id,
            id: `row-${id}`,
            maxRules,
            ...(id && { rule: { ...rule('row'), matches: [], include: id } }),
          },
          actor,
        )
      assert.ok((await include('g1')).ok)
      assert.deepEqual(await comments(storage), ['row', 'x', 'y'])
      assert.equal((await include('g2', 2)).ok, false, 'full')
      const members = await storage.members({ account: 'acme', profile: 'upcloud', policy: 'g1' })
      assert.deepEqual(
        members.map((member) => member.server),
        ['a'],
        'and nothing half done',
      )
      assert.ok((await include('g2')).ok)
      assert.deepEqual(await comments(storage), ['row', 'x', 'y'])
      assert.deepEqual(await positions(storage), [1, 2, 3])
      assert.equal((await storage.rule('chain-a', 1))?.include, 'g2')
      const [placed] = (await storage.desired('local', null)).placed
      assert.deepEqual(
        placed?.policies.map((each) => each.id),
        ['chain-a', 'g2'],
      )
      const mine = (id: string) => ({ account: 'acme', profile: 'upcloud', policy: id }) as const
      const busy = await storage.run('deletePolicy', mine('g2'), actor)
      assert.equal(busy.ok === false && busy.error.kind, 'conflict')
      assert.ok((await storage.run('deletePolicy', mine('g1'), actor)).ok)
      const foreign = await storage.run('updatePolicy', { ...mine('g2'), account: 'other', name: 'x' }, actor)
      assert.equal(foreign.ok === false && foreign.error.kind, 'not-found')
      const before = await storage.revision()
      const rules = { rules: [rule('p'), rule('q')], ids: ['p', 'q'] }
      assert.ok((await storage.run('updatePolicy', { ...mine('g2'), name: 'new', rules }, actor)).ok)
      const changed = await storage.desired('local', before)
      assert.deepEqual(
        changed.policies.map((each) => [each.id, each.rules.length]),
        [['g2', 2]],
      )
      assert.ok((await include(null)).ok)
      assert.deepEqual(await comments(storage), ['x', 'y'])
      assert.deepEqual(await positions(storage), [1, 2])
      assert.ok((await storage.run('deletePolicy', mine('g2'), actor)).ok)
      assert.deepEqual(await storage.rules('g2'), [])
    })

    test('rules of a policy by itself: by id, moved, on condition', async () => {
      const target = { account: 'acme', profile: 'upcloud', policy: 'g' } as const
      const four = ['a', 'b', 'c', 'd']
      const made = { policy: group('g'), rules: four.map(rule), ids: four }
      assert.ok((await storage.run('createPolicy', made, actor)).ok)
      const order = async () => {
        const rules = await storage.rules('g')
        assert.deepEqual(
          rules.map((each) => each.position),
          rules.map((_, index) => index + 1),
        )
        return rules.map((each) => `${each.id}${each.spec.comment}`).join(' ')
      }
      const update = (ruleId: string, comment: string, more: object = {}) =>
        storage.run('updateRule', { ...target, ruleId, rule: rule(comment), ...more }, actor)
      for (const [id, moveTo, want] of [
        ['a', 3, 'bb cc aA dd'],
        ['d', 1, 'dD bb cc aA'],
        ['c', 3, 'dD bb cC aA'],
        ['b', 99, 'dD cC aA bB'],
        ['b', 4, 'dD cC aA bB'],
      ] as const) {
        const done = await update(id, id.toUpperCase(), { moveTo })
        assert.ok(done.ok)
        assert.equal(done.value.rule.position, Math.min(moveTo, 4))
        assert.equal(await order(), want)
      }
      const { revision = 0, modifiedAt } = (await storage.policy('g')) ?? {}
      assert.equal(modifiedAt, actor.at)
      assert.equal((await update('a', 'x', { ifRevision: revision - 1 })).ok, false)
      assert.ok((await update('a', 'x', { ifRevision: revision })).ok)
      assert.equal((await update('z', 'x')).ok, false, 'no such rule')
      assert.equal(
        (await storage.run('deleteRule', { ...target, account: 'other', ruleId: 'a' }, actor)).ok,
        false,
      )
      assert.ok((await storage.run('deleteRule', { ...target, ruleId: 'c' }, actor)).ok)
      const inserted = { ...target, rule: rule('new'), id: 'n', maxRules: 4 }
      assert.ok((await storage.run('insertRule', { ...inserted, position: 2 }, actor)).ok)
      assert.equal((await storage.run('insertRule', { ...inserted, id: 'o' }, actor)).ok, false, 'full')
      assert.equal(await order(), 'dD nnew ax bB')
      // A chain is written by its server, which has a state.
      assert.equal(
        (await storage.run('deleteRule', { ...target, policy: 'chain-a', ruleId: 'a' }, actor)).ok,
        false,
      )
    })

    test('a default policy is made once, by whoever comes first, and there is never a second', async () => {
      const [like] = inventory('x').servers
      assert.ok(like)
      const create = (id: string, more: object) =>
        storage.run(
          'createServer',
          {
            server: { ...like.server, id },
            interfaces: [],
            policies: [],
            attachments: [],
            documents: [],
            ...more,
          },
          actor,
        )
      const attachedTo = async (server: string) =>
        (await storage.members({ account: 'acme', profile: 'upcloud', server })).map((each) => each.policy)
      const numbers = Array.from({ length: 8 }, (_, index) => index)
      const made = await Promise.all(
        numbers.map((n) =>
          create(`s${n}`, {
            attachDefault: { for: 'here', otherwise: group(`d${n}`, { defaultFor: 'here' }) },
          }),
        ),
      )
      assert.ok(made.every((each) => each.ok))
      const attached = new Set((await Promise.all(numbers.map((n) => attachedTo(`s${n}`)))).flat())
      assert.equal(attached.size, 1)
      const [first = ''] = attached
      // Another takes its place; servers keep what they have.
      const other = { policy: group('other', { defaultFor: 'here' }), rules: [], ids: [] }
      assert.ok((await storage.run('createPolicy', other, actor)).ok)
      assert.equal((await storage.policy(first))?.defaultFor, null)
      assert.ok((await create('t', { attachDefault: { for: 'here' } })).ok)
      assert.deepEqual([await attachedTo('s0'), await attachedTo('t')], [[first], ['other']])
      const target = { account: 'acme', profile: 'upcloud' } as const
      const claim = { ...target, policy: first, defaultFor: 'here' }
      assert.ok((await storage.run('updatePolicy', claim, actor)).ok)
      assert.equal((await storage.policy('other'))?.defaultFor, null)
      // Named ones, in the order given; one that is not there undoes all.
      assert.ok((await create('u', { attach: ['other', first] })).ok)
      assert.deepEqual(await attachedTo('u'), ['other', first])
      assert.equal((await create('v', { attach: ['other', 'nothing'] })).ok, false)
      assert.equal(await storage.serverById('v'), undefined)
      const move = (attach: string[]) => storage.run('updateServer', { ...chainTarget('u'), attach }, actor)
      assert.equal((await move(['nothing'])).ok, false)
      assert.ok((await move([first])).ok)
      assert.deepEqual(await attachedTo('u'), [first])
      // Deleted only when nothing has it.
      const remove = (policy: string) => storage.run('deletePolicy', { ...target, policy }, actor)
      assert.equal((await remove(first)).ok, false)
      assert.deepEqual(await attachedTo('u'), [first])
      for (const server of await storage.members({ ...target, policy: first })) {
        const taken = { ...chainTarget(server.server), attach: [] }
        assert.ok((await storage.run('updateServer', taken, actor)).ok)
      }
      assert.ok((await remove(first)).ok)
    })

    test('what is attached is judged in the order of attachment, after what the place has of its own', async () => {
      for (const id of ['p', 'q']) {
        assert.ok((await storage.run('createPolicy', { policy: group(id), rules: [], ids: [] }, actor)).ok)
      }
      for (const attach of [
        ['p', 'q'],
        ['q', 'p'],
      ]) {
        assert.ok((await storage.run('updateServer', { ...chainTarget('a'), attach }, actor)).ok)
        const [placed] = await storage.placedInterfaces('a')
        assert.deepEqual(
          placed?.policies.map(({ id }) => id),
          ['chain-a', ...attach],
        )
      }
    })

    test('what agents say is kept without a revision, and only what is behind is read', async () => {
      const usual = { appliedRevision: 1, state: 'applied', error: null, notes: [] } as const
      const record = (appliedRevision: number | null, seenAt: number) => ({
        ...{ host: 'local', target: 'fake', observe: false, desiredRevision: 1, appliedRevision },
        ...({ state: 'applied', error: null, repairs: 0, warnings: ['w'], seenAt, usual } as const),
      })
      const kept = (of: HostRecord) => ({ ...of, connection: null })
      const behind = async (of: object = {}) => {
        const { interfaces } = await storage.behind({ account: 'acme', ...of })
        return interfaces.map(({ id }) => id)
      }
      const say = (args: Partial<Programs['reportHost']['args']>) =>
        storage.run('reportHost', { host: 'local', put: [], remove: [], ...args }, actor)
      assert.deepEqual([await storage.hosts(), await behind()], [[], []])
      const before = await storage.revision()
      const failing = { ...usual, interface: 'nic-b', state: 'failing', error: 'why' } as const
      assert.ok((await say({ put: [failing] })).ok)
      assert.deepEqual(await storage.hosts(), [], 'told of when all is there')
      assert.ok((await say({ record: record(1, 5) })).ok)
      assert.ok((await say({ record: record(1, 6) })).ok)
      assert.deepEqual(await storage.hosts(), [kept(record(1, 6))])
      const elsewhere = { ...record(1, 3), host: 'elsewhere' }
      const together = (...records: HostRecord[]) => storage.run('reportHosts', { records }, actor)
      assert.ok((await together(record(null, 5), elsewhere)).ok)
      assert.deepEqual(await storage.hosts(), [kept(elsewhere), kept(record(1, 6))], 'what is older is late')
      assert.ok((await together(record(1, 7), { ...elsewhere, seenAt: 4 })).ok)
      assert.deepEqual(await storage.hosts(), [kept({ ...elsewhere, seenAt: 4 }), kept(record(1, 7))])
      assert.ok((await storage.run('forgetHosts', { except: ['local'] }, actor)).ok)
      for (const filter of [{ host: 'local' }, { server: 'b' }, { account: 'acme' }]) {
        assert.deepEqual(await storage.outcomes(filter), [{ host: 'local', ...failing }])
      }
      assert.deepEqual(await storage.outcomes({ server: 'a' }), [])
      assert.deepEqual(
        [await storage.revision(), (await storage.audit({ account: 'acme', limit: 9 })).items.length],
        [before, 1],
      )
      // Only b's has failed; then a's rules change, by themselves and through a group.
      assert.deepEqual(
        [await behind(), await behind({ server: 'a' }), await behind({ interface: 'nic-b' })],
        [['nic-b'], [], ['nic-b']],
      )
      await insert('x')
      assert.deepEqual([await behind(), await behind({ policy: 'chain-a' })], [['nic-a', 'nic-b'], ['nic-a']])
      assert.ok((await say({ record: record(before + 1, 8), remove: ['nic-b'] })).ok)
      assert.deepEqual(await behind(), [])
      assert.ok((await storage.run('createPolicy', { policy: group('p'), rules: [], ids: [] }, actor)).ok)
      assert.ok((await storage.run('updateServer', { ...chainTarget('b'), attach: ['p'] }, actor)).ok)
      assert.deepEqual(
        [await behind(), await behind({ policy: 'p' }), await behind({ interface: 'nic-a' })],
        [['nic-b'], ['nic-b'], []],
      )
      const all = await storage.behind({ account: 'other' })
      assert.deepEqual([all.hosts.length, all.interfaces], [1, []])
      assert.ok((await storage.run('forgetHosts', { except: ['local'] }, actor)).ok)
      assert.equal((await storage.hosts()).length, 1)
      assert.ok((await storage.run('forgetHosts', { except: [] }, actor)).ok)
      assert.deepEqual([await storage.hosts(), await storage.outcomes({ host: 'local' })], [[], []])
    })

    test('what one account writes does not keep another waiting', async () => {
      const thousand = Array.from({ length: 1000 }, (_, i) => `r${i}`)
      let [stopped, replaced] = [false, 0]
      const loops = Array.from({ length: 8 }, async (_, loop) => {
        for (let round = 0; !stopped; round++) {
          await replace(thousand.map((name) => `${name} ${loop} ${round}`))
          replaced++
        }
      })
      const small = (id: number) => {
        const target = { ...chainTarget('b'), rule: rule('small'), id: `small-${id}`, maxRules: 100 }
        return storage.run('insertRule', target, { ...actor, account: 'other' })
      }
      await small(0)
      const before = replaced
      for (let i = 1; i <= 10; i++) await small(i)
      // In the order of arrival it would be eight for each.
      assert.ok(replaced - before <= 25, `${replaced - before} large writes beside ten small ones`)
      stopped = true
      await Promise.all(loops)
    })

    test('history: small where little changed, read in bounds, and ended in small steps', async () => {
      const thousand = Array.from({ length: 1000 }, (_, i) => `rule number ${i} ${'x'.repeat(200)}`)
      await replace(thousand)
      await replace(thousand.with(500, 'another'))
      const account = 'acme'
      const [event] = (await storage.audit({ account, limit: 1 })).items
      assert.ok(JSON.stringify(event).length < 60_000, `${JSON.stringify(event).length} bytes`)
      assert.deepEqual(event?.after, {
        ruleCount: 1000,
        changedRules: [{ position: 501, comment: 'another' }],
      })
      assert.deepEqual([event?.server, event?.policy], ['a', 'chain-a'])
      // Bounded in bytes, but never nothing.
      for (let i = 0; i < 10; i++) await replace(i % 2 === 0 ? [] : thousand)
      const { items: large } = await storage.audit({ account, limit: 100, bytes: 500_000 })
      assert.ok(large.length >= 1 && JSON.stringify(large).length < 700_000)
      assert.equal((await storage.audit({ account, limit: 100, bytes: 1 })).items.length, 1)
      const { items: revisions } = await storage.revisions({ account, limit: 100 })
      assert.equal(revisions.length, (await storage.audit({ account, limit: 100 })).items.length)
      assert.deepEqual(Object.keys(revisions[0] ?? {}).includes('before'), false)

      const login = {
        ...({ operation: 'login.failed', resource: 'credential', id: 'jane' } as const),
        ...{ before: null, after: { source: '192.0.2.1' } },
      }
      const recorded = await storage.run('recordEvent', { event: login }, { ...actor, at: actor.at + 5 })
      assert.ok(recorded.ok)
      assert.equal(await storage.revision(), recorded.value.revision)
      assert.equal(
        (await storage.auditEvent(recorded.value.revision, { account }))?.operation,
        'login.failed',
      )
      assert.deepEqual((await storage.lastEvent(account, 'login.failed', 'jane'))?.after, login.after)
      assert.equal(await storage.lastEvent(account, 'login.failed', 'joe'), undefined)

      const prune = async (args: Partial<Programs['pruneHistory']['args']>) => {
        const wanted = { olderThan: 0, bytes: 1e12, most: 1000, ...args }
        const done = await storage.run('pruneHistory', wanted, actor)
        assert.ok(done.ok)
        return done.value.removed
      }
      const all = (await storage.revisions({ account, limit: 100 })).items.length
      assert.equal(await prune({}), 0)
      assert.equal(await prune({ olderThan: actor.at + 5, most: 2 }), 2, 'no more than is wanted at once')
      // The first of all is the inventory's too.
      assert.equal((await storage.revisions({ account, limit: 100 })).items.length, all - 2)
      let [half, removed] = [0, 0]
      do {
        removed = await prune({ bytes: 600_000 })
        half += removed
      } while (removed > 0)
      assert.ok(half > 0)
      const { items: left } = await storage.audit({ account, limit: 100 })
      assert.ok(JSON.stringify(left.map(({ before, after }) => [before, after])).length < 610_000)
      assert.equal(await prune({ bytes: 600_000 }), 0)
      assert.ok((await prune({ olderThan: actor.at + 1 })) > 0)
      assert.deepEqual(
        (await storage.revisions({ account, limit: 9 })).items.map(({ operation }) => operation),
        ['login.failed'],
      )
      await replace(['after'])
      assert.equal((await storage.audit({ account, limit: 9 })).items.length, 2)
    })

    test('a taken id of a document is a conflict to whoever makes one, and nothing of the write is done', async () => {
      const taken = { profile: 'upcloud', kind: 'd' } as const
      const document = (id: string, account = 'acme') => ({ ...taken, account, id, body: { of: account } })
      const target = { account: 'acme', profile: 'upcloud', server: 'a', refuseStates: [] } as const
      const attributes = { x: 1 }
      const made = (id: string) => ({ ...document(id), body: { overwritten: true } })
      const writes: readonly (readonly [string, (id: string) => Promise<{ readonly ok: boolean }>])[] = [
        [
          'createServer',
          (id) => {
            const [listed] = inventory('new').servers
            assert.ok(listed)
            const parts = { ...listed, interfaces: [], policies: [], attachments: [] }
            return storage.run('createServer', { ...parts, documents: [made(id)] }, actor)
          },
        ],
        [
          'updateServer',
          (id) =>
            storage.run('updateServer', { ...target, attributes, documents: { put: [made(id)] } }, actor),
        ],
        [
          'changeAddresses',
          (id) => {
            const { account: _, profile: __, ...put } = made(id)
            const change = { operation: 'x', id, documents: { put: [put] } }
            const servers = [{ server: 'a', attributes }]
            const args = { ...taken, account: 'acme', ...change, serverAttributes: servers }
            return storage.run('changeAddresses', args, actor)
          },
        ],
        [
          'deleteServer',
          (id) => storage.run('deleteServer', { ...target, documents: [], outlive: [made(id)] }, actor),
        ],
      ]
      // One of its own, one of another account, and one of another account that its inventory names no longer.
      for (const each of [document('own'), document('foreign', 'other')]) {
        assert.ok((await storage.run('putDocument', { document: each }, actor)).ok)
      }
      const named = { ...inventory('a'), documents: [{ ...document('left', 'other'), initial: {} }] }
      assert.ok((await storage.run('applyInventory', { inventory: named }, actor)).ok)
      assert.ok((await storage.run('applyInventory', { inventory: inventory('a') }, actor)).ok)
      assert.equal(await storage.document('upcloud', 'd', 'left'), undefined)
      const puts = async (id: string) => storage.run('putDocument', { document: made(id) }, actor)
      const revision = await storage.revision()
      for (const id of ['own', 'foreign', 'left']) {
        for (const [name, write] of writes) {
          const done = await write(id)
          assert.ok(!done.ok, `${name} ${id}`)
          const { error } = done as unknown as { error: RequestError }
          assert.deepEqual(
            [error.kind, 'resource' in error && error.resource],
            ['conflict', 'document'],
            name,
          )
        }
      }
      assert.equal((await puts('left')).ok, false)
      assert.equal(await storage.revision(), revision)
      assert.deepEqual((await storage.server('upcloud', 'a'))?.attributes, {})
      assert.equal(await storage.server('upcloud', 'new'), undefined)
      assert.ok((await storage.run('applyInventory', { inventory: named }, actor)).ok)
      for (const [id, account] of [
        ['own', 'acme'],
        ['foreign', 'other'],
        ['left', 'other'],
      ] as const) {
        assert.deepEqual((await storage.document('upcloud', 'd', id))?.body, { of: account }, id)
      }
      for (const [name, write] of writes) {
        const done = await write(`free-${name.toLowerCase()}`)
        assert.ok(done.ok, `${name}: ${JSON.stringify(done)}`)
      }
    })

    test('documents and sequences', async () => {
      const document = {
        account: 'acme',
        profile: 'upcloud',
        kind: 'storage',
        id: 's',
        body: { size: 10 },
      } as const
      assert.ok((await storage.run('putDocument', { document }, actor)).ok)
      const revision = await storage.revision()
      assert.deepEqual(await storage.document('upcloud', 'storage', 's'), { ...document, revision })
      for (const [ifRevision, want] of [
        [0, false],
        [revision - 1, false],
        [revision, true],
      ] as const) {
        assert.equal((await storage.run('putDocument', { document, ifRevision }, actor)).ok, want)
      }
      const foreign = await storage.run('putDocument', { document: { ...document, account: 'other' } }, actor)
      assert.equal(foreign.ok, false)
      assert.ok((await storage.run('deleteDocument', { ...document }, actor)).ok)
      assert.equal(await storage.document('upcloud', 'storage', 's'), undefined)
    })

    test('listeners hear of every commit, after it can be read, and not of failures', async () => {
      const heard: Commit[] = []
      const seen: Promise<readonly unknown[]>[] = []
      const stop = storage.onCommit((commit) => {
        heard.push(commit)
        seen.push(comments(storage))
      })
      await insert('a', 1, 0)
      await insert('a')
      assert.deepEqual(heard, [{ revision: await storage.revision(), topics: ['rules'] }])
      assert.deepEqual(await seen[0], ['a'])
      stop()
      await insert('b')
      assert.equal(heard.length, 1)
      await storage.check()
    })
  })
}

describe('sqlite', () => {
  let store: TestStore
  before(async () => {
    store = await engines.sqlite.create()
  })
  after(() => store.remove())

  test('a second process is refused, and the directory is free again after closing', async () => {
    const storage = await store.open()
    await assert.rejects(store.open(), /another process uses/)
    await storage.close()
    await (await store.open()).close()
  })
})

describe('postgresql', { skip: engines.postgresql.skip }, () => {
  test('two processes share a database: each hears of the other, and writes of both are kept', async () => {
    const store = await engines.postgresql.create()
    const [one, two] = await Promise.all([store.open(), store.open()])
    try {
      await one.run('applyInventory', { inventory: inventory('a') }, actor)
      const heard = new Promise<Commit>((resolve) => {
        // One that begins to listen only now is told of everything at once.
        two.onCommit((commit) => commit.revision === 2 && resolve(commit))
      })
      const insert = (storage: Storage, id: string) =>
        storage.run('insertRule', { ...chainTarget('a'), rule: rule(id), id, maxRules: 1000 }, actor)
      await insert(one, 'first')
      assert.ok((await heard).topics.includes('rules'))
      await Promise.all(
        Array.from({ length: 50 }, (_, i) => [insert(one, `a${i}`), insert(two, `b${i}`)]).flat(),
      )
      assert.deepEqual(
        await positions(one),
        Array.from({ length: 101 }, (_, i) => i + 1),
      )
    } finally {
      await Promise.all([one.close(), two.close()])
      await store.remove()
    }
  })
})
