/** Forged senders and tunnels: what no rule can let out, and what essential traffic is not. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { outside } from '../../src/lab/topology.ts'
import { type Meter, meter, noLab, openLab, type TestLab } from '../support/lab.ts'

const attempts = 200

describe('senders', { skip: noLab }, () => {
  let lab: TestLab
  before(async () => {
    lab = await openLab()
  })
  after(() => lab?.close())

  const addressOf = (name: string, family: 4 | 6) =>
    lab.vm(name).nics[0]?.addresses.find((each) => each.includes(':') === (family === 6)) as string
  const worldOf = (family: 4 | 6) => (family === 6 ? outside.ipv6 : outside.ipv4)
  const length = (family: 4 | 6) => (family === 6 ? '128' : '32')

  /** A VM takes another's address, without asking anybody whether it is free. */
  async function take(name: string, device: string, address: string): Promise<void> {
    const six = address.includes(':')
    const nodad = six ? ['nodad'] : []
    await lab.inside(name, ['ip', 'addr', 'add', `${address}/${six ? 128 : 32}`, 'dev', device, ...nodad])
  }

  /** Sends a datagram from an address and port of the sender to each of the ports. */
  async function spray(
    name: string,
    source: string,
    sourcePort: number,
    destination: string,
    ports: readonly number[],
  ): Promise<void> {
    const endpoint = await lab.prober.endpoint(name)
    // One turn, which is finished before the stream ends.
    await endpoint.ask({ op: 'stream', source, sourcePort, destination, ports, burst: ports.length })
    const { sent = 0 } = await endpoint.ask({ op: 'stop' })
    assert.ok(sent >= ports.length, `${sent} were sent`)
  }

  /** Waits for a datagram to that port, and answers all the ports that were reached before it. */
  async function until(counted: Meter, port: number): Promise<number[]> {
    const deadline = Date.now() + 5000
    for (;;) {
      const seen = await counted.read()
      if (seen.has(port)) return [...seen.keys()].filter((each) => each !== port)
      assert.ok(Date.now() < deadline, `nothing came to port ${port} in 5 s`)
      await delay(2)
    }
  }

  /** How many of the accomplice's datagrams reach a port of the victim, each from another port. */
  async function accomplice(
    victim: string,
    family: 4 | 6,
    port: number,
    from: readonly number[],
  ): Promise<number> {
    const counted = await meter(lab, victim)
    try {
      const endpoint = await lab.prober.endpoint('outside')
      for (const sourcePort of from) {
        await endpoint.ask({
          ...{ op: 'send', protocol: 'udp', source: worldOf(family), sourcePort },
          ...{ destination: addressOf(victim, family), port, waitMs: 0 },
        })
      }
      // Behind them all, over the same way: an answer to what the victim itself asks.
      assert.equal((await lab.send(victim, 'outside', 'udp/53', { family })).outcome, 'answered')
      return (await counted.read()).get(port) ?? 0
    } finally {
      await counted.remove()
    }
  }

  for (const family of [4, 6] as const) {
    test(`a neighbour opens no closed stateful VM with its address, over IPv${family}`, async () => {
      const call = async (method: string, path: string, body: object) => {
        const answer = await lab.api(method, `/instance/v1/zones/fr-par-1${path}`, body)
        assert.ok(answer.status < 300, JSON.stringify(answer.body))
        return answer.body
      }
      const { security_group: group } = await call('POST', '/security_groups', {
        ...{ name: `closed${family}`, stateful: true, inbound_default_policy: 'drop' },
      })
      for (const name of ['scw1', 'scw2']) {
        await call('PATCH', `/servers/${lab.vm(name).server}`, { security_group: { id: group.id } })
      }
      await lab.enforced()
      const ports = Array.from({ length: attempts }, (_, i) => 20_000 + i)
      const [own, stolen] = [addressOf('scw2', family), 4000]
      // The way is one when its owner opens it: the test can fail.
      await spray('scw2', own, 4001, worldOf(family), ports)
      assert.equal(await accomplice('scw2', family, 4001, ports), attempts)
      await take('scw1', 'eth0', own)
      const counted = await meter(lab, 'outside')
      await spray('scw1', own, stolen, worldOf(family), ports)
      // What it sends as itself afterwards arrives; nothing of what it sent before has.
      await spray('scw1', addressOf('scw1', family), stolen, worldOf(family), [30_000])
      assert.deepEqual(await until(counted, 30_000), [])
      await counted.remove()
      assert.equal(await accomplice('scw2', family, stolen, ports), 0)
      await lab.inside('scw1', ['ip', 'addr', 'del', `${own}/${length(family)}`, 'dev', 'eth0'])
    })
  }

  test('an address that is nobody’s, from VMs that are filtered and from one that is not', async () => {
    await lab.firewall('web2', 'off')
    await lab.chain('web1', [])
    const counted = await meter(lab, 'outside')
    for (const [index, name] of ['web1', 'web2', 'vps1', 'cube2'].entries()) {
      await take(name, 'eth0', '203.0.113.77')
      await spray(name, '203.0.113.77', 0, outside.ipv4, [1000])
      await spray(name, addressOf(name, 4), 0, outside.ipv4, [1001 + index])
      assert.equal((await until(counted, 1001 + index)).includes(1000), false, name)
    }
    await counted.remove()
    const { body } = await lab.api('GET', `/1.3/server/${lab.vm('web1').server}`)
    const [nic] = body.server.networking.interfaces.interface
    assert.equal(nic.source_ip_filtering, 'yes')
  })

  test('a private interface, which no policy filters, sends as nobody else either', async () => {
    const counted = await meter(lab, 'db1')
    await take('web2', 'eth1', '10.0.0.15')
    await spray('web2', '10.0.0.15', 0, '10.0.0.12', [1001])
    await spray('web2', '10.0.0.11', 0, '10.0.0.12', [1002])
    assert.deepEqual(await until(counted, 1002), [])
    await counted.remove()
  })

  test('a foreign MAC sends nothing at all', async () => {
    const [nic] = lab.vm('vps2').nics
    assert.ok(nic)
    const counted = await meter(lab, 'outside')
    const become = async (mac: string) => {
      await lab.inside('vps2', ['ip', 'link', 'set', 'eth0', 'address', mac])
      await lab.inRouter(['ip', 'neigh', 'flush', 'dev', nic.device])
    }
    await become('52:54:00:99:99:99')
    await spray('vps2', addressOf('vps2', 4), 0, outside.ipv4, [1001, 1002])
    await become(nic.mac)
    await spray('vps2', addressOf('vps2', 4), 0, outside.ipv4, [1003])
    assert.deepEqual(await until(counted, 1003), [])
    await counted.remove()
  })

  test('an isolated VM: no tunnel in the ports of DHCP or in neighbour discovery', async () => {
    const { body } = await lab.api('GET', '/cloudapi/v6/datacenters')
    const dc = `/cloudapi/v6/datacenters/${body.items[0].id}`
    const made = await lab.api('POST', `${dc}/securitygroups`, { properties: { name: 'isolate' } })
    assert.equal(made.status, 202, JSON.stringify(made.body))
    const attached = await lab.api('PUT', `${dc}/servers/${lab.vm('cube1').server}/securitygroups`, {
      ids: [made.body.id],
    })
    assert.ok(attached.status < 300, JSON.stringify(attached.body))
    await lab.enforced()
    for (const [from, to, packet, options] of [
      ['cube1', 'outside', 'udp/53', {}],
      ['cube1', 'outside', 'udp/67', { sourcePort: 68 }],
      ['outside', 'cube1', 'udp/68', { sourcePort: 67 }],
      ['cube1', 'outside', 'udp/547', { sourcePort: 546, family: 6 }],
      ['outside', 'cube1', 'udp/546', { sourcePort: 547, family: 6 }],
      ...[133, 134, 135, 136, 130, 131, 143].flatMap(
        (type) =>
          [
            ['cube1', 'outside', `icmp/${type}`, { family: 6 }],
            ['outside', 'cube1', `icmp/${type}`, { family: 6 }],
          ] as const,
      ),
    ] as const) {
      const { outcome } = await lab.probe(from, to, packet, options)
      assert.equal(outcome, 'timed-out', `${packet} from ${from} to ${to}`)
    }
  })
})
