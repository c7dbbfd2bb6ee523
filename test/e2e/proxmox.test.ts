/**
 * Guests of a node of Proxmox VE, found by a directory of configurations that changes, and real packets: judged by the policy of
 * the interface whose MAC the configuration names, closed as long as none is known, and never by another guest's.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { plug } from '../../src/lab/network.ts'
import { mustRun, run } from '../../src/lab/run.ts'
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
  let socket: string
  let token: string
  let account: string
  let denied: Stream
  before(async () => {
    host = await createHost('pve')
    directory = join(host.folder, 'pve')
    socket = join(host.folder, 'agent.sock')
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
    service = await host.serve([...host.flags, ...flags, '--socket', socket])
    token = (await readFile(join(host.folder, 'data', 'operator.token'), 'utf8')).trim()
  }
  async function call(method: string, path: string, body?: unknown) {
    const answer = await fetch(`${service.url}/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...(account !== undefined && !path.startsWith('/hosts') && { 'on-behalf-of': account }),
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

  describe('the hookscript, as the page has it', () => {
    const text = readFileSync(new URL('../../docs/proxmox.md', import.meta.url), 'utf8')
    const [scripted, installed] = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block)
    let snippets: string
    let path: string
    before(async () => {
      snippets = join(host.folder, 'snippets')
      const programs = join(host.folder, 'bin')
      for (const folder of [snippets, programs]) await mkdir(folder)
      path = `${programs}:${process.env.PATH}`
      const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
      await writeFile(join(programs, 'portcullis'), `#!/bin/sh\nexec ${process.execPath} ${main} "$@"\n`)
      // Of Proxmox only what the page has them print, and what they were called with.
      const fake = (name: string, guest: string) =>
        `#!/bin/sh\n[ "$1" = list ] && printf 'VMID NAME\\n${guest} one\\n' || echo ${name} "$@" >> ${host.folder}/calls\n`
      await writeFile(join(programs, 'qm'), fake('qm', '1'))
      await writeFile(join(programs, 'pct'), fake('pct', '2'))
      for (const name of ['portcullis', 'qm', 'pct']) await chmod(join(programs, name), 0o755)
      await writeFile(join(snippets, 'portcullis'), scripted ?? '')
    })
    /** As Proxmox runs it. */
    async function calls(vmid: number, phase: string) {
      const { status, stdout, stderr } = await run('env', [
        `PATH=${path}`,
        `PORTCULLIS_SOCKET=${socket}`,
        join(snippets, 'portcullis'),
        String(vmid),
        phase,
      ])
      return { status, said: `${stdout}${stderr}`.trim() }
    }
    const passes = async (vmid: number, phase: string) =>
      assert.deepEqual(await calls(vmid, phase), { status: 0, said: '' })
    async function refuses(vmid: number, phase: string, why: RegExp, expected = 1): Promise<void> {
      const { status, said } = await calls(vmid, phase)
      assert.match(said, why)
      assert.equal(status, expected)
    }

    test('is given to every guest', async () => {
      const commands = (installed ?? '').replaceAll('/var/lib/vz/snippets', snippets)
      await mustRun('env', [`PATH=${path}`, 'sh', '-ec', commands])
      assert.equal(
        await readFile(join(host.folder, 'calls'), 'utf8'),
        'qm set 1 --hookscript local:snippets/portcullis\npct set 2 --hookscript local:snippets/portcullis\n',
      )
    })

    test('lets a guest start whose rules are ready, and waits until they are in force', async () => {
      await inRouter('ip', 'link', 'del', 'tap1i0')
      await passes(1, 'pre-start')
      await refuses(
        1,
        'post-start',
        /guest 1 runs, and is not connected: tap1i0 is closed: there is no device tap1i0/,
      )
      await plug(host.netns.replace(/router$/, ''), one)
      await passes(1, 'post-start')
      assert.equal((await host.arriving()).in, 3)
      for (const phase of ['pre-stop', 'post-stop']) await passes(1, phase)
    })

    test('lets none start that nobody has rules for, and says why', async () => {
      await write('qemu-server/3.conf', net('52:54:00:00:00:33'))
      await refuses(3, 'pre-start', /guest 3 does not start: tap3i0: \S/)
      const { devices } = await call('GET', '/hosts/kvm/unclaimed')
      const { since: _, why, ...seen } = devices.find(({ device }: { device: string }) => device === 'tap3i0')
      assert.deepEqual(seen, {
        ...{ device: 'tap3i0', present: false, mac: '52:54:00:00:00:33', address: null, guarded: true },
        ...{ guest: { id: '3', name: 'VM 3' }, source: 'proxmox' },
      })
      assert.match(why, /52:54:00:00:00:33/)
      await write('qemu-server/3.conf', net(nicOne.mac))
      await refuses(3, 'pre-start', /tap3i0: 52:54:00:\S+ is the MAC of tap1i0, tap3i0/)
      await rm(join(directory, 'qemu-server/3.conf'))
      await refuses(3, 'pre-start', /it has no configuration on this node/)
      await mkdir(join(directory, 'nodes/two/qemu-server'), { recursive: true })
      await write('nodes/two/qemu-server/3.conf', net('52:54:00:00:00:33'))
      for (const phase of ['pre-start', 'post-start']) await passes(3, phase)
      await passes(1, 'post-start')
    })

    test('lets none start whose agent is dead; one that begins without the directory keeps all closed until it is back', async () => {
      const away = join(host.folder, 'away')
      await rename(directory, away)
      await delay(1200)
      await arriving({ in: 3, local: 0 })
      await refuses(1, 'pre-start', /qemu-server cannot be read/)
      await service.stop('SIGKILL')
      await refuses(1, 'pre-start', /guest 1 does not start: no agent runs on this host/, 2)
      await refuses(1, 'post-start', /guest 1 runs, and is not connected: no agent runs/, 2)
      await passes(1, 'post-stop')
      await start()
      await arriving({ in: 0, out: 0 })
      await rename(away, directory)
      await arriving({ in: 3, out: 3, local: 0 })
      await passes(1, 'pre-start')
    })
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
