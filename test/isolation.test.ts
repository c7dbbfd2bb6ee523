/**
 * Every parameter of every route, and every id in a body, with the id of a real object of another account: the answer is the
 * one for an id that nobody has, byte for byte, and the other account's objects stay as they were.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type Call,
  nobodys,
  parameterOf,
  type Reply,
  type Values,
  type Whose,
} from '../src/dialects/conformance.ts'
import { drivers } from '../src/dialects/conformance-drivers.ts'
import type { Dialect, Route } from '../src/dialects/dialect.ts'
import { conformanceInventory, headersOf } from './support/conformance.ts'
import { dialects, onBothStores, type TestService } from './support/service.ts'

onBothStores('ids of another account', (start) => {
  let service: TestService
  const filled: Record<string, Record<Whose, Values>> = {}
  const client =
    (whose: Whose, dialect: Dialect): Call =>
    (method, path, body) =>
      service.call(method, path, body, headersOf(whose, dialect))
  before(async () => {
    service = await start({ inventory: conformanceInventory })
    // The native API last: its revisions are what the others wrote.
    for (const dialect of dialects.toReversed()) {
      const { profile } = dialect
      const { fill } = drivers[profile]
      filled[profile] = {
        own: await fill(client('own', dialect), 'own'),
        foreign: await fill(client('foreign', dialect), 'foreign'),
      }
    }
  })
  after(() => service.close())

  const valuesOf = (profile: string): Record<Whose, Values> => {
    const values = filled[profile]
    assert.ok(values)
    return values
  }

  /** The path, each parameter filled with what `value` answers for its number. */
  function pathOf(
    { path }: Route,
    value: (product: string, before: string, name: string, index: number) => string,
  ) {
    const product = path.split('/', 2)[1] ?? ''
    let index = 0
    return path.replace(/([\w-]*)\/:(\w+)/g, (_, before: string, name: string) => {
      return `${before}/${value(product, before, name, index++)}`
    })
  }
  const needed = (values: Values, product: string, before: string, name: string): string => {
    const value = parameterOf(values, product, before, name)
    assert.ok(value, `the driver fills in nothing for ${before}/:${name}`)
    return value
  }

  /** Without the id that was asked for, and without what differs from one answer to the next. */
  const comparable = ({ status, text }: Reply, id: string) =>
    `${status} ${text
      .replaceAll(id, 'ID')
      .replace(/("requestId":")[^"]*/g, '$1')
      .replace(/("timestamp":")[^"]*/g, '$1')}`

  /** What the other account sees of everything it has. */
  async function snapshot(): Promise<Record<string, string>> {
    const answers: Record<string, string> = {}
    for (const dialect of dialects) {
      const { profile, prefixes, routes } = dialect
      for (const route of routes) {
        if (route.method !== 'GET') continue
        const path = pathOf(route, (product, segment, name) =>
          needed(valuesOf(profile).foreign, product, segment, name),
        )
        const reply = await client('foreign', dialect)('GET', `${prefixes[0]}${path}`)
        answers[`${prefixes[0]}${path}`] = comparable(reply, '-')
      }
    }
    return answers
  }
  let initial: Record<string, string>
  test('both accounts have one of everything', async () => {
    initial = await snapshot()
    const failed = Object.entries(initial).filter(([, answer]) => !answer.startsWith('200 '))
    assert.deepEqual(failed, [])
  })

  for (const dialect of dialects) {
    const { profile, prefixes, routes } = dialect
    const { bodies, told = {} } = drivers[profile]
    for (const prefix of prefixes) {
      for (const route of routes) {
        const params = [...route.path.matchAll(/([\w-]*)\/:(\w+)/g)]
        if (params.length === 0 || route.scope === 'none') continue
        test(`${profile}: ${route.method} ${prefix}${route.path}`, async () => {
          const { own, foreign } = valuesOf(profile)
          for (const [place, [, segment = '', param = '']] of params.entries()) {
            const product = route.path.split('/', 2)[1] ?? ''
            const id = needed(foreign, product, segment, param)
            // Everybody's: zones, positions, images.
            if (id === needed(own, product, segment, param)) continue
            const send = (value: string) => {
              const path = pathOf(route, (product, segment, name, index) =>
                index === place ? value : needed(own, product, segment, name),
              )
              const body = ['GET', 'DELETE'].includes(route.method)
                ? undefined
                : (bodies[route.operation] ?? {})
              return client('own', dialect)(route.method, prefix + path, body)
            }
            const revision = await service.storage.revision()
            const answer = await send(id)
            const nobody = nobodys(id)
            const known = told[`${segment}/${param}`]
            if (known) assert.equal(answer.status, known.status, answer.text)
            else assert.equal(comparable(answer, id), comparable(await send(nobody), nobody), param)
            assert.ok(answer.status >= 400, `:${param} ${answer.status} ${answer.text}`)
            assert.equal(await service.storage.revision(), revision, `:${param}: something is changed`)
          }
        })
      }
    }
  }

  for (const dialect of dialects) {
    const { profile } = dialect
    test(`${profile}: ids in bodies`, async (t) => {
      const { own, foreign } = valuesOf(profile)
      for (const { name, value, send, ignored } of drivers[profile].references(own)) {
        await t.test(name, async () => {
          const id = foreign[value]
          assert.ok(id, `no ${value}`)
          const revision = await service.storage.revision()
          const answer = await send(client('own', dialect), id)
          const after = await service.storage.revision()
          const nobody = nobodys(id)
          const expected = await send(client('own', dialect), nobody)
          const known = drivers[profile].told?.[value]
          if (ignored) assert.equal(answer.status, expected.status, answer.text)
          else {
            if (known) assert.equal(answer.status, known.status, answer.text)
            else assert.equal(comparable(answer, id), comparable(expected, nobody))
            assert.ok(answer.status >= 400, `${answer.status} ${answer.text}`)
            assert.equal(after, revision, 'something is changed')
          }
        })
      }
    })
  }

  test('the other account has what it had', async () => {
    assert.deepEqual(await snapshot(), initial)
  })
})
