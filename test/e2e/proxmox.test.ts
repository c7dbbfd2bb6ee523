/**
 * Guests of a node of Proxmox VE, found by a directory of configurations that changes, and real packets: judged by the policy of
 * the interface whose MAC the configuration names, closed as long as none is known, and never by another guest's.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { plug } from '../../src/lab/network.ts'
import { type LabNic, type LabVm, outside } from '../../src/lab/topology.ts'
import { eventually } from '../support/eventually.ts'
import { closed, createHost, type Host, type Service, type Stream, type Way } from '../support/host.ts'
import { noLab } from '../support/lab.ts'
import { defaultVms } from '../support/lab-topology.ts'

/** Of VM one, whose device is tap1i0 as Proxmox would name it, and of VM two. */
const [one, two] = defaultVms as [LabVm, LabVm]
const [nicOne, nicTwo] = [one.nics[0], two.nics[0]] as [LabNic, LabNic]
const [addressOne, addressTwo] = [nicOne.addresses[0], nicTwo.addresses[0]] as [string, string]
const anotherMac = '52:54:00:00:00:77'
const world = outside.ipv4

describe('guests of a node of Proxmox VE', { skip: noLab, timeout: 120_000 }, () => {
  let host: Host
  let service: Service
  let directory: string
  let token: string
  let account: string
  let denied: Stream
  before(async () => {
    host = await createHost('pve')
    directory = join(host.folder, 'pve')
    for (const folder of ['qemu-server', 'lxc'])
      await mkdir(join(directory, 'nodes/one', folder), { recursive: true })
    for (const folder of ['qemu-server', 'lxc']) await symlink(`nodes/one/${folder}`, join(directory, folder))
    await writeFile(join(directory, 'user.cfg'), 'user:root@pam:1:0::::::\n')
    await start()
    account = (await call('POST', '/accounts', { name: 'a' })).id
    // What no policy here ever allows.
    denied = await host.stream('local')
  })
  after(async () => {
    await denied?.stop()
    await service?.stop()
    await host?.remove()
  })

  async function start(): Promise<void> {
    const flags = ['--enforce', 'nftables', '--host', 'kvm', '--guard', 'tap*,veth*', '--proxmox', directory]
    service = await host.serve([...host.flags, ...flags])
    token = (await readFile(join(host.folder, 'data', 'operator.token'), 'utf8')).trim()
  }
  async function call(method: string, path: string, body?: unknown) {
    const answer = await fetch(`${service.url}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(account !== undefined && { 'on-behalf-of': account }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
  /** A server with an interface of that MAC, on no host, whose policy lets echo requests of these sources in, and everything out. */
  async function make(
    name: string,
    mac: string,
    address: string,
    sources: readonly string[],
  ): Promise<string> {
    const rule = { action: 'allow', direction: 'ingress', protocol: 'icmp', icmpType: 8 }
    const rules = sources.length > 0 ? [{ ...rule, sources }] : []
    const { id: policy } = await call('POST', '/policies', { name, rules })
    const server = { profile: 'native', name, interfaces: [{ mac, addresses: [address] }] }
    const { id, interfaces } = await call('POST', '/servers', server)
    await call('POST', `/policies/${policy}/attachments`, { server: id, interface: interfaces[0].id })
    return interfaces[0].id
  }
  async function isApplied(id: string): Promise<void> {
    await eventually(`interface ${id} is not enforced`, async () => {
      const { state } = await call('GET', `/interfaces/${id}`)
      return state === 'applied' ? true : undefined
    })
  }
  /** As Proxmox writes. */
  async function write(path: string, ...lines: string[]): Promise<void> {
    await writeFile(join(directory, 'draft'), `${lines.join('\n')}\n`)
    await rename(join(directory, 'draft'), join(directory, path))
  }
  const net = (mac: string) => `net0: virtio=${mac.toUpperCase()},bridge=vmbr0,firewall=1`
  const arriving = (wanted: Partial<Record<Way, number>>) =>
    host.until((now) => Object.entries(wanted).every(([way, count]) => now[way as Way] === count))
  /** None of them arrives for a while. */
  async function silent(stream: Stream): Promise<void> {
    const from = await stream.arrived()
    await delay(500)
    assert.equal(await stream.arrived(), from)
  }
  const inRouter = async (...command: string[]) => {
    const { status, stderr } = await host.inRouter(command)
    assert.equal(status, 0, `${command.join(' ')}: ${stderr}`)
  }

  test('a guest is closed until its configuration is there, and judged by its interface from then on', async () => {
    await arriving(closed)
    await make('one', nicOne.mac, addressOne, [world, addressTwo])
    await delay(300)
    await arriving(closed)
    await write('qemu-server/1.conf', 'name: one', net(nicOne.mac), `ipconfig0: ip=${addressOne}/24`)
    await arriving({ in: 3, out: 3, local: 0, between: 0 })
  })

  test('stopped and started: closed until its device is there again, and nothing else', async () => {
    await host.replug('tap1i0')
    await arriving({ in: 3, out: 3, local: 0 })
  })

  test('a configuration that is edited by hand while its guest runs closes it until it is as it was', async () => {
    await write('qemu-server/1.conf', 'name: one', net(anotherMac))
    await arriving({ in: 0, out: 0 })
    await write('qemu-server/1.conf', 'name: one', net(nicOne.mac), '[PENDING]', net(anotherMac))
    await arriving({ in: 3, out: 3, local: 0 })
  })

  test('a directory that is away: what is known goes on; a service that starts then keeps all closed until it is back', async () => {
    const away = join(host.folder, 'away')
    await rename(directory, away)
    await delay(1500)
    await arriving({ in: 3, local: 0 })
    await service.stop()
    await start()
    await arriving({ in: 0, out: 0 })
    await rename(away, directory)
    await arriving({ in: 3, out: 3, local: 0 })
  })

  test('a container by its veth', async () => {
    await make('two', nicTwo.mac, addressTwo, [])
    await arriving({ between: 0 })
    await inRouter('ip', 'link', 'set', 'tap2i0', 'down')
    await inRouter('ip', 'link', 'set', 'tap2i0', 'name', 'veth2i0')
    await inRouter('ip', 'link', 'set', 'veth2i0', 'up')
    await inRouter('ip', 'route', 'replace', addressTwo, 'dev', 'veth2i0')
    await arriving({ between: 0 })
    await write(
      'lxc/2.conf',
      'hostname: two',
      `net0: name=eth0,bridge=vmbr0,hwaddr=${nicTwo.mac.toUpperCase()},ip=${addressTwo}/24,type=veth`,
    )
    await arriving({ between: 3, in: 3, local: 0 })
    await rm(join(directory, 'lxc/2.conf'))
    await write('qemu-server/2.conf', net(nicTwo.mac))
    await arriving({ between: 0, in: 3 })
  })

  test('destroyed, and another guest under its number: none of its packets by the policy of the one before', async () => {
    const allowed = await host.stream('in', 'anew')
    try {
      await inRouter('ip', 'link', 'del', 'tap1i0')
      await rm(join(directory, 'qemu-server/1.conf'))
      await silent(allowed)
      const before = await allowed.arrived()
      await write('qemu-server/1.conf', 'name: other', net(anotherMac))
      await plug(host.netns.replace(/router$/, ''), { ...one, nics: [{ ...nicOne, mac: anotherMac }] })
      await silent(allowed)
      const id = await make('other', anotherMac, addressOne, [addressTwo])
      await isApplied(id)
      await silent(allowed)
      assert.equal(await allowed.arrived(), before)
    } finally {
      await allowed.stop()
    }
    await arriving({ in: 0, local: 0 })
    assert.equal(await denied.arrived(), 0, 'what no policy allows')
  })
})

test('with the bridge of its own firewall between, the tap is the place where a guest is judged', {
  skip: noLab,
}, async () => {
  const host = await createHost('pvf', { bridged: true })
  let service: Service | undefined
  try {
    const inRouter = async (lines: readonly string[]) => {
      const { status, stderr } = await host.inRouter(['ip', '-batch', '-'], `${lines.join('\n')}\n`)
      assert.equal(status, 0, stderr)
    }
    // As pve-common's PVE::Network connects a tap whose netN says firewall=1.
    await inRouter([
      'link add fwbr1i0 type bridge',
      'link add fwpr1p0 type veth peer name fwln1i0',
      'link set fwln1i0 master fwbr1i0 up',
      'link set fwpr1p0 master br-public up',
      'link set tap1i0 master fwbr1i0 up',
      'link set fwbr1i0 up',
    ])
    const directory = join(host.folder, 'pve')
    for (const folder of ['qemu-server', 'lxc']) await mkdir(join(directory, folder), { recursive: true })
    await writeFile(
      join(directory, 'qemu-server/1.conf'),
      `net0: virtio=${nicOne.mac},bridge=vmbr0,firewall=1\n`,
    )
    service = await host.serve([
      ...[...host.flags, '--enforce', 'nftables', '--host', 'kvm', '--proxmox', directory],
    ])
    await host.until(({ in: arrived, out }) => arrived === 0 && out === 0)
    const denied = await host.stream('between')
    const token = (await readFile(join(host.folder, 'data', 'operator.token'), 'utf8')).trim()
    const post = async (path: string, body: unknown, account?: string) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const answer = await fetch(`${service?.url}/v1${path}`, {
        method: 'POST',
        headers: { ...headers, ...(account !== undefined && { 'on-behalf-of': account }) },
        body: JSON.stringify(body),
      })
      assert.ok(answer.ok, `${path}: ${await answer.clone().text()}`)
      return (await answer.json()) as { id: string; interfaces: { id: string }[] }
    }
    const { id: account } = await post('/accounts', { name: 'a' })
    // Bridges track nothing here: what answers is allowed by itself.
    const icmp = { action: 'allow', direction: 'ingress', protocol: 'icmp' }
    const rules = [{ ...icmp, sources: [world] }]
    const { id: policy } = await post('/policies', { name: 'p', stateful: false, rules }, account)
    const interfaces = [{ mac: nicOne.mac, addresses: [addressOne] }]
    const server = await post('/servers', { profile: 'native', name: 'one', interfaces }, account)
    const attachment = { server: server.id, interface: server.interfaces[0]?.id }
    await post(`/policies/${policy}/attachments`, attachment, account)
    await host.until(({ in: arrived, out, between }) => arrived === 3 && out === 3 && between === 0)
    assert.equal(await denied.arrived(), 0)
    assert.ok((await denied.stop()) > 0)
  } finally {
    await service?.stop()
    await host.remove()
  }
})
