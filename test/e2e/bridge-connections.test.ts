/** Limits of tracked connections in a bridge, where its kernel tracks there; where it does not, the status says so. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import { unlimitedNote } from '../../src/core/model/desired.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import { type Endpoint, startEndpoint } from '../../src/lab/endpoint.ts'
import { createNetwork, destroyNetwork, namespaceOf, routerNamespace } from '../../src/lab/network.ts'
import { mustRun } from '../../src/lab/run.ts'
import { type LabNic, type LabVm, outside } from '../../src/lab/topology.ts'
import { desire } from '../support/desired.ts'
import { kernelIn } from '../support/kernels.ts'
import { bridgeNetfilter, noLabOr } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'
import { frameMeter } from '../support/link-frames.ts'

const skip = await noLabOr({ conntrack: 'conntrack' })
const prefix = `pcl-brc${process.pid % 1000}-`
const router = routerNamespace(prefix)
const vm = defaultVms[0] as LabVm
// Small: an emulated kernel has to be done before the first are forgotten.
const limit = 8

const open: EffectivePolicy = {
  stateful: false,
  essentials: [],
  ingress: { filtered: false },
  egress: { filtered: false },
}

describe('tracked connections in a bridge', { skip }, () => {
  const nic = vm.nics[0] as LabNic
  const own = nic.addresses[0] as string
  let dataplane: Dataplane
  let tracks = false
  const endpoints = new Map<string, Endpoint>()
  const endpoint = (name: string) => endpoints.get(name) as Endpoint
  const inRouter = (...command: string[]) => mustRun('ip', ['netns', 'exec', router, ...command])

  before(async () => {
    await createNetwork({ prefix, vms: [vm], bridged: true })
    await bridgeNetfilter(router, 'off')
    dataplane = createNftables({
      guard: ['tap*'],
      netns: router,
      maxConnections: limit,
      kernel: kernelIn(router, 'owned'),
    })
    const { interfaces } = await dataplane.apply(
      desire([{ id: nic.id, device: nic.device, mac: nic.mac, policy: open, addresses: nic.addresses }]),
    )
    const [{ state, mode, notes } = { state: 'closed', mode: null, notes: [] }] = interfaces
    assert.deepEqual([state, mode], ['applied', 'bridged'])
    tracks = notes === undefined
    if (!tracks) assert.deepEqual(notes, [unlimitedNote])
    for (const name of [vm.name, outside.name])
      endpoints.set(name, await startEndpoint(namespaceOf(prefix, name)))
  })
  after(async () => {
    for (const each of endpoints.values()) await each.close()
    await dataplane?.close()
    await destroyNetwork(prefix)
  })

  /** Sends one datagram each to so many ports; answers how many arrive before one that always does. */
  async function datagrams(from: string, to: string, destination: string, first: number, count: number) {
    const meter = await frameMeter(namespaceOf(prefix, to), 'eth0', {
      any: `udp dport ${first}-${first + count - 1}`,
      marked: 'ether type 0x0806 arp operation 1 arp daddr ip 192.0.2.250',
    })
    try {
      const source = from === outside.name ? outside.ipv4 : own
      await endpoint(from).ask({
        ...{ op: 'stream', source, sourcePort: 0, destination, burst: count },
        ports: Array.from({ length: count }, (_, n) => first + n),
      })
      await endpoint(from).ask({ op: 'stop' })
      const ask = `ip route replace 192.0.2.250 dev eth0; ping -n -c 1 -W 0.1 192.0.2.250 >/dev/null || true`
      await mustRun('ip', ['netns', 'exec', namespaceOf(prefix, from), 'sh', '-c', ask])
      await meter.until('marked')
      return (await meter.read()).any ?? 0
    } finally {
      await meter.remove()
    }
  }

  const refusals = async () => (await dataplane.connections()).get(nic.id)?.refusals

  test('what its VM begins beyond the limit disappears, and is counted', async (t) => {
    await inRouter('conntrack', '-F')
    const seen = await datagrams(vm.name, outside.name, outside.ipv4, 20_000, limit + 20)
    if (!tracks) {
      assert.ok(seen >= limit + 20)
      assert.equal((await dataplane.connections()).size, 0)
      return t.diagnostic('this kernel tracks nothing on bridges: nothing is limited, and the status says so')
    }
    const flows = await inRouter('conntrack', '-L', '-p', 'udp', '-s', own, '-d', outside.ipv4)
    assert.equal(flows.split('\n').filter((line) => line.includes('udp')).length, limit)
    assert.ok(((await refusals())?.egress ?? 0) >= 20)
    // The time-outs are those of limited interfaces.
    assert.match(flows, /udp +17 (?:[12]?\d|30) /)
  })

  test('what begins outside beyond the limit is on trial, and goes when it is not admitted', async (t) => {
    if (!tracks) return t.diagnostic('this kernel tracks nothing on bridges')
    await inRouter('conntrack', '-F')
    await datagrams(outside.name, vm.name, own, 30_000, limit)
    await endpoint(vm.name).ask({ op: 'listen', protocol: 'tcp', address: own, port: 80 })
    let port = 40_000
    const connects = async () => {
      const { came } = await endpoint(outside.name).ask({
        ...{ op: 'send', protocol: 'tcp', source: outside.ipv4, sourcePort: port++ },
        ...{ destination: own, port: 80, waitMs: 1500 },
      })
      return came
    }
    // Full, and still half of them are let in on trial.
    const came: unknown[] = []
    for (let n = 0; n < limit / 2; n++) came.push(await connects())
    assert.deepEqual([...new Set(came)], ['answer'])
    const held = await mustRun('ip', [
      'netns',
      'exec',
      router,
      'nft',
      'list',
      'set',
      'bridge',
      'portcullis',
      'ended4',
    ])
    assert.doesNotMatch(held, /40000/)
    // One more completes its handshake, and its packets go no further.
    // The agent, which would count them, gives trials back when it finds few connections: it is not asked before.
    await connects()
    const deadline = Date.now() + 20_000
    const ended = () => inRouter('nft', '-n', 'list', 'set', 'bridge', 'portcullis', 'ended4')
    while (!(await ended()).includes(`${port - 1} . 80`)) {
      assert.ok(Date.now() < deadline, 'nothing was refused')
      await delay(100)
    }
    assert.ok(((await refusals())?.ingress ?? 0) > 0)
  })
})
