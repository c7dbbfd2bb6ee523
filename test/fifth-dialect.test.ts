/** A fifth provider is one folder (support/fifth) and one line: everything else is what its manifest says. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { inOrder } from '../src/core/model/profile.ts'
import { addressesReference } from '../src/dialects/addresses-reference.ts'
import { configureCatalogues, providersOf } from '../src/dialects/catalogue.ts'
import { drivers, driversOf } from '../src/dialects/conformance-drivers.ts'
import { conformanceReference } from '../src/dialects/conformance-reference.ts'
import { demonstrationFile, demonstrationToken, howToCall } from '../src/dialects/demonstration.ts'
import type { Dialect, Dialects } from '../src/dialects/dialect.ts'
import { dialects } from '../src/dialects/dialects.ts'
import { errorsReference } from '../src/dialects/errors-reference.ts'
import { inventoryFile, topologyOf } from '../src/lab/topology.ts'
import { inventoryReference } from '../src/service/inventory/reference.ts'
import { loadInventory } from '../src/service/inventory.ts'
import { assertReasons, runCases } from './support/conformance.ts'
import { fifthDialect } from './support/fifth/dialect.ts'
import { onBothStores, type TestService } from './support/service.ts'
import { engines } from './support/stores.ts'

/** The one line. */
const five: Dialects = [...dialects, fifthDialect]
/** Of those that are built in, as messages list them. */
const names = (of: readonly Dialect[]) =>
  inOrder(of)
    .map(({ profile }) => profile)
    .join(', ')
const headers = { 'x-api-key': demonstrationToken }
const bearer = { authorization: `Bearer ${demonstrationToken}` }

onBothStores('a fifth dialect', (start) => {
  let service: TestService
  before(async () => {
    service = await start({ dialects: five, inventory: demonstrationFile(five) })
  })
  after(() => service.close())

  test('is served with its own credentials and errors, and the others as before', async () => {
    const { path, body } = fifthDialect.demonstration.call
    const refused = await service.call('POST', path, body, {})
    assert.deepEqual([refused.status, refused.body], [401, { fault: 'unauthenticated' }])
    // It takes no bearer tokens.
    assert.equal((await service.call('POST', path, body, bearer)).status, 401)
    assert.deepEqual((await service.call('GET', '/fifth/slots/8/rules', undefined, headers)).body, {
      fault: 'not-found',
    })
    assert.equal((await service.call('POST', path, body, headers)).status, 201)
    assert.deepEqual((await service.call('GET', path, undefined, headers)).body, [{ port: 443 }])
    assert.equal((await service.call('GET', '/api/vm/10000/firewall', undefined, headers)).status, 200)
  })

  test('takes the secret key of its account, which stands beside the others’', async () => {
    const { credential } = fifthDialect.demonstration
    const key = { 'x-auth-token': credential.secretKey }
    assert.equal(
      (await service.call('GET', fifthDialect.demonstration.call.path, undefined, key)).status,
      200,
    )
    const wrong = { 'x-auth-token': credential.rack }
    assert.equal(
      (await service.call('GET', fifthDialect.demonstration.call.path, undefined, wrong)).status,
      401,
    )
    const zone = '/instance/v1/zones/fr-par-1/security_groups'
    const other = { 'x-auth-token': '11111111-1111-1111-1111-111111111111' }
    assert.equal((await service.call('GET', zone, undefined, other)).status, 200)
  })

  test('its servers have the policy of their rack, and their interfaces one each', async () => {
    const server = await service.storage.serverByNumber('fifth', 7)
    const [nic] = await service.storage.interfaces(server?.id ?? '')
    const [placed] = await service.storage.placedInterfaces(server?.id ?? '')
    const ids = (placed?.policies ?? []).map(({ id }) => id)
    const policies = await Promise.all(ids.map((id) => service.storage.policy(id)))
    const ofRack = policies.find((policy) => policy?.defaultFor)
    assert.deepEqual(
      [ofRack?.name, ofRack?.attributes, ofRack?.zone],
      ['Policy of the rack', { made: true, rack: 'rack1' }, 'rack1'],
    )
    const own = policies.find((policy) => policy?.id === nic?.id)
    assert.deepEqual([own?.enabled, own?.filters], [true, ['egress']], 'as its attributes say')
    assert.equal(policies.length, 3)
  })

  test('is found, resolved and traced by the native API', async () => {
    const { servers } = (await service.call('GET', '/v1/servers?profile=fifth', undefined, bearer)).body
    assert.deepEqual(
      servers.map((each: { name: string }) => each.name),
      ['vm7'],
    )
    const all = (await service.call('GET', '/v1/servers', undefined, bearer)).body.servers
    assert.equal(all.at(-1).name, 'vm7', 'its place is the last')
    const unknown = await service.call('GET', '/v1/servers?profile=nobodys', undefined, bearer)
    assert.match(unknown.text, new RegExp(`expected one of ${names(dialects)}, fifth`))
    const { interfaces } = (await service.call('GET', '/v1/servers/7', undefined, bearer)).body
    assert.equal(interfaces.length, 1)
    const traced = async (destinationPort: number) => {
      const packet = {
        ...{ protocol: 'tcp', source: '198.51.100.10', sourcePort: 40000 },
        ...{ destination: '192.0.2.70', destinationPort },
      }
      const body = { server: 'vm7', direction: 'ingress', packet }
      return (await service.call('POST', '/v1/trace', body, bearer)).body.action
    }
    assert.deepEqual([await traced(443), await traced(22)], ['allow', 'deny'])
  })
})

