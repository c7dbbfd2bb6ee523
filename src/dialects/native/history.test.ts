/** History over HTTP: what it is filtered by, who sees what, what is refused, and where it ends. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { keepCredentials } from '../../../test/support/more-credentials.ts'
import { makeOperator, operator } from '../../../test/support/operator.ts'
import { credentials, onBothStores, servers, type TestService } from '../../../test/support/service.ts'
import { prune } from '../../service/retention.ts'

interface Event {
  readonly revision: number
  readonly at: string
  readonly server: string | null
  readonly policy: string | null
  readonly [name: string]: unknown
}

const filters = ['server', 'policy', 'actor', 'dialect', 'operation'] as const
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })
const rules = (server: string) => `/1.3/server/${server}/firewall_rule`
const tcp = (port: number) => ({
  firewall_rule: {
    ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' },
    ...{ destination_port_start: String(port), destination_port_end: String(port) },
  },
})

onBothStores('history', (start) => {
  let service: TestService
  /** Ids of policies. */
  let web: string
  let vm: string
  let own: string
  before(async () => {
    service = await start()
    await keepCredentials(service.storage, [
      { account: 'acme', secret: 'one-server', servers: [servers.web] },
      { account: 'acme', secret: 'two-servers', servers: [servers.web, servers.vm] },
      { account: 'acme', secret: 'one-profile', profiles: ['hostup'] },
    ])
    const chain = async (server: string) => (await service.storage.chain(server))?.id ?? assert.fail(server)
    ;[web, vm] = [await chain(servers.web), await chain(servers.vm)]
    for (let n = 1; n <= 4; n++) {
      await write('POST', rules(servers.web), tcp(n))
      await write('POST', rules(servers.db), tcp(n), credentials.password)
      await write('POST', rules(servers.foreign), tcp(n), credentials.foreign)
      const row = {
        source: '',
        comment: '',
        type: 'in',
        action: 'ACCEPT',
        proto: 'tcp',
        dport: `${n}`,
        enable: 1,
      }
      await write('POST', '/api/vm/10000/firewall', row)
    }
    await write('DELETE', `${rules(servers.web)}/1`)
    own = (await write('POST', '/v1/policies', { name: 'own' })).body.id
    await write('PATCH', `/v1/policies/${own}`, { defaults: { ingress: 'reject' } })
    // By way of another API than the policy’s own.
    await write('PATCH', `/v1/policies/${web}`, { cutFlows: 'revoked' })
  })
  after(() => service.close())

  /** A second later than what was written before. */
  async function write(method: string, path: string, body?: object, headers?: Record<string, string>) {
    service.advance(1000)
    const reply = await service.call(method, path, body, headers)
    assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${reply.text}`)
    return reply
  }
  async function walk(
    list: 'revisions' | 'audit',
    query: Record<string, string>,
    headers?: Record<string, string>,
  ) {
    const found: Event[] = []
    for (let before: string | undefined, pages = 0; ; pages++) {
      assert.ok(pages < 100)
      const parameters = new URLSearchParams({ limit: '3', ...query, ...(before && { before }) })
      const { status, text, body } = await service.call(
        'GET',
        `/v1/${list}?${parameters}`,
        undefined,
        headers,
      )
      assert.equal(status, 200, text)
      const events = body[list === 'audit' ? 'events' : 'revisions']
      assert.ok(events.length <= 3)
      found.push(...events)
      if (body.next === null) return found
      before = String(body.next)
    }
  }
  const numbers = (events: readonly Event[]) => events.map(({ revision }) => revision)
  const revert = (policy: string, body: object, headers?: Record<string, string>) =>
    service.call('POST', `/v1/policies/${policy}/revert`, body, headers)
  const refuses = async (
    [status, says]: readonly [number, RegExp],
    policy: string,
    body: object,
    headers?: Record<string, string>,
  ) => {
    const [revision, rules] = [await service.storage.revision(), await service.storage.rules(policy)]
    const bodies = 'dryRun' in body ? [body] : [body, { ...body, dryRun: true }]
    for (const each of bodies) {
      const answer = await revert(policy, each, headers)
      assert.equal(answer.status, status, answer.text)
      assert.match(answer.body.detail, says)
    }
    assert.equal(await service.storage.revision(), revision)
    assert.deepEqual(await service.storage.rules(policy), rules)
  }

  test('an operator that acts in no account reads all, of each account alone, and by every filter; nobody else may', async () => {
    await makeOperator(service.storage)
    const [ofAcme, ofOther] = [await walk('revisions', {}), await walk('revisions', {}, credentials.foreign)]
    const ids = await Promise.all(
      ['acme', 'other'].map(async (name) => (await service.storage.accountCalled(name))?.id ?? assert.fail()),
    )
    for (const list of ['revisions', 'audit'] as const) {
      const all = await walk(list, {}, operator)
      for (const [index, own] of [ofAcme, ofOther].entries()) {
        const account = String(ids[index])
        const found = await walk(list, { account }, operator)
        assert.ok(own.length > 3 && own.length < all.length)
        assert.deepEqual(numbers(found), numbers(own))
        assert.deepEqual(numbers(all.filter((event) => event.account === account)), numbers(own))
        for (const each of own) assert.equal('account' in each, false)
      }
      for (const name of filters) {
        for (const value of new Set(all.flatMap((event) => event[name] ?? []))) {
          const wanted = all.filter((event) => event[name] === value)
          const found = await walk(list, { [name]: String(value) }, operator)
          assert.deepEqual(numbers(found), numbers(wanted), `${name} ${value}`)
        }
      }
      assert.deepEqual(await walk(list, { account: 'nobody' }, operator), [])
      const acting = { ...operator, 'on-behalf-of': 'acme' }
      assert.deepEqual(numbers(await walk(list, {}, acting)), numbers(ofAcme))
      for (const headers of [credentials.right, credentials.foreign, acting]) {
        const path = `/v1/${list}?account=${ids[1]}`
        const { status, body } = await service.call('GET', path, undefined, headers)
        assert.deepEqual([status, body.field], [400, 'account'])
      }
    }
    const revision = ofOther[0]?.revision
    for (const path of [`/v1/revisions/${revision}`, `/v1/revisions/${revision}/diff`]) {
      const { status, body } = await service.call('GET', path, undefined, operator)
      assert.deepEqual([status, body.account], [200, ids[1]])
      assert.equal((await service.call('GET', path)).status, 404)
    }
    const diff = await service.call('GET', `/v1/revisions/${revision}/diff`, undefined, operator)
    assert.equal(diff.body.policies.length, 1, 'the change of a policy is told as the account is told it')
  })

  test('each value of each filter finds its events, page by page, in both lists; moments cut', async () => {
    const all = await walk('revisions', {})
    assert.ok(all.length >= 16)
    for (const list of ['revisions', 'audit'] as const) {
      assert.deepEqual(numbers(await walk(list, {})), numbers(all))
      for (const name of filters) {
        const values = new Set(all.flatMap((event) => event[name] ?? []))
        assert.ok(values.size > 1, name)
        for (const value of values) {
          const wanted = all.filter((event) => event[name] === value)
          assert.deepEqual(
            numbers(await walk(list, { [name]: String(value) })),
            numbers(wanted),
            `${name} ${value}`,
          )
        }
      }
      const both = { server: servers.web, operation: 'rule.delete', actor: String(all[0]?.actor) }
      assert.equal((await walk(list, both)).length, 1)
      const [newer, older] = [all[2] ?? assert.fail(), all[9] ?? assert.fail()]
      assert.deepEqual(numbers(await walk(list, { since: older.at })), numbers(all.slice(0, 10)))
      assert.deepEqual(numbers(await walk(list, { until: older.at })), numbers(all.slice(10)))
      const between = { since: older.at.replace('Z', '+00:00'), until: newer.at }
      assert.deepEqual(numbers(await walk(list, between)), numbers(all.slice(3, 10)))
    }
  })

  test('nobody sees what is another account’s, or beyond the limits of a credential', async () => {
    const all = await walk('revisions', {})
    const foreign = await walk('revisions', {}, credentials.foreign)
    assert.ok(foreign.length >= 4)
    assert.deepEqual(
      foreign.filter(({ revision }) => numbers(all).includes(revision)),
      [],
    )
    for (const name of ['server', 'policy'] as const) {
      for (const value of new Set(all.flatMap((event) => event[name] ?? []))) {
        assert.deepEqual(await walk('audit', { [name]: value }, credentials.foreign), [])
      }
    }
    const seen = [
      ['one-server', ({ server }: Event) => server === servers.web],
      ['two-servers', ({ server }: Event) => server === servers.web || server === servers.vm],
      ['one-profile', ({ server }: Event) => server === servers.vm],
    ] as const
    for (const [token, isSeen] of seen) {
      const wanted = all.filter(isSeen)
      assert.ok(wanted.length >= 4)
      for (const list of ['revisions', 'audit'] as const) {
        assert.deepEqual(numbers(await walk(list, {}, bearer(token))), numbers(wanted), token)
        for (const name of filters) {
          for (const value of new Set(all.flatMap((event) => event[name] ?? []))) {
            const found = await walk(list, { [name]: String(value) }, bearer(token))
            assert.deepEqual(
              numbers(found),
              numbers(wanted.filter((event) => event[name] === value)),
              `${token} ${name} ${value}`,
            )
          }
        }
      }
      for (const event of all.filter((each) => !isSeen(each))) {
        for (const path of [`/v1/revisions/${event.revision}`, `/v1/revisions/${event.revision}/diff`]) {
          const answer = await service.call('GET', path, undefined, bearer(token))
          assert.equal(answer.status, 404, `${token} ${path}: ${answer.text}`)
        }
      }
    }
    const { revision } = all[0] ?? assert.fail()
    await refuses([404, /no policy/], own, { to: revision }, bearer('one-server'))
    await refuses([404, /no policy/], web, { to: revision }, bearer('one-profile'))
  })

  test('what is no value is refused by its name; what is only strange finds nothing', async () => {
    const long = 'x'.repeat(256)
    const wrong: readonly (readonly [field: string, query: string])[] = [
      ...['0', '1001', '-1', '1e2', '1.5', 'abc', '', '%31%00', '٣'].map(
        (each) => ['limit', `limit=${each}`] as const,
      ),
      ...['0', '-1', 'x', '9007199254740993', '99999999999999999999'].map(
        (each) => ['before', `before=${each}`] as const,
      ),
      ...['since', 'until'].flatMap((name) =>
        [
          'yesterday',
          '2026',
          '2026-01-31',
          '2026-01-31T12:00:00',
          '2026-13-01T00:00:00Z',
          '1790000000',
          '',
        ].map((each) => [name, `${name}=${each}`] as const),
      ),
      ...filters.flatMap((name) => ['', long, 'a%00b'].map((each) => [name, `${name}=${each}`] as const)),
    ]
    const strange = [
      "server=' OR 1=1 --",
      'server=%25',
      'actor=_',
      'policy=%F0%9F%98%80',
      'operation=%ED%A0%80',
      'dialect=%FF%FE',
      'dialect=constructor',
      'since=9999-12-31T23:59:59.999999999Z',
      'until=0001-01-01T00:00:00%2B14:00',
      `server=${'x'.repeat(255)}`,
    ]
    for (const list of ['revisions', 'audit']) {
      for (const [field, query] of wrong) {
        const { status, body, text } = await service.call('GET', `/v1/${list}?${query}`)
        assert.deepEqual([status, body.field], [400, field], `${query}: ${text}`)
      }
      for (const query of strange) {
        const { status, body, text } = await service.call('GET', `/v1/${list}?${query}`)
        assert.equal(status, 200, `${query}: ${text}`)
        assert.deepEqual([body.events ?? body.revisions, body.next], [[], null], query)
      }
    }
    for (const revision of ['0', '-1', '01', 'abc', '1.5', '99999999999999999', '%00', '9007199254740991']) {
      for (const path of [`/v1/revisions/${revision}`, `/v1/revisions/${revision}/diff`])
        assert.equal((await service.call('GET', path)).status, 404, path)
    }
    const to = await service.storage.revision()
    const bodies = [
      {},
      { to: 0 },
      { to: -1 },
      { to: '1' },
      { to: 1.5 },
      { to: 2 ** 53 },
      { to: null },
      [to],
      null,
    ]
    const more = [{ dryRun: 'yes' }, { dryRun: null }, { ifRevision: -1 }, { ifRevision: '1' }, { rules: [] }]
    for (const body of [...bodies, ...more.map((each) => ({ to, ...each }))]) {
      const { status, text } = await service.call('POST', `/v1/policies/${web}/revert`, body)
      assert.equal(status, 400, `${JSON.stringify(body)}: ${text}`)
    }
    assert.equal(await service.storage.revision(), to)
  })

  test('a revert that cannot be is refused with its reason, and changes nothing', async () => {
    const made = numbers(await walk('revisions', { policy: web })).at(-1) ?? assert.fail()
    const now = await service.storage.revision()
    const { revision } = (await service.storage.policy(web)) ?? assert.fail()
    await refuses([404, new RegExp(`no revision ${now + 1}`)], web, { to: now + 1 })
    await refuses([404, /no policy/], web, { to: made }, credentials.foreign)
    await refuses([404, /no policy/], '00000000-0000-4000-8000-000000000000', { to: made })
    await refuses([403, /does not permit/], web, { to: made }, credentials.readOnly)
    await refuses([412, /changed by somebody else/], web, { to: made, ifRevision: revision - 1 })
    await refuses(
      [412, /changed by somebody else/],
      web,
      { to: made },
      { ...credentials.right, 'if-match': '"1"' },
    )
    const before =
      numbers(await walk('revisions', { policy: own, operation: 'policy.create' }))[0] ?? assert.fail()
    await refuses([409, /was not there at revision/], own, { to: before - 1 })
    const dry = await revert(web, { to: made, dryRun: true, ifRevision: revision })
    assert.deepEqual([dry.status, dry.body.changed, dry.body.revision], [200, true, revision], dry.text)
    assert.equal(await service.storage.revision(), now)

    const group = await write('POST', '/api/firewall-groups', { name: 'g', description: null, rules: [] })
    const { id } = group.body.data.group
    await write('PUT', '/api/vm/10000/firewall/group', { group_id: id })
    const including = await service.storage.revision()
    await write('DELETE', '/api/vm/10000/firewall/group')
    await write('DELETE', `/api/firewall-groups/${id}`)
    await refuses([409, new RegExp(`names what is gone: policy ${id}`)], vm, { to: including })
    // As it was without the group it can be.
    const without = await revert(vm, { to: including - 1 })
    assert.equal(without.status, 200, without.text)
  })

  test('with the history of events ends what can be undone, and it says so', async () => {
    const revisions = numbers(await walk('revisions', { policy: web }))
    const [newest = 0, oldest = 0] = [revisions[0], revisions.at(-1)]
    const steps = () =>
      service.storage.policySteps({
        ...{ policy: web, after: 0, limit: 100 },
        before: { revision: Number.MAX_SAFE_INTEGER, part: 0 },
      })
    assert.ok((await steps()).length > 4)
    assert.equal((await revert(web, { to: oldest, dryRun: true })).status, 200)
    await write('PATCH', `/v1/policies/${own}`, { enabled: false })
    const kept = await service.storage.revision()
    assert.ok((await prune(service.storage, { days: 1e4, bytes: 1 }, Date.now())) > 10)
    assert.deepEqual(await steps(), [])
    assert.deepEqual(numbers(await walk('audit', {})), [kept])
    for (const name of filters) {
      const found = await walk('revisions', {
        [name]: name === 'server' ? servers.web : name === 'policy' ? web : 'x',
      })
      assert.deepEqual(found, [])
    }
    assert.equal((await service.call('GET', `/v1/revisions/${oldest}/diff`)).status, 404)
    await refuses([409, new RegExp(`does not reach back to revision ${oldest}`)], web, { to: oldest })
    await refuses([409, /does not reach back/], web, { to: newest })
    // From what is left on everything is known.
    const undone = await revert(own, { to: kept - 1 })
    assert.deepEqual([undone.status, undone.body.diff?.settings.length], [200, 1], undone.text)
    const next = await revert(web, { to: kept })
    assert.deepEqual([next.status, next.body.changed], [200, false], next.text)
  })
})
