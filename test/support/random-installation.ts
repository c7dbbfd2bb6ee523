/**
 * An installation that is made at random through the APIs: accounts, projects, zones, servers, interfaces, policies, rules,
 * attachments, credentials, quotas, addresses and bindings of the native API, and what clients of the dialects make.
 *
 * A call may be refused, as much of what is made at random contradicts what is there; none may be a fault of the service.
 */
import assert from 'node:assert/strict'
import { prefix, type Random } from '../clients/random.ts'
import { fillBoth } from './conformance.ts'
import { operator } from './operator.ts'
import { secretKeys, type TestService } from './service.ts'

type Json = Readonly<Record<string, unknown>>
type Headers = Readonly<Record<string, string>>

/** How often each step was taken, and how often it was not refused. */
export type Steps = Map<string, { tried: number; done: number }>

export async function makeInstallation(service: TestService, random: Random, steps: number): Promise<Steps> {
  const taken: Steps = new Map()
  if (random.chance(0.5)) await fillBoth(service)
  let number = 0
  const name = () => random.pick(['a', 'é "x"', 'b\\n', '<&>', "o'k", '日本']) + ++number
  const send = async (method: string, path: string, body: Json | undefined, headers: Headers) => {
    const reply = await service.call(method, path, body, headers)
    assert.ok(reply.status < 500, `${method} ${path} ${JSON.stringify(body)}: ${reply.text}`)
    return reply
  }
  const listed = async (what: string, query = ''): Promise<Json[]> => {
    const { status, body, text } = await send('GET', `/v1/${what}?limit=1000${query}`, undefined, operator)
    assert.equal(status, 200, text)
    // Ids are nobody's to choose: an order of names is the same in every run of a seed.
    const order = ({ name, interface: nic, id }: Json) => String(name ?? nic ?? id)
    return body[what].toSorted((a: Json, b: Json) => order(a).localeCompare(order(b)))
  }
  const accountOf = async () => String(random.pick(await listed('accounts', '&closed=false')).id)
  const as = (account: unknown): Headers => ({ ...operator, 'on-behalf-of': String(account) })
  const some = async (what: string): Promise<Json | undefined> => {
    const all = await listed(what, what === 'policies' ? '&profile=native' : '')
    return all.length > 0 ? random.pick(all) : undefined
  }
  const maybe = (chance: number, part: Json): Json => (random.chance(chance) ? part : {})
  const address = () =>
    random.chance(0.5)
      ? `10.${random.below(250)}.${random.below(250)}.${random.between(1, 250)}`
      : `2001:db8:${random.between(1, 999)}::${random.between(1, 999)}`
  const mac = () =>
    `52:54:00:${[1, 2, 3].map(() => random.below(256).toString(16).padStart(2, '0')).join(':')}`
  const place = () => ({ host: random.pick(['local', 'kvm1', 'kvm2']), device: `tap${random.below(60)}` })
  const nicOf = (): Json => ({
    ...maybe(0.4, { mac: mac() }),
    ...maybe(0.8, { addresses: Array.from({ length: random.below(3) }, address) }),
    ...maybe(0.3, { allowedAddresses: [prefix(random, random.pick(['ipv4', 'ipv6'] as const))] }),
    ...maybe(0.2, { senderCheck: random.chance(0.5) }),
    ...maybe(0.2, { observe: random.chance(0.5) }),
    ...maybe(0.2, { vlanTrunk: random.chance(0.5) }),
    ...maybe(0.2, { allowedFrames: random.pick([[0x88cc], [0x8863, 0x8864], []]) }),
    ...maybe(0.2, { maxConnections: random.pick([0, 1, 5000]) }),
    ...maybe(0.5, { type: random.pick(['public', 'utility', 'private']) }),
  })
  const rule = (): Json => ({
    action: random.pick(['allow', 'deny', 'reject']),
    direction: random.pick(['ingress', 'egress']),
    ...maybe(0.7, {
      protocol: random.pick(['tcp', 'udp']),
      destinationPorts: [random.between(1, 65_535), '80-90'],
    }),
    ...maybe(0.4, { sources: [prefix(random, 'ipv4')] }),
    ...maybe(0.3, { comment: name(), enabled: random.chance(0.5) }),
  })
  const serverOf = async (account: string): Promise<Json> => {
    const profile = random.pick(['native', 'upcloud', 'hostup', 'ionos', 'scaleway'])
    const zone = { upcloud: 'fi-hel1', scaleway: random.pick(['fr-par-1', 'nl-ams-1']) }[profile]
    const own = await service.call('GET', '/v1/zones?limit=1000', undefined, as(account))
    const zones: Json[] = (own.body?.zones ?? []).filter((each: Json) => each.profile === 'ionos')
    return {
      ...{ profile, name: name(), ...(zone && { zone }) },
      ...(profile === 'hostup' && { vmid: random.between(1000, 999_999) }),
      ...(profile === 'ionos' && zones.length > 0 && { datacenter: random.pick(zones).id }),
      ...maybe(0.3, { labels: { env: name(), tier: 'web' } }),
      ...maybe(0.3, { state: profile === 'scaleway' ? 'running' : 'stopped' }),
      ...(['upcloud', 'hostup'].includes(profile) && maybe(0.5, { firewall: random.chance(0.5) })),
      interfaces: Array.from({ length: random.below(4) }, () => ({
        ...nicOf(),
        ...maybe(0.4, place()),
        ...(profile === 'ionos' && {
          ...maybe(0.5, { lan: random.between(1, 4) }),
          ...maybe(0.5, { firewallActive: random.chance(0.5) }),
          ...maybe(0.5, { firewallType: random.pick(['INGRESS', 'EGRESS', 'BIDIRECTIONAL']) }),
        }),
      })),
    }
  }
  const quotas = () => ({
    [random.pick(['servers', 'policies', 'rules', 'credentials', 'addresses'])]: random.pick([
      50,
      1000,
      null,
    ]),
  })
  const credential = (): Json => ({
    ...{ scopes: random.pick([['read'], ['read', 'write'], ['read:vm']]), ...maybe(0.3, { label: name() }) },
    ...maybe(0.3, { profiles: ['upcloud', 'native'] }),
    ...maybe(0.3, { expiresAt: '2099-01-02T03:04:05.678Z' }),
    ...random.pick<Json>([
      { kind: 'token' },
      { kind: 'password', username: `user${++number}`, password: 'correct horse battery' },
      { kind: 'secret-key', profile: 'scaleway' },
    ]),
  })
  const choices = [{ cutFlows: 'never' }, { cutFlows: 'revoked' }] as const
  const scaleway = '/instance/v1/zones/fr-par-1'
  // Those of the account that has credentials for every dialect.
  const clients = {
    own: (method: string, path: string, body?: Json) =>
      send(method, path, body, { authorization: 'Bearer acme-token' }),
    scaleway: (method: string, path: string, body?: Json) => send(method, path, body, secretKeys.right),
  }
  const inAccount = async (
    what: string,
    method: string,
    path: (one: Json) => string,
    body: () => Json | undefined,
  ) => {
    const one = await some(what)
    return one && send(method, path(one), body(), as(one.account))
  }

  const possible: Readonly<Record<string, () => Promise<{ readonly status: number } | undefined>>> = {
    'account made': () =>
      send('POST', '/v1/accounts', { name: name(), ...maybe(0.5, { quotas: quotas() }) }, operator),
    'account changed': async () =>
      send(
        'PATCH',
        `/v1/accounts/${await accountOf()}`,
        {
          ...maybe(0.5, { quotas: quotas() }),
          ...maybe(0.5, random.pick(choices)),
          ...maybe(0.2, { name: name() }),
        },
        operator,
      ),
    'account closed': async () => {
      const made = await send('POST', '/v1/accounts', { name: name() }, operator)
      await send('POST', '/v1/servers', { profile: 'native', name: name() }, as(made.body.id))
      await send('POST', '/v1/credentials', credential(), as(made.body.id))
      return send('PATCH', `/v1/accounts/${made.body.id}`, { closed: true }, operator)
    },
    'credential made': async () => send('POST', '/v1/credentials', credential(), as(await accountOf())),
    'credential revoked': async () => {
      const made = await send('POST', '/v1/credentials', credential(), as(await accountOf()))
      return send('DELETE', `/v1/credentials/${made.body.id}`, undefined, operator)
    },
    'credential rotated': async () => {
      const made = await send('POST', '/v1/credentials', credential(), as(await accountOf()))
      return send('POST', `/v1/credentials/${made.body.id}/rotate`, {}, operator)
    },
    'project made': async () =>
      send('POST', '/v1/projects', { profile: 'scaleway', name: name() }, as(await accountOf())),
    'zone made': async () =>
      send('POST', '/v1/zones', { profile: 'ionos', name: name() }, as(await accountOf())),
    'server made': async () => {
      const account = await accountOf()
      return send('POST', '/v1/servers', await serverOf(account), as(account))
    },
    'server changed': () =>
      inAccount(
        'servers',
        'PATCH',
        ({ id }) => `/v1/servers/${id}`,
        () => ({
          ...maybe(0.5, { name: name() }),
          ...maybe(0.5, { labels: random.chance(0.3) ? null : { one: name() } }),
          ...maybe(0.3, { firewall: random.chance(0.5) }),
        }),
      ),
    'server deleted': () =>
      inAccount(
        'servers',
        'DELETE',
        ({ id }) => `/v1/servers/${id}`,
        () => undefined,
      ),
    'interface made': () =>
      inAccount(
        'servers',
        'POST',
        ({ id }) => `/v1/servers/${id}/interfaces`,
        () => ({ ...nicOf(), ...maybe(0.3, place()) }),
      ),
    'interface changed': async () => {
      const server = await some('servers')
      const nics = (server?.interfaces ?? []) as Json[]
      if (!server || nics.length === 0) return undefined
      return send('PATCH', `/v1/interfaces/${random.pick(nics).id}`, nicOf(), as(server.account))
    },
    'interface deleted': async () => {
      const server = await some('servers')
      const nics = (server?.interfaces ?? []) as Json[]
      if (!server || nics.length === 0) return undefined
      return send('DELETE', `/v1/interfaces/${random.pick(nics).id}`, undefined, as(server.account))
    },
    'binding claimed': async () => {
      const server = await some('servers')
      const nics = (server?.interfaces ?? []) as Json[]
      return nics.length > 0
        ? send('PUT', `/v1/bindings/${random.pick(nics).id}`, place(), operator)
        : undefined
    },
    'binding released': async () => {
      const bound = await some('bindings')
      return bound && send('DELETE', `/v1/bindings/${bound.interface}`, undefined, operator)
    },
    'project deleted': () =>
      inAccount(
        'projects',
        'DELETE',
        ({ id }) => `/v1/projects/${id}`,
        () => undefined,
      ),
    'zone deleted': () =>
      inAccount(
        'zones',
        'DELETE',
        ({ id }) => `/v1/zones/${id}`,
        () => undefined,
      ),
    'IONOS LAN made': async () => {
      const { body } = await clients.own('GET', '/cloudapi/v6/datacenters')
      const items = body.items as Json[] | undefined
      if (!items?.length) return undefined
      return clients.own('POST', `/cloudapi/v6/datacenters/${random.pick(items).id}/lans`, {
        properties: { name: name() },
      })
    },
    'policy made': async () =>
      send(
        'POST',
        '/v1/policies',
        {
          name: name(),
          rules: Array.from({ length: random.below(4) }, rule),
          ...maybe(0.3, random.pick(choices)),
        },
        as(await accountOf()),
      ),
    'rule added': () => inAccount('policies', 'POST', ({ id }) => `/v1/policies/${id}/rules`, rule),
    'policy attached': async () => {
      const policies = await listed('policies', '&profile=native')
      if (policies.length === 0) return undefined
      const { id, account } = random.pick(policies)
      const servers = await listed('servers', `&account=${account}&profile=native`)
      if (servers.length === 0) return undefined
      return send('POST', `/v1/policies/${id}/attachments`, { server: random.pick(servers).id }, as(account))
    },
    'policy deleted': () =>
      inAccount(
        'policies',
        'DELETE',
        ({ id }) => `/v1/policies/${id}`,
        () => undefined,
      ),
    'quotas of all': async () => {
      const by = { account: '', actor: 'test', dialect: 'system', requestId: '', at: Date.now() } as const
      const done = await service.storage.run(
        'setDefaultQuotas',
        { quotas: { servers: random.pick([500, 900]) } },
        by,
      )
      assert.ok(done.ok)
      return { status: 200 }
    },
    'UpCloud server made': () =>
      clients.own('POST', '/1.3/server', {
        server: {
          ...{ title: name(), hostname: `h${++number}.example.com`, zone: 'fi-hel1' },
          ...maybe(0.5, {
            storage_devices: { storage_device: [{ action: 'create', size: 10, title: 'd' }] },
          }),
          ...maybe(0.5, { labels: { label: [{ key: 'a', value: name() }] } }),
        },
      }),
    'IONOS datacenter made': () =>
      clients.own('POST', '/cloudapi/v6/datacenters', { properties: { name: name(), location: 'de/fra' } }),
    'IONOS server made': async () => {
      const { body } = await clients.own('GET', '/cloudapi/v6/datacenters')
      const items = body.items as Json[] | undefined
      if (!items?.length) return undefined
      const nic = {
        properties: { lan: random.between(1, 4), dhcp: true, firewallActive: random.chance(0.5) },
      }
      return clients.own('POST', `/cloudapi/v6/datacenters/${random.pick(items).id}/servers`, {
        properties: { name: name(), cores: 1, ram: 1024 },
        entities: { nics: { items: [nic] } },
      })
    },
    'Scaleway server made': () =>
      clients.scaleway('POST', `${scaleway}/servers`, {
        ...{ name: name(), commercial_type: 'DEV1-S' },
        ...maybe(0.5, { enable_ipv6: true }),
        ...maybe(0.5, { volumes: { 0: { volume_type: 'l_ssd' } } }),
      }),
    'Scaleway group made': () =>
      clients.scaleway('POST', `${scaleway}/security_groups`, {
        name: name(),
        ...maybe(0.3, { stateful: false }),
      }),
    'Scaleway IP attached': async () => {
      const { body } = await clients.scaleway('GET', `${scaleway}/servers`)
      const servers = body.servers as Json[] | undefined
      if (!servers?.length) return undefined
      return clients.scaleway('POST', `${scaleway}/ips`, { server: random.pick(servers).id })
    },
  }
  const all = Object.entries(possible)
  const makingServers = all.filter(([what]) => what === 'server made')
  for (let n = 0; n < steps; n++) {
    // Servers are what most of the others need.
    const [what, step] =
      n % 2 === 0
        ? (all[(n / 2) % all.length] ?? random.pick(all))
        : random.pick(random.chance(0.3) ? makingServers : all)
    const count = taken.get(what) ?? { tried: 0, done: 0 }
    taken.set(what, count)
    const reply = await step()
    if (reply) count.tried++
    if (reply && reply.status < 300) count.done++
  }
  return taken
}
