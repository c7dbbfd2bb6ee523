/** Every program that writes rules or settings can be led back from, and what a policy was comes back by a revert. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { contextOf } from '../../test/support/context.ts'
import { actor, chainTarget, engines, group, inventory, rule } from '../../test/support/stores.ts'
import { type Interface, interfaceDefaults } from '../core/model/interface.ts'
import type { PolicySettings } from '../core/model/policy.ts'
import { manifest as ionos } from '../dialects/ionos/manifest.ts'
import { manifest as native, usual } from '../dialects/native/manifest.ts'
import { manifest as upcloud } from '../dialects/upcloud/manifest.ts'
import type { NewRule, PolicyRecord, RuleRecord, Storage } from '../storage/storage.ts'
import { policyAt } from './policy-past.ts'
import { createRevertService } from './revert.ts'

const account = 'acme'
const zone = { account, profile: 'ionos', kind: 'datacenter', id: 'z', body: {} } as const
const ids = ['chain-a', 'chain-b', 'chain-c', 'g', 'h', 'n', 'm', 'p', 'q'] as const

/** Everything of a policy that a revert brings back, and whether its interface says the same. */
async function stateOf(storage: Storage, id: string) {
  const policy = await storage.policy(id)
  return policy ? shown(policy, await storage.rules(id)) : null
}
/** Settings are all that is none of these. */
function shown(policy: PolicySettings, rules: readonly RuleRecord[]) {
  const { id: _, account: __, profile, name, server, zone, defaultFor, ...rest } = policy as PolicyRecord
  const { interface: ___, createdAt, modifiedAt, attributes, revision, ...settings } = rest
  return { settings, rules }
}

const pick = <T>(list: readonly T[], n: number): T => list[n % list.length] as T

