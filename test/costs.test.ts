/** What calls of the native API cost the store: as much beside hundreds of everything as beside ten, and no table whole. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { manifest as upcloud } from '../src/dialects/upcloud/manifest.ts'
import { noCredential } from '../src/service/context.ts'
import { policyRecord } from '../src/service/records.ts'
import type { Actor, Storage } from '../src/storage/storage.ts'
import { type Cost, noCost, sum, weighed } from './support/costs.ts'
import { makeOperator, operator } from './support/operator.ts'
import { startService, type TestService } from './support/service.ts'
import { engines } from './support/stores.ts'

const page = 20
const token = 'costs-token'
const own = { authorization: `Bearer ${token}` }
const acme = '7b0c6a52-6f0e-4b6e-8a7e-0d2f8f5f7c11'
const id = (kind: number, n: number) => `0c050000-000${kind}-4000-8000-${String(n).padStart(12, '0')}`
const [serverOf, nicOf, policyOf, accountOf] = [1, 2, 3, 4].map((kind) => (n: number) => id(kind, n)) as [
  (n: number) => string,
  (n: number) => string,
  (n: number) => string,
  (n: number) => string,
]

/** So many servers on a host, policies, credentials, documents and accounts, and an event of each. */
async function fill(storage: Storage, size: number): Promise<void> {
  const numbers = Array.from({ length: size }, (_, n) => n)
  const actor: Actor = { account: acme, actor: 'filler', dialect: 'native', requestId: '', at: Date.now() }
  const settings = policyRecord({ ...upcloud.chain, enabled: true }, actor.at, {
    id: '',
    account: acme,
    profile: 'native',
    name: '',
  })
  const all = numbers.flatMap((n) => [
    storage.run(
      'createPolicy',
      { policy: { ...settings, id: policyOf(n), name: `policy-${n}` }, rules: [], ids: [] },
      actor,
    ),
    storage.run(
      'createCredential',
      {
        credential: {
          ...noCredential,
          id: id(5, n),
          account: acme,
          lookup: `l${n}`,
          hash: `h${n}`,
          scopes: ['read'],
          label: `c${n}`,
        },
      },
      actor,
    ),
    storage.run(
      'putDocument',
      {
        document: {
          account: acme,
          profile: 'ionos',
          kind: 'volume',
          id: id(6, n),
          body: { name: `volume-${n}`, of: id(7, n) },
        },
      },
      actor,
    ),
    storage.run(
      'createAccount',
      {
        account: {
          id: accountOf(n),
          name: `account-${n}`,
          attributes: { contractNumber: n + 1 },
          quotas: {},
        },
        unique: [],
        documents: [],
      },
      { ...actor, account: accountOf(n) },
    ),
  ])
  for (const done of await Promise.all(all)) assert.ok(done.ok, JSON.stringify(done))
}

const inventoryOf = (size: number) =>
  JSON.stringify({
    accounts: [
      {
        ...{ id: acme, name: 'acme', credentials: [{ token, scopes: ['read', 'write'] }] },
        servers: Array.from({ length: size }, (_, n) => ({
          ...{ profile: 'native', id: serverOf(n), name: `server-${n}` },
          interfaces: [
            {
              id: nicOf(n),
              addresses: [`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`],
              host: 'local',
              device: `tap${n}`,
            },
          ],
        })),
      },
    ],
  })

interface Call {
  readonly what: string
  readonly cost: Cost
  /** By read or program. */
  readonly of: ReadonlyMap<string, Cost>
}

