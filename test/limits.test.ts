/**
 * A credential that is limited to one server of an account, and one that is limited to a profile: what is beyond that is as if
 * it were not there, for every parameter of every route, in every list, and what is wider is not written.
 *
 * Both sets of everything that the dialects' drivers make are in one account here: `own` is within the limits, `foreign` is
 * the account's, too.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { nobodys, type Reply, type Values } from '../src/dialects/conformance.ts'
import { drivers } from '../src/dialects/conformance-drivers.ts'
import type { Dialect } from '../src/dialects/dialect.ts'
import {
  bodyOf,
  clientOf,
  type Filled,
  fillBoth,
  oneAccountInventory,
  parametersOf,
  pathWith,
} from './support/conformance.ts'
import { keepCredentials } from './support/more-credentials.ts'
import { dialects, onBothStores, type TestService } from './support/service.ts'

const limitedKey = '00e10000-0000-4000-8000-0000000000aa'
const narrowKey = '00e10000-0000-4000-8000-0000000000ab'
const limited = { authorization: 'Bearer limited-token' }
const narrow = { authorization: 'Bearer narrow-token' }
const headersOf = ({ schemes }: Dialect, bearer: Record<string, string>, key: string) =>
  schemes.includes('bearer') ? bearer : { 'x-auth-token': key }

/** Without the id that was asked for, and without what differs from one answer to the next. */
const comparable = ({ status, text }: Reply, id: string) =>
  `${status} ${text
    .replaceAll(id, 'ID')
    .replace(/("requestId":")[^"]*/g, '$1')
    .replace(/("timestamp":")[^"]*/g, '$1')}`