/** What may happen; `a`, `b` and `c` choose. Refusals are part of it. */
const happenings = (storage: Storage) => {
  let made = 0
  const fresh = (a: number): NewRule => ({
    ...rule(`rule ${made++}`),
    ...{ action: pick(['allow', 'deny', 'reject'] as const, a), enabled: a % 3 > 0 },
    ...(a % 5 === 0 && { log: 'info' as const }),
    ...(a % 7 === 0 && { interface: 1 }),
  })
  const newId = () => `rule-${made++}`
  const target = (a: number) => {
    const id = pick(['chain-a', 'chain-b', 'g', 'h', 'n', 'm', 'p', 'q'] as const, a)
    if (id === 'chain-a' || id === 'chain-b') return { id, target: chainTarget(id.slice(-1)) }
    const profile = id === 'n' || id === 'm' ? 'ionos' : id === 'p' || id === 'q' ? 'native' : 'upcloud'
    return { id, target: { account, profile, policy: id } }
  }
  const some = async (a: number, b: number) => {
    const found = target(a)
    const rules = await storage.rules(found.id)
    return { ...found, rules, at: rules.length === 0 ? 1 : 1 + (b % (rules.length + 1)) }
  }
  const including = (policy: string): NewRule => ({ ...rule('include'), matches: [], include: policy })
  const zoned = async (change: object) => {
    const ifRevision = (await storage.document('ionos', 'datacenter', 'z'))?.revision ?? 0
    const { zoneKind, interfacePolicies } = ionos
    const event = { operation: 'x', resource: 'document', id: 'z', before: null, after: null } as const
    const place = { account, profile: 'ionos', zone: 'z', zoneKind, interfacePolicies, ifRevision, event }
    return storage.run('changeZone', { ...place, ...change }, { ...actor, dialect: 'ionos' })
  }
  const nic = (id: 'n' | 'm', a: number): Interface => ({
    ...{ ...interfaceDefaults, id, server: 's', index: id === 'n' ? 1 : 2, mac: '02:00:00:00:00:01' },
    ...{ addresses: [], type: 'public' },
    attributes: {
      firewallActive: a % 2 === 0,
      firewallType: pick(['INGRESS', 'EGRESS', 'BIDIRECTIONAL'], a),
    },
  })
  const server = {
    ...{ id: 's', account, profile: 'ionos', name: 's', number: null, zone: 'z', state: 'started' },
    ...{ nextState: null, nextStateAt: null, createdAt: 1, attributes: {} },
  }
  const steps: Record<string, (a: number, b: number, c: number) => Promise<unknown>> = {
    insert: async (a, b, c) => {
      const { target, at } = await some(a, b)
      return storage.run(
        'insertRule',
        { ...target, rule: fresh(c), id: newId(), position: at, maxRules: 1000 },
        actor,
      )
    },
    replace: async (a, b, c) => {
      const { target, rules } = await some(a, b)
      const kept = rules.filter((_, i) => (i + b) % 4 > 0)
      const list = c % 2 === 0 ? kept.toReversed() : kept
      const wanted = [...list.slice(0, c), fresh(b), ...list.slice(c)]
      const named = wanted.map((each) => ('id' in each && c % 3 > 0 ? String(each.id) : newId()))
      return storage.run('replaceRules', { ...target, rules: wanted, ids: named, maxRules: 1000 }, actor)
    },
    clear: async (a) =>
      storage.run('replaceRules', { ...target(a).target, rules: [], ids: [], maxRules: 9 }, actor),
    update: async (a, b, c) => {
      const { target, at } = await some(a, b)
      const move = c % 2 === 0 ? {} : { moveTo: 1 + (c % 7) }
      return storage.run('updateRule', { ...target, position: at, rule: fresh(c), ...move }, actor)
    },
    move: async (a, b, c) => {
      const { target, rules, at } = await some(a, b)
      const { id, position: _, ...same } = rules[at - 1] ?? { ...fresh(a), id: '', position: 0 }
      return storage.run('updateRule', { ...target, ruleId: id, rule: same, moveTo: 1 + (c % 9) }, actor)
    },
    remove: async (a, b) => {
      const { target, at } = await some(a, b)
      return storage.run('deleteRule', { ...target, position: at }, actor)
    },
    create: async (a, b) => {
      const policy = group(pick(['g', 'h'], a))
      if (await storage.policy(policy.id)) return
      return storage.run(
        'createPolicy',
        { policy, rules: [fresh(a), fresh(b)], ids: [newId(), newId()] },
        actor,
      )
    },
    deletePolicy: (a) =>
      storage.run('deletePolicy', { account, profile: 'upcloud', policy: pick(['g', 'h'], a) }, actor),
    updatePolicy: (a, b, c) =>
      storage.run(
        'updatePolicy',
        {
          ...{ account, profile: 'upcloud', policy: pick(['g', 'h'], a), name: `name ${c}` },
          ...(b % 3 > 0 && { settings: { defaultIngress: pick(['allow', 'deny', 'reject'] as const, b) } }),
          ...(c % 2 === 0 && { rules: { rules: [fresh(a), fresh(c)], ids: [newId(), newId()] } }),
        },
        actor,
      ),
    createNative: async (a, b, c) => {
      const id = pick(['p', 'q'], a)
      if (await storage.policy(id)) return
      const { closes: _, ...open } = usual
      const settings = c % 4 === 0 ? open : { ...usual, ...(b % 2 === 0 && { logAllowed: 'info' as const }) }
      const policy = group(id, {
        profile: 'native',
        ...settings,
        attributes: { description: '', labels: {} },
      })
      return storage.run(
        'createPolicy',
        { policy, rules: [fresh(a), fresh(b)], ids: [newId(), newId()] },
        actor,
      )
    },
    updateNative: (a, b, c) =>
      storage.run(
        'updatePolicy',
        {
          ...{ account, profile: 'native', policy: pick(['p', 'q'], a), name: `name ${c}` },
          attributes: { description: `text ${b}`, labels: { a: `${c}` } },
          settings: {
            ...{ enabled: a % 3 > 0, stateful: b % 2 === 0 },
            filters: pick([['ingress', 'egress'], ['egress'], []] as const, c),
            defaultIngress: pick(['allow', 'deny', 'reject'] as const, b),
            defaultEgress: pick(['reject', 'deny', 'allow'] as const, c),
            ...(c % 5 === 0 && { closes: true as const }),
          },
          choices: { cutFlows: pick(['never', 'revoked', null] as const, c) },
        },
        actor,
      ),
    deleteNative: (a) =>
      storage.run('deletePolicy', { account, profile: 'native', policy: pick(['p', 'q'], a) }, actor),
    choose: (a, b, c) =>
      storage.run(
        'choosePolicy',
        {
          ...{ account, policy: pick(ids, a) },
          change: {
            cutFlows: pick(['never', 'revoked', null] as const, b),
            logAllowed: pick(['info', null] as const, c),
            log: {
              ingress: pick(['debug', null] as const, b),
              egress: pick(['alert', null] as const, a + c),
            },
          },
        },
        actor,
      ),
    chooseAccount: (a) =>
      storage.run('chooseAccount', { account, cutFlows: pick(['never', 'revoked'] as const, a) }, actor),
    updateServer: (a, b, c) =>
      storage.run(
        'updateServer',
        {
          ...chainTarget(pick(['a', 'b', 'c'], a)),
          policy: {
            ...{ enabled: b % 2 === 0, defaultEgress: pick(['allow', 'deny'] as const, c) },
            ...(c % 3 === 0 && { guards: { dhcp: b % 2 === 0 } }),
          },
        },
        actor,
      ),
    include: (a, b) => {
      const policy = pick(['g', 'h', null], b)
      const chain = { ...chainTarget(pick(['a', 'b'], a)), policy, id: newId(), maxRules: 1000 }
      return storage.run('includePolicy', { ...chain, ...(policy && { rule: including(policy) }) }, actor)
    },
    createServer: (a) =>
      storage.run(
        'createServer',
        {
          server: { ...server, id: 'c', profile: 'upcloud', zone: 'fi-hel1' },
          interfaces: [],
          policies: [{ ...group('chain-c'), server: 'c', enabled: a % 2 === 0 }],
          attachments: [{ policy: 'chain-c', server: 'c', interface: null }],
          documents: [],
        },
        actor,
      ),
    deleteServer: () => storage.run('deleteServer', { ...chainTarget('c'), documents: [] }, actor),
    zone: (a, b, c) =>
      zoned({
        ...{ documents: { put: [zone] }, servers: { put: [server] } },
        interfaces: {
          ...(c % 4 < 3 && { put: [nic('n', a), ...(b % 2 === 0 ? [nic('m', b)] : [])] }),
          ...(c % 4 === 3 && { remove: [pick(['n', 'm'], a)] }),
        },
        ...(c % 4 === 0 && {
          rules: [{ policy: 'n', rules: [fresh(a), fresh(b)], ids: [newId(), newId()] }],
        }),
      }),
    endZone: (a) => (a % 3 === 0 ? zoned({ servers: { remove: ['s'] } }) : Promise.resolve()),
    inventory: (a, b) => {
      const records = inventory('a', ...(b % 4 > 0 ? ['b'] : []))
      const servers = records.servers.map((each) => ({
        ...each,
        ...{ enabled: a % 2 === 0, choices: { logAllowed: pick(['info', 'debug', null] as const, a) } },
      }))
      return storage.run('applyInventory', { inventory: { ...records, servers } }, actor)
    },
  }
  return steps
}

