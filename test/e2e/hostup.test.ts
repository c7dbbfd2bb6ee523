/** VMs under HostUp's rules, with real packets; every probe is also put to /v1/trace, which must say what the kernel did. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ProbeOptions } from '../../src/lab/probe.ts'
import { meter, noLab, openLab, type TestLab } from '../support/lab.ts'

const six = { family: 6 } as const
const rule = (fields: object) => ({
  ...{ type: 'in', action: 'ACCEPT', proto: '', dport: '', source: '', comment: '', enable: 1 },
  ...fields,
})

describe('HostUp and real packets', { skip: noLab }, () => {
  let lab: TestLab
  before(async () => {
    lab = await openLab()
  })
  after(() => lab?.close())

  async function call(method: string, path: string, body?: unknown) {
    const answer = await lab.api(method, path, body)
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    await lab.enforced()
    return answer.body.data
  }
  /** Replaces the list: the last of `rules` is posted first, because every one goes to the top. */
  async function chain(vmid: number, rules: readonly object[]) {
    const path = `/api/vm/${vmid}/firewall`
    for (const _ of (await lab.api('GET', path)).body.data) await lab.api('DELETE', `${path}?pos=0`)
    for (const each of rules.toReversed()) await lab.api('POST', path, rule(each))
    await lab.enforced()
  }
  const options = (vmid: number, change: object) =>
    call('PUT', `/api/vm/${vmid}/firewall/options`, { enable: 1, policy_in: 'DROP', ...change })
  const expect = async (from: string, to: string, packet: string, want: string, more?: ProbeOptions) => {
    const { outcome } = await lab.probe(from, to, packet, more)
    assert.equal(outcome, want, `${packet} from ${from} to ${to}`)
  }

  test('off: everything passes; on: what no rule allows does not, and answers come back', async () => {
    await chain(10000, [])
    await expect('outside', 'vps1', 'tcp/22', 'answered')
    await options(10000, {})
    await expect('outside', 'vps1', 'tcp/22', 'timed-out')
    await expect('outside', 'vps1', 'icmp', 'timed-out', six)
    await expect('vps1', 'outside', 'tcp/443', 'answered')
    await expect('vps1', 'outside', 'udp/53', 'answered', six)
    await expect('vps1', 'outside', 'icmp', 'answered')
    await options(10000, { enable: 0 })
    await expect('outside', 'vps1', 'tcp/22', 'answered')
    await options(10000, {})
  })

  test('rules: ports, services, ranges, prefixes with host bits, ICMP of each family', async () => {
    await chain(10000, [
      { proto: 'tcp', dport: '22,8000:8002' },
      { proto: 'tcp', dport: 'https', source: '198.51.100.200/24' },
      { proto: 'udp', dport: '53', source: '2001:db8:ffff::1-2001:db8:ffff::20' },
      { proto: 'icmp', dport: 'echo-request' },
    ])
    for (const [packet, want, more] of [
      ['tcp/22', 'answered'],
      ['tcp/8002', 'answered'],
      ['tcp/8003', 'timed-out'],
      ['tcp/22', 'answered', six],
      ['tcp/443', 'answered'],
      ['tcp/443', 'timed-out', six],
      ['udp/53', 'answered', six],
      ['udp/53', 'timed-out'],
      ['icmp', 'answered'],
      ['icmp', 'timed-out', six],
    ] as const) {
      await expect('outside', 'vps1', packet, want, more)
    }
    await expect('vps2', 'vps1', 'tcp/443', 'timed-out')
  })

  test('the documented call: HTTPS for VM 10000', async () => {
    await chain(10000, [])
    await expect('web1', 'vps1', 'tcp/443', 'timed-out', six)
    await call(
      'POST',
      '/api/vm/10000/firewall',
      rule({ proto: 'tcp', dport: '443', source: '2001:db8::1/32', comment: 'HTTPS Secure Web' }),
    )
    await expect('web1', 'vps1', 'tcp/443', 'answered', six)
    await expect('web1', 'vps1', 'tcp/443', 'timed-out')
  })

  test('REJECT is told to the client: reset, unreachable, and silence for ICMP', async () => {
    for (const by of ['rule', 'policy'] as const) {
      await chain(10000, by === 'rule' ? [{ action: 'REJECT' }] : [])
      await options(10000, { policy_in: by === 'rule' ? 'DROP' : 'REJECT' })
      for (const more of [{}, six]) {
        await expect('outside', 'vps1', 'tcp/22', 'refused', more)
        await expect('outside', 'vps1', 'udp/53', 'refused', more)
        await expect('outside', 'vps1', 'icmp', 'timed-out', more)
        await expect('vps2', 'vps1', 'tcp/22', 'refused', more)
      }
    }
    await chain(10000, [{ type: 'out', action: 'REJECT', proto: 'tcp', dport: '25' }])
    await options(10000, {})
    await expect('vps1', 'outside', 'tcp/25', 'refused')
    await expect('vps1', 'outside', 'tcp/26', 'answered')
  })

  test('a group for two VMs, edited under traffic: nothing passes that neither list allows', async () => {
    const list = (ports: readonly number[]) =>
      ports.map((port) => ({ type: 'in', action: 'ACCEPT', proto: 'udp', dport: String(port), enable: true }))
    const { group } = await call('POST', '/api/firewall-groups', {
      name: 'g',
      description: null,
      rules: list([10_001]),
    })
    for (const vmid of [10000, 10001]) {
      await chain(vmid, [])
      await options(vmid, {})
      await call('PUT', `/api/vm/${vmid}/firewall/group`, { group_id: group.id })
    }
    await expect('outside', 'vps1', 'udp/10001', 'answered')
    await expect('outside', 'vps2', 'udp/10001', 'answered')
    await expect('outside', 'vps2', 'udp/10002', 'timed-out')

    const counted = await meter(lab, 'vps1')
    const outside = await lab.prober.endpoint('outside')
    const ports = Array.from({ length: 40 }, (_, i) => 10_000 + i)
    await outside.ask({
      op: 'stream',
      source: '198.51.100.10',
      sourcePort: 0,
      destination: '192.0.2.13',
      ports,
      burst: 20,
    })
    try {
      for (let round = 0; round < 10; round++) {
        await call('PUT', `/api/firewall-groups/${group.id}`, {
          name: 'g',
          rules: list(round % 2 ? [10_001] : [10_002]),
        })
      }
      await outside.ask({ op: 'more', datagrams: ports.length })
    } finally {
      await outside.ask({ op: 'stop' })
    }
    assert.deepEqual([...(await counted.read()).keys()].sort(), [10_001, 10_002])
    await counted.remove()
    await call('DELETE', '/api/vm/10000/firewall/group')
    await expect('outside', 'vps1', 'udp/10001', 'timed-out')
    await expect('outside', 'vps2', 'udp/10001', 'answered')
  })

  test('a row runs the group that it names, and that group is not deleted from under it', async () => {
    await chain(10000, [{}])
    await expect('outside', 'vps1', 'tcp/22', 'answered')
    const rules = [rule({ action: 'DROP', proto: 'tcp', dport: '22' })]
    const { group } = await call('POST', '/api/firewall-groups', { name: 'no-ssh', description: null, rules })
    const path = `/api/firewall-groups/${group.id}`
    await call('POST', '/api/vm/10000/firewall', rule({ type: 'group', action: 'no-ssh' }))
    await expect('outside', 'vps1', 'tcp/22', 'timed-out')
    await expect('outside', 'vps1', 'tcp/23', 'answered')
    assert.equal((await lab.api('DELETE', path)).status, 409)
    await lab.enforced()
    await expect('outside', 'vps1', 'tcp/22', 'timed-out')
    await call('DELETE', '/api/vm/10000/firewall?pos=0')
    await expect('outside', 'vps1', 'tcp/22', 'answered')
    await call('DELETE', path)
    await chain(10000, [])
  })

  test('macfilter and ipfilter: another sender’s packets do not leave the VM, whatever they are', async () => {
    await chain(10000, [])
    await lab.inside('vps1', ['ip', 'addr', 'add', '192.0.2.99/32', 'dev', 'eth0'])
    await lab.inRouter(['ip', 'route', 'add', '192.0.2.99/32', 'dev', 'tap4i0'])
    const ping = (source: string) =>
      lab.inside('vps1', ['ping', '-n', '-c', '1', '-W', '0.3', '-I', source, '198.51.100.10']).then(
        () => true,
        () => false,
      )
    for (const filters of [
      { macfilter: 1, ipfilter: 1 },
      { macfilter: 0, ipfilter: 0 },
      { enable: 0, macfilter: 0, ipfilter: 0 },
    ]) {
      await options(10000, { policy_in: 'ACCEPT', ...filters })
      assert.equal(await ping('192.0.2.13'), true)
      assert.equal(await ping('192.0.2.99'), false, `a foreign address, ${JSON.stringify(filters)}`)
    }
    await lab.inside('vps1', ['ip', 'link', 'set', 'eth0', 'address', '52:54:00:00:99:99'])
    await lab.inRouter(['ip', 'neigh', 'flush', 'dev', 'tap4i0'])
    assert.equal(await ping('192.0.2.13'), false, 'a foreign MAC')
  })
})
