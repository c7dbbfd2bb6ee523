/** Every route × every credential, made from the route tables: a new route is tested because it is there. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Dialect, Route } from '../src/dialects/dialect.ts'
import { vpsId } from '../src/dialects/hostup/ids.ts'
import {
  accessKey,
  credentials,
  datacenters,
  dialects,
  nics,
  projects,
  type Reply,
  secretKeys,
  servers,
  startService,
  type TestService,
} from './support/service.ts'

type Of = 'acme' | 'other'

/** What a parameter of a path is filled with: something of the account that asks, and of the other. Before the slash: what it is of. */
const values: Record<string, Record<string, Record<Of, string>>> = {
  upcloud: {
    uuid: { acme: servers.web, other: servers.foreign },
    index: { acme: '1', other: '1' },
    address: { acme: '192.0.2.10', other: '192.0.2.99' },
  },
  hostup: {
    vmid: { acme: '10000', other: '20000' },
    id: { acme: vpsId(servers.vm), other: vpsId(servers.foreignVm) },
    pos: { acme: '0', other: '0' },
  },
  scaleway: {
    zone: { acme: 'fr-par-1', other: 'fr-par-1' },
    // Filled in when there is a service: the group that each account's server came with.
    'security_groups/id': { acme: '', other: '' },
    'servers/id': { acme: servers.instance, other: servers.foreignInstance },
    'projects/id': { acme: projects.first, other: projects.foreign },
    'rules/rule': {
      acme: '11111111-2222-4333-8444-000000000001',
      other: '11111111-2222-4333-8444-000000000001',
    },
    'api-keys/key': { acme: accessKey, other: 'SCWOTHER000000000000' },
    // Nobody's: volumes come with servers that are created, images are everybody's.
    id: { acme: servers.vm, other: servers.foreignVm },
  },
  ionos: {
    datacenterId: { acme: datacenters.own, other: datacenters.foreign },
    serverId: { acme: servers.cube, other: servers.foreignCube },
    nicId: { acme: nics.cube, other: nics.foreign },
    lanId: { acme: '1', other: '1' },
    volumeId: { acme: nics.second, other: nics.second },
    // Made up: nobody has a rule, a group or a request yet.
    firewallruleId: { acme: nics.second, other: nics.second },
    ruleId: { acme: nics.second, other: nics.second },
    securityGroupId: { acme: nics.second, other: nics.second },
    requestId: { acme: nics.second, other: nics.second },
  },
  native: {
    id: { acme: servers.web, other: servers.foreign },
    // The first revision is the inventory's, which is nobody's.
    revision: { acme: '1', other: '1' },
  },
}

/** Words that only one account may ever read. */
const secrets: Record<Of, string[]> = {
  acme: [
    ...[servers.web, servers.db, servers.vm, vpsId(servers.vm), '192.0.2.20', '192.0.2.10', '192.0.2.11'],
    ...[servers.instance, '192.0.2.40', projects.first, datacenters.own, servers.cube, nics.cube],
  ],
  other: [
    ...[servers.foreign, servers.foreignVm, vpsId(servers.foreignVm), '192.0.2.98', '192.0.2.99'],
    ...[servers.foreignInstance, '192.0.2.96', projects.foreign],
    ...[datacenters.foreign, servers.foreignCube, nics.foreign, '192.0.2.97'],
  ],
}

/** Below a zone there is something for everybody. */
const namesSomething = (path: string): boolean => /:(?!zone\b)\w+/.test(path)

describe('every route with every credential', () => {
  let service: TestService
  before(async () => {
    // A wrong password with every route is more than may fail.
    service = await startService({ logins: { perSource: 10_000, inAll: 10_000 } })
    for (const [of, key] of [
      ['acme', secretKeys.right],
      ['other', secretKeys.foreign],
    ] as const) {
      const { body } = await service.call(
        'GET',
        '/instance/v1/zones/fr-par-1/security_groups',
        undefined,
        key,
      )
      const { id } = body.security_groups[0]
      const groups = values.scaleway?.['security_groups/id']
      if (groups) groups[of] = id
      secrets[of].push(id)
    }
  })
  after(() => service.close())

  function url(dialect: Dialect, route: Route, prefix: string, of: Of): string {
    return (
      prefix +
      route.path.replace(/(\w[\w-]*)\/:(\w+)/g, (_, before: string, name: string) => {
        const known = values[dialect.profile]
        const value = (known?.[`${before}/${name}`] ?? known?.[name])?.[of]
        assert.ok(value, `no value for :${name} of ${dialect.profile}: add one to this test`)
        return `${before}/${value}`
      })
    )
  }

  for (const dialect of dialects) {
    const given = (dialect.schemes as readonly string[]).includes('bearer') ? credentials : secretKeys
    for (const route of dialect.routes) {
      for (const prefix of dialect.prefixes) {
        const call = (of: Of, headers: Record<string, string>): Promise<Reply> =>
          service.call(
            route.method,
            url(dialect, route, prefix, of),
            route.method === 'GET' || route.method === 'DELETE' ? undefined : {},
            headers,
          )
        const open = route.scope === 'none'

        test(`${route.method} ${prefix}${route.path}`, async () => {
          for (const name of ['none', 'wrong', 'wrongPassword'] as const) {
            const { status } = await call('acme', given[name])
            assert.equal(status === 401, !open, `${name}: ${status}`)
          }
          const readOnly = await call('acme', given.readOnly)
          assert.equal(readOnly.status === 403, route.scope === 'write', `read only: ${readOnly.status}`)

          // Asking with the other account's credential for what is acme's.
          const foreign = await call('acme', given.foreign)
          const named = namesSomething(route.path)
          if (named && !open) assert.ok([403, 404].includes(foreign.status), `foreign: ${foreign.status}`)
          const leaked = secrets.acme.filter((word) => foreign.status < 400 && foreign.text.includes(word))
          assert.deepEqual(leaked, [], 'another account’s')

          const right = await call('acme', given.right)
          assert.ok(![401, 403].includes(right.status) && right.status < 500, `right: ${right.status}`)
          assert.deepEqual(
            secrets.other.filter((word) => right.text.includes(word)),
            [],
          )
          for (const answer of [readOnly, foreign, right]) assert.ok(answer.status < 500, answer.text)
        })
      }
    }
  }

  test('what is written with one account’s credential never reaches the other’s', async () => {
    const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
    const path = `/1.3/server/${servers.foreign}/firewall_rule`
    assert.equal((await service.call('POST', path, rule)).status, 403)
    const { body } = await service.call('GET', path, undefined, credentials.foreign)
    assert.deepEqual(body.firewall_rules.firewall_rule, [])
    const audit = await service.call('GET', '/v1/audit', undefined, credentials.foreign)
    // What it did itself is there: a project that the matrix above has made.
    assert.deepEqual(
      [...new Set(audit.body.events.map((event: { dialect: string }) => event.dialect))],
      ['scaleway'],
    )
    const leaked = secrets.acme.filter((word) => audit.text.includes(word))
    assert.deepEqual(leaked, [])
  })

  test('no secret is in the log', async () => {
    await service.call('GET', '/1.3/account?token=acme-token', undefined, credentials.password)
    const log = service.log.join('')
    assert.ok(service.log.length > 100)
    for (const secret of [
      'acme-token',
      'acme-read',
      'other-token',
      'acme:password',
      'guess',
      'Bearer',
      'Basic ',
      ...Object.values(secretKeys).flatMap((each) => ('x-auth-token' in each ? [each['x-auth-token']] : [])),
    ]) {
      assert.equal(log.includes(secret), false, secret)
    }
  })
})