const history = fc.array(fc.tuple(fc.nat(1000), fc.nat(30), fc.nat(30), fc.nat(30)), {
  minLength: 30,
  maxLength: 60,
})
const goals = fc.array(fc.tuple(fc.nat(1000), fc.nat(1000)), { minLength: 6, maxLength: 12 })

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`policies of the past, on ${engine}`, { skip }, () => {
    test('each state is found again, and a revert brings it back', async () => {
      const did = new Map<string, number>()
      await fc.assert(
        fc.asyncProperty(history, goals, async (steps, wanted) => {
          const store = await create()
          const storage = await store.open()
          try {
            await storage.run('applyInventory', { inventory: inventory('a', 'b') }, actor)
            const known = new Map<number, Map<string, Awaited<ReturnType<typeof stateOf>>>>()
            const note = async () => {
              const now = new Map<string, Awaited<ReturnType<typeof stateOf>>>()
              for (const id of ids) now.set(id, await stateOf(storage, id))
              known.set(await storage.revision(), now)
            }
            const seek = async () => {
              const revisions = [...known.keys()].sort((x, y) => y - x)
              for (const id of ids) {
                const found = await policyAt(storage, account, id, revisions)
                assert.ok(found.ok)
                for (const [i, state] of found.value.states.entries()) {
                  const was = known.get(revisions[i] as number)?.get(id)
                  assert.deepEqual(
                    state && shown(state.settings, state.rules),
                    was,
                    `${id} at ${revisions[i]}`,
                  )
                }
              }
            }
            await note()
            const happening = happenings(storage)
            const names = Object.keys(happening)
            for (const [which, a, b, c] of [
              [names.indexOf('create'), 0, 1, 2],
              [names.indexOf('zone'), 0, 2, 0],
              [names.indexOf('createNative'), 0, 1, 4],
              [names.indexOf('updateNative'), 1, 2, 5],
              [names.indexOf('updateNative'), 0, 1, 3],
              ...steps,
            ] as const) {
              const name = pick(names, which)
              const before = await storage.revision()
              await happening[name]?.(a, b, c)
              if ((await storage.revision()) > before) did.set(name, (did.get(name) ?? 0) + 1)
              await note()
            }
            await seek()
            const { revert } = createRevertService(storage, [upcloud, ionos, native])
            for (const [x, y] of wanted) {
              const id = pick(ids, x)
              const to = pick([...known.keys()], y)
              const then = known.get(to)?.get(id)
              const before = await stateOf(storage, id)
              const dry = await revert(contextOf(account), id, { to, dryRun: true })
              assert.deepEqual(await stateOf(storage, id), before)
              const done = await revert(contextOf(account), id, { to })
              assert.deepEqual(done.ok, dry.ok)
              if (done.ok) {
                did.set('revert', (did.get('revert') ?? 0) + 1)
                if (id === 'p' || id === 'q') did.set('native', (did.get('native') ?? 0) + 1)
                assert.ok(then)
                assert.deepEqual(await stateOf(storage, id), then)
                const interfaces = await storage.interfaces('s')
                const own = interfaces.find((each) => each.id === id)
                if (own) {
                  const { firewallActive, firewallType } = own.attributes
                  const filters = ionos.interfacePolicies.filtersBy.values[firewallType as 'INGRESS']
                  assert.deepEqual([firewallActive, filters], [then.settings.enabled, then.settings.filters])
                }
              } else {
                const names = then?.rules.flatMap(({ include = [] }) => include) ?? []
                const gone = (await Promise.all(names.map((name) => storage.policy(name)))).includes(
                  undefined,
                )
                const lost = then?.rules.some((each) => each.interface !== undefined)
                assert.ok(!before || !then || gone || lost, `${id} to ${to}: ${JSON.stringify(done.error)}`)
                assert.deepEqual(await stateOf(storage, id), before)
              }
              await note()
            }
            await seek()
          } finally {
            await storage.close()
            await store.remove()
          }
        }),
        { numRuns: engine === 'sqlite' ? 8 : 3, endOnFailure: true },
      )
      for (const name of ['revert', 'native', 'createNative', 'updateNative'])
        assert.ok((did.get(name) ?? 0) > 0, name)
    })
  })
}
