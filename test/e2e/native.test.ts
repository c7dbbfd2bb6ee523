/** Native policies and real packets: attached to an interface and to a server, edited, detached; without one it is closed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createHost, type Host, type Service, type Way } from '../support/host.ts'
import { noLab } from '../support/lab.ts'

const server = '00d1a100-0004-4000-8000-000000000001'
const [nic, other] = ['00d1a100-0004-4000-8000-0000000000a1', '00d1a100-0004-4000-8000-0000000000a2']
const devices = [
  ['tap1i0', nic],
  ['tap2i0', other],
] as const

describe('native policies and real packets', { skip: noLab, timeout: 180_000 }, () => {
  let host: Host
  let service: Service
  before(async () => {
    host = await createHost('native')
    const inventory = await host.describe([{ device: 'tap1i0' }], {
      servers: [
        {
          ...{ profile: 'native', id: server, name: 'vm' },
          interfaces: devices.map(([device, id]) => ({ id, host: 'kvm', device, senderCheck: false })),
        },
      ],
    })
    const flags = ['--inventory', inventory, '--enforce', 'nftables', '--host', 'kvm', ...host.flags]
    service = await host.serve(flags)
  })
  after(async () => {
    await service?.stop()
    await host?.remove()
  })

  async function call(method: string, path: string, body?: unknown) {
    const answer = await fetch(`${service.url}/v1${path}`, {
      method,
      headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  /** What arrives once it is in force, and what the service says of it. */
  async function expect(way: Way, passes: boolean) {
    await host.until((arriving) => arriving[way] === (passes ? 3 : 0))
    const direction = way === 'out' ? 'egress' : 'ingress'
    const packet = { protocol: 'icmp', source: '198.51.100.1', destination: '192.0.2.1', icmpType: 8 }
    const { action } = await call('POST', '/trace', { server, interface: nic, direction, packet })
    assert.equal(action, passes ? 'allow' : 'deny')
  }
  const ping = { action: 'allow', direction: 'ingress', protocol: 'icmp', icmpType: 8 }

  test('closed, opened by a rule on the interface and on the server, closed again', async () => {
    await expect('out', true)
    await expect('in', false)
    const { id } = await call('POST', '/policies', { name: 'ping', rules: [ping] })
    await expect('in', false)
    await call('POST', `/policies/${id}/attachments`, { server, interface: nic })
    await expect('in', true)
    const [rule] = (await call('GET', `/policies/${id}/rules`)).rules
    await call('PATCH', `/policies/${id}/rules/${rule.id}`, { icmpType: 13 })
    await expect('in', false)
    await call('PATCH', `/policies/${id}`, { defaults: { ingress: 'allow', egress: 'deny' } })
    await expect('in', true)
    await expect('out', false)
    await call('PATCH', `/policies/${id}`, { enabled: false })
    await expect('in', false)
    await expect('out', true)
    await call('PATCH', `/policies/${id}`, { enabled: true, defaults: { ingress: 'deny', egress: 'allow' } })
    await call('PUT', `/policies/${id}/rules`, { rules: [ping] })
    await expect('in', true)
    await call('PUT', `/servers/${server}/interfaces/${nic}/policies`, { policies: [] })
    await expect('in', false)

    // On the server it is on all its interfaces, and the first of two decides.
    await call('PUT', `/servers/${server}/policies`, { policies: [id] })
    await expect('in', true)
    const shut = await call('POST', '/policies', { name: 'shut', rules: [{ ...ping, action: 'deny' }] })
    await call('PUT', `/servers/${server}/policies`, { policies: [shut.id, id] })
    await expect('in', false)
    await call('PUT', `/servers/${server}/policies`, { policies: [id, shut.id] })
    await expect('in', true)
    await call('PUT', `/servers/${server}/policies`, { policies: [] })
    await expect('in', false)
    await expect('out', true)
  })
})
