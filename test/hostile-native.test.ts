/**
 * Input made to hurt for what the native API has of its own, over all of its routes: bodies of policies, rules, attachments,
 * credentials and undoings, field by field; ids in paths; parameters of queries. Each answer is a problem of 4xx that names
 * what is wrong, and changes nothing, or a success that leaves the store sound.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TSchema } from 'typebox'
import type { Route } from '../src/dialects/dialect.ts'
import {
  bodyOf,
  conformanceInventory,
  type Filled,
  fillBoth,
  parametersOf,
  pathWith,
} from './support/conformance.ts'
import { makeOperator, operator } from './support/operator.ts'
import { dialects, onBothStores, type Reply, type TestService } from './support/service.ts'
import { assertSound } from './support/whole.ts'

const odd: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    2 ** 53,
    '',
    'x'.repeat(70_000),
    '\0',
    '\ud800',
    'a\udfffb',
    '..',
    '%',
    '\\',
  ],
  ...[[], {}, [null], [{}], ['\ud800'], { '\ud800': '\ud800' }, { '\0': '\0' }, ['a', 'a']],
  ...[Array(2000).fill('a'), JSON.parse('{"__proto__":{"a":1}}'), '2026-02-31T00:00:00Z'],
]
/** What is said of a body that is not even looked at by its fields. */
const unread = new Set(['urn:portcullis:problem:malformed', 'urn:portcullis:problem:protocol'])

onBothStores('hostile input for the native API', (start) => {
  const native = dialects.find(({ profile }) => profile === 'native') ?? assert.fail()
  let service: TestService
  let filled: Filled
  before(async () => {
    service = await start({ inventory: conformanceInventory })
    await makeOperator(service.storage)
    filled = await fillBoth(service)
  })
  after(async () => {
    await assertSound(service.place).finally(() => service.close())
  })

  const own = (route: Route) => parametersOf(route).map(({ valueIn }) => valueIn(filled('native', 'own')))
  const allowed = ({ scope }: Route) =>
    scope === 'operator' ? operator : { authorization: 'Bearer acme-token' }
  const fine = ({ status, text, body }: Reply, what: string) => {
    assert.ok(status < 500, `${what}: ${status} ${text.slice(0, 300)}`)
    if (status < 400) return
    assert.equal(body?.status, status, `${what}: ${text.slice(0, 300)}`)
    assert.ok(text.length < 4000, `${what}: ${text.length} characters`)
    if (status === 400 && !unread.has(body.type)) assert.ok(body.field, `${what}: ${text}`)
  }

  // What is managed has a test of its own.
  const managed = /account|project|zone|binding|inventory|^(create|update)(server|interface)$/i
  for (const route of native.routes) {
    const { method, path, operation, schema } = route
    if (schema?.body === undefined || managed.test(operation)) continue
    test(`${method} ${path}: every field with everything that it is not`, async () => {
      const right = bodyOf(native, route) as Readonly<Record<string, unknown>>
      const { properties = {} } = schema.body as { readonly properties?: object }
      const at = `/v1${pathWith(route, own(route))}`
      for (const field of [...Object.keys(properties), '__proto__', '\ud800', '']) {
        const others = JSON.stringify({ ...right, [field]: undefined }).slice(1, -1)
        await Promise.all(
          odd.map(async (value) => {
            const member = `${JSON.stringify(field)}:${JSON.stringify(value)}`
            const sent = `{${others === '' ? '' : `${others},`}${member}}`
            const headers = { ...allowed(route), 'content-type': 'application/json' }
            fine(await service.raw(method, at, sent, headers), `${method} ${at} ${sent.slice(0, 300)}`)
          }),
        )
      }
    })
  }

  test('ids that nobody has, in every place of every path', async () => {
    const ids = [
      '%00',
      '%ff',
      '__proto__',
      'x'.repeat(300),
      '%ed%a0%80',
      '%25',
      "'%20or%201=1",
      '%5c',
      '%2F',
      '😀',
    ]
    for (const route of native.routes) {
      const values = own(route)
      // A host is whoever is called so.
      if (/\/hosts\/:host/.test(route.path)) continue
      for (const place of values.keys()) {
        const revision = await service.storage.revision()
        await Promise.all(
          ids.map(async (id) => {
            const path = `/v1${pathWith(route, values.with(place, id))}`
            const answer = await service.call(route.method, path, bodyOf(native, route), allowed(route))
            fine(answer, `${route.method} ${path}`)
            assert.ok(answer.status >= 400, `${route.method} ${path}: ${answer.text}`)
          }),
        )
        assert.equal(await service.storage.revision(), revision, route.operation)
      }
    }
  })

  const parameters = (schema: TSchema | undefined) =>
    Object.keys((schema as { readonly properties?: object } | undefined)?.properties ?? {})
  test('parameters of every query: what is misspelled, twice or odd is refused by its name', async () => {
    const texts = [
      '',
      '%00',
      '%ff',
      '%ed%a0%80',
      'x'.repeat(5000),
      '-1',
      '0',
      '1e9',
      '9'.repeat(20),
      '275760-09-13T00:00:00Z',
    ]
    for (const route of native.routes.filter(({ schema }) => schema?.query !== undefined)) {
      const path = `/v1${pathWith(route, own(route))}`
      const call = (query: string) =>
        service.call(route.method, `${path}?${query}`, bodyOf(native, route), operator)
      const known = parameters(route.schema?.query)
      const [first = ''] = known
      const wrong = [
        ...['lmit', '__proto__', '%00'].map((name) => [name, `${name}=1`]),
        [first, `${first}=true&${first}=true`],
      ]
      for (const [name = '', query = ''] of wrong) {
        const answer = await call(query)
        assert.deepEqual(
          [answer.status, answer.body.field],
          [400, decodeURIComponent(name)],
          `${path}?${query}`,
        )
      }
      await Promise.all(
        known.flatMap((name) =>
          texts.map(async (text) => fine(await call(`${name}=${text}`), `${path}?${name}=${text}`)),
        ),
      )
    }
  })

  test('what a credential does not permit is not said to be taken, nor a request that is under way', async () => {
    const make = (path: string, body: object, headers?: Record<string, string>) =>
      service.call('POST', path, body, { authorization: 'Bearer acme-token', ...headers })
    const limits = { profiles: ['upcloud'], scopes: ['read', 'write'] }
    const { token } = (await make('/v1/credentials', { kind: 'token', ...limits })).body
    for (const [path, profile] of [
      ['/v1/zones', 'ionos'],
      ['/v1/projects', 'scaleway'],
    ] as const) {
      const body = { profile, name: 'another' }
      const refused = await make(path, body, { authorization: `Bearer ${token}` })
      assert.equal(refused.status, 403, refused.text)
      const once = { 'idempotency-key': `once ${path}`.replace(' ', '-') }
      const answers = await Promise.all(Array.from({ length: 8 }, () => make(path, body, once)))
      for (const { status, body: said, text } of answers) {
        if (status === 201) continue
        assert.deepEqual([status, said.detail], [409, 'the same request is being done already'], text)
      }
      assert.ok(answers.some(({ status }) => status === 201))
    }
  })
})
