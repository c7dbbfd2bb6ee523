/** Terraform against the lab: it applies, a real packet proves it; it changes, and the packet proves that. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { noLab, openLab, type TestLab } from '../support/lab.ts'
import { credentials, datacenter } from '../support/lab-topology.ts'
import { noGo } from './builds.ts'
import type { Bench, Client } from './client.ts'
import { type Imported, openWorkspace, type Provider, type Resources, terraformProgram } from './terraform.ts'
import { terraformIonoscloud } from './terraform-ionoscloud.ts'
import { terraformScaleway } from './terraform-scaleway.ts'

const providers = [terraformScaleway, terraformIonoscloud]

export const lab: Client = {
  name: 'Terraform in the lab',
  version: providers.map(({ version }) => version).join(', '),
  drives:
    'both providers take over what a running VM has, a group or a NIC, give it rules, and change them; after each apply packets are sent for real, and arrive or not as configured',
  obstacle: async () => (await noGo()) || noLab,
  async build() {
    for (const provider of providers) await provider.build()
    return ''
  },
  async run(bench) {
    const opened = await openLab()
    try {
      await scaleway(bench, opened)
      await ionos(bench, opened)
    } finally {
      await opened.close()
    }
  },
}

/** Applies, and waits until the kernel has it. */
async function applier(bench: Bench, lab: TestLab, name: string, provider: Provider) {
  const workspace = await openWorkspace(await terraformProgram(), provider, join(bench.directory, name))
  return async (resources: Resources, imports: readonly Imported[] = []) => {
    await workspace.write(resources, imports)
    await workspace.apply()
    await workspace.assertNoChanges()
    await lab.enforced()
  }
}

/** Of TCP packets from outside, in order of the ports: whether each is answered. The trace is compared on the way. */
async function answered(lab: TestLab, vm: string, ports: readonly number[]): Promise<readonly boolean[]> {
  const came: boolean[] = []
  for (const port of ports)
    for (const family of [4, 6] as const)
      came.push((await lab.probe('outside', vm, `tcp/${port}`, { family })).outcome === 'answered')
  return came
}

async function scaleway(bench: Bench, lab: TestLab): Promise<void> {
  const apply = await applier(bench, lab, 'scaleway', {
    source: 'scaleway/scaleway',
    built: await terraformScaleway.build(),
    environment: {
      SCW_API_URL: lab.lab().service.url,
      SCW_ACCESS_KEY: credentials.accessKey,
      SCW_SECRET_KEY: credentials.secretKey,
      SCW_DEFAULT_PROJECT_ID: credentials.project,
      SCW_DEFAULT_ORGANIZATION_ID: credentials.project,
      SCW_DEFAULT_ZONE: 'fr-par-1',
      SCW_DEFAULT_REGION: 'fr-par',
    },
  })
  // A server that runs without an image, as an inventory's does, is none that this provider can describe; its group is.
  const path = '/instance/v1/zones/fr-par-1/servers/'
  const group = (await lab.api('GET', path + lab.vm('scw1').server)).body.server.security_group
  const configuration = (port: number, range: string): Resources => ({
    scaleway_instance_security_group: {
      web: {
        ...{ name: 'web', description: 'of the lab', inbound_default_policy: 'drop' },
        inbound_rule: [{ action: 'accept', protocol: 'TCP', port, ip_range: range }],
      },
    },
  })
  const to = 'scaleway_instance_security_group.web'
  const applied = await bench.step('Scaleway: the group of a VM is taken over and given a rule', async () => {
    assert.deepEqual(await answered(lab, 'scw1', [22, 80]), [true, true, true, true])
    await apply(configuration(80, '0.0.0.0/0'), [{ to, id: `fr-par-1/${group.id}` }])
    assert.deepEqual(await answered(lab, 'scw1', [22, 80]), [false, false, true, false])
  })
  if (!applied) return
  await bench.step('Scaleway: the rule is changed', async () => {
    await apply(configuration(22, '::/0'))
    assert.deepEqual(await answered(lab, 'scw1', [22, 80]), [false, true, false, false])
  })
}

async function ionos(bench: Bench, lab: TestLab): Promise<void> {
  const apply = await applier(bench, lab, 'ionoscloud', {
    source: 'ionos-cloud/ionoscloud',
    built: await terraformIonoscloud.build(),
    environment: {
      IONOS_API_URL: `${lab.lab().service.url}/cloudapi/v6`,
      IONOS_USERNAME: credentials.username,
      IONOS_PASSWORD: credentials.password,
    },
  })
  const vm = lab.vm('cube1')
  const nic = vm.nics[0]?.id ?? ''
  const place = { datacenter_id: datacenter, server_id: vm.server }
  const configuration = (port: number, group: number): Resources => ({
    ionoscloud_nic: {
      cube1: {
        ...{ ...place, lan: 1, firewall_active: true, firewall_type: 'INGRESS' },
        security_groups_ids: [`\${ionoscloud_nsg.web.id}`],
      },
    },
    ionoscloud_firewall: {
      own: { ...place, nic_id: nic, protocol: 'TCP', port_range_start: port, port_range_end: port },
    },
    ionoscloud_nsg: { web: { datacenter_id: datacenter, name: 'web', description: 'of the lab' } },
    ionoscloud_nsg_firewallrule: {
      web: {
        ...{ datacenter_id: datacenter, nsg_id: `\${ionoscloud_nsg.web.id}`, protocol: 'TCP' },
        ...{ source_ip: '2001:db8:ffff::/48', port_range_start: group, port_range_end: group },
      },
    },
  })
  const applied = await bench.step(
    'IONOS Cloud: a NIC is taken over and given a rule and a group',
    async () => {
      assert.deepEqual(await answered(lab, 'cube1', [22, 443]), [true, true, true, true])
      await apply(configuration(22, 443), [
        { to: 'ionoscloud_nic.cube1', id: `${datacenter}/${vm.server}/${nic}` },
      ])
      assert.deepEqual(await answered(lab, 'cube1', [22, 443]), [true, false, false, true])
    },
  )
  if (!applied) return
  await bench.step('IONOS Cloud: the rules are changed', async () => {
    await apply(configuration(443, 22))
    assert.deepEqual(await answered(lab, 'cube1', [22, 443]), [false, true, true, false])
  })
}
