/** The inventory file: strict, the same at every start, and never a change that nobody asked for. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { providers } from '../../test/support/service.ts'
import { engines, type TestStore } from '../../test/support/stores.ts'
import type { Storage } from '../storage/storage.ts'
import { createAuthenticator } from './authenticate.ts'
import { inventoryReference } from './inventory/reference.ts'
import { loadInventory } from './inventory.ts'

const file = (server: string, credential = '{ username: u, password: p }') => `
accounts:
  - name: acme
    contractNumber: 31415926
    credentials: [ ${credential} ]
    servers: [ ${server} ]
`
const web =
  '{ profile: upcloud, name: web, firewall: true, interfaces: [ { mac: "52:54:00:00:00:01", addresses: ["2001:DB8::1"], host: local, device: tap1 } ] }'

for (const [engine, { skip, create }] of Object.entries(engines)) {
  describe(`the inventory: ${engine}`, { skip }, () => {
    let store: TestStore
    let storage: Storage
    beforeEach(async () => {
      store = await create()
      storage = await store.open()
    })
    afterEach(async () => {
      await storage.close()
      await store.remove()
    })
    const load = (text: string) => loadInventory(storage, text, 1000, providers)
    async function applied(text: string): Promise<boolean> {
      const done = await load(text)
      assert.ok(done.ok, done.ok ? '' : done.error)
      return done.value.changed
    }
    const accountId = async () => (await storage.accounts())[0]?.id ?? ''

    test('what has no id gets one, the same at the next start; nothing is changed by that', async () => {
      const first = await load(file(web))
      const added = (first.ok ? first.value.changes : []).map(({ change, resource, name }) => [
        ...[change, resource, name],
      ])
      assert.deepEqual(added, [
        ['added', 'account', 'acme'],
        ['added', 'credential', 'u'],
        ['added', 'project', 'default'],
        ['added', 'server', 'web'],
      ])
      assert.deepEqual(first, {
        ok: true,
        value: {
          revision: 1,
          changed: true,
          warnings: [],
          total: 4,
          changes: first.ok && first.value.changes,
        },
      })
      const again = await load(file(web))
      assert.deepEqual(again, {
        ok: true,
        value: { revision: 1, changed: false, warnings: [], total: 0, changes: [] },
      })
      const [account] = await storage.accounts()
      assert.deepEqual(account?.attributes, { contractNumber: 31_415_926 })
      const [server] = await storage.servers({ account: account?.id ?? '' })
      assert.match(server?.id ?? '', /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      const [nic] = await storage.interfaces(server?.id ?? '')
      assert.deepEqual(
        [nic?.addresses, nic?.type, nic?.host, nic?.device, nic?.observe],
        [['2001:db8::1'], 'public', 'local', 'tap1', false],
      )
      assert.equal((await storage.chain(server?.id ?? ''))?.enabled, true)
      await applied(file('{ profile: upcloud, name: web, interfaces: [ { observe: true } ] }'))
      const [watched] = await storage.interfaces(server?.id ?? '')
      assert.equal(watched?.observe, true)
      assert.match(watched?.mac ?? '', /^52:54:00(:[0-9a-f]{2}){3}$/)
    })

    test('how many connections an interface may have: what its host says unless the file does', async () => {
      const limit = async (nic: string) => {
        await applied(file(`{ profile: upcloud, id: s, name: web, interfaces: [ { id: a${nic} } ] }`))
        return (await storage.interfaces('s'))[0]?.maxConnections
      }
      assert.equal(await limit(', maxConnections: 500'), 500)
      assert.equal(await limit(', maxConnections: 0'), 0)
      assert.equal(await limit(''), null)
    })

    test('what is told of packets and which connections are cut: as an API left it unless the file says otherwise', async () => {
      const chosen = async (account: string, server: string) => {
        const changed = await applied(
          file(`{ profile: hostup, vmid: 1, id: s, name: a${server} }`).replace(
            'name: acme',
            `name: acme${account}`,
          ),
        )
        const { log, logAllowed, cutFlows } = (await storage.chain('s')) ?? {}
        const { attributes } = (await storage.accounts())[0] ?? {}
        return [changed, attributes?.cutFlows, cutFlows, log, logAllowed]
      }
      const [account, all] = [
        '\n    cutFlows: revoked',
        ', cutFlows: never, log: { ingress: info, egress: warning }, logAllowed: notice',
      ]
      const both = { ingress: 'info', egress: 'warning' }
      assert.deepEqual(await chosen(account, all), [true, 'revoked', 'never', both, 'notice'])
      assert.deepEqual(await chosen(account, all), [false, 'revoked', 'never', both, 'notice'])
      assert.deepEqual(await chosen('', ''), [false, 'revoked', 'never', both, 'notice'])
      const less = ', log: { ingress: none }, logAllowed: none, cutFlows: revoked'
      const egress = { egress: 'warning' }
      assert.deepEqual(await chosen('\n    cutFlows: never', less), [
        ...[true, 'never', 'revoked', egress, undefined],
      ])
      assert.deepEqual(await chosen('', ', log: { egress: none }'), [
        ...[true, 'never', 'revoked', undefined, undefined],
      ])
    })

    test('what an interface may send from: checked unless the file says otherwise, by canonical prefixes', async () => {
      const nics = async (interfaces: string) => {
        await applied(file(`{ profile: upcloud, id: s, name: web, interfaces: [ ${interfaces} ] }`))
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
        '{ id: b, mac: "52:54:00:00:00:02", host: h, device: tap1 }',
      ]
      await applied(cube(`${a} }, ${b}`))
      const enabled = async () => [(await storage.policy('a'))?.enabled, (await storage.policy('b'))?.enabled]
      assert.deepEqual(await enabled(), [true, false])
      assert.equal(await applied(cube(`${a} }, ${b}`)), false)
      await applied(cube(`${a}, firewallType: BIDIRECTIONAL }`))
      assert.deepEqual((await storage.policy('a'))?.filters, ['ingress', 'egress'])
      // The file named it, and names it no more.
      assert.equal(await storage.policy('b'), undefined)
      const place = { account: await accountId(), profile: 'ionos', kind: 'datacenter' } as const
      const [zone] = await storage.documents(place)
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
      await applied(vm(''))
      const project = async () => (await storage.serverById('s'))?.attributes.project
      assert.equal(await project(), 'p')
      const [made] = await storage.members({ account: await accountId(), profile: 'scaleway', server: 's' })
      assert.equal((await storage.policy(made?.policy ?? ''))?.defaultFor, 'p fr-par-1')
      // Another first project is where new ones are made.
      await applied(vm('', '{ id: q, name: q }, { id: p, name: p }'))
      assert.equal(await project(), 'p')
      for (const [text, complaint] of [
        [vm(', project: typo'), /servers\[0\]\.project: typo is none of the account’s projects/],
        [
          vm(', project: q', '{ id: q, name: q }, { id: p, name: p }'),
          /^accounts\[0\]\.servers\[0\]: s cannot be moved/,
        ],
        [vm('').replace('fr-par-1', 'nl-ams-1'), /cannot be moved/],
      ] as const) {
        const refused = await load(text)
        assert.match(refused.ok ? '' : refused.error, complaint)
      }
    })

    test('a password that is changed, a switch that is thrown, a device that moves', async () => {
      await applied(file(web))
      const [server] = await storage.servers({ account: await accountId() })
      const other = '{ username: u, password: other }'
      await applied(file(web.replace('firewall: true', 'firewall: false').replace('tap1', 'tap2'), other))
      assert.equal((await storage.chain(server?.id ?? ''))?.enabled, false)
      assert.equal((await storage.interfaces(server?.id ?? ''))[0]?.device, 'tap2')
    })

    test('credentials and accounts that are no longer named log nobody in, and do again when they are back', async () => {
      const both = (credentials: string) =>
        `accounts: [ { name: a, credentials: [ ${credentials} ] }, { name: b, credentials: [ { token: tb } ] } ]`
      const all = '{ token: ta }, { username: u, password: p }, { accessKey: k, secretKey: s }'
      const login = async () => {
        const authenticator = createAuthenticator(storage)
        const asked = [
          [{ authorization: 'Bearer ta' }, 'bearer'],
          [{ authorization: `Basic ${btoa('u:p')}` }, 'basic'],
          [{ 'x-auth-token': 's' }, 'x-auth-token'],
          [{ authorization: 'Bearer tb' }, 'bearer'],
        ] as const
        const got = await Promise.all(
          asked.map(([headers, scheme]) => authenticator.authenticate(headers, [scheme], '192.0.2.1')),
        )
        authenticator.close()
        return got.map(({ ok }) => ok)
      }
      await applied(both(all))
      assert.deepEqual(await login(), [true, true, true, true])
      await applied(both('{ token: ta }'))
      assert.deepEqual(await login(), [true, false, false, true])
      await applied('accounts: [ { name: b, credentials: [ { token: tb } ] } ]')
      assert.deepEqual(await login(), [false, false, false, true])
      // A token may go to another account.
      await applied('accounts: [ { name: b, credentials: [ { token: tb }, { token: ta } ] } ]')
      assert.deepEqual(await login(), [true, false, false, true])
      await applied(both(all))
      assert.deepEqual(await login(), [true, true, true, true])
    })

    test('what only the store can find is told with its place, and nothing of the file is applied', async () => {
      await applied(file('{ profile: upcloud, id: s, name: web, interfaces: [ { id: n } ] }'))
      const revision = await storage.revision()
      for (const [text, complaint] of [
        [
          file('{ profile: hostup, id: s, vmid: 1, name: web }'),
          /^accounts\[0\]\.servers\[0\]: s belongs to another account or profile$/,
        ],
        [
          file(
            '{ profile: upcloud, id: new, name: x }, { profile: upcloud, id: t, name: t, interfaces: [ { id: n } ] }',
          ),
          /^accounts\[0\]\.servers\[1\]\.interfaces\[0\]: n is the id of an interface of server s$/,
        ],
      ] as const) {
        const done = await load(text)
        assert.match(done.ok ? '' : done.error, complaint)
        assert.equal(await storage.revision(), revision)
        assert.equal(await storage.serverById('new'), undefined)
        assert.ok(await storage.serverById('s'))
      }
    })

    test('text is kept as it is written, and warnings say what follows', async () => {
      const text = `accounts: [ { id: 007, name: 1e3, servers: [ { profile: upcloud, id: 0x1F, name: 123456789012345678901,
        labels: { 1: 2, on: off, v: "" }, interfaces: [ { host: 7, device: tap1 } ] } ] } ]`
      const done = await load(text)
      assert.ok(done.ok, done.ok ? '' : done.error)
      assert.deepEqual(
        done.value.warnings.map((line) => line.split(':')[0]),
        ['accounts[0].servers[0].id', 'accounts[0].servers[0].interfaces[0]'],
      )
      const [account] = await storage.accounts()
      assert.deepEqual([account?.id, account?.name], ['007', '1e3'])
      const [server] = await storage.servers({ account: '007' })
      assert.deepEqual([server?.id, server?.name], ['0x1F', '123456789012345678901'])
      assert.deepEqual(server?.attributes.labels, { '1': '2', on: 'off', v: '' })
      assert.equal((await storage.interfaces('0x1F'))[0]?.host, '7')
    })

    test('anchors, aliases and merge keys are followed', async () => {
      await applied(`accounts:
  - name: acme
    servers:
      - &first { profile: upcloud, name: a, zone: &z fi-hel1, firewall: true }
      - { <<: *first, name: b }
      - { profile: upcloud, name: c, zone: *z }`)
      const servers = await storage.servers({ account: await accountId() })
      assert.deepEqual(
        servers.map(({ name, zone }) => [name, zone]),
        [
          ['a', 'fi-hel1'],
          ['b', 'fi-hel1'],
          ['c', 'fi-hel1'],
        ],
      )
    })
  })
}

describe('an inventory that is wrong', () => {
  const good = '{ profile: upcloud, name: web }'
  const secret = 'tell-nobody'
  const upcloud = (more: string) => file(`{ profile: upcloud, name: x, ${more} }`)
  const nic = (more: string) => upcloud(`interfaces: [ { ${more} } ]`)
  const nics = (...more: string[]) =>
    upcloud(`interfaces: [ ${more.map((each) => `{ ${each} }`).join(', ')} ]`)
  const account = (more: string) => `accounts: [ { name: a, ${more} } ]`
  const credential = (more: string) => account(`credentials: [ { ${more} } ]`)
  const [s, i] = ['accounts\\[0\\]\\.servers\\[0\\]', 'accounts\\[0\\]\\.servers\\[0\\]\\.interfaces\\[0\\]']

  const bomb = (levels: number): string =>
    [
      'x0: &x0 { name: a }',
      ...Array.from(
        { length: levels },
        (_, n) => `x${n + 1}: &x${n + 1} [${Array(20).fill(`*x${n}`).join(', ')}]`,
      ),
    ].join('\n')

  const cases: Record<string, readonly (readonly [string, RegExp])[]> = {
    'its structure': [
      ['', /^the file: expected keys and values, and it is empty$/],
      ['# nothing', /it is empty/],
      ['accounts: [', /^line 1, column 12: a collection is not closed/],
      ['5', /^the file: expected keys/],
      ['accounts', /^the file: expected keys/],
      ['{ "accounts": [], "accounts": [] }', /^line 1, column 20: a key is there twice$/],
      ['{ "accounts": [ { "name": "tell-nobody" "id": 1 } ] }', /^line 1, column 41: a quote, bracket/],
      ['{ "accounts": [ { "nam": "x" } ] }', /^accounts\[0\]: nam is not known here; known are name, id/],
      ['[accounts]', /^the file: expected keys/],
      ['servers: []', /^the file: servers is not known here; known are accounts$/],
      ['accounts:', /^accounts: expected a list of at least one account$/],
      ['accounts: []', /^accounts: expected a list of at least one account$/],
      ['accounts: {}', /^accounts: expected a list/],
      ['accounts: [ ~ ]', /^accounts\[0\]: expected keys and values$/],
      ['accounts: [ { nam: x } ]', /^accounts\[0\]: nam is not known here; known are name, id/],
      ['accounts: [ { name: x, "a\\nb": 1 } ]', /^accounts\[0\]: "a\\nb" is not known here/],
      ['accounts: [ { name: x, __proto__: { id: y } } ]', /^accounts\[0\]: __proto__ is not known here/],
      ['accounts: [ { name: x, name: y } ]', /^line 1, column \d+: a key is there twice$/],
      ['accounts: 1\naccounts: 2', /^line 2, column 1: a key is there twice$/],
      ['accounts: *nowhere', /^line 1, column 12: an alias \(\*\) has no anchor/],
      ['accounts: !secret tell-nobody', /^line 1, column 11: a tag \(!\) is not known$/],
      ['accounts: !!binary dGVsbC1ub2JvZHk=', /^line 1, column 11: a tag \(!\) is not known$/],
      ['accounts: []\n---\naccounts: []', /^line 2, column \d+: there is a second document/],
      ['accounts: "\\q"', /^line 1, column \d+: an escape/],
      ['\taccounts: []', /^line 1, column 1: a tab cannot indent/],
      ['accounts: [ { name: "tell-nobody } ]', /^line 1, column \d+: a quote, bracket/],
      ['accounts: @tell-nobody', /begins with this character needs quotes/],
      [`accounts: &a [ *a ]`, /^its aliases \(\*\) stand for too much$/],
      [
        'accounts: [ { <<: 5, name: a } ]',
        /^line 1, column 15: a merge key \(<<\) has no keys and values to take$/,
      ],
      [bomb(9), /^its aliases \(\*\) stand for too much$/],
      [bomb(3), /^the file: x0 is not known here/],
    ],
    accounts: [
      [account('id: "a b"'), /^accounts\[0\]\.id: expected 1 to 100 letters, digits/],
      [account(`id: ${'x'.repeat(101)}`), /^accounts\[0\]\.id: expected 1 to 100/],
      [account('id: ""'), /^accounts\[0\]\.id: expected 1 to 100/],
      [account('id: ../x'), /^accounts\[0\]\.id: expected 1 to 100/],
      [account('id:'), /^accounts\[0\]\.id: expected 1 to 100/],
      [
        'accounts: [ { name: "a\\0b" } ]',
        /^accounts\[0\]\.name: expected text of 1 to 255 characters in one line$/,
      ],
      ['accounts: [ { name: "a\\nb" } ]', /^accounts\[0\]\.name: expected text/],
      ['accounts: [ { name: "\\uD800" } ]', /^accounts\[0\]\.name: expected text/],
      [`accounts: [ { name: ${'x'.repeat(256)} } ]`, /^accounts\[0\]\.name: expected text/],
      ['accounts: [ { name: true } ]', /^accounts\[0\]\.name: expected text/],
      ['accounts: [ { name: [x] } ]', /^accounts\[0\]\.name: expected text/],
      [
        'accounts: [ { name: a }, { name: a, id: x } ]',
        /^accounts\[1\]\.name: the account’s name is there twice, first at accounts\[0\]\.name$/,
      ],
      [
        'accounts: [ { name: a, id: x }, { name: b, id: x } ]',
        /^accounts\[1\]: the account x is there twice/,
      ],
      [account('contractNumber: 0'), /^accounts\[0\]\.contractNumber: expected a whole number from 1 to/],
      [account('contractNumber: 1.5'), /contractNumber: expected a whole number/],
      [account('contractNumber: "1"'), /contractNumber: expected a whole number/],
      [account('servers:'), /^accounts\[0\]\.servers: expected a list$/],
      [
        account('projects: [ { id: p, name: p }, { id: p, name: q } ]'),
        /^accounts\[0\]\.projects\[1\]: the project p is there twice/,
      ],
      [
        account('datacenters: [ { name: d }, { name: d } ]'),
        /datacenters\[1\]: the datacenter .* is there twice/,
      ],
      [
        account('datacenters: [ { id: d, name: d, location: "" } ]'),
        /datacenters\[0\]\.location: expected text/,
      ],
    ],
    credentials: [
      [
        credential('token: t, scopes: []'),
        /^accounts\[0\]\.credentials\[0\]\.scopes: expected a list of at least one of read, write/,
      ],
      [credential('token: t, scopes:'), /scopes: expected a list of at least one/],
      [credential('token: t, scopes: [admin]'), /scopes\[0\]: expected one of read, write/],
      [credential('token: t, scopes: read'), /scopes: expected a list/],
      [credential('username: "a:b", password: p'), /has no colon/],
      [credential('username: a'), /password: expected text/],
      [credential('username: a, password: ""'), /password: expected text/],
      [credential('username: a, password: "tell-nobody\\u0007"'), /password: expected text/],
      [credential('username: a, password: [tell-nobody]'), /password: expected text/],
      [credential('token: "tell nobody"'), /token: expected text of 1 to 1000 printable/],
      [credential('token: tell-nobody-é'), /token: expected text of 1 to 1000 printable/],
      [credential('token: tell-nobody, username: u, password: p'), /one of username, token and secretKey/],
      [credential('accessKey: k'), /one of username, token and secretKey/],
      [credential(''), /one of username, token and secretKey/],
      [
        credential('token: t, password: tell-nobody'),
        /^accounts\[0\]\.credentials\[0\]\.password: does not go with token$/,
      ],
      [credential('secretKey: tell-nobody'), /accessKey: expected text/],
      [credential('token: t, project: x'), /project: does not go with token/],
      [
        credential('accessKey: k, secretKey: tell-nobody, project: x'),
        /project: x is none of the projects that the account lists$/,
      ],
      [
        account('credentials: [ { accessKey: k, secretKey: s }, { accessKey: k, secretKey: tell-nobody } ]'),
        /^accounts\[0\]\.credentials\[1\]\.accessKey: the access key is there twice, first at/,
      ],
      [
        'accounts: [ { name: a, contractNumber: 5 }, { name: b, contractNumber: 5 } ]',
        /^accounts\[1\]\.contractNumber: the contract number is there twice, first at/,
      ],
      [
        account('credentials: [ { token: tell-nobody }, { token: tell-nobody } ]'),
        /^accounts\[0\]\.credentials\[1\]: the credential is there twice, first at accounts\[0\]\.credentials\[0\]$/,
      ],
      [
        'accounts: [ { name: a, credentials: [ { token: t } ] }, { name: b, credentials: [ { token: t } ] } ]',
        /^accounts\[1\]\.credentials\[0\]: the credential is there twice/,
      ],
      // A secret that has lost its key is a key by itself.
      [
        credential('username: u, tell-nobody'),
        /^accounts\[0\]\.credentials\[0\]: a key is not known here; known are username/,
      ],
    ],
    servers: [
      [
        file('{ profile: cloud, name: x }'),
        new RegExp(`^${s}\\.profile: expected one of hostup, upcloud, ionos, scaleway, native$`),
      ],
      [
        file('{ profile: native, name: x, firewall: true }'),
        new RegExp(`^${s}\\.firewall: servers of native have no such switch$`),
      ],
      [file('{ name: x }'), /profile: expected one of/],
      [file('{ profile: upcloud }'), new RegExp(`^${s}\\.name: expected text`)],
      [upcloud('firewal: true'), new RegExp(`^${s}: firewal is not known here`)],
      [upcloud('firewall: "on"'), /firewall: expected true or false/],
      [upcloud('firewall: 1'), /firewall: expected true or false/],
      [upcloud('firewall:'), /firewall: expected true or false/],
      [upcloud('cutFlows: always'), /cutFlows: expected one of never, revoked/],
      [upcloud('logAllowed: nolog'), /logAllowed: expected one of emerg, .*, debug, none/],
      [upcloud('log: info'), /log: expected ingress and egress, each emerg, .*, none/],
      [upcloud('log: { inward: info }'), /log: inward is not known here; known are ingress, egress/],
      [upcloud('log: { ingress: INFO }'), /log\.ingress: expected one of emerg/],
      [
        file('{ profile: scaleway, name: x, zone: fr-par-1, cutFlows: never }'),
        /\.cutFlows: servers of scaleway have no rules of their own/,
      ],
      [upcloud('id: "a/b"'), /\.id: expected 1 to 100/],
      [upcloud('zone: moon'), new RegExp(`^${s}\\.zone: expected one of au-syd1, de-fra1`)],
      [upcloud('plan: huge'), /\.plan: expected one of 1xCPU-1GB, .* and \d+ more$/],
      [upcloud('state: flying'), /\.state: expected one of started, stopped, maintenance/],
      [upcloud('vmid: 1'), /\.vmid: servers of upcloud have none/],
      [upcloud('datacenter: z'), /\.datacenter: servers of upcloud are in none/],
      [upcloud('labels: [a]'), /\.labels: expected keys and values/],
      [upcloud('labels: { a: [b] }'), /\.labels\.a: expected text/],
      [upcloud('labels: { a: true }'), /\.labels\.a: expected text/],
      [upcloud(`labels: { ${'k'.repeat(33)}: v }`), /\.labels: expected keys of 1 to 32/],
      [upcloud('project: x'), /\.project: x is none of the account’s projects/],
      [file('{ profile: scaleway, name: x }'), /\.zone: servers of scaleway need one/],
      [file('{ profile: scaleway, name: x, zone: fi-hel1 }'), /\.zone: expected one of fr-par-1/],
      [
        file('{ profile: scaleway, name: x, zone: fr-par-1, firewall: true }'),
        /\.firewall: servers of scaleway have no such switch/,
      ],
      [file('{ profile: hostup, name: x }'), /\.vmid: servers of hostup need one/],
      [file('{ profile: hostup, name: x, vmid: 0 }'), /\.vmid: expected a whole number from 1 to 999999999/],
      [file('{ profile: hostup, name: x, vmid: "1" }'), /\.vmid: expected a whole number/],
      [
        file('{ profile: hostup, name: x, vmid: 1 }, { profile: hostup, name: y, id: y, vmid: 1 }'),
        /servers\[1\]\.vmid: the vmid 1 is there twice/,
      ],
      [
        file('{ profile: ionos, name: x, firewall: true, datacenter: z }'),
        /\.datacenter: servers of ionos need one/,
      ],
      [
        file(`${good}, ${good}`),
        /^accounts\[0\]\.servers\[1\]: the server .* is there twice, first at accounts\[0\]\.servers\[0\]$/,
      ],
    ],
    interfaces: [
      [nic('id: "nic of b"'), new RegExp(`^${i}\\.id: expected 1 to 100`)],
      [nic('addresses: [10.0.0.0/8]'), new RegExp(`^${i}\\.addresses\\[0\\]: expected`)],
      [nic('addresses: ["::ffff:192.0.2.1"]'), /addresses\[0\]: expected 192\.0\.2\.1, as IPv4/],
      [nic('addresses: [0.0.0.0]'), /addresses\[0\]: expected an address that a VM can have/],
      [nic('addresses: ["ff02::1"]'), /an address that a VM can have/],
      [nic('addresses: [192.0.2.1, 192.0.2.1]'), /addresses\[1\]: the address 192\.0\.2\.1 is there twice/],
      [
        nic('addresses: ["2001:db8::1", "2001:DB8:0::1"]'),
        /addresses\[1\]: the address 2001:db8::1 is there twice/,
      ],
      [
        nics('host: h, addresses: [192.0.2.1]', 'host: h, addresses: [192.0.2.1]'),
        /interfaces\[1\]\.addresses\[0\]: the address .* is there twice, first at .*interfaces\[0\]\.addresses\[0\]/,
      ],
      [nic('addresses: 192.0.2.1'), /addresses: expected a list/],
      [nic('mac: xyz'), /mac: expected a MAC/],
      [nic('mac: "01:00:5e:00:00:01"'), /mac: expected the MAC address of one card/],
      [nic('mac: "00:00:00:00:00:00"'), /mac: expected the MAC address of one card/],
      [
        nics('mac: "52:54:00:00:00:01"', 'mac: "52-54-00-00-00-01"'),
        /interfaces\[1\]\.mac: the MAC address 52:54:00:00:00:01 is there twice/,
      ],
      [nics('id: n', 'id: n'), /interfaces\[1\]: the interface n is there twice/],
      [nic('maxConnections: -1'), /maxConnections: expected/],
      [nic('maxConnections: 1000001'), /maxConnections: expected/],
      [nic('senderCheck: "off"'), /senderCheck: expected true or false/],
      [nic('observe: "false"'), /observe: expected true or false/],
      [nic('allowedAddresses: [10.0.0.1/8]'), /allowedAddresses\[0\]: address has bits beyond/],
      [nic('allowedAddresses: [10.0.0.1]'), /allowedAddresses\[0\]: expected address\/length/],
      [nic('allowedAddresses: ["::ffff:10.0.0.0/104"]'), /allowedAddresses\[0\]: expected an IPv4 prefix/],
      [nic('device: tap1'), /a device needs the host/],
      [nic('host: h, device: "a b"'), /device: expected 1 to 15/],
      [nic('host: h, device: lo'), /device: expected 1 to 15 .*not lo/],
      [nic(`host: h, device: ${'t'.repeat(16)}`), /device: expected 1 to 15/],
      [nic('host: "a b"'), /host: expected a host’s name/],
      [
        nics('host: h, device: tap1', 'host: h, device: tap1'),
        /interfaces\[1\]\.device: the device tap1 on h is there twice/,
      ],
      [nic('type: secret'), /type: expected one of public/],
      [nic('firewallActive: true'), /firewallActive: interfaces of upcloud have none/],
      [nic('lan: 1'), /lan: interfaces of upcloud have none/],
      [nic('firewallActive: "true"'), /firewallActive: expected true or false/],
      [nic('firewallType: nonsense'), /firewallType: expected one of INGRESS, EGRESS, BIDIRECTIONAL/],
      [nic('lan: 0'), /lan: expected a whole number from 1/],
    ],
  }

  for (const [what, texts] of Object.entries(cases)) {
    test(`${what}: one line with its place, no secret, and nothing of the file is applied`, async () => {
      const store = await engines.sqlite.create()
      const storage = await store.open()
      try {
        for (const [text, complaint] of texts) {
          const done = await loadInventory(storage, text, 1000, providers)
          assert.ok(!done.ok, text)
          assert.match(done.error, complaint, text)
          assert.equal(
            /[\n\r]/.test(done.error) || done.error.includes(secret) || done.error.length > 600,
            false,
            done.error,
          )
        }
        assert.deepEqual(await storage.accounts(), [])
        assert.equal(await storage.revision(), 0)
      } finally {
        await storage.close()
        await store.remove()
      }
    })
  }
})

test('docs/inventory.md is what the schema says: npm run docs', () => {
  assert.equal(readFileSync('docs/inventory.md', 'utf8'), inventoryReference(providers))
})
