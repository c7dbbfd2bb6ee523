/** Guests of a node, as a directory of configurations says of them while it changes, breaks and comes back. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { eventually } from '../../../../test/support/eventually.ts'
import { adoptionOf } from '../adoption.ts'
import { parseAdoptionRules } from '../adoption-file.ts'
import { parseGuestConfig } from './guest-config.ts'
import { knownDevices } from './guest-devices.ts'
import { parsePools } from './pools.ts'
import { createProxmoxSource, type ProxmoxSource } from './proxmox.ts'

describe('a directory of configurations', () => {
  let root: string
  let directory: string
  let source: ProxmoxSource
  let running: Map<string, number>
  /** What the next look waits for, and how far the clock is ahead. */
  let hangs: Promise<void> | undefined
  let later: number
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'pcl-pve-'))
    directory = join(root, 'pve')
    running = new Map()
    hangs = undefined
    later = 0
    source = createProxmoxSource({
      directory,
      pollMs: 20,
      async indexOf(device) {
        await hangs
        return running.get(device) ?? null
      },
      now: () => performance.now() + later,
    })
  })
  afterEach(async () => {
    await source.stop()
    await rm(root, { recursive: true, force: true })
  })

  /** Until the assertion holds. */
  async function until(holds: () => void): Promise<void> {
    let last: unknown
    const look = (): true | undefined => {
      try {
        holds()
        return true
      } catch (error) {
        last = error
        return undefined
      }
    }
    await eventually('it never holds', look).catch(() => {
      throw last
    })
  }
  /** As the cluster's file system has it: a link of the node's own folders. */
  async function mount(): Promise<void> {
    for (const folder of ['qemu-server', 'lxc'])
      await mkdir(join(root, 'mounted/nodes/pve1', folder), { recursive: true })
    await symlink('nodes/pve1/qemu-server', join(root, 'mounted/qemu-server'))
    await symlink('nodes/pve1/lxc', join(root, 'mounted/lxc'))
    await writeFile(join(root, 'mounted/user.cfg'), 'user:root@pam:1:0::::::\n')
    await rename(join(root, 'mounted'), directory)
  }
  /** As Proxmox writes: beside it, and then in its place. */
  async function write(path: string, ...lines: string[]): Promise<void> {
    await writeFile(join(directory, `${path}.tmp.1`), `${lines.join('\n')}\n`)
    await rename(join(directory, `${path}.tmp.1`), join(directory, path))
  }
  const net = (mac: string, n = 0) => `net${n}: virtio=BC:24:11:00:00:${mac},bridge=vmbr0,firewall=1`
  const veth = (mac: string) =>
    `net0: name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:01:${mac},ip=192.0.2.40/24,type=veth`
  const seen = () =>
    source.observe() &&
    [...(source.observe() ?? [])].map(([device, { mac }]) => `${device} ${mac.slice(-2)}`).sort()
  async function sees(...devices: string[]): Promise<void> {
    await until(() => assert.deepEqual(seen(), devices))
  }
  const says = (pattern: RegExp) => until(() => assert.match(source.problems().join('\n'), pattern))
  const silent = () => until(() => assert.deepEqual(source.problems(), []))

  test('guests come, change and go; what is said of each is what its configuration says', async () => {
    await says(/pve\/qemu-server cannot be read \(ENOENT\): no guest is known/)
    assert.equal(source.observe(), null)
    await mount()
    await sees()
    await silent()

    let calls = 0
    source.onChange(() => calls++)
    await write(
      'qemu-server/100.conf',
      'name: web1',
      'tags: prod;web',
      net('01'),
      'ipconfig0: ip=192.0.2.10/24,ip6=auto',
      net('02', 1),
    )
    await write('lxc/200.conf', veth('03'))
    await sees('tap100i0 01', 'tap100i1 02', 'veth200i0 03')
    assert.ok(calls > 0)
    assert.deepEqual(source.observe()?.get('tap100i0'), {
      device: 'tap100i0',
      mac: 'bc:24:11:00:00:01',
      guest: { id: '100', name: 'web1' },
      labels: { tags: ['prod', 'web'] },
      addresses: ['192.0.2.10'],
      index: 1,
    })
    assert.deepEqual(source.observe()?.get('veth200i0'), {
      device: 'veth200i0',
      mac: 'bc:24:11:00:01:03',
      guest: { id: '200', name: 'CT 200' },
      labels: { tags: [] },
      addresses: ['192.0.2.40'],
      index: 1,
    })
    assert.equal(source.observe()?.get('tap100i1')?.index, 2)

    await write('user.cfg', 'pool:customer-a::100,200::')
    await until(() => assert.equal(source.observe()?.get('veth200i0')?.labels.pool, 'customer-a'))
    await write('user.cfg', 'pool:customer-a::200::', 'pool:customer-b::100::')
    await until(() => assert.equal(source.observe()?.get('tap100i0')?.labels.pool, 'customer-b'))
    await rm(join(directory, 'user.cfg'))
    await until(() => assert.equal(source.observe()?.get('tap100i0')?.labels.pool, undefined))

    await write('qemu-server/100.conf', net('02', 1), 'template: 1')
    await sees('veth200i0 03')
    await write('qemu-server/100.conf', net('02', 1))
    await sees('tap100i1 02', 'veth200i0 03')
    await rm(join(directory, 'qemu-server/100.conf'))
    await sees('veth200i0 03')
    await silent()
  })

  test('a listener that ends is not called, and one that is equal says nothing', async () => {
    await mount()
    await write('qemu-server/100.conf', net('01'))
    await sees('tap100i0 01')
    let [first, second] = [0, 0]
    const end = source.onChange(() => first++)
    source.onChange(() => second++)
    end()
    await write('qemu-server/100.conf', net('01'), 'cores: 4', '[before]', net('09'))
    await write('qemu-server/101.conf', net('02'))
    await sees('tap100i0 01', 'tap101i0 02')
    assert.deepEqual([first, second], [0, 1])
  })

  test('a directory that goes keeps what was known and says so; what changed meanwhile is found when it is back', async () => {
    await mount()
    await write('user.cfg', 'pool:customer-a::100::')
    await write('qemu-server/100.conf', net('01'))
    await write('lxc/200.conf', veth('03'))
    await sees('tap100i0 01', 'veth200i0 03')
    await rename(directory, join(root, 'away'))
    await says(/qemu-server cannot be read \(ENOENT\): guests are those of before/)
    await mkdir(directory)
    await says(/qemu-server cannot be read \(ENOENT\)/)
    // One of the two folders is not everything either.
    await mkdir(join(directory, 'qemu-server'))
    await says(/lxc cannot be read \(ENOENT\): guests are those of before/)
    assert.deepEqual(seen(), ['tap100i0 01', 'veth200i0 03'])
    assert.equal(source.observe()?.get('tap100i0')?.labels.pool, 'customer-a')
    await rm(directory, { recursive: true })
    await rm(join(root, 'away/lxc/200.conf'))
    await writeFile(join(root, 'away/qemu-server/101.conf'), `${net('05')}\n`)
    await rename(join(root, 'away'), directory)
    await sees('tap100i0 01', 'tap101i0 05')
    await silent()
  })

  test('what nobody tells of is found by looking', async () => {
    await mount()
    await write('qemu-server/100.conf', net('01'))
    await sees('tap100i0 01')
    // The folder above those that are watched.
    await rename(join(directory, 'nodes/pve1/qemu-server'), join(directory, 'nodes/pve1/old'))
    await mkdir(join(root, 'other'))
    await writeFile(join(root, 'other/102.conf'), `${net('07')}\n`)
    await rename(join(root, 'other'), join(directory, 'nodes/pve1/qemu-server'))
    await sees('tap102i0 07')
    await write('qemu-server/103.conf', net('08'))
    await sees('tap102i0 07', 'tap103i0 08')
  })

  test('two guests with one MAC: neither is known until one of them has another', async () => {
    await mount()
    await write('qemu-server/100.conf', net('01'), net('02', 1))
    await write('qemu-server/101.conf', 'net0: virtio=bc:24:11:00:00:01,bridge=vmbr0')
    await sees('tap100i1 02')
    await says(/^bc:24:11:00:00:01 is the MAC of tap100i0, tap101i0$/m)
    // A template never runs.
    await write('qemu-server/101.conf', net('01'), 'template: 1')
    await sees('tap100i0 01', 'tap100i1 02')
    await write('lxc/200.conf', 'net0: name=eth0,hwaddr=BC:24:11:00:00:02')
    await sees('tap100i0 01')
    await rm(join(directory, 'lxc/200.conf'))
    await sees('tap100i0 01', 'tap100i1 02')
    await silent()
  })

  test('a configuration that is changed by hand while its guest runs leaves its device in doubt', async () => {
    await mount()
    running.set('tap100i0', 5)
    await write('qemu-server/100.conf', net('01'), net('02', 1))
    await sees('tap100i0 01', 'tap100i1 02')
    await write('qemu-server/100.conf', net('09'), net('02', 1))
    await sees('tap100i1 02')
    await says(/^tap100i0 has run since before its configuration got another MAC/)
    running.set('tap100i0', 6)
    await sees('tap100i0 09', 'tap100i1 02')
    // Proxmox itself: pending, plugged anew, in force.
    await write('qemu-server/100.conf', net('09'), net('02', 1), '[PENDING]', net('0a'))
    await write('lxc/200.conf', veth('03'))
    await sees('tap100i0 09', 'tap100i1 02', 'veth200i0 03')
    running.set('tap100i0', 7)
    await write('qemu-server/100.conf', net('0a'), net('02', 1))
    await sees('tap100i0 0a', 'tap100i1 02', 'veth200i0 03')
    await silent()
  })

  test('a guest that is destroyed, and another that gets its number', async () => {
    await mount()
    running.set('tap100i0', 5)
    await write('qemu-server/100.conf', net('01'))
    await sees('tap100i0 01')
    running.delete('tap100i0')
    await rm(join(directory, 'qemu-server/100.conf'))
    await sees()
    running.set('tap100i0', 6)
    await write('qemu-server/100.conf', net('02'))
    await sees('tap100i0 02')
    await silent()
  })

  test('damaged and hostile files are closed one by one, and named', async () => {
    await mount()
    await writeFile(join(root, 'outside.conf'), `${net('66')}\n`)
    await symlink(join(root, 'outside.conf'), join(directory, 'qemu-server/110.conf'))
    execFileSync('mkfifo', [join(directory, 'qemu-server/111.conf')])
    await mkdir(join(directory, 'qemu-server/112.conf'))
    await writeFile(join(directory, 'qemu-server/113.conf'), `${net('67')}\n`.repeat(100_000))
    await writeFile(join(directory, 'qemu-server/114.conf'), Buffer.alloc(1000, 0))
    for (const name of ['0100', '-1', '1e3', '100.conf', '9999999999', '.100', '１００'])
      await write(`qemu-server/${name}.conf`, net('68'))
    await write('qemu-server/999999999.conf', net('69'), 'net1: virtio=BC:24:11:00:00:6A')
    await write(
      'lxc/999999999.conf',
      'net0: name=eth0,hwaddr=BC:24:11:00:00:6B',
      'net10: name=eth1,hwaddr=BC:24:11:00:00:6C',
    )
    await write('qemu-server/100.conf', net('01'))
    await sees('tap100i0 01', 'tap999999999i0 69', 'veth999999999i0 6b')
    for (const [guest, problem] of [
      ['VM 110', 'it is no regular file'],
      ['VM 111', 'it is no regular file'],
      ['VM 112', 'it is no regular file'],
      ['VM 113', 'it is larger than 1 MiB'],
      ['VM 114', 'it holds bytes that no text holds'],
      ['VM 999999999', 'net1 has no bridge: QEMU hands its packets on past every rule'],
      ['CT 999999999', 'net10: veth999999999i10 is too long for a device'],
    ])
      await says(new RegExp(`^${guest}: ${problem}$`, 'm'))
  })

  test('whoever starts a guest is told of its configuration as it is at that moment, and where it is', async () => {
    await assert.rejects(source.lookAt('100'), /qemu-server cannot be read \(ENOENT\)/)
    await mount()
    assert.deepEqual(await source.lookAt('100'), { guests: [], problems: [] })
    assert.equal(await source.isElsewhere('100'), false)
    for (const mac of ['01', '02', '03']) {
      await write('qemu-server/100.conf', net(mac))
      const { guests } = await source.lookAt('100')
      assert.deepEqual(
        guests.map(({ config }) => config.nics.get(0)?.mac.slice(-2)),
        [mac],
      )
      assert.equal(source.observe()?.get('tap100i0')?.mac.slice(-2), mac)
    }
    await mkdir(join(directory, 'nodes/pve2/qemu-server'), { recursive: true })
    await rename(join(directory, 'qemu-server/100.conf'), join(directory, 'nodes/pve2/qemu-server/100.conf'))
    assert.deepEqual((await source.lookAt('100')).guests, [])
    assert.equal(await source.isElsewhere('100'), true)
    assert.equal(await source.isElsewhere('101'), false)
  })

  test('a look that hangs is said, refuses whoever starts a guest, and holds nobody up', async () => {
    await mount()
    running.set('tap100i0', 5)
    await write('qemu-server/100.conf', net('01'))
    await sees('tap100i0 01')
    const { promise, resolve } = Promise.withResolvers<void>()
    hangs = promise
    await write('qemu-server/100.conf', net('02'))
    await assert.rejects(source.lookAt('100'), /pve does not answer/)
    assert.deepEqual(seen(), ['tap100i0 01'])
    later = 10_001
    await says(/pve has not answered for 1\d s: guests are those of before/)
    await source.stop()
    resolve()
  })
})

