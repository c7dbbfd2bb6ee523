/** An account that the inventory no longer names: its credentials let nobody in, in any dialect, until it is named again. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { makeOperator, operator } from './support/operator.ts'
import {
  credentials,
  dialects,
  inventory,
  onBothStores,
  projects,
  secretKeys,
  servers,
} from './support/service.ts'

const withoutOther = inventory.slice(0, inventory.indexOf('  - name: other'))
const paths: Readonly<Record<string, string>> = {
  upcloud: '/1.3/server',
  hostup: '/api/vm/20000/firewall/options',
  scaleway: `/instance/v1/zones/fr-par-1/servers?project=${projects.foreign}`,
  ionos: '/cloudapi/v6/datacenters',
  native: '/v1/servers',
}

onBothStores('a closed account', (start) => {
  test('is refused in every dialect at once, streams end, operators are told; opened again it has everything', async () => {
    const service = await start()
    try {
      await makeOperator(service.storage)
      const apply = async (text: string) => {
        const answer = await service.raw('PUT', '/v1/inventory?prune=true', text, operator)
        assert.equal(answer.status, 200, answer.text)
        assert.equal(answer.body.changed, true)
      }
      const ask = async (headers: 'own' | 'operator') => {
        const found: Record<string, number> = {}
        for (const { profile, schemes } of dialects) {
          const own = (schemes as readonly string[]).includes('bearer') ? credentials : secretKeys
          const present = headers === 'own' ? own.foreign : { ...operator, 'on-behalf-of': 'other' }
          found[profile] = (await service.call('GET', paths[profile] ?? '', undefined, present)).status
        }
        return found
      }
      const all = (status: number) => Object.fromEntries(dialects.map(({ profile }) => [profile, status]))
      const rule = { firewall_rule: { direction: 'in', action: 'drop' } }
      const rules = `/1.3/server/${servers.foreign}/firewall_rule`
      assert.equal((await service.call('POST', rules, rule, credentials.foreign)).status, 201)
      const made = await service.call(
        'POST',
        '/v1/credentials',
        { kind: 'token', scopes: ['read'] },
        { ...operator, 'on-behalf-of': 'other' },
      )
      assert.equal(made.status, 201, made.text)
      const ofApi = { authorization: `Bearer ${made.body.token}` }
      const whoami = async () => (await service.call('GET', '/v1/whoami', undefined, ofApi)).status
      // Remembered from here on.
      assert.deepEqual([await ask('own'), await ask('operator'), await whoami()], [all(200), all(200), 200])
      const streams = await Promise.all([
        follow(service.url, credentials.foreign),
        follow(service.url, { ...operator, 'on-behalf-of': 'other' }),
      ])
      const kept = await follow(service.url, credentials.right)
      const signal = AbortSignal.timeout(30_000)
      const closed = streams.map((each) => once(each.resume(), 'close', { signal }))

      await apply(withoutOther)
      assert.deepEqual([await ask('own'), await ask('operator'), await whoami()], [all(401), all(404), 401])
      await Promise.all(closed)
      assert.equal(kept.destroyed, false, 'the stream of another account')
      kept.destroy()
      const told = await service.call('GET', '/v1/servers', undefined, {
        ...operator,
        'on-behalf-of': 'other',
      })
      assert.equal(told.body.type, 'urn:portcullis:problem:not-found')
      assert.match(told.body.detail, /account/)
      assert.equal((await service.call('POST', rules, rule, credentials.foreign)).status, 401)

      await apply(inventory)
      assert.deepEqual([await ask('own'), await ask('operator'), await whoami()], [all(200), all(200), 200])
      const listed = await service.call('GET', rules, undefined, credentials.foreign)
      assert.equal(listed.body.firewall_rules.firewall_rule.length, 1)
    } finally {
      await service.close()
    }
  })
})

async function follow(url: string, headers: Record<string, string>): Promise<IncomingMessage> {
  const asked = httpRequest(`${url}/v1/decisions`, { headers: { ...headers, accept: 'text/event-stream' } })
  asked.end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  assert.equal(response.statusCode, 200)
  return response.on('error', () => {})
}
