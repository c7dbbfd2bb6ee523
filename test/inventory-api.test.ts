/** The inventory through the API: applied, compared and exported by operators, beside what clients of every dialect made. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { after, before, test } from 'node:test'
import { inventoryJsonSchema } from '../src/cli/serve/inventory-schema.ts'
import { parseConfig } from '../src/service/config/text.ts'
import { makeOperator, operator } from './support/operator.ts'
import {
  credentials,
  datacenters,
  inventory,
  onBothStores,
  secretKeys,
  type TestService,
} from './support/service.ts'

const yaml = { ...operator, 'content-type': 'application/yaml' }

onBothStores('the inventory through the API', (start) => {
  let service: TestService
  before(async () => {
    service = await start()
    await makeOperator(service.storage)
  })
  after(() => service.close())

  const send = (method: string, path: string, text: string, headers: Record<string, string> = yaml) =>
    service.raw(method, path, text, headers)
  const exported = async (query = '') =>
    (await service.call('GET', `/v1/inventory${query}`, undefined, operator)).text

  /** Things of every dialect that no file made. */
  async function make(): Promise<void> {
    const made = async (method: string, path: string, body: object, headers?: Record<string, string>) => {
      const answer = await service.call(method, path, body, headers)
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.text}`)
      return answer.body
    }
    await made('POST', '/1.3/server', {
      server: {
        title: 'x',
        hostname: 'x.example.com',
        zone: 'fi-hel1',
        labels: { label: [{ key: 'a', value: 'b' }] },
      },
    })
    const base = '/cloudapi/v6/datacenters'
    const center = await made(
      'POST',
      base,
      { properties: { name: 'own', location: 'de/fra' } },
      credentials.password,
    )
    for (const at of [center.id, datacenters.own]) {
      const nic = {
        properties: { name: 'n', lan: 3, dhcp: true, firewallActive: true, firewallType: 'BIDIRECTIONAL' },
      }
      const properties = { name: 'made', cores: 1, ram: 1024 }
      await made(
        'POST',
        `${base}/${at}/servers`,
        { properties, entities: { nics: { items: [nic] } } },
        credentials.password,
      )
    }
    const scaleway = { name: 'x', commercial_type: 'DEV1-S', enable_ipv6: true }
    await made('POST', '/instance/v1/zones/fr-par-1/servers', scaleway, secretKeys.right)
  }

  test('what is exported changes nothing when it is applied, with what APIs made, also as YAML and with prune', async () => {
    await make()
    const text = await exported()
    assert.ok(!/acme-token|acme:password/.test(text))
    const servers = JSON.parse(text).accounts.flatMap(
      (account: { servers: { name: string }[] }) => account.servers,
    )
    assert.equal(servers.length, 9 + 4)
    const before = await service.storage.revision()
    const [schema] = [new Ajv2020({ allErrors: true }).compile(JSON.parse(inventoryJsonSchema()))]
    assert.ok(schema(JSON.parse(text)), JSON.stringify(schema.errors))
    for (const query of ['', '?prune=true', '?prune=true&dryRun=true']) {
      const { status, body } = await send('PUT', `/v1/inventory${query}`, text)
      assert.deepEqual(
        [status, body.changed, body.total, body.changes],
        [200, false, 0, []],
        JSON.stringify(body),
      )
    }
    const { body } = await send('POST', '/v1/inventory/diff?prune=true', `# the same\n${text}`)
    assert.deepEqual([body.changed, body.revision], [false, null])
    assert.equal(await service.storage.revision(), before)
    // Made anew from it, everything is there, and credentials log in.
    const other = await start({ inventory: text })
    try {
      await makeOperator(other.storage)
      assert.equal((await other.call('GET', '/v1/servers')).status, 200)
      const again = await other.call('GET', '/v1/inventory', undefined, operator)
      assert.deepEqual(JSON.parse(again.text), JSON.parse(text))
    } finally {
      await other.close()
    }
    const owned = JSON.parse(await exported('?owned=true'))
    const mine = owned.accounts.flatMap((account: { servers: { name: string }[] }) => account.servers)
    assert.equal(mine.length, 9)
  })

  test('a file without what APIs made leaves that alone, and a wrong one changes nothing', async () => {
    const before = await exported()
    const { body } = await send('PUT', '/v1/inventory?prune=true', inventory)
    assert.deepEqual([body.changed, body.changes], [false, []], JSON.stringify(body))
    assert.equal(await exported(), before)
    for (const [text, status, detail] of [
      ['accounts: [ { nme: secret } ]', 400, /accounts\[0\]: nme is not known here/],
      ['accounts: [', 400, /line 1, column 12/],
      ['', 400, /empty/],
      ['{ "accounts": [], "accounts": [] }', 400, /line 1, column 20: a key is there twice/],
    ] as const) {
      const refused = await send('PUT', '/v1/inventory', text)
      assert.equal(refused.status, status, refused.text)
      assert.match(refused.text, detail)
    }
    const [bad] = [await service.raw('PUT', '/v1/inventory', Buffer.from([0xff, 0xfe]), yaml)]
    assert.equal(bad.status, 400)
    for (const query of ['?prune=1', '?unknown=true']) {
      assert.equal((await send('PUT', `/v1/inventory${query}`, inventory)).status, 400)
    }
    assert.equal(await exported(), before)
  })

  test('what is changed is told field by field, without secrets, before and after it is done', async () => {
    const changed = inventory
      .replace('name: web\n', 'name: renamed\n')
      .replace('acme:password', 'another-secret')
      .replace('device: tap1 ', 'device: tap2 ')
    const asked = await send('POST', '/v1/inventory/diff', changed)
    const fields = asked.body.changes.map((each: { resource: string; fields: { field: string }[] }) => [
      each.resource,
      each.fields.map(({ field }) => field.split('.').at(-1)),
    ])
    assert.deepEqual(fields, [
      ['credential', ['secret']],
      ['server', ['name', 'device']],
    ])
    assert.ok(!/another-secret|scrypt/.test(asked.text))
    const done = await send('PUT', '/v1/inventory', changed)
    assert.deepEqual(done.body.changes, asked.body.changes)
    assert.equal(done.body.changed, true)
    assert.equal((await send('POST', '/v1/inventory/diff', changed)).body.total, 0)
    await send('PUT', '/v1/inventory', inventory)
  })

  test('only operators may, and nobody else learns anything', async () => {
    for (const headers of [credentials.right, credentials.readOnly, credentials.wrong]) {
      for (const [method, path] of [
        ['PUT', '/v1/inventory'],
        ['POST', '/v1/inventory/diff'],
        ['GET', '/v1/inventory'],
      ] as const) {
        const { status } = await service.call(method, path, undefined, headers)
        assert.ok([401, 403].includes(status), `${method} ${path}: ${status}`)
      }
    }
  })
})

