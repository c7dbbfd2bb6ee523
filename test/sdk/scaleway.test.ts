/** Scaleway's own JavaScript SDK, unmodified, through the life of a group. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createClient } from '@scaleway/sdk-client'
import { Instancev1 } from '@scaleway/sdk-instance'
import {
  accessKey,
  projects,
  secretKeys,
  servers,
  startService,
  type TestService,
} from '../support/service.ts'

let service: TestService
let api: Instancev1.API
before(async () => {
  service = await startService()
  const client = createClient({
    apiURL: service.url,
    accessKey,
    secretKey: secretKeys.right['x-auth-token'],
    defaultProjectId: projects.first,
    defaultZone: 'fr-par-1',
  })
  api = new Instancev1.API(client)
})
after(() => service.close())

test('create, list, update, set rules, attach, delete', async () => {
  const { securityGroup: made } = await api.createSecurityGroup({
    name: 'sdk',
    description: 'from the SDK',
    stateful: true,
    inboundDefaultPolicy: 'drop',
    outboundDefaultPolicy: 'accept',
    tags: ['a'],
  })
  assert.ok(made?.creationDate instanceof Date)
  assert.deepEqual(
    [made.state, made.project, made.organization],
    ['available', projects.first, projects.first],
  )
  const securityGroupId = made.id

  const listed = await api.listSecurityGroups({ name: 'sdk' })
  assert.deepEqual([listed.totalCount, listed.securityGroups.map((group) => group.id)], [1, [made.id]])
  for (let index = 0; index < 3; index++)
    await api.createSecurityGroup({ name: `page ${index}`, description: '', stateful: true })
  assert.equal((await api.listSecurityGroups({ name: 'page', perPage: 2 }).all()).length, 3)

  const { securityGroup: updated } = await api.updateSecurityGroup({
    securityGroupId,
    stateful: false,
    tags: [],
  })
  assert.deepEqual([updated?.stateful, updated?.tags, updated?.description], [false, [], 'from the SDK'])

  const { rules } = await api.setSecurityGroupRules({
    securityGroupId,
    rules: [
      {
        protocol: 'TCP',
        direction: 'inbound',
        action: 'accept',
        ipRange: '0.0.0.0/0',
        destPortFrom: 22,
        position: 0,
      },
      { protocol: 'ANY', direction: 'outbound', action: 'drop', ipRange: '2001:DB8::/32', position: 0 },
    ],
  })
  assert.deepEqual(
    rules
      .filter((rule) => rule.editable)
      .map((rule) => [rule.position, rule.ipRange, rule.destPortFrom ?? null]),
    [
      [1, '0.0.0.0/0', 22],
      [2, '2001:db8::/32', null],
    ],
  )
  const { rule } = await api.createSecurityGroupRule({
    ...{ securityGroupId, protocol: 'UDP', direction: 'inbound', action: 'accept', ipRange: '10.0.0.1/32' },
    ...{ destPortFrom: 53, position: 1, editable: true },
  })
  assert.deepEqual([rule?.position, rule?.ipRange], [1, '10.0.0.1'])
  const securityGroupRuleId = rule?.id ?? ''
  const changed = await api.updateSecurityGroupRule({ securityGroupId, securityGroupRuleId, destPortFrom: 0 })
  assert.equal(changed.rule?.destPortFrom ?? null, null)
  assert.equal((await api.listSecurityGroupRules({ securityGroupId }).all()).length, 9)
  assert.equal((await api.listDefaultSecurityGroupRules()).rules.length, 6)
  await api.deleteSecurityGroupRule({ securityGroupId, securityGroupRuleId })

  await api.updateServer({ serverId: servers.instance, securityGroup: { id: securityGroupId, name: 'x' } })
  const { server } = await api.getServer({ serverId: servers.instance })
  assert.deepEqual([server?.securityGroup, server?.state], [{ id: securityGroupId, name: 'sdk' }, 'running'])
  assert.equal((await api.listServers().all()).length, 1)
  await assert.rejects(api.deleteSecurityGroup({ securityGroupId }), /group is in use. you cannot delete it/)

  const [other] = (await api.listSecurityGroups({ projectDefault: true })).securityGroups
  await api.updateServer({ serverId: servers.instance, securityGroup: { id: other?.id ?? '', name: '' } })
  await api.deleteSecurityGroup({ securityGroupId })
  await assert.rejects(api.getSecurityGroup({ securityGroupId }), {
    status: 404,
    resource: 'instance_security_group',
  })
  const { securityGroup: unnamed } = await api.createSecurityGroup({ description: '', stateful: true })
  await assert.rejects(
    api.createSecurityGroupRule({
      ...{ securityGroupId: unnamed?.id ?? '', protocol: 'TCP', direction: 'inbound', action: 'accept' },
      ...{ ipRange: 'everywhere', position: 0, editable: true },
    }),
    { status: 400, message: /ip_range/ },
  )
})
