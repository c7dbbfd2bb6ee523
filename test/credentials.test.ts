/** Every route × every credential, made from the route tables: a new route is tested because it is there. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { Whose } from '../src/dialects/conformance.ts'
import { drivers } from '../src/dialects/conformance-drivers.ts'
import {
  bodyOf,
  conformanceInventory,
  type Filled,
  fillBoth,
  parametersOf,
  pathWith,
} from './support/conformance.ts'
import {
  credentials,
  dialects,
  onBothStores,
  type Reply,
  secretKeys,
  type TestService,
} from './support/service.ts'

/** Below a zone there is something for everybody; what a catalogue lists is everybody's. */
const namesSomething = (path: string): boolean =>
  /:(?!zone\b)\w+/.test(path) &&
  !/\/(images|local-images)\/:id$|\/:(imageId|templateId|location|region|number)$/.test(path)

/** Ids and addresses that the inventory names, by account. */
const named = (whose: Whose): string[] =>
  Object.values(drivers).flatMap(
    ({ inventory }) => JSON.stringify(inventory[whose]).match(/[0-9a-f-]{36}|(\d+\.){3}\d+/g) ?? [],
  )

onBothStores('every route with every credential', (start) => {
  let service: TestService
  let filled: Filled
  /** Words that only one account may ever read. */
  const secrets: Record<Whose, string[]> = { own: named('own'), foreign: named('foreign') }
  before(async () => {
    // A wrong password with every route is more than may fail.
    const logins = { perSource: 10_000, inAll: 10_000 }
    service = await start({ logins, inventory: conformanceInventory })
    filled = await fillBoth(service)
    for (const { profile } of dialects) {
      for (const whose of ['own', 'foreign'] as const) {
        const everybodys = Object.values(filled(profile, whose === 'own' ? 'foreign' : 'own'))
        const ids = Object.values(filled(profile, whose)).filter((id) => !everybodys.includes(id))
        secrets[whose].push(...ids.filter((id) => /^([0-9a-f-]{36}|vps_\w+|(\d+\.){3}\d+)$/.test(id)))
      }
    }
  })
  after(() => service.close())

  const all = dialects.flatMap((dialect) => {
    const given = (dialect.schemes as readonly string[]).includes('bearer') ? credentials : secretKeys
    return dialect.routes.flatMap((route) =>
      dialect.prefixes.map((prefix) => {
        const parameters = parametersOf(route)
        /** `of`: whose the parameter with this number is. */
        const call = (of: (index: number) => Whose, headers: Record<string, string>): Promise<Reply> => {
          const values = parameters.map(({ valueIn }, index) => valueIn(filled(dialect.profile, of(index))))
          return service.call(route.method, prefix + pathWith(route, values), bodyOf(dialect, route), headers)
        }
        return { dialect, route, prefix, given, call, parameters }
      }),
    )
  })
  const owns = (): Whose => 'own'

  // All of these before anything is changed by those who may: everything that is named exists.
  for (const { dialect, route, prefix, given, call, parameters } of all) {
    test(`${route.method} ${prefix}${route.path}, by who may not`, async () => {
      const open = route.scope === 'none'
      for (const name of ['none', 'wrong', 'wrongPassword'] as const) {
        const { status } = await call(owns, given[name])
        assert.equal(status === 401, !open, `${name}: ${status}`)
      }
      const readOnly = await call(owns, given.readOnly)
      const unread = ['write', 'operator'].includes(route.scope)
      assert.equal(readOnly.status === 403, unread, `read only: ${readOnly.status}`)
      const tenants = route.scope !== 'operator'
      if (!tenants) assert.equal((await call(owns, given.right)).status, 403, 'a tenant’s')
      // What the path names is there.
      if (route.method === 'GET' && tenants) assert.equal((await call(owns, given.right)).status, 200)

      // Another account’s is answered as what does not exist, but where a gap of the dialect says another status.
      const { told = {} } = drivers[dialect.profile]
      const refused = [404, ...parameters.flatMap(({ key }) => told[key]?.status ?? [])]
      if (namesSomething(route.path) && !open && tenants) {
        const before = await service.storage.revision()
        const foreign = await call(owns, given.foreign)
        assert.ok(refused.includes(foreign.status), `foreign: ${foreign.status} ${foreign.text}`)
        // Below something of one's own; numbers and keys are everybody's.
        const params = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => name)
        const numbered = ['index', 'pos', 'lanId', 'key'].includes(params.at(-1) ?? '')
        if (params.filter((name) => name !== 'zone').length > 1 && !numbered) {
          const mixed = await call(
            (index) => (index === params.length - 1 ? 'own' : 'foreign'),
            given.foreign,
          )
          assert.ok(refused.includes(mixed.status), `mixed: ${mixed.status} ${mixed.text}`)
        }
        assert.equal(await service.storage.revision(), before, 'something is changed')
      } else if (route.method === 'GET') {
        const foreign = await call(owns, given.foreign)
        const leaked = secrets.own.filter((word) => foreign.text.includes(word))
        assert.deepEqual(leaked, [], 'another account’s')
      }
    })
  }

  for (const { route, prefix, given, call } of all) {
    if (route.scope === 'operator') continue
    test(`${route.method} ${prefix}${route.path}, by who may`, async () => {
      const right = await call(owns, given.right)
      assert.ok(![401, 403].includes(right.status) && right.status < 500, `right: ${right.status}`)
      const leaked = secrets.foreign.filter((word) => right.text.includes(word))
      assert.deepEqual(leaked, [])
    })
  }

  test('what is written with one account’s credential never reaches the other’s', async () => {
    const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
    const path = `/1.3/server/${filled('upcloud', 'foreign')['server/uuid']}/firewall_rule`
    assert.equal((await service.call('POST', path, rule)).status, 403)
    const { body } = await service.call('GET', path, undefined, credentials.foreign)
    assert.equal(body.firewall_rules.firewall_rule.length, 1, 'its own')
    const audit = await service.call('GET', '/v1/audit', undefined, credentials.foreign)
    assert.ok(audit.body.events.length > 5)
    const leaked = secrets.own.filter((word) => audit.text.includes(word))
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
