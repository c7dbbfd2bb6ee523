/** What an account may have so many of is refused beyond that by every dialect, in its own words, and the resource is named. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Quotas } from '../src/storage/storage.ts'
import {
  credentials,
  datacenters,
  inventory,
  secretKeys,
  servers,
  startService,
  type TestService,
} from './support/service.ts'

const by = { account: '', actor: 'test', dialect: 'system', requestId: '', at: 0 } as const
const key = secretKeys.right
const zone = '/instance/v1/zones/fr-par-1'
const dc = `/cloudapi/v6/datacenters/${datacenters.own}`
const v1Rule = {
  ...{ type: 'in', action: 'ACCEPT', proto: 'tcp', dport: '22' },
  ...{ enable: 1, source: '', comment: '' },
}
const disk = { action: 'create', size: 10, title: 'd' }
const newServer = {
  ...{ hostname: 'x', title: 'x', zone: 'fi-hel1', storage_devices: { storage_device: [disk] } },
}

interface Attempt {
  readonly name: string
  readonly limited: keyof Quotas
  readonly request: readonly [method: string, path: string, body: unknown, headers?: Record<string, string>]
  readonly status: number
  readonly says: RegExp
}

const attempts: readonly Attempt[] = [
  {
    ...{ name: 'UpCloud, a rule', limited: 'rules', status: 409, says: /FIREWALL_RULE_LIMIT_REACHED/ },
    request: [
      'POST',
      `/1.3/server/${servers.web}/firewall_rule`,
      { firewall_rule: { direction: 'in', action: 'accept' } },
    ],
  },
  {
    ...{ name: 'UpCloud, a server', limited: 'servers', status: 409, says: /"SERVER_LIMIT_REACHED/ },
    request: ['POST', '/1.3/server', { server: newServer }],
  },
  {
    ...{ name: 'UpCloud, an address', limited: 'addresses', status: 409, says: /IP_ADDRESS_LIMIT_REACHED/ },
    request: ['POST', '/1.3/server', { server: newServer }],
  },
  {
    ...{
      name: 'HostUp v1, a rule',
      limited: 'rules',
      status: 400,
      says: /limit of \d+ rules in the account/,
    },
    request: ['POST', '/api/vm/10000/firewall', v1Rule],
  },
  {
    ...{
      name: 'HostUp v1, a group',
      limited: 'policies',
      status: 400,
      says: /limit of \d+ firewall groups in the account/,
    },
    request: ['POST', '/api/firewall-groups', { name: 'g', description: null, rules: [] }],
  },
  {
    ...{ name: 'IONOS, a server', limited: 'servers', status: 422, says: /VDC-5-1921.*limit of \d+ servers/ },
    request: ['POST', `${dc}/servers`, { properties: { name: 'x', cores: 1, ram: 1024 } }],
  },
  {
    ...{
      name: 'IONOS, a security group',
      limited: 'policies',
      status: 422,
      says: /VDC-5-1921.*limit of \d+ security groups/,
    },
    request: ['POST', `${dc}/securitygroups`, { properties: { name: 'g' } }],
  },
  {
    ...{
      name: 'IONOS, rules of a new security group',
      limited: 'rules',
      status: 422,
      says: /VDC-5-1921.*limit of \d+ firewall rules/,
    },
    request: [
      'POST',
      `${dc}/securitygroups`,
      { properties: { name: 'g' }, entities: { rules: { items: [{ properties: { protocol: 'TCP' } }] } } },
    ],
  },
  {
    ...{
      name: 'IONOS, a block of addresses',
      limited: 'addresses',
      status: 422,
      says: /VDC-5-1921.*limit of \d+ IP addresses/,
    },
    request: ['POST', '/cloudapi/v6/ipblocks', { properties: { location: 'de/txl', size: 2 } }],
  },
  {
    ...{
      name: 'Scaleway, a server',
      limited: 'servers',
      status: 403,
      says: /quotas_exceeded.*"instance_server"/,
    },
    request: [
      'POST',
      `${zone}/servers`,
      { name: 'x', commercial_type: 'DEV1-S', volumes: { 0: { volume_type: 'l_ssd' } } },
      key,
    ],
  },
  {
    ...{
      name: 'Scaleway, a security group',
      limited: 'policies',
      status: 403,
      says: /quotas_exceeded.*"instance_security_group"/,
    },
    request: ['POST', `${zone}/security_groups`, { name: 'g' }, key],
  },
  {
    ...{
      name: 'Scaleway, an address',
      limited: 'addresses',
      status: 403,
      says: /quotas_exceeded.*"instance_ip"/,
    },
    request: ['POST', `${zone}/ips`, {}, key],
  },
]

describe('quotas', () => {
  let service: TestService
  let acme: string
  before(async () => {
    service = await startService()
    acme = (await service.storage.accounts()).find(({ name }) => name === 'acme')?.id ?? ''
  })
  after(() => service.close())

  const allow = async (quotas: Quotas) =>
    assert.ok((await service.storage.run('setDefaultQuotas', { quotas }, by)).ok)

  for (const { name, limited, request, status, says } of attempts) {
    test(`${name}: refused at the quota in the dialect’s words, and taken below it`, async () => {
      const [method, path, body, headers] = request
      const { used } = await service.storage.usage(acme)
      await allow({ [limited]: used[limited] })
      const before = await service.storage.revision()
      const answer = await service.call(method, path, body, headers)
      assert.equal(answer.status, status, answer.text)
      assert.match(answer.text, says)
      assert.equal(await service.storage.revision(), before)
      assert.deepEqual((await service.storage.usage(acme)).used[limited], used[limited])
      await allow({})
      const taken = await service.call(method, path, body, headers)
      assert.ok(taken.status < 300, `${taken.status} ${taken.text}`)
      assert.ok((await service.storage.usage(acme)).used[limited] > used[limited], 'it is counted')
      assert.deepEqual(await service.storage.miscounts(), [])
    })
  }

  test('an account reads its quotas and how much it has, and nobody else’s', async () => {
    await allow({ servers: 7 })
    const { used } = await service.storage.usage(acme)
    const { status, body } = await service.call('GET', '/v1/account')
    assert.equal(status, 200)
    assert.deepEqual(body.quotas, {
      servers: 7,
      policies: null,
      rules: null,
      credentials: null,
      addresses: null,
    })
    assert.deepEqual(body.usage, used)
    assert.ok(used.servers > 4 && used.credentials > 4)
    const foreign = await service.call('GET', '/v1/account', undefined, credentials.foreign)
    assert.deepEqual([foreign.body.usage.servers, foreign.body.quotas.servers], [4, 7])
    await allow({})
  })

  test('an inventory that names quotas sets them, and one that goes beyond is refused at its place', async () => {
    const limited = (text: string) =>
      inventory.replace('  - name: acme\n', `  - name: acme\n    quotas: ${text}\n`)
    await assert.rejects(
      startService({ inventory: limited('{ servers: 4 }') }),
      /accounts\[0\].*5 servers, and its quota is 4/,
    )
    for (const wrong of ['{ servers: -1 }', '{ servers: many }', '{ hosts: 1 }', '[1]', '{ servers: 1.5 }'])
      await assert.rejects(startService({ inventory: limited(wrong) }), /accounts\[0\]\.quotas/, wrong)
    const other = await startService({ inventory: limited('{ servers: 5, rules: 0 }') })
    try {
      const { body } = await other.call('GET', '/v1/account')
      assert.deepEqual(body.quotas, {
        servers: 5,
        policies: null,
        rules: 0,
        credentials: null,
        addresses: null,
      })
      const rule = { firewall_rule: { direction: 'in', action: 'accept' } }
      assert.equal((await other.call('POST', `/1.3/server/${servers.web}/firewall_rule`, rule)).status, 409)
    } finally {
      await other.close()
    }
  })
})