onBothStores('limits of credentials', (start) => {
  let service: TestService
  let filled: Filled
  /** The account's other servers, their interfaces and policies; names and ids that nothing that is answered has. */
  const others = new Set<string>()
  /** Servers of one profile, their interfaces and chains. */
  const ofUpCloud = new Set<string>()
  /** The servers within the limits. */
  const mine: string[] = []
  before(async () => {
    service = await start({ inventory: oneAccountInventory })
    filled = await fillBoth(service, 'own')
    const [{ id: account = '' } = {}] = await service.storage.accounts()
    const all = await service.storage.servers({ account })
    const wanted = new Set(dialects.flatMap(({ profile }) => serverOf(filled(profile, 'own')) ?? []))
    for (const server of all) {
      const isMine = wanted.has(server.id) || (server.number !== null && wanted.has(String(server.number)))
      if (isMine) mine.push(server.id)
      const nics = await service.storage.interfaces(server.id)
      const chain = await service.storage.chain(server.id)
      const ids = [server.id, ...nics.map(({ id }) => id), ...(chain ? [chain.id] : [])]
      for (const id of ids) {
        if (!isMine) others.add(id)
        if (server.profile === 'upcloud') ofUpCloud.add(id)
      }
    }
    const both = { account: 'own' }
    await keepCredentials(service.storage, [
      { ...both, secret: 'limited-token', servers: mine },
      { ...both, secret: limitedKey, accessKey: 'SCWL1M1TED0000000000', servers: mine },
      { ...both, secret: 'narrow-token', profiles: ['upcloud'] },
      { ...both, secret: narrowKey, accessKey: 'SCWNARR0W00000000000', profiles: ['upcloud'] },
    ])
  })
  after(() => service.close())

  const serverOf = (values: Values): string | undefined =>
    values.serverId ?? values['server/uuid'] ?? values['servers/id'] ?? values.vmid

  test('every dialect that has servers has one within, and one beyond', () => {
    assert.equal(mine.length, dialects.length)
    assert.ok(others.size > 8)
  })

  for (const dialect of dialects) {
    const { profile, prefixes, routes } = dialect
    const call = (method: string, path: string, body?: unknown) =>
      service.call(method, path, body, headersOf(dialect, limited, limitedKey))
    for (const prefix of prefixes) {
      for (const route of routes) {
        const parameters = parametersOf(route)
        if (route.scope === 'none' || route.scope === 'operator') continue
        test(`${profile}: ${route.method} ${prefix}${route.path}`, async () => {
          const own = parameters.map(({ valueIn }) => valueIn(filled(profile, 'own')))
          const send = (values: readonly string[]) =>
            call(route.method, prefix + pathWith(route, values), bodyOf(dialect, route))
          for (const [place, { name, valueIn }] of parameters.entries()) {
            const id = valueIn(filled(profile, 'foreign'))
            if (id === own[place] || !isBeyond(id)) continue
            const revision = await service.storage.revision()
            const answer = await send(own.with(place, id))
            const nobody = nobodys(id)
            assert.equal(
              comparable(answer, id),
              comparable(await send(own.with(place, nobody)), nobody),
              name,
            )
            assert.ok(answer.status >= 400, `:${name} ${answer.status} ${answer.text}`)
            assert.equal(await service.storage.revision(), revision, `:${name}: something is changed`)
          }
          if (route.method !== 'GET') return
          const answer = await send(own)
          assert.ok(answer.status < 500, answer.text)
          const said = `${answer.text} ${[...answer.headers].join(' ')}`
          // Where it is asked for, it is said that nobody has it.
          const told = [...others].filter((id) => !own.includes(id) && said.includes(id))
          assert.deepEqual(told, [], `${answer.status} ${answer.text.slice(0, 2000)}`)
        })
      }
    }
  }

  /** Ids of the account's other servers and what is theirs; not of what the account has beside them. */
  const isBeyond = (id: string) =>
    others.has(id) || dialects.some(({ profile }) => serverOf(filled(profile, 'foreign')) === id)

  test('what is within is read as without limits', async () => {
    for (const path of [
      `/1.3/server/${filled('upcloud', 'own')['server/uuid']}/firewall_rule`,
      `/api/vm/${filled('hostup', 'own').vmid}/firewall`,
      `/cloudapi/v6/datacenters/${filled('ionos', 'own').datacenterId}/servers/${filled('ionos', 'own').serverId}/nics?depth=5`,
      `/v1/servers/${mine[0]}`,
    ]) {
      const [within, all] = [
        await service.call('GET', path, undefined, limited),
        await service.call('GET', path),
      ]
      assert.equal(within.status, 200, `${path} ${within.text}`)
      assert.equal(comparable(within, '-'), comparable(all, '-'))
    }
    const { servers } = (await service.call('GET', '/v1/servers', undefined, limited)).body
    assert.deepEqual(servers.map(({ id }: { id: string }) => id).toSorted(), mine.toSorted())
    const { usage } = (await service.call('GET', '/v1/account', undefined, limited)).body
    assert.equal(usage.servers, mine.length)
    const { revisions } = (await service.call('GET', '/v1/revisions?limit=1000', undefined, limited)).body
    assert.ok(revisions.length > 0)
    for (const { server } of revisions) assert.ok(mine.includes(server))
  })

  test('what is within is written: a rule of a chain, of an interface', async () => {
    const { datacenterId, serverId, nicId } = filled('ionos', 'own')
    const writes: readonly [string, string, object][] = [
      [
        'POST',
        `/1.3/server/${filled('upcloud', 'own')['server/uuid']}/firewall_rule`,
        { firewall_rule: { direction: 'in', action: 'drop' } },
      ],
      ['POST', `/api/vm/${filled('hostup', 'own').vmid}/firewall`, drivers.hostup.bodies.createVmRule ?? {}],
      [
        'POST',
        `/cloudapi/v6/datacenters/${datacenterId}/servers/${serverId}/nics/${nicId}/firewallrules`,
        { properties: { protocol: 'TCP', portRangeStart: 81, portRangeEnd: 81 } },
      ],
      [
        'PATCH',
        `/cloudapi/v6/datacenters/${datacenterId}/servers/${serverId}/nics/${nicId}`,
        { firewallActive: true },
      ],
    ]
    for (const [method, path, body] of writes) {
      const answer = await service.call(method, path, body, limited)
      assert.ok(answer.status < 300, `${path} ${answer.status} ${answer.text}`)
    }
  })

  /** Everything that a server-limited credential may not write, whoever's it is. */
  test('what is wider than its servers is refused, and nothing is changed', async () => {
    const ionos = filled('ionos', 'own')
    const scaleway = filled('scaleway', 'own')
    const zone = '/instance/v1/zones/fr-par-1'
    const dc = `/cloudapi/v6/datacenters/${ionos.datacenterId}`
    const wide: readonly [string, string, string, object?][] = [
      ['native', 'PATCH', '/v1/account', { cutFlows: 'revoked' }],
      [
        'upcloud',
        'POST',
        '/1.3/server',
        {
          server: {
            hostname: 'x',
            title: 'x',
            zone: 'fi-hel1',
            storage_devices: { storage_device: [{ action: 'create', size: 10, title: 'd' }] },
          },
        },
      ],
      ['upcloud', 'POST', '/1.3/tag', { tag: { name: 'wide' } }],
      ['hostup', 'POST', '/api/firewall-groups', { name: 'g', description: null, rules: [] }],
      ['ionos', 'POST', '/cloudapi/v6/datacenters', { properties: { name: 'x', location: 'de/txl' } }],
      ['ionos', 'PATCH', dc, { name: 'renamed' }],
      ['ionos', 'POST', `${dc}/securitygroups`, { properties: { name: 'g' } }],
      ['ionos', 'POST', `${dc}/servers`, { properties: { name: 'x', cores: 1, ram: 1024 } }],
      ['ionos', 'POST', '/cloudapi/v6/ipblocks', { properties: { location: 'de/txl', size: 1 } }],
      [
        'ionos',
        'POST',
        `${dc}/volumes`,
        { properties: { name: 'v', size: 10, type: 'HDD', licenceType: 'OTHER' } },
      ],
      ['ionos', 'POST', '/cloudapi/v6/pccs', { properties: { name: 'p' } }],
      ['scaleway', 'POST', `${zone}/security_groups`, { name: 'g' }],
      ['scaleway', 'POST', `${zone}/ips`, {}],
      ['scaleway', 'POST', `${zone}/servers`, { name: 'x', commercial_type: 'DEV1-S' }],
      ['scaleway', 'POST', `${zone}/volumes`, { name: 'v', volume_type: 'l_ssd', size: 1_000_000_000 }],
      ['scaleway', 'POST', '/account/v3/projects', { name: 'p' }],
      ['scaleway', 'DELETE', `${zone}/ips/${scaleway['ips/id']}`],
    ]
    for (const [profile, method, path, body] of wide) {
      const dialect = dialects.find((each) => each.profile === profile) as Dialect
      const revision = await service.storage.revision()
      const answer = await service.call(method, path, body, headersOf(dialect, limited, limitedKey))
      assert.ok(
        answer.status >= 400 && answer.status < 500,
        `${method} ${path} ${answer.status} ${answer.text}`,
      )
      assert.equal(await service.storage.revision(), revision, `${method} ${path}: something is changed`)
    }
  })

  test('a change of a datacenter that touches another server’s NIC is refused', async () => {
    const { datacenterId, serverId, nicId, lanId } = filled('ionos', 'own')
    const dc = `/cloudapi/v6/datacenters/${datacenterId}`
    const made = await service.call('POST', `${dc}/servers?depth=5`, {
      properties: { name: 'beside', cores: 1, ram: 1024 },
      entities: { nics: { items: [{ properties: { lan: Number(lanId) } }] } },
    })
    assert.equal(made.status, 202, made.text)
    const beside = made.body.entities.nics.items[0].id
    const listed = await service.call('GET', `${dc}/lans/${lanId}/nics?depth=3`, undefined, limited)
    assert.ok(listed.text.includes(nicId ?? '') && !listed.text.includes(beside), listed.text)
    for (const [method, path, body] of [
      ['DELETE', `${dc}/lans/${lanId}`],
      ['DELETE', dc],
      ['PATCH', `${dc}/lans/${lanId}`, { ipFailover: [{ ip: '192.0.2.9', nicUuid: beside }] }],
      ['PATCH', `${dc}/lans/${lanId}`, { name: 'renamed' }],
      // A LAN that is made with it is the datacenter's.
      ['PATCH', `${dc}/servers/${serverId}/nics/${nicId}`, { lan: 99 }],
    ] as const) {
      const revision = await service.storage.revision()
      const answer = await service.call(method, path, body, limited)
      assert.ok(
        answer.status >= 400 && answer.status < 500,
        `${method} ${path} ${answer.status} ${answer.text}`,
      )
      assert.equal(await service.storage.revision(), revision, `${method} ${path}: something is changed`)
    }
  })

  test('decisions, as they come and as they are kept: of its servers', async () => {
    const told = async (headers: Record<string, string>) =>
      new Set(
        (await service.call('GET', '/v1/decisions?limit=1000', undefined, headers)).body.decisions.map(
          (each: { server: string }) => each.server,
        ),
      )
    const nics = (await Promise.all([...mine, ...others].map((id) => service.storage.interfaces(id)))).flat()
    const placed = nics.filter(({ host }) => host !== null)
    const beyond = placed.find((nic) => others.has(nic.server))
    const within = placed.find((nic) => mine.includes(nic.server))
    assert.ok(beyond && within)
    const stop = new AbortController()
    const stream = await fetch(`${service.url}/v1/decisions`, {
      headers: { ...limited, accept: 'text/event-stream' },
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(20_000)]),
    })
    const heard: string[] = []
    try {
      const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
      for (const nic of [beyond, within]) {
        service.services.decisions.hear([
          {
            ...{
              at: Date.now(),
              host: nic.host ?? '',
              interface: nic.id,
              direction: 'ingress',
              outcome: 'denied',
            },
            ...{ observed: false, by: 'default', position: null, level: 'info', revision: 1 },
            packet: { etherType: 0x0800, length: 60, protocol: 1 },
          },
        ])
      }
      while (!heard.join('').includes(within.id))
        heard.push((await reader?.read())?.value ?? assert.fail('it ended'))
    } finally {
      stop.abort()
    }
    assert.ok(!heard.join('').includes(beyond.id), heard.join(''))
    assert.deepEqual(await told(limited), new Set([within.server]))
    assert.deepEqual(
      await told({ authorization: 'Bearer acme-token' }),
      new Set([within.server, beyond.server]),
    )
    const asked = await service.call('GET', `/v1/decisions?interface=${beyond.id}`, undefined, limited)
    assert.equal(asked.status, 404)
  })

  for (const dialect of dialects) {
    const { profile, prefixes, routes } = dialect
    if (profile === 'upcloud') continue
    test(`${profile}, of a credential for another profile: nothing is told, nothing is written`, async () => {
      const headers = headersOf(dialect, narrow, narrowKey)
      const words = [...others, ...mine].filter((id) => !ofUpCloud.has(id))
      for (const route of routes) {
        if (route.scope === 'none' || route.scope === 'operator') continue
        const values: readonly string[] = parametersOf(route).map(({ valueIn }) =>
          valueIn(filled(profile, 'own')),
        )
        const path: string = prefixes[0] + pathWith(route, values)
        const revision = await service.storage.revision()
        const answer = await service.call(route.method, path, bodyOf(dialect, route), headers)
        assert.ok(answer.status < 500, `${route.method} ${path} ${answer.text}`)
        // The native API serves the profile, too.
        if (profile !== 'native') {
          const unchanged = await service.storage.revision()
          assert.equal(unchanged, revision, `${route.method} ${path} ${answer.status}: something is changed`)
        }
        const told = words.filter((id) => !path.includes(id) && answer.text.includes(id))
        assert.deepEqual(told, [], `${route.method} ${path}`)
      }
    })
  }
  test('of a credential for a profile: all of its servers, and only those', async () => {
    const { servers } = (await service.call('GET', '/v1/servers', undefined, narrow)).body
    const all = (await service.call('GET', '/v1/servers?profile=upcloud')).body
    assert.deepEqual(servers, all.servers)
    assert.ok(servers.length >= 2)
    const { revisions } = (await service.call('GET', '/v1/revisions?limit=1000', undefined, narrow)).body
    assert.ok(revisions.length > 0)
    for (const { dialect, server, policy } of revisions) {
      const of = server
        ? await service.storage.serverById(server)
        : await service.storage.policy(policy ?? '')
      assert.equal(of?.profile ?? dialect, 'upcloud', `${dialect} ${server} ${policy}`)
    }
  })

  test('the account has what it had', async () => {
    for (const dialect of dialects) {
      const { profile, prefixes, routes } = dialect
      for (const route of routes) {
        if (route.method !== 'GET' || route.scope === 'operator') continue
        // The user's own are the account's, of which there is one.
        const values = parametersOf(route).map(({ key, valueIn }) =>
          valueIn(filled(profile, ['details/username', 'api-keys/key'].includes(key) ? 'own' : 'foreign')),
        )
        const { status, text } = await clientOf(
          service,
          'own',
          dialect,
        )('GET', prefixes[0] + pathWith(route, values))
        assert.equal(status, 200, `${route.path} ${text}`)
      }
    }
  })
})
