/** VMs under IONOS Cloud's rules, with real packets; every probe is also put to /v1/trace, which must say what the kernel did. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ProbeOptions } from '../../src/lab/probe.ts'
import { outside } from '../../src/lab/topology.ts'
import { bridgedByDefault, judging, noLab, openLab, type TestLab } from '../support/lab.ts'
import { datacenter } from '../support/lab-topology.ts'

const six = { family: 6 } as const
const dc = `/cloudapi/v6/datacenters/${datacenter}`

describe('IONOS Cloud and real packets', { skip: noLab }, () => {
  let lab: TestLab
  let server = ''
  let nic = ''
  before(async () => {
    lab = await openLab()
    const vm = lab.vm('cube1')
    server = `${dc}/servers/${vm.server}`
    nic = `${server}/nics/${vm.nics[0]?.id}`
  })
  after(() => lab?.close())

  /** And waits, as clients do, until the request is done. */
  async function call(method: string, path: string, body?: unknown) {
    const response = await fetch(lab.lab().service.url + path, {
      method,
      headers: { authorization: 'Bearer lab-token', 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await response.text()
    assert.ok(response.status < 300, `${method} ${path}: ${response.status} ${text}`)
    const location = response.headers.get('location')
    const deadline = Date.now() + 10_000
    for (let status = ''; location !== null && status !== 'DONE'; ) {
      const answer = await fetch(location, { headers: { authorization: 'Bearer lab-token' } })
      status = ((await answer.json()) as { metadata: { status: string } }).metadata.status
      assert.ok(status !== 'FAILED' && Date.now() < deadline, `${method} ${path}: ${status}`)
    }
    return text === '' ? undefined : JSON.parse(text)
  }
  const properties = (given: object) => ({ properties: { protocol: 'TCP', ...given } })
  /** Replaces the NIC's own rules and switches. */
  async function firewall(switches: object, rules: readonly object[] = []) {
    for (const { id } of (await call('GET', `${nic}/firewallrules`)).items) {
      await call('DELETE', `${nic}/firewallrules/${id}`)
    }
    for (const rule of rules) await call('POST', `${nic}/firewallrules`, properties(rule))
    await call('PATCH', nic, switches)
  }
  const group = async (...rules: object[]): Promise<string> =>
    (
      await call('POST', `${dc}/securitygroups`, {
        properties: { name: 'g' },
        entities: { rules: { items: rules.map(properties) } },
      })
    ).id
  const attach = (place: string, ...ids: string[]) => call('PUT', `${place}/securitygroups`, { ids })
  /** Done means enforced: what is sent next is judged by it. */
  const expect = async (from: string, to: string, packet: string, want: string, more?: ProbeOptions) => {
    const { outcome } = await lab.probe(from, to, packet, more)
    assert.equal(outcome, want, `${packet} from ${from} to ${to}`)
  }
  const on = (firewallType: string) => ({ firewallActive: true, firewallType })
  const port = (number: number) => ({ portRangeStart: number, portRangeEnd: number })

  test('a NIC’s firewall: off, in, out, both', async () => {
    await firewall({ firewallActive: false })
    await expect('outside', 'cube1', 'tcp/22', 'answered')
    await expect('cube1', 'outside', 'tcp/22', 'answered')

    await firewall(on('INGRESS'), [port(22), { ...port(25), type: 'EGRESS' }])
    await expect('outside', 'cube1', 'tcp/22', 'answered')
    await expect('outside', 'cube1', 'tcp/22', 'timed-out', six)
    await expect('outside', 'cube1', 'tcp/23', 'timed-out')
    await expect('cube1', 'outside', 'tcp/443', 'answered')

    await call('PATCH', nic, { firewallType: 'EGRESS' })
    await expect('outside', 'cube1', 'tcp/23', 'answered')
    await expect('cube1', 'outside', 'tcp/443', 'timed-out')
    await expect('cube1', 'outside', 'tcp/25', 'answered')

    await call('PATCH', nic, { firewallType: 'BIDIRECTIONAL' })
    // The reply needs no rule.
    await expect('outside', 'cube1', 'tcp/22', 'answered')
    await expect('outside', 'cube1', 'tcp/23', 'timed-out')
    await expect('cube1', 'outside', 'tcp/443', 'timed-out')
  })

  test('both families, ICMP of a type, the vendor’s own kind of example', async () => {
    await firewall(on('BIDIRECTIONAL'), [
      { protocol: 'ICMP', icmpType: 8 },
      { protocol: 'ICMPv6', icmpType: 0 },
      { ...port(80), icmpType: 8, icmpCode: 0 },
      { ...port(80), sourceIp: '2001:db8:ffff::5/64' },
      { protocol: 'UDP', ipVersion: 'IPv6' },
    ])
    await expect('outside', 'cube1', 'icmp', 'answered')
    await expect('outside', 'cube1', 'icmp', 'timed-out', six)
    await expect('outside', 'cube1', 'tcp/80', 'answered')
    await expect('outside', 'cube1', 'tcp/80', 'answered', six)
    await expect('cube2', 'cube1', 'tcp/80', 'timed-out', six)
    await expect('outside', 'cube1', 'udp/53', 'answered', six)
    await expect('outside', 'cube1', 'udp/53', 'timed-out')
    // Type 0 is an echo reply, and no wildcard.
    await firewall(on('INGRESS'), [{ protocol: 'ICMP', icmpType: 0 }])
    await expect('outside', 'cube1', 'icmp', 'timed-out')
  })

  test('groups: on the server, on the NIC, united with the NIC’s own rules; an empty one isolates', async () => {
    await firewall({ firewallActive: false })
    const [ssh, web, empty] = [await group(port(22)), await group(port(80)), await group()]
    await attach(server, empty)
    await expect('outside', 'cube1', 'tcp/22', 'timed-out')
    await expect('cube1', 'outside', 'tcp/22', 'timed-out')
    await expect('cube1', 'outside', 'icmp', 'timed-out', six)

    await attach(server, ssh)
    await attach(nic, web)
    await firewall(on('INGRESS'), [port(443), { ...port(25), type: 'EGRESS' }])
    for (const [packet, want] of [
      ['tcp/22', 'answered'],
      ['tcp/80', 'answered'],
      ['tcp/443', 'answered'],
      ['tcp/444', 'timed-out'],
    ] as const) {
      await expect('outside', 'cube1', packet, want)
    }
    // Egress rules of a NIC that filters ingress do not help a group.
    await expect('cube1', 'outside', 'tcp/25', 'timed-out')
    await call('PATCH', `${dc}/securitygroups/${web}`, { name: 'renamed' })
    await call('POST', `${dc}/securitygroups/${web}/rules`, properties({ ...port(25), type: 'EGRESS' }))
    await expect('cube1', 'outside', 'tcp/25', 'answered')
    await call('PATCH', nic, { firewallActive: false })
    await expect('outside', 'cube1', 'tcp/443', 'timed-out')
    await expect('outside', 'cube1', 'tcp/80', 'answered')

    for (const target of [server, nic]) await attach(target)
    for (const id of [ssh, web, empty]) await call('DELETE', `${dc}/securitygroups/${id}`)
    await expect('outside', 'cube1', 'tcp/444', 'answered')
  })

  test('the default group of a datacenter is for servers to come', async () => {
    const { properties: made } = await call('PATCH', dc, { createDefaultSecurityGroup: true })
    const id = made.defaultSecurityGroupId
    await expect('outside', 'cube1', 'tcp/22', 'answered')
    const created = await call('POST', `${dc}/servers?depth=1`, {
      properties: { name: 'new', cores: 1, ram: 1024 },
      entities: { nics: { items: [{ properties: { lan: 1 } }] } },
    })
    assert.deepEqual(
      created.entities.securitygroups.items.map((each: { id: string }) => each.id),
      [id],
    )
    // Its rules on a VM: everything out, nothing in from elsewhere.
    await attach(server, id)
    await expect('cube1', 'outside', 'tcp/443', 'answered')
    await expect('cube1', 'outside', 'udp/53', 'answered', six)
    await expect('outside', 'cube1', 'tcp/22', 'timed-out')
    await attach(server)
    await call('DELETE', `${dc}/servers/${created.id}`)
    await call('DELETE', `${dc}/securitygroups/${id}`)
  })

  test('the source’s MAC address: the sender’s own, in both directions, and no other', async () => {
    const mac = lab.vm('cube2').nics[0]?.mac ?? ''
    const send = async (from: string) => (await lab.send(from, 'cube1', 'tcp/22')).outcome
    const judged = async (sourceMac: string) => {
      const ends = { source: '192.0.2.18', destination: '192.0.2.17' }
      const packet = { protocol: 'tcp', ...ends, sourcePort: 40_000, destinationPort: 22, sourceMac }
      const question = { server: lab.vm('cube1').server, direction: 'ingress', packet }
      return (await lab.api('POST', '/v1/trace', question)).body.action
    }
    await firewall(on('INGRESS'), [{ protocol: 'ANY', sourceMac: mac.toUpperCase() }])
    assert.deepEqual([await send('cube2'), await judged(mac)], ['answered', 'allow'])
    assert.equal(await send('outside'), 'timed-out')
    await firewall(on('INGRESS'), [{ protocol: 'ANY', sourceMac: '02:00:00:00:00:01' }])
    assert.deepEqual([await send('cube2'), await judged(mac)], ['timed-out', 'deny'])
    await firewall({ firewallActive: false })
    // What leaves cube2 comes from its own address.
    const other = lab.vm('cube2')
    const path = `${dc}/servers/${other.server}/nics/${other.nics[0]?.id}`
    const { id } = await call(
      'POST',
      `${path}/firewallrules`,
      properties({ protocol: 'ANY', type: 'EGRESS', sourceMac: other.nics[0]?.mac.toUpperCase() }),
    )
    await call('PATCH', path, on('EGRESS'))
    const ping = () =>
      lab.inside('cube2', ['ping', '-n', '-c', '1', '-W', '0.3', '198.51.100.10']).then(
        () => true,
        () => false,
      )
    assert.equal(await ping(), true)
    await call('PATCH', `${path}/firewallrules/${id}`, { sourceMac: '02:00:00:00:00:01' })
    assert.equal(await ping(), false)
    await call('PATCH', `${path}/firewallrules/${id}`, { sourceMac: null })
    assert.equal(await ping(), true)
    await call('DELETE', `${path}/firewallrules/${id}`)
    await call('PATCH', path, { firewallActive: false })
  })

  // The routes that it adds are those of a routed lab.
  const routed = bridgedByDefault ? () => {} : test
  routed(
    'IPv6 of a LAN: a NIC sends from its address and no other, and rules with the /64 match',
    async () => {
      const lan = `${dc}/lans/1`
      const taken: { vm: string; address: string }[] = []
      const ping = async (from: string, source: string, to: string) => {
        const command = ['ping', '-6', '-n', '-c', '1', '-W', '0.3', '-I', source, to]
        const answered = await lab.inside(from, command).then(
          () => true,
          () => false,
        )
        return answered
      }
      /** What a trace says of that ping, at one of its ends. */
      const judged = async (vm: string, direction: string, source: string, destination: string) => {
        const packet = { protocol: 'icmpv6', source, destination, icmpType: 128, icmpCode: 0 }
        const question = { server: lab.vm(vm).server, direction, packet }
        return (await lab.api('POST', '/v1/trace', question)).body.action
      }
      /** A VM takes an address, and the router finds it there. */
      async function take(vm: string, address: string): Promise<void> {
        await lab.inside(vm, ['ip', 'addr', 'add', `${address}/128`, 'dev', 'eth0', 'nodad'])
        taken.push({ vm, address })
        await lab.inRouter(['ip', 'route', 'add', `${address}/128`, 'dev', lab.vm(vm).nics[0]?.device ?? ''])
      }
      const pathOf = (vm: string) => `${dc}/servers/${lab.vm(vm).server}/nics/${lab.vm(vm).nics[0]?.id}`
      const ipv6 = async (vm: string) => {
        const { ipv6CidrBlock: block, ipv6Ips } = (await call('GET', pathOf(vm))).properties
        // Beside the one of the inventory.
        assert.equal(ipv6Ips.length, 2)
        return { block: block as string, own: ipv6Ips[1] as string }
      }
      await firewall({ firewallActive: false })
      try {
        const { properties: made } = await call('PATCH', lan, { ipv6CidrBlock: 'AUTO' })
        const [one, two] = [await ipv6('cube1'), await ipv6('cube2')]
        for (const [vm, address] of [
          ['cube1', one.own],
          ['cube2', two.own],
        ] as const)
          await take(vm, address)
        assert.equal(await ping('cube1', one.own, outside.ipv6), true)
        assert.equal(await judged('cube1', 'egress', one.own, outside.ipv6), 'allow')
        // The next one in its own block, and the neighbour's.
        const next = one.block.replace('/80', '2')
        for (const foreign of [next, two.block.replace('/80', '3')]) {
          await take('cube1', foreign)
          assert.equal(await ping('cube1', foreign, outside.ipv6), false, foreign)
          assert.equal(await judged('cube1', 'egress', foreign, outside.ipv6), 'deny')
        }
        // One that the client chooses in its block.
        await call('PATCH', pathOf('cube1'), { ipv6Ips: [one.own, next] })
        assert.equal(await ping('cube1', next, outside.ipv6), true)

        const { id } = await call(
          'POST',
          `${pathOf('cube2')}/firewallrules`,
          properties({ protocol: 'ICMPv6', sourceIp: made.ipv6CidrBlock }),
        )
        await call('PATCH', pathOf('cube2'), on('INGRESS'))
        const inventoryOwn = lab.vm('cube1').nics[0]?.addresses[1] ?? ''
        for (const [source, want] of [
          [one.own, true],
          [inventoryOwn, false],
        ] as const) {
          assert.equal(await ping('cube1', source, two.own), want, source)
          assert.equal(await judged('cube2', 'ingress', source, two.own), want ? 'allow' : 'deny')
        }
        await call('DELETE', `${pathOf('cube2')}/firewallrules/${id}`)
        await call('PATCH', pathOf('cube2'), { firewallActive: false })

        await call('PATCH', lan, { ipv6CidrBlock: null })
        assert.equal(await ping('cube1', one.own, outside.ipv6), false)
        assert.equal(await ping('cube1', inventoryOwn, outside.ipv6), true)
      } finally {
        for (const { vm, address } of taken) {
          await lab.inside(vm, ['ip', 'addr', 'del', `${address}/128`, 'dev', 'eth0'])
          await lab.inRouter(['ip', 'route', 'del', `${address}/128`])
        }
      }
    },
  )

  test('protocols without ports: what the rule names passes, in its family', async () => {
    await firewall(
      on('INGRESS'),
      ['GRE', 'VRRP', 'ESP', 'AH'].flatMap((protocol) => [{ protocol }, { protocol, ipVersion: 'IPv6' }]),
    )
    const { stdout } = await lab.inRouter([
      'nft',
      'list',
      'chain',
      ...judging,
      `policy.${nic.split('/').at(-1)}.in`,
    ])
    const rules = stdout.split('\n').filter((line) => line.includes('goto pass.in'))
    assert.equal(rules.length, 8, stdout)
    const judged = async (protocol: string, six: boolean) => {
      const ends = six
        ? { source: '2001:db8:ffff::10', destination: '2001:db8::17' }
        : { source: '198.51.100.10', destination: '192.0.2.17' }
      const question = { server: lab.vm('cube1').server, direction: 'ingress', packet: { protocol, ...ends } }
      return (await lab.api('POST', '/v1/trace', question)).body.action
    }
    for (const [protocol, want] of [
      ['gre', 'allow'],
      ['112', 'allow'],
      ['esp', 'allow'],
      ['ah', 'allow'],
      ['sctp', 'deny'],
    ] as const) {
      assert.deepEqual([await judged(protocol, false), await judged(protocol, true)], [want, want], protocol)
    }
    await firewall({ firewallActive: false })
  })

  test('a group on many NICs is in the kernel once', async () => {
    const id = await group(port(22))
    const others = ['cube1', 'cube2'].map((name) => `${dc}/servers/${lab.vm(name).server}`)
    for (const each of others) await attach(each, id)
    const { stdout } = await lab.inRouter(['nft', 'list', 'table', ...judging])
    const lines = (text: string) => stdout.split('\n').filter((line) => line.includes(text)).length
    // NICs that are judged alike share the chain that asks it.
    assert.deepEqual([lines(`chain policy.${id}.in`), lines(`jump policy.${id}.in`)], [1, 1])
    for (const each of others) await attach(each)
    await call('DELETE', `${dc}/securitygroups/${id}`)
  })
})
