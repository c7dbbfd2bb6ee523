/** Guests that a host sees become servers of the account that its rules name: of every profile, and of no account that its credential does not permit. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { Adoption, Claimed, Sighting } from '../src/core/model/sighting.ts'
import { makeOperator, operator } from './support/operator.ts'
import {
  credentials,
  datacenters,
  onBothStores,
  secretKeys,
  servers,
  type TestService,
} from './support/service.ts'

/** What a new server lets in and out before anybody has said anything of it, as its provider has it: docs/adoption.md says it. */
const atFirst: Readonly<Record<string, readonly [ingress: string, egress: string]>> = {
  native: ['deny', 'allow'],
  upcloud: ['allow', 'allow'],
  hostup: ['allow', 'allow'],
  ionos: ['allow', 'allow'],
  scaleway: ['allow', 'allow'],
}

let last = 0
/** Every test has its own devices and MAC addresses. */
const nextMac = () =>
  `52:54:00:aa:${(++last >> 8).toString(16).padStart(2, '0')}:${(last & 255).toString(16).padStart(2, '0')}`
const guest = (n: number) => `0d4f9a52-6f0e-4b6e-8a7e-${String(n).padStart(12, '0')}`

onBothStores('guests that are adopted', (start) => {
  let service: TestService
  let accounts: { acme: string; other: string }
  before(async () => {
    service = await start()
    await makeOperator(service.storage)
    const of = async (headers: Record<string, string>) =>
      (await service.call('GET', '/v1/account', undefined, headers)).body.account
    accounts = { acme: await of(credentials.right), other: await of(credentials.foreign) }
  })
  after(() => service.close())

  let hosts = 0
  let host: string
  beforeEach(() => {
    host = `kvm${++hosts}`
  })

  /** An agent's sight of its host, as the service hears it, and what it is told of each device. */
  function look(credential: string | null) {
    const { sightings } = service.services
    const told = new Map<string, Claimed>()
    const news: Claimed[] = []
    const forget = sightings.follow(host, credential, (claims) => {
      for (const each of claims) told.set(each.device, each)
      news.push(...claims)
    })
    return {
      told,
      news,
      forget,
      /** The first time all that there is. */
      async see(put: readonly Sighting[], remove: readonly string[] = [], whole = news.length === 0) {
        sightings.hear(host, { whole, put, remove })
        await sightings.settled()
      },
      why: (device: string) => told.get(device)?.why ?? '',
    }
  }
  const adoption = (account: string, profile: string, more: Partial<Adoption> = {}): Adoption => ({
    ...{ account, profile, server: { id: guest(++last), name: `vm-${profile}` }, index: 1 },
    ...{ addresses: [], policies: [] },
    ...more,
  })
  const sighting = (device: string, of: Adoption | undefined, more: Partial<Sighting> = {}): Sighting => ({
    ...{ device, present: true, mac: nextMac(), address: null, source: 'libvirt', guarded: true },
    ...{ guest: { id: guest(++last), name: 'vm' }, ...(of && { adoption: of }) },
    ...more,
  })
  async function credentialOf(adopts: readonly string[] | null): Promise<string> {
    const made = await service.call('POST', `/v1/hosts/${host}/credentials`, { adopts }, operator)
    assert.equal(made.status, 201, made.text)
    return made.body.id
  }
  const bound = async (device: string) => {
    const { body } = await service.call(
      'GET',
      `/v1/bindings?host=${host}&device=${device}`,
      undefined,
      operator,
    )
    return body.bindings[0]
  }
  const serverOn = async (device: string) => {
    const binding = await bound(device)
    assert.ok(binding, `nothing is on ${device}`)
    const { status, body, text } = await service.call(
      'GET',
      `/v1/servers/${binding.server}`,
      undefined,
      operator,
    )
    assert.equal(status, 200, text)
    return body
  }
  /** Whether a TCP connection to it, and one that it begins, would pass. */
  async function passesAtFirst(server: string, address: string) {
    const verdictOf = async (direction: string, source: string, destination: string) => {
      const packet = { protocol: 'tcp', source, sourcePort: 40000, destination, destinationPort: 22 }
      const { status, body, text } = await service.call(
        'POST',
        '/v1/trace',
        { server, direction, packet },
        operator,
      )
      assert.equal(status, 200, text)
      return body.action
    }
    return [
      await verdictOf('ingress', '198.51.100.1', address),
      await verdictOf('egress', address, '198.51.100.1'),
    ]
  }
  const countServers = async () =>
    (await service.call('GET', '/v1/servers?limit=1000', undefined, operator)).body.servers.length

  test('of every profile they are read and changed by its API, with the policy that it attaches', async () => {
    const host = look(null)
    const profiles = ['native', 'upcloud', 'hostup', 'ionos', 'scaleway']
    const seen = profiles.map((profile, n) =>
      sighting(`vnet${n}`, adoption(accounts.acme, profile, { addresses: [`192.0.2.${150 + n}`] })),
    )
    await host.see(seen, [], true)
    const ids: Record<string, string> = {}
    for (const [n, profile] of profiles.entries()) {
      assert.equal(host.why(`vnet${n}`), '', profile)
      const server = await serverOn(`vnet${n}`)
      const [nic] = server.interfaces
      assert.deepEqual(
        [server.profile, server.name, server.account, nic.mac, nic.addresses, nic.index],
        [profile, `vm-${profile}`, accounts.acme, seen[n]?.mac, [`192.0.2.${150 + n}`], 1],
      )
      assert.equal((await bound(`vnet${n}`)).boundBy, 'mac')
      assert.equal(host.told.get(`vnet${n}`)?.interface, nic.id)
      assert.equal(server.id, seen[n]?.adoption?.server.id, 'a guest’s UUID is its server’s')
      ids[profile] = server.id
      assert.deepEqual(await passesAtFirst(server.id, `192.0.2.${150 + n}`), atFirst[profile], profile)
    }
    const { call } = service
    const rule = { firewall_rule: { direction: 'in', action: 'drop', position: '1' } }
    assert.equal((await call('POST', `/1.3/server/${ids.upcloud}/firewall_rule`, rule)).status, 201)
    const native = await serverOn('vnet0')
    assert.equal(native.interfaces[0].policy.ingress.default, 'deny')
    const vmid = (await serverOn('vnet2')).vmid
    assert.ok(vmid > 20_000, 'above those that are there')
    const open = {
      action: 'ACCEPT',
      type: 'in',
      proto: 'tcp',
      dport: '22',
      source: '',
      comment: '',
      enable: 1,
    }
    const hostup = await call('POST', `/api/vm/${vmid}/firewall`, open)
    assert.ok(hostup.status < 300, hostup.text)
    assert.equal((await call('GET', `/api/vm/${vmid}/firewall`)).body.data.length, 1)
    const path = `/cloudapi/v6/datacenters/${datacenters.own}/servers/${ids.ionos}/nics`
    const nics = await call('GET', `${path}?depth=1`)
    assert.equal(nics.status, 200, nics.text)
    const nic = nics.body.items[0]
    const firewall = { properties: { protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 } }
    assert.equal((await call('POST', `${path}/${nic.id}/firewallrules`, firewall)).status, 202)
    const instance = await call(
      'GET',
      `/instance/v1/zones/fr-par-1/servers/${ids.scaleway}`,
      undefined,
      secretKeys.right,
    )
    assert.equal(instance.status, 200, instance.text)
    assert.ok(instance.body.server.security_group.id)
    const renamed = { name: 'renamed' }
    const patched = await call(
      'PATCH',
      `/instance/v1/zones/fr-par-1/servers/${ids.scaleway}`,
      renamed,
      secretKeys.right,
    )
    assert.equal(patched.status, 200, patched.text)
    // The guest is called otherwise: the server's name is its owner's.
    await host.see([
      {
        ...(seen[4] as Sighting),
        adoption: { ...(seen[4]?.adoption as Adoption), server: { id: ids.scaleway ?? '', name: 'other' } },
      },
    ])
    assert.equal((await serverOn('vnet4')).name, 'renamed')
  })

  test('twice is once; cards of a guest are its server’s; one that leaves is unbound, and comes back as it was', async () => {
    const host = look(null)
    const of = adoption(accounts.acme, 'upcloud')
    const [first, second] = [sighting('vnet10', of), sighting('vnet11', { ...of, index: 2 })]
    await host.see([first], [], true)
    const before = await countServers()
    await host.see([first, second], [], true)
    await host.see([first, second], [], true)
    assert.equal(await countServers(), before)
    const server = await serverOn('vnet10')
    assert.deepEqual(
      server.interfaces.map((each: { mac: string; index: number }) => [each.mac, each.index]),
      [
        [first.mac, 1],
        [second.mac, 2],
      ],
    )
    await host.see([], ['vnet11'])
    assert.equal(await bound('vnet11'), undefined)
    assert.equal((await serverOn('vnet10')).interfaces.length, 2)
    await host.see([{ ...second, device: 'vnet12' }])
    assert.equal((await bound('vnet12')).interface, server.interfaces[1].id)
    // Another agent of the same host, which has been told nothing.
    host.forget()
    const next = look(null)
    await next.see([first, { ...second, device: 'vnet12' }], [], true)
    assert.equal(next.told.get('vnet10')?.interface, server.interfaces[0].id)
    assert.equal(await countServers(), before)
  })

  test('addresses follow the hypervisor’s configuration, and those that an API gave stay', async () => {
    const host = look(null)
    const of = adoption(accounts.acme, 'native', { addresses: ['192.0.2.160', '2001:DB8::160'] })
    const seen = sighting('vnet20', of)
    await host.see([seen], [], true)
    const [nic] = (await serverOn('vnet20')).interfaces
    assert.deepEqual(nic.addresses, ['192.0.2.160', '2001:db8::160'])
    const given = await service.call(
      'PATCH',
      `/v1/interfaces/${nic.id}`,
      { addresses: [...nic.addresses, '192.0.2.161'] },
      operator,
    )
    assert.equal(given.status, 200, given.text)
    const configured = (...addresses: string[]) => ({ ...seen, adoption: { ...of, addresses } })
    await host.see([configured('192.0.2.162')])
    const now = async () => (await serverOn('vnet20')).interfaces[0].addresses
    assert.deepEqual(await now(), ['192.0.2.161', '192.0.2.162'])
    // What another account has is not taken, and what was stays; it is asked again when that is free.
    await host.see([configured('192.0.2.99')])
    assert.deepEqual(await now(), ['192.0.2.161', '192.0.2.162'])
    await host.see([configured()])
    assert.deepEqual(await now(), ['192.0.2.161'])
    // One that was said while nobody listened.
    host.forget()
    await look(null).see([configured('192.0.2.163')], [], true)
    assert.deepEqual(await now(), ['192.0.2.161', '192.0.2.163'])
  })

  test('a host adopts into accounts that its credential permits; another is refused like one that does not exist, and audited once', async () => {
    const name = host
    const credential = await credentialOf([accounts.acme])
    const agent = look(credential)
    const before = await countServers()
    const put = [
      sighting('vnet30', adoption(accounts.acme, 'upcloud')),
      sighting('vnet31', adoption(accounts.other, 'upcloud')),
      sighting('vnet32', adoption('nobody-at-all', 'upcloud')),
      // Faults of an account that is not its own say nothing of it.
      sighting('vnet33', adoption(accounts.other, 'ionos', { zone: datacenters.own, policies: ['x'] })),
    ]
    await agent.see(put, [], true)
    assert.equal(await countServers(), before + 1)
    const without = (device: string, account: string) => agent.why(device).replace(account, 'ACCOUNT')
    assert.match(agent.why('vnet31'), /may not adopt into account/)
    assert.equal(without('vnet31', accounts.other), without('vnet32', 'nobody-at-all'))
    assert.equal(without('vnet33', accounts.other), without('vnet32', 'nobody-at-all'))
    const refusals = async () => {
      const { body } = await service.call('GET', '/v1/audit?limit=500', undefined, operator)
      return body.events.filter(
        (each: { operation: string; after: { device: string }; actor: string }) =>
          each.operation === 'adoption.refuse' && each.actor === `agent of host ${name}`,
      )
    }
    const audited = (await refusals()).map((each: { after: { account: string } }) => each.after.account)
    assert.deepEqual(audited.sort(), [accounts.other, 'nobody-at-all'].sort())
    // Seen otherwise, and seen again.
    await agent.see(put.map((each) => ({ ...each, present: false })))
    await agent.see(put, [], true)
    assert.equal((await refusals()).length, 2)
    assert.equal(await countServers(), before + 1)
    // Another's history has no word of it, and the account's own none of the host.
    for (const [headers, holds] of [
      [credentials.foreign, false],
      [credentials.right, true],
    ] as const) {
      const { text } = await service.call('GET', '/v1/audit?limit=500', undefined, headers)
      assert.equal(text.includes(put[0]?.adoption?.server.id ?? '-'), holds)
      assert.doesNotMatch(text, new RegExp(`\\b${name}\\b|vnet3\\d`))
    }
    // Permitted from now on: at once.
    const patched = await service.call(
      'PATCH',
      `/v1/credentials/${credential}`,
      { adopts: [accounts.other] },
      operator,
    )
    assert.equal(patched.status, 200)
    await service.services.sightings.settled()
    assert.equal((await serverOn('vnet31')).account, accounts.other)
    assert.match(agent.why('vnet33'), /it is not adopted: zone: /)
    // What was adopted is followed no more by a host that may not adopt there.
    const first = put[0] as Sighting
    await agent.see([{ ...first, adoption: { ...(first.adoption as Adoption), addresses: ['192.0.2.177'] } }])
    assert.deepEqual((await serverOn('vnet30')).interfaces[0].addresses, [])
    // A credential of another host, and one that is gone, permit nothing.
    await service.call('DELETE', `/v1/credentials/${credential}`, undefined, operator)
    await agent.see([sighting('vnet34', adoption(accounts.other, 'upcloud'))])
    assert.match(agent.why('vnet34'), /may not adopt into account/)
  })

  test('a server that was not adopted is not touched, whoever’s it is: not by its id, its MAC address or its addresses', async () => {
    const agent = look(null)
    for (const [n, id] of [servers.web, servers.foreign].entries()) {
      const before = (await service.call('GET', `/v1/servers/${id}`, undefined, operator)).text
      await agent.see([
        sighting(`vnet4${n}`, adoption(accounts.acme, 'upcloud', { server: { id, name: 'taken' } })),
      ])
      const made = await serverOn(`vnet4${n}`)
      assert.notEqual(made.id, id)
      assert.match(made.id, /^[0-9a-f-]{36}$/)
      assert.equal((await service.call('GET', `/v1/servers/${id}`, undefined, operator)).text, before)
    }
    // The MAC address of one that the inventory put on a device of another host, and of one that is nowhere.
    const before = await countServers()
    await agent.see([sighting('vnet42', adoption(accounts.other, 'upcloud'), { mac: '52:54:00:00:00:01' })])
    assert.match(agent.why('vnet42'), /by the inventory/)
    await agent.see([sighting('vnet43', adoption(accounts.other, 'upcloud'), { mac: '52:54:00:00:00:11' })])
    assert.equal((await serverOn('vnet43')).id, servers.vm)
    for (const address of [
      '192.0.2.99',
      '192.0.2.97',
      'fe80::1%0',
      '0.0.0.0',
      '::ffff:192.0.2.3',
      '224.0.0.1',
    ]) {
      await agent.see([sighting('vnet44', adoption(accounts.acme, 'upcloud', { addresses: [address] }))])
      assert.match(agent.why('vnet44'), /it is not adopted: /, address)
    }
    assert.equal(await countServers(), before)
  })

  test('what cannot be is refused with its reason, and nothing of it is there', async () => {
    const agent = look(null)
    const made = await service.call(
      'POST',
      '/v1/accounts',
      { name: 'small', quotas: { servers: 1 } },
      operator,
    )
    const small = made.body.id
    for (const [device, of, why, more] of [
      ['vnet50', adoption(small, 'upcloud'), /^$/, {}],
      ['vnet51', adoption(small, 'upcloud'), /quota is reached: server, 1 at most/, {}],
      ['vnet52', adoption(small, 'ionos'), /zone: the account has no datacenters/, {}],
      ['vnet53', adoption(small, 'nothing'), /profile: expected one of /, {}],
      ['vnet54', adoption(small, 'upcloud', { zone: 'nowhere' }), /zone: expected one of /, {}],
      ['vnet55', adoption(accounts.acme, 'native', { policies: ['none'] }), /there is no policy none/, {}],
      [
        'vnet56',
        adoption(accounts.acme, 'native'),
        /mac: expected the MAC address of one card/,
        { mac: '01:54:00:00:00:77' },
      ],
      ['vnet57', adoption('gone', 'native'), /there is no account gone/, {}],
      ['vnet58', adoption(accounts.acme, 'native', { server: { id: 'x', name: 'a\nb' } }), /name: /, {}],
    ] as const) {
      const before = await countServers()
      await agent.see([sighting(device, of, more)])
      assert.match(agent.why(device), why)
      assert.equal(await countServers(), before + (device === 'vnet50' ? 1 : 0), device)
      assert.equal((await bound(device)) !== undefined, device === 'vnet50', device)
    }
    // Room is made, and it is asked again.
    await service.call('PATCH', `/v1/accounts/${small}`, { quotas: { servers: 2 } }, operator)
    await service.services.sightings.settled()
    assert.equal((await serverOn('vnet51')).account, small)
  })

  test('an operator adopts a device that nobody has, once; one that somebody has is refused', async () => {
    const agent = look(null)
    const name = host
    const seen = [
      sighting('vnet70', undefined),
      sighting('vnet71', undefined),
      sighting('vnet72', undefined, { mac: '52:54:00:00:00:01' }),
    ]
    await agent.see(seen)
    assert.match(agent.why('vnet70'), /no interface has the MAC address/)
    const adopt = (body: object, key?: string) =>
      service.call('POST', `/v1/hosts/${name}/adopt`, body, {
        ...operator,
        ...(key !== undefined && { 'idempotency-key': key }),
      })
    const wanted = {
      device: 'vnet70',
      account: accounts.acme,
      profile: 'upcloud',
      addresses: ['192.0.2.180'],
    }
    const before = await countServers()
    const first = await adopt(wanted, `k-${name}`)
    assert.equal(first.status, 201, first.text)
    assert.deepEqual([first.body.mac, first.body.binding], [seen[0]?.mac, { host: name, device: 'vnet70' }])
    assert.equal(first.headers.get('location'), `/v1/interfaces/${first.body.id}`)
    assert.equal((await adopt(wanted, `k-${name}`)).headers.get('idempotent-replayed'), 'true')
    assert.equal((await adopt({ ...wanted, profile: 'native' }, `k-${name}`)).status, 400)
    assert.equal((await adopt(wanted)).body.id, first.body.id)
    assert.equal(await countServers(), before + 1)
    // Its agent is told.
    await service.services.sightings.settled()
    assert.equal(agent.told.get('vnet70')?.interface, first.body.id)
    for (const [body, status, said] of [
      [{ ...wanted, account: accounts.other }, 409, /is held by interface/],
      [{ ...wanted, device: 'vnet72' }, 409, /is that of interface/],
      [{ ...wanted, device: 'vnet79' }, 400, /device: the host sees no such device/],
      [{ ...wanted, device: 'vnet71', mac: '52:54:00:99:99:99' }, 400, /mac: the host says/],
      [{ ...wanted, device: 'vnet71', mac: 'x' }, 400, /mac/],
      [{ ...wanted, device: 'vnet71', account: 'nobody' }, 404, /no account nobody/],
      [{ ...wanted, device: 'vnet71', profile: 'x' }, 400, /profile: expected one of/],
      [{ ...wanted, device: 'vnet71', zone: 'x' }, 400, /zone: expected one of/],
      [{ ...wanted, device: 'vnet71', addresses: ['x'] }, 400, /addresses\[0\]/],
      [{ ...wanted, device: 'vnet71', addresses: ['192.0.2.99'] }, 409, /192.0.2.99 is not available/],
      [{ ...wanted, device: 'vnet71', policies: ['x'] }, 404, /no policy x/],
      [{ ...wanted, device: 'vnet71', more: 1 }, 400, /more/],
    ] as const) {
      const refused = await adopt(body)
      assert.equal(refused.status, status, refused.text)
      assert.match(refused.text, said)
    }
    assert.equal((await service.call('POST', `/v1/hosts/${name}/adopt`, wanted)).status, 403)
    assert.equal(await countServers(), before + 1)
    const { text } = await service.call('GET', '/v1/audit?limit=500')
    assert.doesNotMatch(text, /vnet7\d/)
  })

  test('policies that the rule names are attached, and a number is the hypervisor’s where it is free', async () => {
    const agent = look(null)
    const policy = await service.call('POST', '/v1/policies', { name: 'web' })
    assert.equal(policy.status, 201, policy.text)
    await agent.see([
      sighting('vnet60', adoption(accounts.acme, 'native', { policies: [policy.body.id] })),
      sighting('tap777i0', adoption(accounts.acme, 'hostup', { server: { id: 'proxmox-777', name: 'a' } }), {
        guest: { id: '777', name: 'a' },
      }),
      sighting(
        'tap10000i0',
        adoption(accounts.acme, 'hostup', { server: { id: 'proxmox-10000', name: 'b' } }),
        {
          guest: { id: '10000', name: 'b' },
        },
      ),
    ])
    assert.deepEqual((await serverOn('vnet60')).interfaces[0].attached, [policy.body.id])
    assert.equal((await serverOn('tap777i0')).vmid, 777)
    assert.ok((await serverOn('tap10000i0')).vmid > 20_000)
  })

  const deleteServer = async (id: string) => {
    const { status, text } = await service.call('DELETE', `/v1/servers/${id}`, undefined, operator)
    assert.equal(status, 204, text)
    await service.services.sightings.settled()
  }
  const isThere = async (id: string) => {
    const { status } = await service.call('GET', `/v1/servers/${id}`, undefined, operator)
    return status === 200
  }

  test('what is deleted stays deleted, whoever sees the guest, until an operator adopts it', async () => {
    const name = host
    const agent = look(null)
    const of = adoption(accounts.acme, 'native')
    const [first, second] = [sighting('vnet80', of), sighting('vnet81', { ...of, index: 2 })]
    await agent.see([first, second], [], true)
    const { id, interfaces } = await serverOn('vnet80')
    const gone = await service.call('DELETE', `/v1/interfaces/${interfaces[1].id}`, undefined, operator)
    assert.equal(gone.status, 204, gone.text)
    await service.services.sightings.settled()
    assert.match(agent.why('vnet81'), /its interface was deleted, and comes back when an operator adopts/)
    assert.equal((await serverOn('vnet80')).interfaces.length, 1)
    await deleteServer(id)
    assert.match(agent.why('vnet80'), /its server was deleted, and comes back when an operator adopts/)
    assert.equal(await isThere(id), false)
    // It starts again, its agent starts again, it comes to another host.
    await agent.see([], ['vnet80'])
    await agent.see([{ ...first, device: 'vnet82' }])
    assert.match(agent.why('vnet82'), /was deleted/)
    agent.forget()
    const next = look(null)
    await next.see([{ ...first, device: 'vnet82' }, second], [], true)
    assert.match(next.why('vnet82'), /was deleted/)
    next.forget()
    host = `${name}-other`
    const other = look(null)
    await other.see([first, second], [], true)
    assert.match(other.why('vnet80'), /was deleted/)
    assert.equal(await isThere(id), false)
    const listed = await service.call('GET', `/v1/hosts/${host}/unclaimed`, undefined, operator)
    assert.match(listed.text, /its server was deleted/)
    const wanted = { device: 'vnet80', account: accounts.acme, profile: 'native', addresses: [] }
    const adopted = await service.call('POST', `/v1/hosts/${host}/adopt`, wanted, operator)
    assert.equal(adopted.status, 201, adopted.text)
    await service.services.sightings.settled()
    assert.equal(await isThere(id), true)
    // The interface was deleted for itself.
    await other.see([second])
    assert.match(other.why('vnet81'), /its interface was deleted/)
    // Nobody hears of another account's.
    await other.see([sighting('vnet83', { ...of, account: accounts.other, server: { ...of.server } })])
    assert.equal(other.why('vnet83'), '')
  })

  test('who attaches a device anew means it: a server that was deleted meanwhile is made again', async () => {
    const agent = look(null)
    const seen = sighting('tap80', adoption(accounts.acme, 'native'), { source: 'attached' })
    await agent.see([seen], [], true)
    const { id } = await serverOn('tap80')
    await deleteServer(id)
    await agent.see([{ ...seen, present: false }])
    await agent.see([seen])
    assert.equal(await isThere(id), false)
    assert.match(agent.why('tap80'), /was deleted/)
    const { guest: _, adoption: __, ...bare } = seen
    await agent.see([{ ...bare, source: 'links', mac: null }])
    await agent.see([seen])
    assert.equal((await serverOn('tap80')).id, id)
  })

  test('an ephemeral server ends with its last device, unless somebody has said anything of it', async () => {
    const agent = look(null)
    const policy = (await service.call('POST', '/v1/policies', { name: 'peers' })).body.id
    type Server = { id: string; interfaces: { id: string; addresses: string[] }[] }
    const call = async (method: string, path: string, body?: object) => {
      const { status, text } = await service.call(method, path, body)
      assert.ok(status < 300, text)
    }
    let own = 0
    const cases: [what: string, stays: boolean, act: (server: Server) => Promise<void>][] = [
      ['nothing', false, async () => {}],
      ['its name', true, ({ id }) => call('PATCH', `/v1/servers/${id}`, { name: 'kept' })],
      [
        'a rule of its own',
        true,
        async ({ id }) =>
          call('POST', `/1.3/server/${id}/firewall_rule`, {
            firewall_rule: { direction: 'in', action: 'drop' },
          }),
      ],
      [
        'a policy',
        true,
        ({ id, interfaces: [nic] }) =>
          call('PUT', `/v1/servers/${id}/interfaces/${nic?.id}/policies`, { policies: [policy] }),
      ],
      ['an interface', true, ({ id }) => call('POST', `/v1/servers/${id}/interfaces`, {})],
    ]
    for (const way of ['detached', 'gone'] as const) {
      for (const [what, stays, act] of cases) {
        const device = `tape${own++}`
        const profile = what === 'a rule of its own' ? 'upcloud' : 'native'
        const seen = sighting(device, adoption(accounts.acme, profile, { ephemeral: true }), {
          ...{ source: 'attached', address: '02:07:be:b9:ee:03' },
        })
        await agent.see([seen])
        const server = await serverOn(device)
        // Its host's own word is nobody else's.
        const address = `192.0.2.${190 + own}`
        await agent.see([{ ...seen, adoption: { ...(seen.adoption as Adoption), addresses: [address] } }])
        assert.deepEqual((await serverOn(device)).interfaces[0].addresses, [address])
        await act(server)
        const { guest: _, adoption: __, ...bare } = seen
        if (way === 'gone') await agent.see([], [device])
        else await agent.see([{ ...bare, source: 'links', mac: null }])
        assert.equal(await bound(device), undefined, `${what}: ${way}`)
        assert.equal(await isThere(server.id), stays, `${what}: ${way}`)
        if (stays) continue
        const { body } = await service.call('GET', `/v1/audit?server=${server.id}&limit=500`)
        const { operation, actor } = body.events.find(
          (each: { operation: string }) => each.operation === 'server.delete',
        )
        assert.deepEqual([operation, actor], ['server.delete', 'host'])
        // The next VM of that name is like it.
        await agent.see([{ ...seen, device: `${device}x` }])
        assert.equal((await serverOn(`${device}x`)).id, server.id)
        await agent.see([], [`${device}x`])
        assert.equal(await isThere(server.id), false)
      }
    }
  })

  test('an ephemeral server of any profile leaves nothing but its history', async () => {
    const agent = look(null)
    for (const [n, profile] of ['native', 'upcloud', 'hostup', 'ionos', 'scaleway'].entries()) {
      const device = `tapp${n}`
      const seen = sighting(device, adoption(accounts.acme, profile, { ephemeral: true }), {
        source: 'attached',
      })
      await agent.see([seen])
      const { id } = await serverOn(device)
      await agent.see([], [device])
      assert.equal(await isThere(id), false, profile)
    }
  })

  test('an ephemeral server of several devices ends with the last; one that moves, or was not said to end, stays', async () => {
    const name = host
    const agent = look(null)
    const of = adoption(accounts.acme, 'native', { ephemeral: true })
    const attached = { source: 'attached' } as const
    const [first, second] = [
      sighting('tapf0', of, attached),
      sighting('tapf1', { ...of, index: 2 }, attached),
    ]
    await agent.see([first, second], [], true)
    const { id } = await serverOn('tapf1')
    await agent.see([], ['tapf0'])
    assert.equal(await isThere(id), true)
    // Another agent of the host finds it gone.
    agent.forget()
    const next = look(null)
    await next.see([], [], true)
    assert.equal(await isThere(id), false)

    // As in a live migration: who waits for it has it in the same moment.
    const connect = (of: string) =>
      service.services.enforcement.open(of, { release: '1', protocol: 5, instance: of, own: false }, () => {})
    await connect(name)
    await next.see([first])
    host = `${name}-other`
    await connect(host)
    const other = look(null)
    await other.see([first], [], true)
    assert.match(other.why('tapf0'), /where it is seen, too/)
    host = name
    await next.see([], ['tapf0'])
    host = `${name}-other`
    assert.equal((await serverOn('tapf0')).id, id)
    await other.see([], ['tapf0'])
    assert.equal(await isThere(id), false)

    const lasting = sighting('tapf2', adoption(accounts.acme, 'native'), attached)
    await other.see([lasting])
    const kept = (await serverOn('tapf2')).id
    await other.see([{ ...lasting, adoption: { ...(lasting.adoption as Adoption), ephemeral: true } }])
    await other.see([], ['tapf2'])
    assert.equal(await isThere(kept), true)
    // By hand it was made to stay.
    await other.see([first])
    assert.equal((await serverOn('tapf0')).id, id)
    const [nic] = (await serverOn('tapf0')).interfaces
    const claim = { bindings: [{ interface: nic.id, host, device: 'tapf0' }] }
    const claimed = await service.call('POST', '/v1/bindings', claim, operator)
    assert.ok(claimed.status < 300, claimed.text)
    await other.see([], ['tapf0'])
    assert.equal(await isThere(id), true)
  })
})
