/** VMs in security groups, with real packets; every probe is also put to /v1/trace, which must say what the kernel did. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ProbeOptions } from '../../src/lab/probe.ts'
import { judging, meter, noLab, openLab, type TestLab } from '../support/lab.ts'

const zone = '/instance/v1/zones/fr-par-1'
const groups = `${zone}/security_groups`
const six = { family: 6 } as const
const rule = (fields: object) => ({
  ...{ protocol: 'TCP', direction: 'inbound', action: 'accept', ip_range: '0.0.0.0/0' },
  ...fields,
})

describe('Scaleway and real packets', { skip: noLab }, () => {
  let lab: TestLab
  before(async () => {
    lab = await openLab()
  })
  after(() => lab?.close())

  async function call(method: string, path: string, body?: unknown) {
    const answer = await lab.api(method, path, body)
    assert.ok(answer.status < 300, JSON.stringify(answer.body))
    return answer.body
  }
  /** Replaces everything of the group that these VMs are in, and waits until it is in force. */
  async function group(fields: object, rules: readonly object[], ...vms: readonly string[]): Promise<string> {
    const made = await call('POST', groups, { name: 'lab', stateful: true, ...fields })
    const { id } = made.security_group
    await call('PUT', `${groups}/${id}/rules`, { rules })
    for (const name of vms) {
      await call('PATCH', `${zone}/servers/${lab.vm(name).server}`, { security_group: { id } })
    }
    await lab.enforced()
    return id
  }
  async function change(id: string, fields: object) {
    await call('PATCH', `${groups}/${id}`, fields)
    await lab.enforced()
  }
  const state = async (id: string) => (await call('GET', `${groups}/${id}`)).security_group.state
  const expect = async (from: string, to: string, packet: string, want: string, more?: ProbeOptions) => {
    const { outcome } = await lab.probe(from, to, packet, more)
    assert.equal(outcome, want, `${packet} from ${from} to ${to}`)
  }

  test('the default group: all but mail passes, until default security is switched off', async () => {
    const { servers } = await call('GET', `${zone}/servers`)
    const [{ security_group: byDefault }] = servers
    assert.equal(byDefault.name, 'Default security group')
    await expect('outside', 'scw1', 'tcp/22', 'answered')
    for (const more of [{}, six]) {
      for (const port of [25, 465, 587]) await expect('scw1', 'outside', `tcp/${port}`, 'timed-out', more)
      await expect('scw1', 'outside', 'tcp/26', 'answered', more)
      await expect('scw1', 'outside', 'udp/25', 'answered', more)
      // Mail to the VM is another matter.
      await expect('outside', 'scw1', 'tcp/25', 'answered', more)
    }
    await change(byDefault.id, { enable_default_security: false })
    await expect('scw1', 'outside', 'tcp/25', 'answered')
    await expect('scw1', 'outside', 'tcp/587', 'answered', six)
    await change(byDefault.id, { enable_default_security: true })
    await expect('scw1', 'outside', 'tcp/25', 'timed-out')
  })

  test('stateful: answers come back whatever the rules; stateless: every packet needs one', async () => {
    const drop = { inbound_default_policy: 'drop', outbound_default_policy: 'drop' }
    const rules = [rule({ dest_port_from: 80 }), rule({ direction: 'outbound', dest_port_from: 443 })]
    const id = await group(drop, rules, 'scw1')
    await expect('outside', 'scw1', 'tcp/80', 'answered')
    await expect('outside', 'scw1', 'tcp/81', 'timed-out')
    await expect('scw1', 'outside', 'tcp/443', 'answered')
    await expect('scw1', 'outside', 'tcp/80', 'timed-out')
    // The family of a rule is that of its range.
    await expect('outside', 'scw1', 'tcp/80', 'timed-out', six)
    await change(id, { stateful: false })
    await expect('outside', 'scw1', 'udp/80', 'timed-out')
    const arrived = await lab.probe('outside', 'scw1', 'tcp/80')
    assert.deepEqual([arrived.arrived, arrived.outcome], [true, 'arrived'], 'the answer does not leave')
    const back = rule({ direction: 'outbound', dest_port_from: 1024, dest_port_to: 65_535 })
    await call('POST', `${groups}/${id}/rules`, back)
    await lab.enforced()
    await expect('outside', 'scw1', 'tcp/80', 'answered')
  })

  test('outbound default drop, ports in ranges, ICMP of both families, UDP, and the order of rules', async () => {
    await group(
      { inbound_default_policy: 'drop', outbound_default_policy: 'drop' },
      [
        rule({ action: 'drop', ip_range: '198.51.100.10', dest_port_from: 8002 }),
        rule({ dest_port_from: 8000, dest_port_to: 8003 }),
        rule({ protocol: 'UDP', dest_port_from: 53, ip_range: '2001:db8::/32' }),
        rule({ protocol: 'ICMP' }),
        rule({ direction: 'outbound', protocol: 'ICMP', ip_range: '::/0' }),
        rule({ direction: 'outbound', protocol: 'ANY', ip_range: '192.0.2.0/24' }),
      ],
      'scw1',
    )
    for (const [from, to, packet, want, more] of [
      ['outside', 'scw1', 'tcp/8000', 'answered'],
      ['outside', 'scw1', 'tcp/8002', 'timed-out'],
      ['scw2', 'scw1', 'tcp/8002', 'answered'],
      ['outside', 'scw1', 'tcp/8003', 'answered'],
      ['outside', 'scw1', 'tcp/8004', 'timed-out'],
      ['outside', 'scw1', 'tcp/8000', 'timed-out', six],
      ['outside', 'scw1', 'udp/53', 'answered', six],
      ['outside', 'scw1', 'udp/53', 'timed-out'],
      ['outside', 'scw1', 'icmp', 'answered'],
      ['outside', 'scw1', 'icmp', 'timed-out', six],
      ['scw1', 'outside', 'icmp', 'answered', six],
      ['scw1', 'outside', 'icmp', 'timed-out'],
      ['scw1', 'outside', 'tcp/443', 'timed-out'],
      ['scw1', 'scw2', 'tcp/443', 'answered'],
      ['scw1', 'scw2', 'udp/5000', 'answered'],
    ] as const) {
      await expect(from, to, packet, want, more)
    }
    // Private networks are not filtered.
    await expect('10.0.0.16', '10.0.0.15', 'tcp/22', 'answered')
  })

  test('a group that three VMs share, edited under traffic: nothing passes that neither list allows', async () => {
    const udp = (port: number) => [rule({ protocol: 'UDP', dest_port_from: port })]
    const vms = ['scw1', 'scw2', 'scw3'] as const
    const id = await group({ inbound_default_policy: 'drop' }, udp(10_001), ...vms)
    const { security_group: shared } = await call('GET', `${groups}/${id}`)
    assert.deepEqual(
      shared.servers.map((server: { name: string }) => server.name),
      vms,
    )
    for (const name of vms) await expect('outside', name, 'udp/10001', 'answered')
    for (const name of vms) await expect('outside', name, 'udp/10002', 'timed-out')

    const counted = await Promise.all(vms.map((name) => meter(lab, name)))
    const outside = await lab.prober.endpoint('outside')
    const ports = Array.from({ length: 40 }, (_, index) => 10_000 + index)
    const states = new Set<string>()
    try {
      for (let round = 0; round < 12; round++) {
        const [destination = ''] = lab.vm(vms[round % 3] ?? '').nics[0]?.addresses ?? []
        await outside.ask({
          ...{ op: 'stream', source: '198.51.100.10', sourcePort: 0, destination, ports, burst: 20 },
        })
        await call('PUT', `${groups}/${id}/rules`, { rules: udp(round % 2 ? 10_001 : 10_002) })
        states.add(await state(id))
        await lab.enforced()
        await outside.ask({ op: 'more', datagrams: ports.length })
        await outside.ask({ op: 'stop' })
      }
    } finally {
      await outside.ask({ op: 'stop' })
    }
    const seen = await Promise.all(counted.map((each) => each.read()))
    for (const each of seen) {
      assert.deepEqual(
        [...each.keys()].filter((port) => port !== 10_001 && port !== 10_002),
        [],
      )
    }
    assert.ok(
      seen.some((each) => each.has(10_001)) && seen.some((each) => each.has(10_002)),
      'there was traffic',
    )
    await Promise.all(counted.map((each) => each.remove()))
    // What the agent has not applied yet is said, and gone once it has.
    assert.deepEqual(
      [...states].filter((each) => each !== 'syncing' && each !== 'available'),
      [],
    )
    assert.equal(await state(id), 'available')
    // One VM leaves the group; the others stay in it.
    await group({}, [], 'scw3')
    await expect('outside', 'scw3', 'tcp/22', 'answered')
    await expect('outside', 'scw2', 'tcp/22', 'timed-out')
    const { security_group: left } = await call('GET', `${groups}/${id}`)
    assert.equal(left.servers.length, 2)
  })

  test('the list of a group is in the kernel once, however many VMs share it', async () => {
    const id = await group({}, [rule({ dest_port_from: 80 })], 'scw1', 'scw2', 'scw3')
    const { stdout } = await lab.inRouter(['nft', 'list', 'table', ...judging])
    const chains = (name: string) =>
      stdout.split('\n').filter((line) => line.includes(`chain ${name}`)).length
    assert.equal(chains(`policy.${id}.in`), 1)
    assert.equal(chains('policy.no-smtp.out'), 1)
    assert.equal(chains('policy.no-smtp.in'), 0)
    // VMs that are judged alike share the chain that asks it.
    assert.equal(stdout.split('\n').filter((line) => line.includes(`jump policy.${id}.in`)).length, 1)
  })
})
