/** What is counted of real packets arrives in the store, exactly, whichever process dies meanwhile. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { outside } from '../../src/lab/topology.ts'
import { createHost, type Host, type Service } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'

const server = '00000000-0000-4000-8000-000000000001'
const address = defaultVms[0]?.nics[0]?.addresses[0] ?? ''

describe('counts', { skip: noLab }, () => {
  let host: Host
  let inventory: string
  before(async () => {
    host = await createHost('cnt')
    inventory = await host.describe([{ device: 'tap1i0' }])
  })
  after(() => host?.remove())

  const serve = () =>
    host.serve([...host.flags, '--enforce', 'nftables', '--host', 'kvm', '--inventory', inventory])
  async function addRule(service: Service, more: object): Promise<void> {
    const answer = await fetch(`${service.url}/1.3/server/${server}/firewall_rule`, {
      method: 'POST',
      headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
      body: JSON.stringify({ firewall_rule: { direction: 'in', action: 'drop', family: 'IPv4', ...more } }),
    })
    assert.equal(answer.status, 201, await answer.text())
  }
  /** Ends the process that enforces, in the middle of whatever it does, and waits for the next one. */
  async function killAgent({ child: { pid }, says, stderr }: Service): Promise<void> {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
    const begun = () => stderr().split('the process that enforces has started').length
    const before = begun()
    process.kill(Number(children.trim()), 'SIGKILL')
    await says(new RegExp(`(?:[^]*the process that enforces has started){${before}}`))
  }
  /** So many echo requests from the world to the VM. */
  const ping = (count: number) =>
    host.inside(outside.name, ['sh', '-c', `ping -n -q -i 0.002 -W 0.2 -c ${count} ${address} || true`])
  /** Packets by decider, of requests to the VM. */
  function stored(): Record<string, number> {
    const database = new DatabaseSync(join(host.folder, 'data', 'portcullis.db'), { readOnly: true })
    try {
      const rows = database
        .prepare(`SELECT decider, packets FROM hits WHERE direction = 'ingress' AND decider <> 'suppressed'`)
        .all() as { decider: string; packets: number }[]
      return Object.fromEntries(
        rows.map(({ decider, packets }) => [decider.replace(/^rule .*/, 'rule'), packets]),
      )
    } finally {
      database.close()
    }
  }

  test('packets are counted once, over deaths of the agent and restarts of the service', async () => {
    let service = await serve()
    await addRule(service, { protocol: 'icmp', icmp_type: '8' })
    await host.until((now) => now.in === 0)
    await service.stop()
    const already = stored().rule ?? 0
    assert.ok(already > 0)
    let sent = 0
    for (const kill of [true, false]) {
      service = await serve()
      await service.says(/enforcing: /)
      const packets = ping(200)
      if (kill) {
        await delay(100)
        await killAgent(service)
      }
      await packets
      sent += 200
      await service.stop()
      assert.equal(stored().rule, already + sent)
    }
  })
})