async function costs(engine: Storage['engine'], size: number): Promise<readonly Call[]> {
  const store = await engines[engine].create()
  let counting: Map<string, Cost> | undefined
  const tell = (of: string, cost: Cost) => counting?.set(of, sum(counting.get(of) ?? noCost, cost))
  const service: TestService = await startService({
    ...{ store, inventory: inventoryOf(size) },
    through: (storage) => weighed(storage, store.place, tell, () => counting !== undefined),
  })
  const calls: Call[] = []
  async function call(
    what: string,
    method: string,
    path: string,
    body?: object,
    headers: Record<string, string> = own,
  ) {
    counting = new Map()
    const reply = await service.call(method, path, body, headers)
    const of = counting
    counting = undefined
    assert.ok(reply.status < 300, `${what}: ${reply.status} ${reply.text}`)
    calls.push({ what, cost: [...of.values()].reduce(sum, noCost), of })
    return reply.body
  }
  /** A page in the middle, as well as the first. */
  async function list(path: string, headers: Record<string, string> = own, cursor = 'cursor') {
    const query = `${path}${path.includes('?') ? '&' : '?'}limit=${page}`
    const { next } = await call(`list ${path}`, 'GET', `/v1/${query}`, undefined, headers)
    if (next !== null && next !== undefined) {
      await call(
        `list ${path}, next page`,
        'GET',
        `/v1/${query}&${cursor}=${encodeURIComponent(next)}`,
        undefined,
        headers,
      )
    }
  }
  try {
    await fill(service.storage, size)
    await makeOperator(service.storage)
    if (engine === 'postgresql') await store.run('ANALYZE')
    const acting = { ...operator, 'on-behalf-of': 'acme' }
    for (const headers of [own, operator]) {
      for (const path of ['servers', 'policies', 'credentials', 'zones', 'projects'])
        await list(path, headers)
    }
    for (const path of [
      ...['servers?name=server-7', 'servers?host=local', `servers?account=${acme}`, 'policies?name=policy-7'],
      ...[
        'accounts',
        'accounts?name=account-7',
        'accounts?closed=true',
        'accounts?closed=false',
        `credentials?account=${acme}`,
      ],
      ...[
        'bindings',
        'bindings?host=local&device=tap7',
        `bindings?server=${serverOf(7)}`,
        'hosts/local/credentials',
      ],
    ]) {
      await list(path, operator)
    }
    for (const path of ['revisions', 'audit']) {
      await list(path, own, 'before')
      for (const filter of [
        '',
        `?account=${acme}`,
        '?actor=nobody',
        `?server=${serverOf(7)}`,
        `?policy=${policyOf(7)}`,
      ]) {
        await list(`${path}${filter}`, operator, 'before')
      }
    }
    await list('revisions?actor=filler', own, 'before')
    await list('revisions?actor=filler&operation=account.delete', own, 'before')

    await call('get a server', 'GET', `/v1/servers/${serverOf(3)}`)
    await call('get an interface', 'GET', `/v1/interfaces/${nicOf(3)}`)
    const server = await call('create a server', 'POST', '/v1/servers', {
      profile: 'native',
      name: 'new',
      interfaces: [{}],
    })
    await call('change a server', 'PATCH', `/v1/servers/${server.id}`, { name: 'newer' })
    const nic = await call('create an interface', 'POST', `/v1/servers/${server.id}/interfaces`, {})
    await call(
      'change an interface',
      'PATCH',
      `/v1/interfaces/${nic.id}`,
      { addresses: ['192.0.2.200'] },
      acting,
    )
    await call('claim a device', 'PUT', `/v1/bindings/${nic.id}`, { host: 'local', device: 'new' }, operator)
    await call('get a binding', 'GET', `/v1/bindings/${nic.id}`, undefined, operator)
    await call(
      'move to another device',
      'PUT',
      `/v1/bindings/${nic.id}`,
      { host: 'local', device: 'newer' },
      operator,
    )
    await call('release a device', 'DELETE', `/v1/bindings/${nic.id}`, undefined, operator)
    const policy = await call('create a policy', 'POST', '/v1/policies', { name: 'new' })
    const rule = { direction: 'ingress', action: 'allow', protocol: 'tcp', destinationPorts: [22] }
    await call('create a rule', 'POST', `/v1/policies/${policy.id}/rules`, rule)
    const before = await service.storage.revision()
    await call('replace rules', 'PUT', `/v1/policies/${policy.id}/rules`, {
      rules: [rule, { ...rule, action: 'deny' }],
    })
    await call('get a policy', 'GET', `/v1/policies/${policy.id}`)
    await call('change a policy', 'PATCH', `/v1/policies/${policy.id}`, { name: 'newer' })
    await call('show a difference', 'GET', `/v1/revisions/${before + 1}/diff`)
    await call('revert a policy', 'POST', `/v1/policies/${policy.id}/revert`, { to: before })
    await call('attach a policy', 'POST', `/v1/policies/${policy.id}/attachments`, { server: server.id })
    await call('list attachments', 'GET', `/v1/policies/${policy.id}/attachments`)
    await call('order policies of a server', 'PUT', `/v1/servers/${server.id}/policies`, {
      policies: [policy.id, policyOf(1)],
    })
    await call('detach a policy', 'DELETE', `/v1/policies/${policy.id}/attachments/${server.id}`)
    await call('delete a policy', 'DELETE', `/v1/policies/${policy.id}`)
    await call('delete an interface', 'DELETE', `/v1/interfaces/${nic.id}`)
    await call('delete a server', 'DELETE', `/v1/servers/${server.id}`)
    const credential = await call('create a credential', 'POST', '/v1/credentials', {
      kind: 'token',
      scopes: ['read'],
    })
    await call('get a credential', 'GET', `/v1/credentials/${credential.id}`)
    await call('change a credential', 'PATCH', `/v1/credentials/${credential.id}`, { label: 'new' })
    await call('rotate a credential', 'POST', `/v1/credentials/${credential.id}/rotate`, {})
    await call('revoke a credential', 'DELETE', `/v1/credentials/${credential.id}`)
    await call('create a credential of a host', 'POST', '/v1/hosts/local/credentials', {}, operator)
    const account = { name: 'new', contractNumber: 99_999_999 }
    const { id: made } = await call('create an account', 'POST', '/v1/accounts', account, operator)
    await call('get an account', 'GET', `/v1/accounts/${made}`, undefined, operator)
    await call('change an account', 'PATCH', `/v1/accounts/${made}`, { closed: true }, operator)
    await call('delete an account', 'DELETE', `/v1/accounts/${made}`, undefined, operator)
    const zone = { profile: 'ionos', name: 'new', location: 'de/txl' }
    const { id: there } = await call('create a zone', 'POST', '/v1/zones', zone, acting)
    await call('get a zone', 'GET', `/v1/zones/${there}`)
    await call('change a zone', 'PATCH', `/v1/zones/${there}`, { name: 'newer' })
    await call('delete a zone', 'DELETE', `/v1/zones/${there}`)
    await call('read settings', 'GET', '/v1/account')
    return calls
  } finally {
    await service.close()
    await store.remove()
  }
}

