/**
 * A guest whose device comes and goes on two hosts, under traffic over both at once: it passes where the service has found it and
 * nowhere else, whoever else says that the guest is theirs, and whatever is killed meanwhile.
 */
import assert from 'node:assert/strict'
import { chown, writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import { isDeepStrictEqual } from 'node:util'
import { spoken } from '../../src/agent/versions.ts'
import type { Sighting } from '../../src/core/model/sighting.ts'
import { noOpenssl } from '../support/certificates.ts'
import { noLab, noLabOr } from '../support/lab.ts'
import { noCluster } from '../support/postgresql.ts'
import { sighting } from '../support/sightings.ts'
import {
  createTwoHosts,
  eventually,
  type HostName,
  hosts,
  services,
  type TwoHosts,
  users,
  vms,
  worldAddress,
} from '../support/two-hosts.ts'

const [vm] = vms
const skip = noLab || noCluster || noOpenssl || (await noLabOr({ setpriv: 'util-linux', gcc: 'gcc' }))

/** Of each host: what may come in and go out over it, and what may not; the last digit says over which. */
const portsOf = (host: HostName) => {
  const n = Number(host.at(-1))
  return { in: 1000 + n, out: 1020 + n, notIn: 1010 + n, notOut: 1030 + n, from: 6000 + n }
}
const other = (host: HostName): HostName => (host === 'kvm1' ? 'kvm2' : 'kvm1')
/** As libvirt marks the device of a guest. */
const address = `fe${vm.mac.slice(2)}`

describe('a guest that moves between hosts', { skip, timeout: 300_000 }, () => {
  let lab: TwoHosts
  let nic: string
  let server: string
  /** Of the host that nobody has; the last that was made. */
  let stolen: string
  const tokens = new Map<string, string>()

  const inVm = (lines: readonly string[]) => lab.in(vm.name, ['ip', '-batch', '-'], `${lines.join('\n')}\n`)
  const ethOf = (host: HostName) => `eth${host.at(-1)}`
  /** The guest's device on a host, and the way to it over that host and back; the guest has them all the time. */
  async function plug(host: HostName): Promise<void> {
    const eth = ethOf(host)
    await inVm([
      `link add ${eth} address ${vm.mac} type veth peer name ${vm.device} address ${address} netns ${lab.namespace(host)}`,
      `link set ${eth} up`,
      `route add 192.0.2.1 dev ${eth} scope link table ${host.at(-1)}`,
      `route add default via 192.0.2.1 dev ${eth} table ${host.at(-1)}`,
    ])
    const onHost = [
      ...[`link set ${vm.device} up`, `addr add 192.0.2.1/32 dev ${vm.device}`],
      `route replace ${vm.address}/32 dev ${vm.device}`,
    ]
    await lab.in(host, ['ip', '-batch', '-'], `${onHost.join('\n')}\n`)
  }
  const unplug = (host: HostName) => lab.unplug(vm, host)

  async function counts(host: HostName) {
    const ports = portsOf(host)
    const [inside, outside] = await Promise.all([lab.arrived(vm.name), lab.arrived('world')])
    return {
      in: inside.get(ports.in) ?? 0,
      out: outside.get(ports.out) ?? 0,
      wrong: (inside.get(ports.notIn) ?? 0) + (outside.get(ports.notOut) ?? 0),
    }
  }
  const sent = async (host: HostName) => (await lab.world.sent())[`${vm.address}:${portsOf(host).in}`] ?? 0
  async function passes(host: HostName): Promise<void> {
    const first = await counts(host)
    let now = first
    await eventually(
      () =>
        `nothing passes on ${host}: ${JSON.stringify({ first, now })} ${lab.running.get(`agent ${host}`)?.said()}`,
      async () => {
        now = await counts(host)
        return now.in > first.in && now.out > first.out ? true : undefined
      },
    )
  }
  /** What has arrived over it before and after the next so many that are sent. */
  async function around(host: HostName, packets: number) {
    const [first, from] = [await counts(host), await sent(host)]
    await eventually(
      () => 'nothing is sent',
      async () => ((await sent(host)) > from + packets ? true : undefined),
    )
    return [first, await counts(host)] as const
  }
  async function isClosed(host: HostName): Promise<void> {
    const [first, second] = await around(host, 20)
    assert.deepEqual(second, first)
  }
  async function closes(host: HostName): Promise<void> {
    await eventually(
      () => `it is not closed on ${host}`,
      async () => (isDeepStrictEqual(...(await around(host, 3))) ? true : undefined),
    )
    await isClosed(host)
  }
  /** Its agent closes and enforces. */
  async function started(host: HostName): Promise<void> {
    await (await lab.agent(host)).says(/enforcing: nftables/)
  }
  const where = async (): Promise<string | undefined> =>
    (await lab.must('GET', `/v1/bindings`)).bindings.find(
      (each: { interface: string }) => each.interface === nic,
    )?.host
  const isOn = (host: HostName | undefined) =>
    eventually(
      () => `it is not on ${host}`,
      async () => ((await where()) === host ? true : undefined),
    )
  /** The service has heard of the device there, and has said why the interface is not on it. */
  const waits = (host: string) =>
    eventually(
      () => `nothing waits on ${host}`,
      async () => {
        const { status, body } = await lab.ask(1, 'GET', `/v1/hosts/${host}/unclaimed`)
        if (status !== 200) return undefined
        return body.devices.find((each: { why: string }) => each.why.includes('where it is seen, too'))
      },
    )
  async function newToken(host: string): Promise<void> {
    const { id, token } = await lab.must('POST', `/v1/hosts/${host}/credentials`, {})
    tokens.set(host, token)
    stolen = id
  }

  before(async () => {
    lab = await createTwoHosts()
    await Promise.all(services.map(lab.serve))
    lab.actAs((await lab.must('POST', '/v1/accounts', { name: 'a' })).id)
    const rule = (action: string, direction: string, way: 'in' | 'notOut') => ({
      ...{ action, direction, protocol: 'udp' },
      destinationPorts: hosts.map((host) => String(portsOf(host)[way])),
    })
    const policy = await lab.must('POST', '/v1/policies', {
      name: 'moving',
      rules: [rule('allow', 'ingress', 'in'), rule('deny', 'egress', 'notOut')],
    })
    const made = await lab.must('POST', '/v1/servers', {
      ...{ profile: 'native', name: vm.name, interfaces: [{ mac: vm.mac, addresses: [vm.address] }] },
    })
    server = made.id
    nic = made.interfaces[0].id
    await lab.must('POST', `/v1/policies/${policy.id}/attachments`, { server, interface: nic })
    for (const host of [...hosts, 'thief']) await newToken(host)
    for (const host of hosts) {
      await writeFile(lab.tokenFile(host), `${tokens.get(host)}\n`, { mode: 0o600 })
      await chown(lab.tokenFile(host), users.agent, users.agent)
    }
    await lab.unplug(vm, 'kvm1')
    await inVm([
      `addr add ${vm.address}/32 dev lo`,
      ...hosts.map((host) => `rule add ipproto udp sport ${portsOf(host).from} lookup ${host.at(-1)}`),
    ])
    const ways = hosts.flatMap((host) => {
      const n = host.at(-1)
      return [
        `route add ${vm.address}/32 via 10.8.${n}.2 dev d${n} src ${worldAddress} table ${n}`,
        `rule add ipproto udp sport ${portsOf(host).from} lookup ${n}`,
      ]
    })
    await lab.in('world', ['ip', '-batch', '-'], `${ways.join('\n')}\n`)
    const to = (at: string, ...which: readonly ('in' | 'out' | 'notIn' | 'notOut')[]) =>
      hosts
        .map(portsOf)
        .flatMap((each) => which.map((way) => ({ address: at, port: each[way], from: each.from })))
    await plug('kvm1')
    await Promise.all(hosts.map(started))
    await lab.world.aim(to(vm.address, 'in', 'notIn'))
    await lab.inVm(vm).aim(to(worldAddress, 'out', 'notOut'))
    await passes('kvm1')
  })
  after(() => lab?.remove())

  let at: HostName = 'kvm1'
  /** Its device is made on the other host, and goes here; `meanwhile` the other agent has said that it is there. */
  async function move(meanwhile: () => Promise<unknown>): Promise<HostName> {
    const [from, to] = [at, other(at)]
    await plug(to)
    await waits(to)
    await isClosed(to)
    await Promise.all([unplug(from), meanwhile()])
    at = to
    return to
  }
  async function nothingWrong(): Promise<void> {
    for (const host of hosts) assert.equal((await counts(host)).wrong, 0)
  }

  test('live: its new device is closed until the old one goes, and open soon after that', async (t) => {
    const took: number[] = []
    for (let n = 0; n < 4; n++) {
      const before = await counts(other(at))
      const to = await move(async () => {})
      const [first, began] = [await sent(to), performance.now()]
      await passes(to)
      const [now, last, ended] = [await counts(to), await sent(to), performance.now()]
      took.push(((last - first - (now.in - before.in)) / (last - first)) * (ended - began))
      await isOn(to)
    }
    const sorted = took.toSorted((a, b) => a - b).map(Math.round)
    const [median, worst] = [sorted[sorted.length >> 1], sorted.at(-1)]
    t.diagnostic(`without packets for ${median} ms in the median of ${sorted.length}, ${worst} at most`)
    await nothingWrong()
  })

  test('whatever is killed while it moves', async () => {
    const again = async (names: readonly string[], start: () => Promise<unknown>) => {
      await Promise.all(names.map((name) => lab.running.get(name)?.kill()))
      await start()
    }
    const all = services.map((n) => `service ${n}`)
    const crashes: (() => Promise<unknown>)[] = [
      () => again(all, () => Promise.all(services.map(lab.serve))),
      async () => {
        lab.database.stop()
        lab.database.start()
      },
      () => again([`agent ${other(at)}`], () => lab.agent(other(at))),
      () => again([`agent ${at}`], () => lab.agent(at)),
    ]
    for (const crash of crashes) {
      const to = await move(crash)
      await passes(to)
      await isOn(to)
    }
    await nothingWrong()
  })

  test('nobody else has it while its host sees it: by no word, clock or restart', async () => {
    const posed = await lab.world.pose(lab.url('kvm2'), 'thief', tokens.get('thief') ?? '', lab.ca)
    assert.equal(typeof posed, 'number', String(posed))
    const thief = Number(posed)
    const heard = (pattern: RegExp) =>
      eventually(
        () => `it does not hear ${pattern}`,
        async () => (pattern.test(await lab.world.heard(thief)) ? true : undefined),
      )
    await lab.world.say(thief, { type: 'hello', versions: spoken, release: '9', instance: 'thief', pid: 1 })
    await heard(/welcome/)
    const says = (put: readonly Sighting[], whole = true) =>
      lab.world.say(thief, { type: 'sightings', whole, put, remove: whole ? [] : [vm.device] })
    await says([
      sighting(vm.device, vm.mac),
      sighting('tap2', null, { address }),
      sighting('tap3', vm.mac, { present: false, source: 'attached' }),
    ])
    await waits('thief')
    await lab.jump(86_400)
    await lab.running.get(`agent ${at}`)?.kill()
    await Promise.all([started(at), says([sighting('tap4', vm.mac)], false)])
    await lab.jump(-86_400)
    await says([sighting(vm.device, vm.mac)])
    await passes(at)
    await lab.jump(0)
    assert.equal(await where(), at)
    assert.ok(!(await lab.world.heard(thief)).includes(nic), 'it is told what is not its own')
    await lab.must('DELETE', `/v1/credentials/${stolen}`)
    await nothingWrong()
  })

  test('its host dies: closed elsewhere for half a minute, then open there, and closed where it was when that is back', async () => {
    const [dead, alive] = [at, other(at)]
    await lab.running.get(`agent ${dead}`)?.kill()
    const link = (state: string) => lab.in(dead, ['ip', 'link', 'set', 'mg0', state])
    await link('down')
    await plug(alive)
    await waits(alive)
    await isClosed(alive)
    await passes(alive)
    await isOn(alive)
    await link('up')
    await started(dead)
    await closes(dead)
    await passes(alive)
    await nothingWrong()
    await lab.must('DELETE', `/v1/servers/${server}`)
    await isOn(undefined)
    await closes(alive)
  })
})
