/** @scaleway/sdk-instance, unmodified, through the life of a group. */
import assert from 'node:assert/strict'
import { createClient } from '@scaleway/sdk-client'
import { Instancev1 } from '@scaleway/sdk-instance'
import { type Client, npmVersion } from './client.ts'
import { account, servers } from './service.ts'

const name = '@scaleway/sdk-instance'

export const javascriptScaleway: Client = {
  name,
  version: npmVersion(name),
  drives:
    'groups, rules and servers: create, list by pages, get, update, replace, delete, waits, errors as the SDK types them',
  // npm installs it with the project.
  build: async () => '',
  async run({ service, step }) {
    const api = new Instancev1.API(
      createClient({
        apiURL: service.url,
        accessKey: account.accessKey,
        secretKey: account.secretKey,
        defaultProjectId: account.project,
        defaultZone: 'fr-par-1',
      }),
    )
    let securityGroupId = ''
    const rule = { protocol: 'TCP', direction: 'inbound', action: 'accept', position: 0 } as const

    await step('create a group', async () => {
      const { securityGroup: made } = await api.createSecurityGroup({
        ...{ name: 'sdk', description: 'from the SDK', stateful: true, tags: ['a'] },
        ...{ inboundDefaultPolicy: 'drop', outboundDefaultPolicy: 'accept' },
      })
      assert.ok(made?.creationDate instanceof Date)
      assert.deepEqual(
        [made.state, made.project, made.organization],
        ['available', account.project, account.project],
      )
      securityGroupId = made.id
    })
    await step('list groups, all pages', async () => {
      const listed = await api.listSecurityGroups({ name: 'sdk' })
      assert.deepEqual(
        [listed.totalCount, listed.securityGroups.map((group) => group.id)],
        [1, [securityGroupId]],
      )
      for (let index = 0; index < 3; index++)
        await api.createSecurityGroup({ name: `page ${index}`, description: '', stateful: true })
      assert.equal((await api.listSecurityGroups({ name: 'page', perPage: 2 }).all()).length, 3)
    })
    await step('update a group', async () => {
      const { securityGroup: updated } = await api.updateSecurityGroup({
        ...{ securityGroupId, stateful: false, tags: [] },
      })
      assert.deepEqual([updated?.stateful, updated?.tags, updated?.description], [false, [], 'from the SDK'])
    })
    await step('replace all rules', async () => {
      const { rules } = await api.setSecurityGroupRules({
        securityGroupId,
        rules: [
          { ...rule, ipRange: '0.0.0.0/0', destPortFrom: 22 },
          { protocol: 'ANY', direction: 'outbound', action: 'drop', ipRange: '2001:DB8::/32', position: 0 },
        ],
      })
      assert.deepEqual(
        rules
          .filter(({ editable }) => editable)
          .map(({ position, ipRange, destPortFrom = null }) => [position, ipRange, destPortFrom]),
        [
          [1, '0.0.0.0/0', 22],
          [2, '2001:db8::/32', null],
        ],
      )
    })
    await step('create, update, list and delete a rule', async () => {
      const { rule: made } = await api.createSecurityGroupRule({
        ...{ securityGroupId, protocol: 'UDP', direction: 'inbound', action: 'accept' },
        ...{ ipRange: '10.0.0.1/32', destPortFrom: 53, position: 1, editable: true },
      })
      assert.deepEqual([made?.position, made?.ipRange], [1, '10.0.0.1'])
      const place = { securityGroupId, securityGroupRuleId: made?.id ?? '' }
      const changed = await api.updateSecurityGroupRule({ ...place, destPortFrom: 0 })
      assert.equal(changed.rule?.destPortFrom ?? null, null)
      assert.equal((await api.getSecurityGroupRule(place)).rule?.ipRange, '10.0.0.1')
      assert.equal((await api.listSecurityGroupRules({ securityGroupId }).all()).length, 9)
      assert.equal((await api.listDefaultSecurityGroupRules()).rules.length, 6)
      await api.deleteSecurityGroupRule(place)
    })
    await step('move a server into the group, and wait for it', async () => {
      const serverId = servers.scaleway
      await api.updateServer({ serverId, securityGroup: { id: securityGroupId, name: 'x' } })
      const server = await api.waitForServer({ serverId })
      assert.deepEqual(
        [server.securityGroup, server.state],
        [{ id: securityGroupId, name: 'sdk' }, 'running'],
      )
      assert.equal((await api.listServers().all()).length, 1)
    })
    await step('a group in use is not deleted; out of use, it is', async () => {
      const inUse = /group is in use. you cannot delete it/
      await assert.rejects(api.deleteSecurityGroup({ securityGroupId }), inUse)
      const [other] = (await api.listSecurityGroups({ projectDefault: true })).securityGroups
      await api.updateServer({
        serverId: servers.scaleway,
        securityGroup: { id: other?.id ?? '', name: '' },
      })
      await api.deleteSecurityGroup({ securityGroupId })
    })
    await step('errors have their status and their resource', async () => {
      await assert.rejects(api.getSecurityGroup({ securityGroupId }), {
        ...{ status: 404, resource: 'instance_security_group', resourceId: securityGroupId },
      })
      const { securityGroup: unnamed } = await api.createSecurityGroup({ description: '', stateful: true })
      const wrong = { ...rule, securityGroupId: unnamed?.id ?? '', ipRange: 'everywhere', editable: true }
      await assert.rejects(api.createSecurityGroupRule(wrong), { status: 400, message: /ip_range/ })
    })
  },
}
