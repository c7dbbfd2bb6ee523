/** The inventory file: strict, the same at every start, and never a change that nobody asked for. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { engines, type TestStore } from '../../test/support/stores.ts'
import type { Storage } from '../storage/storage.ts'
import { loadInventory } from './inventory.ts'

const file = (server: string, credential = '{ username: u, password: p }') => `
accounts:
  - name: acme
    contractNumber: 31415926
    credentials: [ ${credential} ]
    servers: [ ${server} ]
`
const web =
  '{ profile: upcloud, name: web, firewall: true, interfaces: [ { addresses: ["2001:DB8::1"], host: local, device: tap1 } ] }'

describe('the inventory', () => {
  let store: TestStore
  let storage: Storage
  beforeEach(async () => {
    store = await engines.sqlite.create()
    storage = await store.open()
  })
  afterEach(async () => {
    await storage.close()
    await store.remove()
  })
  const load = (text: string) => loadInventory(storage, text, 1000)

  test('what has no id gets one, the same at the next start; nothing is changed by that', async () => {
    const first = await load(file(web))
    assert.deepEqual(first, { ok: true, value: { revision: 1, changed: true } })
    const again = await load(file(web))
    assert.deepEqual(again, { ok: true, value: { revision: 1, changed: false } })
    const [account] = await storage.accounts()
    assert.deepEqual(account?.attributes, { contractNumber: 31_415_926 })
    const [server] = await storage.servers({ account: account?.id ?? '' })
    assert.match(server?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    const [nic] = await storage.interfaces(server?.id ?? '')
    assert.deepEqual(
      [nic?.addresses, nic?.type, nic?.host, nic?.device],
      [['2001:db8::1'], 'public', 'local', 'tap1'],
    )
    assert.match(nic?.mac ?? '', /^52:54:00(:[0-9a-f]{2}){3}$/)
    assert.equal((await storage.chain(server?.id ?? ''))?.enabled, true)
  })

  test('what an interface may send from: checked unless the file says otherwise, by canonical prefixes', async () => {
    const nics = async (interfaces: string) => {
      const done = await load(file(`{ profile: upcloud, id: s, name: web, interfaces: [ ${interfaces} ] }`))
      assert.ok(done.ok, done.ok ? '' : done.error)
      return (await storage.interfaces('s')).map((nic) => [nic.senderCheck, nic.allowedAddresses])
    }
    assert.deepEqual(await nics('{ id: a }'), [[true, []]])
    const router = '{ id: a, senderCheck: false, allowedAddresses: [10.8.0.0/16, "2001:DB8::/32"] }'
    assert.deepEqual(await nics(router), [[false, ['10.8.0.0/16', '2001:db8::/32']]])
    assert.deepEqual(await nics('{ id: a }'), [[true, []]])
  })

  test('interfaces with a policy of their own get it, keep what an API switched, and take it with them', async () => {
    const cube = (interfaces: string) =>
      file(`{ profile: ionos, id: s, datacenter: z, name: cube, interfaces: [ ${interfaces} ] }`).replace(
        'credentials',
        'datacenters: [ { id: z, name: vdc } ]\n    credentials',
      )
    const [a, b] = [
      '{ id: a, addresses: [192.0.2.1], firewallActive: true',
      '{ id: b, host: h, device: tap1 }',
    ]
    assert.ok((await load(cube(`${a} }, ${b}`))).ok)
    assert.deepEqual(
      [(await storage.policy('a'))?.enabled, (await storage.policy('b'))?.enabled],
      [true, false],
    )
    const same = await load(cube(`${a} }, ${b}`))
    assert.equal(same.ok && same.value.changed, false)
    assert.ok((await load(cube(`${a}, firewallType: BIDIRECTIONAL }`))).ok)
    assert.deepEqual((await storage.policy('a'))?.filters, ['ingress', 'egress'])
    // It had a device, and the file names it no more.
    assert.equal(await storage.policy('b'), undefined)
    const [zone] = await storage.documents({
      account: (await storage.accounts())[0]?.id ?? '',
      profile: 'ionos',
      kind: 'datacenter',
    })
    assert.deepEqual(zone?.body, { name: 'vdc', location: 'de/txl', createdAt: 1000 })
    const lost = await load(file('{ profile: ionos, id: s, datacenter: y, name: cube }'))
    assert.match(lost.ok ? '' : lost.error, /servers\[0\]\.datacenter: servers of ionos need one/)
  })

  test('servers that are never without a policy stay where theirs is, and where they were made', async () => {
    const vm = (more: string, projects = '{ id: p, name: p }') =>
      file(`{ profile: scaleway, id: s, name: vm, zone: fr-par-1${more} }`).replace(
        'credentials',
        `projects: [ ${projects} ]\n    credentials`,
      )
    assert.ok((await load(vm(''))).ok)
    const project = async () => (await storage.serverById('s'))?.attributes.project
    assert.equal(await project(), 'p')
    const [made] = await storage.members({
      account: (await storage.accounts())[0]?.id ?? '',
      profile: 'scaleway',
      server: 's',
    })
    assert.equal((await storage.policy(made?.policy ?? ''))?.defaultFor, 'p fr-par-1')
    // Another first project is where new ones are made.
    assert.ok((await load(vm('', '{ id: q, name: q }, { id: p, name: p }'))).ok)
    assert.equal(await project(), 'p')
    for (const [text, complaint] of [
      [vm(', project: typo'), /servers\[0\]\.project: typo is none of the account’s projects/],
      [vm(', project: q', '{ id: q, name: q }, { id: p, name: p }'), /cannot be moved/],
      [vm('').replace('fr-par-1', 'nl-ams-1'), /cannot be moved/],
    ] as const) {
      const refused = await load(text)
      assert.match(refused.ok ? '' : refused.error, complaint)
    }
  })

  test('a password that is changed, a switch that is thrown, a device that moves', async () => {
    await load(file(web))
    const [account] = await storage.accounts()
    const [server] = await storage.servers({ account: account?.id ?? '' })
    const changed = await load(
      file(
        web.replace('firewall: true', 'firewall: false').replace('tap1', 'tap2'),
        '{ username: u, password: other }',
      ),
    )
    assert.deepEqual(changed, { ok: true, value: { revision: 2, changed: true } })
    assert.equal((await storage.chain(server?.id ?? ''))?.enabled, false)
    assert.equal((await storage.interfaces(server?.id ?? ''))[0]?.device, 'tap2')
  })

  test('what is wrong is told with its place, and nothing of the file is applied', async () => {
    const good = '{ profile: upcloud, name: web }'
    for (const [text, complaint] of [
      ['accounts: [', /flow|collection|Flow/i],
      ['5', /the file: expected keys/],
      ['servers: []', /servers is not known here/],
      ['accounts: {}', /accounts: expected a list/],
      [file('{ profile: cloud, name: x }'), /accounts\[0\]\.servers\[0\]\.profile: expected one of/],
      [file('{ profile: upcloud }'), /servers\[0\]\.name: expected text/],
      [file('{ profile: upcloud, name: x, firewal: true }'), /firewal is not known here/],
      [file('{ profile: upcloud, name: x, firewall: "on" }'), /firewall: expected true or false/],
      [file('{ profile: ionos, name: x, firewall: true }'), /servers of ionos have no such switch/],
      [
        file('{ profile: upcloud, name: x, interfaces: [ { addresses: [10.0.0.0/8] } ] }'),
        /addresses\[0\]: expected/,
      ],
      [file('{ profile: upcloud, name: x, interfaces: [ { mac: xyz } ] }'), /mac: expected a MAC/],
      [
        file('{ profile: upcloud, name: x, interfaces: [ { senderCheck: "off" } ] }'),
        /senderCheck: expected true or false/,
      ],
      [
        file('{ profile: upcloud, name: x, interfaces: [ { allowedAddresses: [10.0.0.1/8] } ] }'),
        /allowedAddresses\[0\]: address has bits beyond/,
      ],
      [
        file('{ profile: upcloud, name: x, interfaces: [ { allowedAddresses: [10.0.0.1] } ] }'),
        /allowedAddresses\[0\]: expected address\/length/,
      ],
      [file('{ profile: upcloud, name: x, interfaces: [ { device: tap1 } ] }'), /a device needs the host/],
      [
        file('{ profile: upcloud, name: x, interfaces: [ { host: h, device: "a b" } ] }'),
        /device: expected 1 to 15/,
      ],
      [
        file('{ profile: upcloud, name: x, interfaces: [ { type: secret } ] }'),
        /type: expected one of public/,
      ],
      [file(`${good}, ${good}`), /the server .* is there twice/],
      [file(good, '{ username: "a:b", password: p }'), /has no colon/],
      [file(good, '{ username: a }'), /password: expected text/],
      [file(good, '{ token: t, username: u, password: p }'), /one of username, token and secretKey/],
      [file(good, '{ token: t, scopes: [admin] }'), /scopes\[0\]: expected one of read, write/],
      [file(good, '{ token: t }, { token: t }'), /the credential is there twice/],
    ] as const) {
      const done = await load(text)
      assert.ok(!done.ok, text)
      assert.match(done.error, complaint)
      assert.equal(done.error.includes('\n'), false)
    }
    assert.deepEqual(await storage.accounts(), [])
    assert.equal(await storage.revision(), 0)
  })
})
