/**
 * Devices that move between servers, and real packets: judged by the policy of the server that has the device, and by no other's
 * once the move is in force; closed when it is released; never open in between, and not when the service dies.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { outside } from '../../src/lab/topology.ts'
import { closed, createHost, type Host, type Service, type Stream, type Way } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'

const flags = ['--enforce', 'nftables', '--host', 'kvm'] as const
/** VM one's device, and one of VM two's. */
const [first, second] = ['tap1i0', 'tap2i0'] as const
const address = defaultVms[0]?.nics[0]?.addresses[0]
/** Who sends to VM one: the world, and the router itself. */
const [world, router] = [outside.ipv4, '192.0.2.1'] as const

interface Nic {
  readonly server: string
  readonly id: string
  readonly policy: string
  readonly account: string
}

describe('devices that move between servers', { skip: noLab, timeout: 240_000 }, () => {
  let host: Host
  let service: Service
  let token: string
  let account: string
  let neighbour: string
  before(async () => {
    host = await createHost('bind')
    await start()
    neighbour = (await call('POST', '/accounts', { name: 'b' })).id
    account = (await call('POST', '/accounts', { name: 'a' })).id
  })
  after(async () => {
    await service?.stop()
    await host?.remove()
  })

  async function start() {
    service = await host.serve([...flags, ...host.flags])
    token = (await readFile(join(host.folder, 'data', 'operator.token'), 'utf8')).trim()
  }

  async function call(method: string, path: string, body?: unknown, of = account) {
    const answer = await fetch(`${service.url}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(of !== undefined && !path.startsWith('/bindings') && { 'on-behalf-of': of }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }

  /** A server with one interface, and a policy on it that lets echo requests of these sources in. */
  async function make(
    name: string,
    sources: readonly string[],
    { of = account, cutFlows = 'revoked', addresses = [address] } = {},
  ): Promise<Nic> {
    const rule = { action: 'allow', direction: 'ingress', protocol: 'icmp', icmpType: 8 }
    const rules = sources.length > 0 ? [{ ...rule, sources }] : []
    const { id: policy } = await call('POST', '/policies', { name, rules, cutFlows }, of)
    const server = { profile: 'native', name, interfaces: [{ addresses, senderCheck: false }] }
    const made = await call('POST', '/servers', server, of)
    const { id } = made.interfaces[0]
    await call('POST', `/policies/${policy}/attachments`, { server: made.id, interface: id }, of)
    return { server: made.id, id, policy, account: of }
  }
  const claim = (nic: Nic, device: string, from?: Nic) =>
    call('PUT', `/bindings/${nic.id}`, { host: 'kvm', device, ...(from && { from: from.id }) })

  async function until<T>(ask: () => Promise<T>, done: (answer: T) => boolean): Promise<T> {
    const deadline = Date.now() + 30_000
    for (;;) {
      const answer = await ask()
      if (done(answer)) return answer
      assert.ok(Date.now() < deadline, `still ${JSON.stringify(answer)}`)
      await delay(20)
    }
  }
  /** Waits until the host says that what is wanted of the interface is in force. */
  const inForce = (nic: Nic) =>
    until(
      () => call('GET', `/interfaces/${nic.id}`, undefined, nic.account),
      ({ state, appliedGeneration: applied, desiredGeneration: desired }) =>
        state === 'applied' && applied >= desired,
    )
  /** What arrives of each way, out of three. */
  const arriving = (wanted: Partial<Record<Way, number>>) =>
    host.until((now) => Object.entries(wanted).every(([way, count]) => now[way as Way] === count))
  /** Connections that the policy of the interface has let begin. */
  const hits = async (nic: Nic): Promise<number> => {
    const { interfaces } = await call('GET', `/servers/${nic.server}/rules`, undefined, nic.account)
    return interfaces[0].ingress
      .filter((step: { decidedBy: { kind: string } }) => step.decidedBy.kind === 'rule')
      .reduce((sum: number, step: { packets: number }) => sum + step.packets, 0)
  }

  test('claimed, moved under a stream of packets, swapped, and released', async (t) => {
    const [a, b] = [await make('a', [world]), await make('b', [])]
    await arriving(closed)
    await claim(a, first)
    await inForce(a)
    await arriving({ in: 3, local: 0 })

    // The world's only the old policy lets in; the router's neither does.
    const allowed = await host.stream('in', 'anew')
    const denied = await host.stream('local')
    let flow: Stream | undefined
    const silent = () =>
      until(
        async () => {
          const from = await allowed.arrived()
          await delay(200)
          return (await allowed.arrived()) - from
        },
        (count) => count === 0,
      )
    try {
      await until(allowed.arrived, (count) => count > 20)
      await claim(b, first, a)
      await inForce(b)
      const before = await allowed.arrived()
      await delay(500)
      assert.equal((await allowed.arrived()) - before, 0, 'what the new policy denies')
      // With a connection that the old policy lets begin, and that is ended a little later.
      await claim(a, first, b)
      await until(allowed.arrived, (count) => count > before + 20)
      flow = await host.stream('in')
      await until(flow.arrived, (count) => count > 50)
      await claim(b, first, a)
      await silent()
      for (let n = 0; n < 6; n++) await (n % 2 === 0 ? claim(a, first, b) : claim(b, first, a))
      await claim(a, first, b)
      const between = await allowed.arrived()
      await until(allowed.arrived, (count) => count > between + 20)
      await call('DELETE', `/bindings/${a.id}`)
      await silent()
      assert.equal(await denied.arrived(), 0, 'what both policies deny')
    } finally {
      const sent = [await allowed.stop(), await denied.stop(), (await flow?.stop()) ?? 0]
      t.diagnostic(`echo requests sent: ${sent.join(', ')}`)
    }
    await arriving(closed)
  })

  test('a connection of one holder is none of the next, in another account, though nobody’s policy cuts any', async () => {
    const never = { cutFlows: 'never' }
    const a = await make('held', [world], never)
    for (const { how, b } of [
      { how: 'handed over', b: await make('same', [], { ...never, of: neighbour }) },
      { how: 'released', b: await make('later', [], { ...never, of: neighbour }) },
      {
        how: 'handed over',
        b: await make('other', [], { ...never, of: neighbour, addresses: ['192.0.2.99'] }),
      },
    ]) {
      await claim(a, first)
      await inForce(a)
      const flow = await host.stream('in')
      try {
        await until(flow.arrived, (count) => count > 50)
        if (how === 'released') {
          await call('DELETE', `/bindings/${a.id}`)
          const ends = await until(
            async () => [await flow.arrived(), await delay(200), await flow.arrived()] as const,
            ([before, , now]) => before === now,
          )
          await claim(b, first)
          await inForce(b)
          await delay(300)
          assert.equal(await flow.arrived(), ends[2], `${how}: not one of them`)
        } else {
          await claim(b, first, a)
          await inForce(b)
          await until(
            async () => {
              const from = await flow.arrived()
              await delay(200)
              return (await flow.arrived()) - from
            },
            (count) => count === 0,
          )
        }
      } finally {
        await flow.stop()
      }
      await call('DELETE', `/bindings/${b.id}`)
    }
  })

  test('fast hand-overs: nobody is told of what was decided for another', async (t) => {
    const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? Date.now() % 2 ** 31)
    t.diagnostic(`PORTCULLIS_TEST_SEED=${seed}`)
    let state = seed
    const pause = () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return delay((state >>> 8) % 80)
    }
    const [a, b] = [await make('fast', [world]), await make('next', [], { of: neighbour })]
    const packets = async (nic: Nic, kind: string): Promise<number> => {
      const { interfaces } = await call('GET', `/servers/${nic.server}/rules`, undefined, nic.account)
      const steps = interfaces[0].ingress as { decidedBy: { kind: string }; packets: number }[]
      return steps.filter((each) => each.decidedBy.kind === kind).reduce((sum, each) => sum + each.packets, 0)
    }
    await claim(a, first)
    await inForce(a)
    const stream = await host.stream('in', 'anew')
    let sent = 0
    try {
      for (let n = 0; n < 12; n++) {
        await pause()
        await claim(b, first, a)
        await pause()
        await claim(a, first, b)
      }
      await inForce(a)
      await until(
        () => packets(a, 'rule'),
        (count) => count > 0,
      )
    } finally {
      sent = await stream.stop()
    }
    const counted = [await packets(a, 'rule'), await packets(b, 'default')] as const
    t.diagnostic(`sent ${sent}, counted ${counted.join(' and ')}`)
    // All that was sent one lets pass by its rule, and the other drops by its default.
    assert.equal(await packets(a, 'default'), 0)
    assert.ok(counted[0] + counted[1] <= sent)
    await call('DELETE', `/bindings/${a.id}`)
  })

  test('two swap their devices, and the service dies between; counts go to who had it', async () => {
    const [c, d] = [await make('c', [world]), await make('d', [router])]
    await call('POST', '/bindings', {
      bindings: [
        { interface: c.id, host: 'kvm', device: first },
        { interface: d.id, host: 'kvm', device: second },
      ],
    })
    for (const each of [c, d]) {
      await inForce(each)
      // Until it is read all that is counted on a device is taken for the one's who had it.
      assert.equal(await hits(each), 0)
    }
    await arriving({ in: 3, local: 0 })
    await until(
      () => hits(c),
      (count) => count >= 1,
    )
    assert.equal(await hits(d), 0)
    await service.stop('SIGKILL')
    await start()
    await call('POST', '/bindings', {
      bindings: [
        { interface: c.id, host: 'kvm', device: second },
        { interface: d.id, host: 'kvm', device: first },
      ],
    })
    await service.stop('SIGKILL')
    await start()
    for (const each of [c, d]) await inForce(each)
    assert.equal(await hits(d), 0)
    await arriving({ in: 0, local: 3 })
    await until(
      () => hits(d),
      (count) => count >= 1,
    )
    const later = await hits(c)
    await arriving({ in: 0, local: 3 })
    assert.equal(await hits(c), later, 'packets of the device that it has no more')
    for (const each of [c, d]) await call('DELETE', `/bindings/${each.id}`)
    await arriving(closed)
  })
})
