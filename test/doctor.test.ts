/** What the doctor says where what it looks at is in files, or in a service of ours. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { examineConnectionTable } from '../src/agent/doctor/connection-table.ts'
import type { Findings } from '../src/agent/doctor/finding.ts'
import { examineService } from '../src/agent/doctor/service.ts'
import { examineStateDirectory } from '../src/agent/doctor/state-directory.ts'
import { examineFirewalls } from '../src/agent/nftables/doctor/firewalls.ts'
import { examineKernel, ownsTables } from '../src/agent/nftables/doctor/kernel-features.ts'
import type { Kernel } from '../src/agent/nftables/kernel.ts'
import { parseLegacy } from '../src/agent/nftables/legacy.ts'
import { spoken } from '../src/agent/versions.ts'
import { makeOperator, operator } from './support/operator.ts'
import { onBothStores, type TestService } from './support/service.ts'

const states = (findings: Findings) => findings.map(({ about, state }) => `${about} ${state}`)

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-doctor-'))
})
after(() => rm(folder, { recursive: true, force: true }))

test('which kernels keep tables for an agent that has ended', async () => {
  for (const [version, owns] of Object.entries({
    '6.1.0-28-amd64': false,
    '6.8': false,
    '6.9.0': true,
    '6.18.4': true,
    '7.0': true,
  }))
    assert.equal(ownsTables(version), owns, version)
  const [only] = await examineKernel('/usr/sbin/nft', '6.12.0')
  assert.equal(only?.state, 'warning')
  assert.match(only?.remedy ?? '', /docs\/coexistence\.md/)
})

test('a table of connections that is full, small, or not there', async () => {
  const of = async (count: number, most: number) => {
    const at = await mkdtemp(join(folder, 'netfilter-'))
    await writeFile(join(at, 'nf_conntrack_count'), `${count}\n`)
    await writeFile(join(at, 'nf_conntrack_max'), `${most}\n`)
    return (await examineConnectionTable(at))[0]
  }
  assert.equal((await of(100, 262_144))?.state, 'ok')
  assert.equal((await of(209_716, 262_144))?.state, 'failure')
  assert.match((await of(262_144, 262_144))?.remedy ?? '', /nf_conntrack_max=1048576/)
  assert.equal((await of(10, 8192))?.state, 'warning')
  assert.equal((await examineConnectionTable(join(folder, 'nothing')))[0]?.state, 'ok')
})

test('firewalls that begin with the host, and flush what is ours', async () => {
  const kernel = { baseChains: async () => [] } as unknown as Kernel
  const hosts = async (files: Readonly<Record<string, string>>, owned: boolean) => {
    const root = await mkdtemp(join(folder, 'root-'))
    for (const [path, text] of Object.entries(files)) {
      await mkdir(join(root, dirname(path)), { recursive: true })
      if (text.startsWith('-> ')) await symlink(text.slice(3), join(root, path))
      else await writeFile(join(root, path), text)
    }
    return await examineFirewalls(kernel, [], parseLegacy(''), { owned, root })
  }
  // Units are links that lead nowhere in a root that is not the host's.
  const nftables = { 'etc/systemd/system/sysinit.target.wants/nftables.service': '-> /dev/null' }
  assert.deepEqual(states(await hosts({}, true)), ['other firewalls ok'])
  assert.deepEqual(states(await hosts(nftables, true)), ['other firewalls warning'])
  assert.deepEqual(states(await hosts(nftables, false)), ['other firewalls failure'])
  const dropIn = { 'etc/systemd/system/nftables.service.d/portcullis.conf': '[Service]\n' }
  assert.deepEqual(states(await hosts({ ...nftables, ...dropIn }, false)), ['other firewalls ok'])
  const others = {
    'etc/systemd/system/multi-user.target.wants/firewalld.service': '-> /dev/null',
    'etc/ufw/ufw.conf': 'ENABLED=yes\nLOGLEVEL=low\n',
  }
  assert.deepEqual(states(await hosts(others, true)), ['other firewalls warning', 'other firewalls warning'])
  assert.deepEqual(states(await hosts({ 'etc/ufw/ufw.conf': 'ENABLED=no\n' }, true)), ['other firewalls ok'])
  const blind = { baseChains: () => Promise.reject(new Error('no such thing')) } as unknown as Kernel
  const [first] = await examineFirewalls(blind, [], 'it is not here', { owned: true, root: folder })
  assert.match(first?.said ?? '', /cannot be told .* no such thing/)
})

test('a directory that cannot keep what must outlive a boot', async () => {
  const directory = join(folder, 'state')
  const [absent] = await examineStateDirectory(directory)
  assert.match(absent?.said ?? '', /is not there/)
  await mkdir(directory, { mode: 0o700 })
  assert.deepEqual(states(await examineStateDirectory(directory)), ['state directory ok'])
  await chmod(directory, 0o777)
  assert.match((await examineStateDirectory(directory))[0]?.said ?? '', /may be written by others/)
  const file = join(folder, 'file')
  await writeFile(file, '')
  assert.equal((await examineStateDirectory(file))[0]?.state, 'failure')
})

onBothStores('a service, as the doctor finds it', (start) => {
  let service: TestService
  let token: string
  before(async () => {
    service = await start()
    await makeOperator(service.storage)
    const made = await service.call('POST', '/v1/hosts/kvm7/credentials', {}, operator)
    token = made.body.token
  })
  after(() => service.close())
  const asked = (host = 'kvm7', now?: () => number) =>
    examineService({ server: new URL(service.url), host, tls: {} }, token, now)

  test('it lets the host in, speaks the same versions, and has the same time', async () => {
    const findings = await asked()
    assert.deepEqual(states(findings), ['service ok', 'versions ok', 'clock ok'])
    assert.match(findings[1]?.said ?? '', new RegExp(`protocol ${spoken.most}`))
    // Nobody has spoken for the host: an agent that runs would have been replaced.
    const { body } = await service.call('GET', '/v1/hosts?host=kvm7', undefined, operator)
    assert.deepEqual(body.hosts, [])
  })
  test('clocks apart', async () => {
    const [, , clock] = await asked('kvm7', () => Date.now() - 600_000)
    assert.equal(clock?.state, 'warning')
    assert.match(clock?.said ?? '', /^(599|600|601) s behind/)
  })
  test('one that does not let it in, and none', async () => {
    const [refused] = await asked('kvm8')
    assert.match(refused?.said ?? '', /does not let this host in/)
    assert.match(refused?.remedy ?? '', /host-credential create kvm8/)
    const nobody = { server: new URL('http://127.0.0.1:1'), host: 'kvm7', tls: {} }
    const [away] = await examineService(nobody, token)
    assert.match(away?.said ?? '', /does not answer/)
  })
})