interface Validator {
  (value: unknown): boolean
  errors?: unknown
}
const { Ajv2020 } = createRequire(import.meta.url)('ajv/dist/2020.js') as {
  Ajv2020: new (options: object) => { compile(schema: object): Validator }
}

test('docs/inventory.schema.json is what the code says (npm run docs), and takes and refuses what the service does', () => {
  const text = readFileSync('docs/inventory.schema.json', 'utf8')
  assert.equal(text.trimEnd(), inventoryJsonSchema())
  // Strict but for types that may be either: a number where text is meant is taken as it is written.
  const valid = new Ajv2020({ allowUnionTypes: true }).compile(JSON.parse(text))
  const plain = (file: string): unknown => {
    const parsed = parseConfig(file)
    assert.ok(parsed.ok)
    return JSON.parse(
      JSON.stringify(parsed.value, (_, v) => (v?.constructor?.name === 'Numeral' ? Number(v.source) : v)),
    )
  }
  assert.ok(valid(plain(inventory)), JSON.stringify(valid.errors))
  for (const wrong of [
    'accounts: []',
    'accounts: [ { nme: x } ]',
    'accounts: [ { name: true } ]',
    'accounts: [ { name: a, servers: [ { profile: cloud, name: x } ] } ]',
    'accounts: [ { name: a, servers: [ { profile: upcloud, name: x, firewall: 1 } ] } ]',
    'accounts: [ { name: a, credentials: [ { token: t, scopes: [] } ] } ]',
    'accounts: [ { name: a, credentials: [ { tokenHash: abc } ] } ]',
    'accounts: [ { name: a, servers: [ { profile: upcloud, name: x, interfaces: [ { allowedFrames: [1] } ] } ] } ]',
  ]) {
    assert.equal(valid(plain(wrong)), false, wrong)
  }
})
