/** Which operator acted: operators are told, by a name that outlives the credential; accounts are told `operator`. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createOperatorService } from '../src/service/operators.ts'
import { tokenOf } from '../src/service/secrets.ts'
import { makeOperator, operator } from './support/operator.ts'
import { credentials, inventory, onBothStores, servers, type TestService } from './support/service.ts'

const secretOfBob = `pcl_${'bob'.padEnd(43, '0')}`
const bob = { authorization: `Bearer ${secretOfBob}` }
const onBehalf = (headers: Record<string, string>) => ({ ...headers, 'on-behalf-of': 'other' })

interface Event {
  readonly account?: string | null
  readonly revision: number
  readonly actor: string
  readonly operation: string
  readonly credential?: { readonly id: string; readonly label: string } | null
}

onBothStores('which operator acted', (start) => {
  let service: TestService
  let ids: Readonly<Record<string, string>>
  /** Revisions of what ada and bob did in the account, and of what it did itself. */
  let by: { readonly ada: number; readonly bob: number; readonly own: number }

  const get = async (path: string, headers: Record<string, string>) => {
    const answer = await service.call('GET', path, undefined, headers)
    assert.equal(answer.status, 200, `${path}: ${answer.text}`)
    return answer
  }
  const events = async (path: string, headers: Record<string, string>): Promise<readonly Event[]> => {
    const { body } = await get(path, headers)
    return body.events ?? body.revisions
  }
  const write = async (headers: Record<string, string>) => {
    const path = `/1.3/server/${servers.foreign}/firewall_rule`
    const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
    assert.equal((await service.call('POST', path, rule, headers)).status, 201)
    return service.storage.revision()
  }

  before(async () => {
    service = await start()
    await makeOperator(service.storage)
    const operators = createOperatorService(service.storage, 'test')
    const named = { name: 'bob', expiresAt: null }
    assert.ok((await operators.create(named, Date.now(), { secret: tokenOf(secretOfBob) })).ok)
    const page = { after: null, limit: 100 }
    const all = await service.storage.credentialPage({ now: 0 }, page)
    ids = Object.fromEntries(all.map(({ id, label }) => [label, id]))
    by = {
      ada: await write(onBehalf(operator)),
      bob: await write(onBehalf(bob)),
      own: await write(credentials.foreign),
    }
    assert.ok((await operators.revoke('bob', Date.now())).ok)
  })
  after(() => service.close())

  test('operators are told which, everywhere, also when it is gone', async () => {
    const [own] = await events(`/v1/revisions?before=${by.own + 1}&limit=1`, onBehalf(operator))
    const label = own?.credential?.label ?? ''
    const want = {
      [by.ada]: { actor: 'operator', credential: { id: ids.ada, label: 'ada' } },
      [by.bob]: { actor: 'operator', credential: { id: ids.bob, label: 'bob' } },
      [by.own]: { actor: label, credential: { id: ids[label], label } },
    }
    assert.ok(ids[label] !== undefined, label)
    const seen = ({ actor, credential }: Event) => ({ actor, credential })
    for (const list of ['/v1/revisions', '/v1/audit']) {
      const found = await events(list, onBehalf(operator))
      for (const [revision, told] of Object.entries(want)) {
        const event = found.find((each) => each.revision === Number(revision))
        assert.deepEqual(event && seen(event), told, list)
      }
    }
    for (const [revision, told] of Object.entries(want)) {
      for (const path of [`/v1/revisions/${revision}`, `/v1/revisions/${revision}/diff`])
        assert.deepEqual(seen((await get(path, onBehalf(operator))).body), told, path)
    }
  })

  test('the account is told `operator`, and no more than before', async () => {
    const paths = ['/v1/revisions', '/v1/audit', `/v1/revisions/${by.bob}`, `/v1/revisions/${by.bob}/diff`]
    for (const path of paths) {
      const { body, text } = await get(path, credentials.foreign)
      const [event] = (body.events ?? body.revisions ?? [body]).filter(
        ({ revision }: Event) => revision === by.bob,
      )
      const told = [
        'revision',
        'at',
        'actor',
        'dialect',
        'requestId',
        'operation',
        'resource',
        'id',
        'server',
      ]
      assert.deepEqual(Object.keys(event).slice(0, 10), [...told, 'policy'], path)
      assert.equal(event.actor, 'operator')
      assert.doesNotMatch(text, /"(ada|bob)"|"credential"/, path)
      for (const id of [ids.ada, ids.bob]) assert.equal(text.includes(String(id)), false, path)
    }
    for (const list of ['/v1/revisions', '/v1/audit']) {
      const refused = await service.call('GET', `${list}?credential=x`, undefined, credentials.foreign)
      assert.deepEqual([refused.status, refused.body.field], [400, 'credential'])
    }
  })

  test('by credential, alone and with other filters', async () => {
    const revisions = async (query: string) =>
      (await events(`/v1/revisions?${query}`, onBehalf(operator))).map(({ revision }) => revision)
    assert.deepEqual(await revisions(`credential=${ids.bob}`), [by.bob])
    assert.deepEqual(await revisions(`credential=${ids.ada}&operation=rule.create`), [by.ada])
    assert.deepEqual(await revisions(`credential=${ids.ada}&operation=rule.delete`), [])
    assert.deepEqual(await revisions('credential=nobody'), [])
    assert.deepEqual(await revisions('actor=operator'), [by.bob, by.ada])
    const wrong = await service.call('GET', '/v1/audit?credential=', undefined, onBehalf(operator))
    assert.deepEqual([wrong.status, wrong.body.field], [400, 'credential'])
  })

  test('operators that act in no account see all, also what is the installation’s own, and accounts do not', async () => {
    const host = await service.call('POST', '/v1/hosts/kvm7/credentials', { label: 'agent' }, operator)
    assert.equal(host.status, 201, host.text)
    const file = inventory.replace('contractNumber: 31415926', 'contractNumber: 27182818')
    const applied = await service.raw('PUT', '/v1/inventory', file, operator)
    assert.equal(applied.status, 200, applied.text)
    assert.equal(applied.body.changed, true)
    const all = await events('/v1/audit?limit=1000', operator)
    const found = all.filter(({ account }) => account === null)
    assert.ok(all.some(({ account, operation }) => account !== null && operation === 'rule.create'))
    const ada = { id: ids.ada, label: 'ada' }
    assert.deepEqual(
      found.map(({ operation, actor, credential }) => [operation, actor, credential]),
      [
        ['inventory.apply', 'operator', ada],
        ['credential.create', 'operator', ada],
        ['credential.revoke', 'test', null],
        ['credential.create', 'test', null],
        ['credential.create', 'test', null],
        ['inventory.apply', 'inventory', null],
      ],
    )
    for (const headers of [credentials.right, credentials.foreign]) {
      const own = (await events('/v1/revisions?limit=1000', headers)).map(({ revision }) => revision)
      for (const { revision } of found) assert.equal(own.includes(revision), false)
      const { status } = await service.call('GET', `/v1/revisions/${found[0]?.revision}`, undefined, headers)
      assert.equal(status, 404)
    }
  })
})
