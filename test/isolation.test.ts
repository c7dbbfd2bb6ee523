/**
 * Every parameter of every route, and every id in a body, with the id of a real object of another account: the answer is the
 * one for an id that nobody has, byte for byte, and the other account's objects stay as they were.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { nobodys, type Reply } from '../src/dialects/conformance.ts'
import { drivers } from '../src/dialects/conformance-drivers.ts'
import {
  bodyOf,
  clientOf,
  conformanceInventory,
  type Filled,
  fillBoth,
  parametersOf,
  pathWith,
} from './support/conformance.ts'
import { dialects, onBothStores, type TestService } from './support/service.ts'
import { assertSound } from './support/whole.ts'

onBothStores('ids of another account', (start) => {
  let service: TestService
  let filled: Filled
  before(async () => {
    service = await start({ inventory: conformanceInventory })
    filled = await fillBoth(service)
  })
  after(async () => {
    await assertSound(service.place).finally(() => service.close())
  })

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
        if (route.method !== 'GET' || route.scope === 'operator') continue
        const values = filled(profile, 'foreign')
        const path = `${prefixes[0]}${pathWith(
          route,
          parametersOf(route).map(({ valueIn }) => valueIn(values)),
        )}`
        answers[path] = comparable(await clientOf(service, 'foreign', dialect)('GET', path), '-')
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
    const { told = {} } = drivers[profile]
    for (const prefix of prefixes) {
      for (const route of routes) {
        const parameters = parametersOf(route)
        if (parameters.length === 0 || route.scope === 'none') continue
        test(`${profile}: ${route.method} ${prefix}${route.path}`, async () => {
          const call = clientOf(service, 'own', dialect)
          const own = parameters.map(({ valueIn }) => valueIn(filled(profile, 'own')))
          for (const [place, { name, key, valueIn }] of parameters.entries()) {
            const id = valueIn(filled(profile, 'foreign'))
            // Everybody's: zones, positions, images.
            if (id === own[place]) continue
            const send = (value: string) =>
              call(route.method, prefix + pathWith(route, own.with(place, value)), bodyOf(dialect, route))
            const revision = await service.storage.revision()
            const answer = await send(id)
            const nobody = nobodys(id)
            const known = told[key]
            if (known) assert.equal(answer.status, known.status, answer.text)
            else assert.equal(comparable(answer, id), comparable(await send(nobody), nobody), name)
            assert.ok(answer.status >= 400, `:${name} ${answer.status} ${answer.text}`)
            assert.equal(await service.storage.revision(), revision, `:${name}: something is changed`)
          }
        })
      }
    }
  }

  for (const dialect of dialects) {
    const { profile } = dialect
    test(`${profile}: ids in bodies`, async (t) => {
      const call = clientOf(service, 'own', dialect)
      const foreign = filled(profile, 'foreign')
      for (const { name, value, send, ignored } of drivers[profile].references(filled(profile, 'own'))) {
        await t.test(name, async () => {
          const id = foreign[value]
          assert.ok(id, `no ${value}`)
          const revision = await service.storage.revision()
          const answer = await send(call, id)
          const after = await service.storage.revision()
          const nobody = nobodys(id)
          const expected = await send(call, nobody)
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
