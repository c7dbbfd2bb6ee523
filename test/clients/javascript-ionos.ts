/** @ionos-cloud/sdk-nodejs, unmodified: rules, groups, attach lists, and waiting for requests. */
import assert from 'node:assert/strict'
import sdk from '@ionos-cloud/sdk-nodejs'
import { type Client, npmVersion } from './client.ts'
import { account, foreign, servers } from './service.ts'

const name = '@ionos-cloud/sdk-nodejs'

export const javascriptIonos: Client = {
  name,
  version: npmVersion(name),
  drives:
    'rules of a NIC, groups, their rules and attachments: create, list, get, PUT, PATCH, delete, waits for requests, errors as the SDK types them',
  // npm installs it with the project.
  build: async () => '',
  async run({ service, step }) {
    const configuration = new sdk.Configuration({
      basePath: `${service.url}/cloudapi/v6`,
      username: account.username,
      password: account.password,
    })
    // It would wait a second before every first attempt.
    configuration.setMaxWaitTime(0)
    const { datacenter: datacenterId } = account
    const place = { datacenterId, serverId: servers.ionos, nicId: servers.nic }

    async function done(answer: { headers: unknown }): Promise<void> {
      const { location = '' } = answer.headers as { location?: string }
      const { data } = await sdk.waitForRequest(configuration, location)
      assert.equal(data.metadata.status, 'DONE')
    }

    await step('rules of a NIC', async () => {
      const api = new sdk.FirewallRulesApi(configuration)
      const properties = { name: 'SSH', protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 } as never
      const made = await api.datacentersServersNicsFirewallrulesPost({
        ...place,
        firewallrule: { properties },
      })
      await done(made)
      const rule = { ...place, firewallruleId: made.data.id ?? '' }
      await done(
        await api.datacentersServersNicsFirewallrulesPatch({
          ...rule,
          firewallrule: { sourceIp: '10.0.0.1' } as never,
        }),
      )
      await done(
        await api.datacentersServersNicsFirewallrulesPut({
          ...rule,
          firewallrule: { properties: { name: 'only from there' } as never },
        }),
      )
      const { data } = await api.datacentersServersNicsFirewallrulesFindById(rule)
      const { name, sourceIp, portRangeEnd } = data.properties ?? {}
      assert.deepEqual([name, sourceIp, portRangeEnd], ['only from there', '10.0.0.1', 22])
      const listed = await api.datacentersServersNicsFirewallrulesGet({ ...place, depth: 1 })
      assert.deepEqual(
        listed.data.items?.map(({ id }) => id),
        [made.data.id],
      )
      await done(await api.datacentersServersNicsFirewallrulesDelete(rule))
      await assert.rejects(api.datacentersServersNicsFirewallrulesFindById(rule), /404/)
    })

    await step('groups, their rules and what they are attached to', async () => {
      const api = new sdk.SecurityGroupsApi(configuration)
      const properties = { name: 'web', description: 'x' }
      const made = await api.datacentersSecuritygroupsPost({ datacenterId, securityGroup: { properties } })
      await done(made)
      const group = { datacenterId, securityGroupId: made.data.id ?? '' }
      const rule = { properties: { protocol: 'TCP' as never } }
      await done(await api.datacentersSecuritygroupsFirewallrulesPost({ ...group, firewallRule: rule }))
      const securitygroups = { ids: [group.securityGroupId] }
      await done(await api.datacentersServersSecuritygroupsPut({ ...place, securitygroups }))
      await done(await api.datacentersServersNicsSecuritygroupsPut({ ...place, securitygroups }))
      const { data } = await api.datacentersSecuritygroupsFindById({ ...group, depth: 2 })
      const { rules, servers: members, nics: interfaces } = data.entities ?? {}
      assert.deepEqual(
        [rules, members, interfaces].map((each) => each?.items?.length),
        [1, 1, 1],
      )
      assert.equal(rules?.items?.[0]?.properties.ipVersion, 'IPv4')
      await assert.rejects(api.datacentersSecuritygroupsDelete(group), /422/)
      const none = { ids: [] }
      await done(await api.datacentersServersSecuritygroupsPut({ ...place, securitygroups: none }))
      await done(await api.datacentersServersNicsSecuritygroupsPut({ ...place, securitygroups: none }))
      await done(await api.datacentersSecuritygroupsDelete(group))
    })

    await step('errors have their status', async () => {
      const api = new sdk.SecurityGroupsApi(configuration)
      const properties = { name: 'x'.repeat(61) }
      const attempt = (datacenterId: string) =>
        api.datacentersSecuritygroupsPost({ datacenterId, securityGroup: { properties } })
      await assert.rejects(attempt(datacenterId), /422/)
      await assert.rejects(attempt(foreign.datacenter), /404/)
    })
  },
}
