/**
 * A domain that is moved between two hosts while it runs, by libvirt's own live migration, and one whose devices come and go while it runs: packets
 * come all the time, and what no policy lets in reaches no device of either host.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { hookOf, kill, type Operated, startAgent, startService } from '../support/hypervisor.ts'
import { createLibvirt, type Libvirt, noLibvirt } from '../support/libvirt.ts'
import type { Running } from '../support/program.ts'

const id = '00000000-0000-4000-8000-000000000001'
const [mac, second] = ['52:54:00:00:01:01', '52:54:00:00:01:02'] as const
const [address, otherAddress] = ['192.0.2.11', '192.0.2.12'] as const
/** What is let in, and what is not. */
const [open, shut] = [5001, 7] as const

interface Host {
  readonly name: string
  /** On the network between the hosts. */
  readonly address: string
  readonly libvirt: Libvirt
  agent: Running
}

describe('live migration of libvirt’s domains', { skip: noLibvirt }, () => {
  let kvm1: Host
  let kvm2: Host
  let service: Operated
  const streams: (() => Promise<number>)[] = []

  const onBehalf = async (method: string, path: string, body?: unknown) => {
    const { status, body: said } = await service.api(method, path, body, 'acme')
    assert.ok(status < 300, `${method} ${path}: ${status} ${JSON.stringify(said)}`)
    return said
  }
  /** Where its interfaces are, in words; null: nowhere. */
  const places = async () =>
    (await onBehalf('GET', `/v1/servers/${id}`)).interfaces.map(
      ({ binding }: { binding: { host: string; device: string } | null }) =>
        binding && `${binding.host} ${binding.device}`,
    )
  const untilPlaced = (...wanted: readonly (string | null)[]) =>
    eventually(`${wanted}`, async () =>
      JSON.stringify(await places()) === JSON.stringify(wanted) ? true : undefined,
    )
  const taps = async ({ libvirt }: Host): Promise<string[]> =>
    (await libvirt.mustRun(['ls', '/sys/class/net'])).split('\n').filter((each) => each.startsWith('vnet'))
  const onlyTap = (host: Host) =>
    eventually(`a tap on ${host.name}`, async () => {
      const [tap, ...more] = await taps(host)
      return more.length === 0 ? tap : undefined
    })
  /** What reached devices of the host since the last reset; nothing that is not let in did, and nothing another device. */
  async function arrivedAt(host: Host, devices: readonly string[]): Promise<number> {
    const arrived = await host.libvirt.arrived()
    const wrong = arrived.filter(({ device, port }) => !devices.includes(device) || port !== open)
    assert.deepEqual(wrong, [], host.name)
    return arrived.reduce((sum, { packets }) => sum + packets, 0)
  }
  const comes = (host: Host, device: string, to: string = mac) =>
    eventually(`datagrams at ${device} on ${host.name}`, async () =>
      (await host.libvirt.arrived()).find(
        (each) => each.device === device && each.mac === to && each.port === open,
      ),
    )
  const reset = () => Promise.all([kvm1, kvm2].map((host) => host.libvirt.reset()))
  /** From a moment on, what comes, comes there alone. */
  async function onlyAt(host: Host, device: string): Promise<void> {
    await reset()
    await kvm1.libvirt.sent(100)
    await comes(host, device)
    for (const each of [kvm1, kvm2]) await arrivedAt(each, each === host ? [device] : [])
  }
  const migrate = (from: Host, to: Host, ...flags: string[]) =>
    from.libvirt.run([
      ...['virsh', 'migrate', '--live', ...flags, 'web', '--migrateuri', `tcp://${to.address}`],
      ...['--desturi', `qemu+unix:///system?socket=${to.libvirt.folder}/run/libvirt/libvirt-sock`],
    ])
  /** Connections of migrations are made, and nothing is said over them. */
  const hold = ({ libvirt }: Host) =>
    libvirt.mustRun(
      ['nft', '-f', '-'],
      `table ip held {
        chain input { type filter hook input priority 0; tcp dport 49152-49215 meta length > 100 drop; }
      }\n`,
    )
  const letGo = ({ libvirt }: Host) => libvirt.mustRun(['nft', 'delete', 'table', 'ip', 'held'])
  const why = async (host: Host, device: string): Promise<string | undefined> =>
    (await service.api('GET', `/v1/hosts/${host.name}/unclaimed`)).body.devices.find(
      (each: { device: string }) => each.device === device,
    )?.why
  const state = async ({ libvirt }: Host) => (await libvirt.virsh('domstate', 'web')).trim()

  test('while it comes it is closed there, and under its policy here until the end; one that is broken off goes on here', async () => {
    await kvm1.libvirt.virsh('start', 'web')
    const tap = await onlyTap(kvm1)
    await onlyAt(kvm1, tap)
    await hold(kvm2)
    const moving = migrate(kvm1, kvm2)
    const there = await onlyTap(kvm2)
    await eventually('it is said whose it is still', async () =>
      (await why(kvm2, there))?.includes('kvm1') ? true : undefined,
    )
    await onlyAt(kvm1, tap)
    assert.deepEqual(await places(), [`kvm1 ${tap}`, null])
    await eventually('the migration can be broken off', async () =>
      (await kvm1.libvirt.run(['virsh', 'domjobabort', 'web'])).status === 0 ? true : undefined,
    )
    const broken = await moving
    await letGo(kvm2)
    assert.notEqual(broken.status, 0, broken.stdout)
    assert.match(await state(kvm1), /^running/)
    await eventually('it is gone there', async () => ((await taps(kvm2)).length === 0 ? true : undefined))
    await onlyAt(kvm1, tap)
    assert.deepEqual(await places(), [`kvm1 ${tap}`, null])
  })

  test('it moves with its policy, there and back', async (t) => {
    for (const [from, to, ...flags] of [
      [kvm1, kvm2],
      [kvm2, kvm1, '--p2p', '--persistent'],
    ] as const) {
      await reset()
      const before = await onlyTap(from)
      const moving = migrate(from, to, ...flags)
      const tap = await onlyTap(to)
      const moved = await moving
      const ended = performance.now()
      assert.equal(moved.status, 0, moved.stderr)
      await comes(to, tap)
      t.diagnostic(
        `${from.name} to ${to.name}: ${Math.round(performance.now() - ended)} ms from the end of migration until datagrams come`,
      )
      await arrivedAt(from, [before])
      await arrivedAt(to, [tap])
      await untilPlaced(`${to.name} ${tap}`, null)
      assert.deepEqual(await taps(from), [])
      await onlyAt(to, tap)
    }
  })

  test('where no agent runs it does not come, and it runs on where it was', async () => {
    const tap = await onlyTap(kvm1)
    await kill(kvm2.agent)
    const refused = await migrate(kvm1, kvm2)
    assert.notEqual(refused.status, 0)
    assert.match(refused.stderr, /no agent runs on this host/)
    assert.match(await state(kvm1), /^running/)
    await onlyAt(kvm1, tap)
    kvm2.agent = await startAgent(kvm2.libvirt, service, 'kvm2')
  })

  test('a second interface that is plugged while it runs is closed until it is found, and is let go of when it is unplugged', async (t) => {
    const tap = await onlyTap(kvm1)
    streams.push(await kvm1.libvirt.stream({ mac: second, address: otherAddress, port: open }))
    const { agent, libvirt } = kvm1
    process.kill(agent.child.pid as number, 'SIGSTOP')
    await libvirt.virsh(
      'attach-interface',
      'web',
      'bridge',
      'br0',
      '--mac',
      second,
      '--model',
      'virtio',
      '--live',
    )
    const plugged = (await taps(kvm1)).find((each) => each !== tap) as string
    await onlyAt(kvm1, tap)
    process.kill(agent.child.pid as number, 'SIGCONT')
    const begun = performance.now()
    await comes(kvm1, plugged, second)
    t.diagnostic(`${Math.round(performance.now() - begun)} ms until what was plugged is under its policy`)
    await arrivedAt(kvm1, [tap, plugged])
    await untilPlaced(`kvm1 ${tap}`, `kvm1 ${plugged}`)
    // No guest answers that it has let go of it, and none is asked while it is reset.
    await libvirt.virsh('detach-interface', 'web', 'bridge', '--mac', second, '--live')
    await libvirt.virsh('reset', 'web')
    assert.equal(await onlyTap(kvm1), tap)
    await untilPlaced(`kvm1 ${tap}`, null)
    await onlyAt(kvm1, tap)
  })

  test('it is under its policy when it was paused, reset, or saved and restored', async () => {
    const { libvirt } = kvm1
    let tap = await onlyTap(kvm1)
    await libvirt.virsh('suspend', 'web')
    await onlyAt(kvm1, tap)
    await libvirt.virsh('resume', 'web')
    await libvirt.virsh('reset', 'web')
    await onlyAt(kvm1, tap)
    await libvirt.virsh('managedsave', 'web')
    await untilPlaced(null, null)
    await libvirt.virsh('start', 'web')
    tap = await onlyTap(kvm1)
    await onlyAt(kvm1, tap)
    await libvirt.virsh('save', 'web', '/var/lib/libvirt/saved')
    await untilPlaced(null, null)
    await libvirt.virsh('restore', '/var/lib/libvirt/saved')
    tap = await onlyTap(kvm1)
    await onlyAt(kvm1, tap)
    await untilPlaced(`kvm1 ${tap}`, null)
  })

  before(async () => {
    const libvirts: Libvirt[] = []
    const first = await createLibvirt('ma')
    libvirts.push(first)
    const other = await createLibvirt('mb', { beside: first })
    for (const libvirt of [first, other]) {
      await libvirt.hook(hookOf(libvirt))
      await libvirt.startDaemon()
    }
    service = await startService(first, '198.51.100.1')
    assert.equal((await service.api('POST', '/v1/accounts', { id: 'acme', name: 'acme' })).status, 201)
    await onBehalf('POST', '/v1/servers', {
      ...{ id, profile: 'upcloud', name: 'web' },
      interfaces: [
        // QEMU tells switches by RARP where a domain is that has moved; nothing else is sent from here.
        { mac, addresses: [address] },
        { mac: second, addresses: [otherAddress] },
      ],
    })
    const port = { destination_port_start: `${open}`, destination_port_end: `${open}` }
    await onBehalf('PUT', `/1.3/server/${id}/firewall_rule`, {
      firewall_rules: {
        firewall_rule: [
          { direction: 'in', action: 'accept', family: 'IPv4', protocol: 'udp', ...port },
          { direction: 'in', action: 'drop' },
        ],
      },
    })
    await onBehalf('PUT', `/1.3/server/${id}`, { server: { firewall: 'on' } })
    const agents = [await startAgent(first, service, 'kvm1'), await startAgent(other, service, 'kvm2')]
    kvm1 = { name: 'kvm1', address: '198.51.100.1', libvirt: first, agent: agents[0] as Running }
    kvm2 = { name: 'kvm2', address: '198.51.100.2', libvirt: other, agent: agents[1] as Running }
    // As long as whoever manages domains may make it, and full of what JSON writes with two bytes.
    const metadata = `<note xmlns="urn:example">${'"'.repeat(300_000)}</note>`
    await first.define({ name: 'web', uuid: id, macs: [mac], metadata })
    for (const port of [open, shut]) streams.push(await first.stream({ mac, address, port }))
  })
  after(async () => {
    for (const each of streams) await each()
    await kvm2?.libvirt.remove()
    await kvm1?.libvirt.remove()
  })
})
