/** Decisions over real HTTP, with a service of decisions that the test speaks for: as JSON, and as events as they come. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { credentials, nics, servers, startService, type TestService } from '../../../test/support/service.ts'
import { createToldDecisions, denied, type ToldDecisions } from '../../../test/support/traffic.ts'
import { eventsOf, type ServerEvent } from '../../cli/event-stream.ts'
import { err } from '../../core/result.ts'
import { wantsEvents } from './decode-traffic.ts'

const limit = { timeout: 20_000 }

describe('decisions', () => {
  let decisions: ToldDecisions
  let service: TestService
  let open: AbortController
  beforeEach(async () => {
    decisions = createToldDecisions()
    open = new AbortController()
    service = await startService({ services: { decisions } })
  })
  afterEach(async () => {
    open.abort()
    await service.close()
  })

  async function follow(
    query = '',
    headers: Record<string, string> = {},
  ): Promise<AsyncGenerator<ServerEvent>> {
    const response = await fetch(`${service.url}/v1/decisions${query}`, {
      headers: { ...credentials.readOnly, accept: 'text/event-stream', ...headers },
      signal: open.signal,
    })
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    assert.equal(response.headers.get('cache-control'), 'no-store')
    return eventsOf(response)
  }

  async function next(events: AsyncGenerator<ServerEvent>) {
    const { value, done } = await events.next()
    assert.ok(!done)
    return { ...(value as ServerEvent), data: JSON.parse((value as ServerEvent).data) }
  }

  test('the newest first, as JSON', limit, async () => {
    await decisions.tell(['1', '2', '3'])
    await decisions.tell(['4'], { at: Date.UTC(2026, 1, 1), by: 'origin mac', position: null })
    const { status, body } = await service.call('GET', '/v1/decisions?limit=2')
    assert.equal(status, 200)
    assert.deepEqual(
      body.decisions.map(({ id, decidedBy }: { id: string; decidedBy: object }) => [id, decidedBy]),
      [
        ['4', { kind: 'origin', check: 'mac' }],
        ['3', { kind: 'rule', policy: 'web', rule: 'deny-rest' }],
      ],
    )
    assert.equal(body.decisions[1].packet.text, 'tcp 203.0.113.9:40000 > 192.0.2.10:23, 60 bytes')
    assert.equal(body.decisions[1].host, undefined)
    const since = await service.call('GET', '/v1/decisions?since=2026-02-01T01:00:00%2B01:00')
    assert.equal(since.body.decisions.length, 1)
  })

  test('what is asked for is what the service is asked, and what cannot be is named', limit, async () => {
    const query = '?server=web&interface=i&direction=egress&outcome=rejected&policy=p&rule=r'
    assert.equal((await service.call('GET', `/v1/decisions${query}`)).status, 200)
    assert.deepEqual(decisions.asked, [
      { server: 'web', interface: 'i', policy: 'p', rule: 'r', direction: 'egress', outcome: 'rejected' },
    ])
    for (const [field, value] of [
      ['direction', 'up'],
      ['outcome', 'deny'],
      ['limit', '1001'],
      ['since', 'yesterday'],
      ['since', '2026-02-31T99:00:00Z'],
      ['server', ''],
      ['rule', 'x'.repeat(256)],
      ['rule', '%00'],
    ]) {
      for (const accept of ['application/json', 'text/event-stream']) {
        const { status, body } = await service.call('GET', `/v1/decisions?${field}=${value}`, undefined, {
          ...credentials.right,
          accept,
        })
        assert.deepEqual([status, body.field], [400, field], `${field}=${value}`)
      }
    }
  })

  test('events come as they are told, and those that follow are forgotten when they go', limit, async () => {
    const events = await follow('?outcome=denied')
    await decisions.followed(1)
    await decisions.tell(['1'])
    const first = await next(events)
    assert.deepEqual(
      [first.event, first.id, first.data.id, first.data.serverName],
      ['decision', '1', '1', 'web1'],
    )
    await decisions.tell(['2', '3'], { lost: 7 })
    assert.deepEqual(await next(events), { event: 'lost', data: { lost: 7 }, id: '1' })
    assert.equal((await next(events)).id, '2')
    assert.equal((await next(events)).id, '3')
    assert.deepEqual(decisions.asked, [{ outcome: 'denied' }, { outcome: 'denied' }])
    open.abort()
    await decisions.followed(0)
  })

  test('a stream goes on after the last event that was received, and from a moment', limit, async () => {
    await decisions.tell(['1', '2'])
    await decisions.tell(['3'], { at: Date.UTC(2026, 1, 1) })
    const after = await follow('', { 'last-event-id': '1' })
    assert.equal((await next(after)).id, '2')
    assert.equal((await next(after)).id, '3')
    const since = await follow('?since=2026-01-31T23:00:00Z')
    assert.equal((await next(since)).id, '3')
  })

  test('the service ends at once while somebody follows', limit, async () => {
    const events = await follow()
    await decisions.followed(1)
    await service.close()
    assert.deepEqual(await events.next(), { value: undefined, done: true })
    assert.equal(decisions.followers, 0)
    service = await startService()
  })

  test('what cannot be followed is a problem, at once or when the stream has begun', limit, async () => {
    const { recent } = decisions
    decisions.recent = async () => err({ kind: 'not-found', resource: 'server', id: 'nowhere' })
    const accept = { ...credentials.right, accept: 'text/event-stream' }
    const refused = await service.call('GET', '/v1/decisions?server=nowhere', undefined, accept)
    assert.deepEqual([refused.status, refused.body.title], [404, 'Not found'])
    decisions.recent = recent
    decisions.follow = async () => err({ kind: 'not-found', resource: 'server', id: 'nowhere' })
    const events = await follow()
    const { event, data } = await next(events)
    assert.deepEqual([event, data.detail], ['error', 'There is no server nowhere.'])
    assert.equal((await events.next()).done, true)
  })

  test(
    'the service’s own decisions: owners see theirs, from where they were, and nobody else’s',
    limit,
    async () => {
      const real = await startService()
      const reader = new AbortController()
      try {
        const [web] = (await real.call('GET', `/v1/servers/${servers.web}`)).body.interfaces
        const { server: _server, serverName: _name, index: _index, interfaceName: _nic, ...told } = denied
        const tell = (source: string, nic: string) =>
          real.services.decisions.hear([
            { ...told, host: 'local', interface: nic, packet: { ...told.packet, source } },
          ])
        const read = async (query: string, headers: Record<string, string>) => {
          const response = await fetch(`${real.url}/v1/decisions${query}`, {
            headers: { accept: 'text/event-stream', ...headers },
            signal: reader.signal,
          })
          assert.equal(response.status, 200)
          return eventsOf(response)
        }
        const own = await read(`?server=${servers.web}`, credentials.right)
        const foreign = await read('', credentials.foreign)
        tell('198.51.100.1', web.id)
        tell('198.51.100.2', nics.foreign)
        tell('198.51.100.3', web.id)
        const [first, second] = [await next(own), await next(own)]
        assert.deepEqual(
          [first, second].map(({ data }) => [data.packet.source, data.server, data.serverName]),
          ['198.51.100.1', '198.51.100.3'].map((source) => [source, servers.web, 'web']),
        )
        assert.equal((await next(foreign)).data.packet.source, '198.51.100.2')
        const again = await read('', { ...credentials.right, 'last-event-id': first.id })
        assert.equal((await next(again)).id, second.id)
        const { body } = await real.call('GET', '/v1/decisions')
        assert.deepEqual(
          body.decisions.map((each: { id: string }) => each.id),
          [second.id, first.id],
        )
      } finally {
        reader.abort()
        await real.close()
      }
    },
  )

  test('who asks for events', () => {
    for (const [accept, wants] of [
      [undefined, false],
      ['*/*', false],
      ['application/json', false],
      ['text/event-stream', true],
      ['Text/Event-Stream;q=0.5', true],
      ['application/json, text/event-stream', true],
      ['application/json, text/event-stream;q=0.9', false],
      ['text/event-stream;q=0', false],
      ['text/event-stream;q=x', false],
    ] as const) {
      assert.equal(wantsEvents(accept), wants, String(accept))
    }
  })
})