test('rules of adoption that the page shows speak of a guest by the pool and the tags that it has now', () => {
  const page = readFileSync(new URL('../../../../docs/proxmox.md', import.meta.url), 'utf8')
  const [, block = ''] = /```yaml\n(rules:.*?)```/s.exec(page) ?? []
  const rules = parseAdoptionRules(block)
  assert.ok(rules.ok, rules.ok ? '' : rules.error)
  const { value } = rules
  function adopted(users: string, ...lines: string[]) {
    const config = parseGuestConfig(
      'vm',
      ['name: web1', 'net0: virtio=BC:24:11:00:00:01,bridge=vmbr0', ...lines].join('\n'),
    )
    const { known } = knownDevices([{ kind: 'vm', number: '100', config }], parsePools(users))
    const device = known.get('tap100i0')
    assert.ok(device)
    return adoptionOf(value, 'proxmox', device)
  }
  assert.equal(adopted('pool:other::100::'), undefined)
  assert.equal(adopted('pool:customer-a::1000::'), undefined)
  assert.deepEqual(adopted('pool:customer-a::100::', 'tags: web', 'ipconfig0: ip=192.0.2.10/24,ip6=auto'), {
    account: 'customer-a',
    profile: 'upcloud',
    server: { id: 'proxmox-100', name: 'web1' },
    index: 1,
    addresses: ['192.0.2.10'],
    policies: [],
  })
  const { account, policies } = adopted('', 'tags: prod;web') ?? {}
  assert.deepEqual([account, policies], ['shop', ['web']])
})
