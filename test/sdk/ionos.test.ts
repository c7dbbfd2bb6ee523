/** The vendor's own Node SDK against the service: rules, groups, attach lists, and waiting for requests. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import sdk from '@ionos-cloud/sdk-nodejs'
import { datacenters, nics, servers, startService, type TestService } from '../support/service.ts'

describe('@ionos-cloud/sdk-nodejs', () => {
  let service: TestService
  let configuration: sdk.Configuration
  before(async () => {
    service = await startService()
    const basePath = `${service.url}/cloudapi/v6`
    configuration = new sdk.Configuration({ basePath, username: 'acme', password: 'acme:password' })
    // It would wait a second before every first attempt.
    configuration.setMaxWaitTime(0)
  })
  after(() => service.close())

  const place = { datacenterId: datacenters.own, serverId: servers.cube, nicId: nics.cube }

  async function done(answer: { headers: unknown }): Promise<void> {
    const { location = '' } = answer.headers as { location?: string }
    const { data } = await sdk.waitForRequest(configuration, location)
    assert.equal(data.metadata.status, 'DONE')
  }

  test('rules of a NIC', async () => {
    const api = new sdk.FirewallRulesApi(configuration)
    const properties = { name: 'SSH', protocol: 'TCP', portRangeStart: 22, portRangeEnd: 22 } as never
    const made = await api.datacentersServersNicsFirewallrulesPost({ ...place, firewallrule: { properties } })
    await done(made)
    const rule = { ...place, firewallruleId: made.data.id ?? '' }
    await done(
      await api.datacentersServersNicsFirewallrulesPatch({
        ...rule,
        firewallrule: { sourceIp: '10.0.0.1' } as never,
      }),
    )
    const { data } = await api.datacentersServersNicsFirewallrulesFindById(rule)
    assert.deepEqual([data.properties?.sourceIp, data.properties?.portRangeEnd], ['10.0.0.1', 22])
    const listed = await api.datacentersServersNicsFirewallrulesGet({ ...place, depth: 1 })
    assert.deepEqual(
      listed.data.items?.map(({ id }) => id),
      [made.data.id],
    )
    await done(await api.datacentersServersNicsFirewallrulesDelete(rule))
    await assert.rejects(api.datacentersServersNicsFirewallrulesFindById(rule), /404/)
  })

  test('groups, their rules and what they are attached to', async () => {
    const api = new sdk.SecurityGroupsApi(configuration)
    const { datacenterId } = place
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
    const none = { ids: [] }
    await done(await api.datacentersServersSecuritygroupsPut({ ...place, securitygroups: none }))
    await done(await api.datacentersServersNicsSecuritygroupsPut({ ...place, securitygroups: none }))
    await done(await api.datacentersSecuritygroupsDelete(group))
  })
})
