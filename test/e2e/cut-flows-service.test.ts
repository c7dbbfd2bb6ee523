/** From a request to the packets: a rule that is taken away ends its connections, where the policy says so. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { namespaceOf } from '../../src/lab/network.ts'
import { noLab, openLab, type TestLab } from '../support/lab.ts'
import { type Remote, remote } from '../support/remote.ts'
import type { Talks } from '../support/talker-child.ts'

describe('connections of a group that cuts', { skip: noLab, timeout: 180_000 }, () => {
  let lab: TestLab
  const ends: Remote<Talks>[] = []
  before(async () => {
    lab = await openLab([], false)
  })
  after(async () => {
    for (const each of ends) await each.end()
    await lab?.close()
  })

  let cut = 0
  for (const { says, name, ports } of [
    { says: 'policy', name: 'scw1', ports: [2222, 8080] },
    { says: 'account', name: 'scw2', ports: [2223, 8081] },
  ] as const)
    test(`end with their rule, where the ${says} says so; others go on`, async () => {
      const [revoked, kept] = ports
      const call = async (method: string, path: string, body?: unknown) => {
        const answer = await lab.api(method, path, body)
        assert.ok(answer.status < 300, `${method} ${path}: ${JSON.stringify(answer.body)}`)
        return answer.body
      }
      const zone = '/instance/v1/zones/fr-par-1'
      const accept = (port: number) => ({
        ...{ protocol: 'TCP', direction: 'inbound', action: 'accept', ip_range: '0.0.0.0/0' },
        dest_port_from: port,
      })
      const made = await call('POST', `${zone}/security_groups`, {
        ...{ name: 'cuts', stateful: true, inbound_default_policy: 'drop' },
      })
      const { id } = made.security_group
      const rules = async (...ports: number[]) => {
        await call('PUT', `${zone}/security_groups/${id}/rules`, { rules: ports.map(accept) })
        await lab.enforced()
      }
      const vm = lab.vm(name)
      await call('PATCH', `${zone}/servers/${vm.server}`, { security_group: { id } })
      await call('PATCH', says === 'policy' ? `/v1/policies/${id}` : '/v1/account', { cutFlows: 'revoked' })
      await rules(revoked, kept)
      const prefix = lab.lab().prefix
      const [inside, outside] = [name, 'outside'].map((end) =>
        remote<Talks>(namespaceOf(prefix, end), 'talker-child.ts'),
      ) as [Remote<Talks>, Remote<Talks>]
      ends.push(inside, outside)
      for (const port of ports) {
        await inside.listen('0.0.0.0', port)
        await outside.connect(vm.nics[0]?.addresses.find((each) => !each.includes(':')) ?? '', port)
      }
      const heard = async (port: number) =>
        Promise.all([inside, outside].map(async (end) => (await end.received())[`tcp ${port}`] ?? 0))
      const hearMore = async (port: number, more: number) => {
        const before = await heard(port)
        await until(async () => (await heard(port)).every((now, at) => now >= (before[at] as number) + more))
      }
      await hearMore(revoked, 5)
      await rules(kept)
      const metric = async () => {
        const text = await (await fetch(`${lab.lab().service.url}/metrics`)).text()
        return Number(/^portcullis_flows_cut_total (\d+)$/m.exec(text)?.[1])
      }
      cut++
      await until(async () => (await metric()) >= cut)
      await hearMore(kept, 3)
      const silent = await heard(revoked)
      await hearMore(kept, 50)
      assert.deepEqual(await heard(revoked), silent)
      assert.equal(await metric(), cut)
    })
})

async function until(done: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await done())) {
    if (Date.now() > deadline) throw new Error('it did not come about in 30 s')
    await delay(5)
  }
}