test('an inventory has its keys, and says in its words what is wrong', async () => {
  const store = await engines.sqlite.create()
  const storage = await store.open()
  const load = async (server: string, account = 'tenant: t1, racks: [ { id: r1, name: one } ]') => {
    const text = `accounts: [ { name: a, ${account}, servers: [ { name: s, ${server} } ] } ]`
    const done = await loadInventory(storage, text, 1000, providersOf(five))
    return done.ok ? 'ok' : done.error
  }
  try {
    const right = 'profile: fifth, slot: 1, rack: r1'
    const at = 'accounts\\[0\\]\\.servers\\[0\\]'
    const cases: readonly (readonly [server: string, complaint: string])[] = [
      ['profile: fifth, rack: r1', `^${at}\\.slot: servers of fifth need one$`],
      ['profile: fifth, slot: 100, rack: r1', 'slot: expected a whole number from 1 to 99$'],
      ['profile: fifth, slot: 1', `^${at}\\.rack: servers of fifth need one of the account’s racks$`],
      [`${right}, zone: z`, `^${at}\\.zone: servers of fifth are in a rack$`],
      [`${right}, state: started`, `^${at}\\.state: expected one of on, off$`],
      [`${right}, plan: huge`, `^${at}\\.plan: expected one of small, large$`],
      [`${right}, vmid: 1`, `^${at}\\.vmid: servers of fifth have none$`],
      [`${right}, interfaces: [ { lan: 1 } ]`, '\\.lan: interfaces of fifth have none$'],
      ['profile: upcloud, slot: 1', `^${at}\\.slot: servers of upcloud have none$`],
      ['profile: upcloud, rack: r1', `^${at}\\.rack: servers of upcloud are in none$`],
      ['profile: upcloud, interfaces: [ { segment: x } ]', '\\.segment: interfaces of upcloud have none$'],
      [
        'profile: nobodys',
        `profile: expected one of ${names(dialects.filter(({ states }) => states.length > 0))}, fifth$`,
      ],
    ]
    for (const [server, complaint] of cases) {
      assert.match(await load(server), new RegExp(complaint), server)
    }
    assert.match(await load(right, 'tenant: ""'), /tenant: expected text of 1 to 20 characters/)
    assert.equal(await load(`${right}, state: off, plan: small, interfaces: [ { segment: front } ]`), 'ok')
    const [account] = await storage.accounts()
    assert.deepEqual(account?.attributes, { tenant: 't1' })
    const server = await storage.serverByNumber('fifth', 1)
    assert.deepEqual([server?.zone, server?.state], ['r1', 'off'])
    assert.deepEqual((await storage.interfaces(server?.id ?? ''))[0]?.attributes, { segment: 'front' })
    assert.equal((await storage.chain(server?.id ?? ''))?.defaultIngress, 'deny')
  } finally {
    await storage.close()
    await store.remove()
  }
})

test('pages, catalogue file, lab and demonstration know it', () => {
  const page = inventoryReference(providersOf(five))
  for (const row of [
    '| `tenant` |',
    '| `slot` |',
    '| `rack` |',
    '| `segment` |',
    '## A rack',
    '| `fifth` | `on` `off`',
  ]) {
    assert.ok(page.includes(row), row)
  }
  assert.ok(errorsReference(five).includes('| fifth |'))
  assert.equal(addressesReference(five), readFileSync('docs/addresses.md', 'utf8'), 'it takes no addresses')
  const configured = configureCatalogues(five, 'fifth: { sizes: [ tiny ] }')
  assert.ok(configured.ok)
  assert.deepEqual(providersOf(configured.value).at(-1)?.offers, { plans: ['tiny'] })
  const topology = topologyOf(five)
  assert.equal(topology.vms.at(-1)?.nics[0]?.device, 'tap11i0')
  assert.ok(inventoryFile(topology).includes('"slot": 7'))
  assert.ok(
    howToCall(five, 'http://x').includes(
      `Fifth Cloud: let HTTPS reach slot 7\n  curl -H 'X-API-Key: ${demonstrationToken}' -H 'Content-Type: application/json' http://x/fifth/slots/7/rules -d '{"port":443}'\n`,
    ),
  )
})

test('its driver is found in its folder, and leaves out a step only for a reason', async () => {
  const { fifth } = await fifthDriver()
  assertReasons(fifth)
  assert.ok(conformanceReference([fifth]).includes('Fifth Cloud: rules of a slot'))
})

const fifthDriver = () => driversOf([fifthDialect], new URL('support/', import.meta.url))
const all = { ...drivers, ...(await fifthDriver()) }
onBothStores('conformance of a fifth dialect', (start) => {
  runCases(start, five, all, [fifthDialect])
})

test('names and positions of profiles are unique', () => {
  for (const served of [dialects, five]) {
    const ordered = inOrder(served)
    assert.equal(new Set(ordered.map(({ profile }) => profile)).size, served.length)
    assert.equal(new Set(ordered.map(({ order }) => order)).size, served.length)
  }
})