/** Filters that fit nothing and that no index is for: such a page looks at 5,000 events, and finds where to go on. */
const isWalk = (what: string): boolean => /actor=nobody|operation=account.delete/.test(what)

describe('calls of the native API', () => {
  test('read no table whole on SQLite, and as much beside hundreds as beside ten', async () => {
    const [few, many] = [await costs('sqlite', 10), await costs('sqlite', 400)]
    for (const { what, cost } of many) assert.deepEqual(cost.whole, [], what)
    const ofOne = (calls: readonly Call[]) =>
      calls
        .filter(({ what }) => !what.startsWith('list '))
        .map(({ what, cost: { statements, rows } }) => ({ what, statements, rows }))
    assert.deepEqual(ofOne(many), ofOne(few))
    assert.ok(ofOne(many).length > 35)
    for (const { what, cost } of many) assert.ok(cost.statements <= 25 && cost.rows <= 3 * page, what)
  })

  test('look at no more rows than a page and what it is about on PostgreSQL', {
    skip: engines.postgresql.skip,
  }, async () => {
    const calls = await costs('postgresql', 400)
    for (const { what, cost, of } of calls) {
      assert.ok(cost.rows < (isWalk(what) ? 10_500 : 200), `${what}: ${JSON.stringify([...of])}`)
    }
  })
})
