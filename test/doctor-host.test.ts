/** What the doctor says of the agent that runs, its clock, units of systemd, and hypervisors, where these are written out. */
import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { examineAgent } from '../src/agent/doctor/agent.ts'
import { examineClock } from '../src/agent/doctor/clock.ts'
import type { Findings } from '../src/agent/doctor/finding.ts'
import { examineToken } from '../src/agent/doctor/token.ts'
import { examineUnits } from '../src/agent/doctor/units.ts'
import { createStanding } from '../src/agent/local/standing.ts'
import { tellStanding } from '../src/agent/local/telling-standing.ts'
import { examineLibvirt } from '../src/agent/sources/libvirt/doctor.ts'
import { examineProxmox } from '../src/agent/sources/proxmox/doctor.ts'
import { type AgentStanding, decodeStanding } from '../src/core/model/local.ts'
import { err, ok } from '../src/core/result.ts'
import { run } from '../src/lab/run.ts'

const states = (findings: Findings) => findings.map(({ state }) => state)
const words = (findings: Findings) => findings.map(({ said, remedy }) => `${said} — ${remedy}`).join('\n')
const self = { user: 'root', command: (of: readonly [string, ...string[]]) => of }

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-doctor-host-'))
})
after(() => rm(folder, { recursive: true, force: true }))
async function tree(files: Readonly<Record<string, string>>): Promise<string> {
  const root = await mkdtemp(join(folder, 'root-'))
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(root, dirname(path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}

test('an agent says what it hears and enforces, and how many devices are nobody’s', async () => {
  let now = 5000
  const standing = createStanding({ wanted: () => undefined, link: () => undefined, now: () => now })
  const tell = async () => decodeStanding(JSON.parse(JSON.stringify(await tellStanding(standing, present))))
  const present = async () => ['tap1', 'tap2', 'lo']
  const expected = { configured: true, start: 'start it', host: 'kvm1' }
  const examined = async () => examineAgent(ok(await tell()), expected)
  assert.deepEqual(states(await examined()), ['warning', 'failure', 'ok'])
  const host: Omit<Parameters<typeof standing.status>[0]['host'], 'state'> = {
    ...{ host: 'kvm1', target: 'nftables', observe: false, desiredRevision: 1, appliedRevision: 1 },
    ...{ error: null, repairs: 0, warnings: ['something'] },
  }
  standing.status({ host: { ...host, state: 'applied' }, whole: true, put: [], remove: [] })
  standing.connected(true)
  standing.claims([
    { device: 'tap1', interface: null, why: 'nobody’s' },
    { device: 'tap2', interface: 'nic', why: null },
    { device: 'tap3', interface: null, why: 'gone' },
  ])
  assert.deepEqual(states(await examined()), ['ok', 'ok', 'warning', 'warning'])
  assert.match(words(await examined()), /1 device is no interface’s.*host unclaimed kvm1/)
  standing.status({
    host: { ...host, state: 'failing', error: 'no table', warnings: [] },
    whole: true,
    put: [],
    remove: [],
  })
  standing.connected(false)
  now += 1000
  const failing = await examined()
  assert.deepEqual(states(failing), ['failure', 'failure', 'warning'])
  assert.match(words(failing), /no table[\s\S]*heard no service for 1 s/)
})

test('no agent, and one that does not let itself be asked', () => {
  const absent = err({ absent: true, text: 'no agent runs on this host' })
  const told = (configured: boolean) =>
    examineAgent(absent, { configured, start: 'systemctl start portcullis-agent', host: undefined })
  assert.deepEqual([states(told(true)), states(told(false))], [['failure'], ['warning']])
  assert.equal(told(true)[0]?.remedy, 'systemctl start portcullis-agent')
  const closed = err<{ absent: boolean; text: string }>({ absent: false, text: 'EACCES' })
  assert.deepEqual(states(examineAgent(closed, { configured: true, start: '', host: 'kvm1' })), ['failure'])
  assert.throws(() => decodeStanding({ answer: 'standing' } satisfies Partial<AgentStanding>))
})

test('a clock that is kept, is not, and cannot be asked', async () => {
  const clock = (status: number, maxError: bigint, answer = 0) =>
    examineClock(async () => ({
      adjtimex(time) {
        assert.equal(time.length, 208)
        assert.ok(
          time.every((byte) => byte === 0),
          'it would be set',
        )
        time.writeInt32LE(status, 40)
        time.writeBigInt64LE(maxError, 24)
        return answer
      },
      errno: () => 1,
    }))
  assert.match(words(await clock(0x2001, 1500n)), /^synchronised, to within 2 ms/)
  assert.deepEqual(states(await clock(0x40, 16_000_000n, 5)), ['warning'])
  assert.match(words(await clock(0, 0n, -1)), /cannot be told: errno 1/)
  assert.match(words(await examineClock(() => Promise.reject(new Error('no koffi')))), /no koffi/)
  assert.match(words(await examineClock()), /^(synchronised, to within|nobody synchronises it)/)
})

test('units that begin with the host, in order', async () => {
  const guard = {
    ...{ LoadState: 'loaded', UnitFileState: 'enabled', ActiveState: 'active', NeedDaemonReload: 'no' },
    ...{ Before: 'shutdown.target network-pre.target', After: '', DropInPaths: '' },
  }
  const dropIn = '/usr/lib/systemd/system/libvirtd.service.d/portcullis.conf'
  const fine = {
    'portcullis-guard.service': guard,
    'portcullis-agent.service': { ...guard, ActiveState: 'inactive' },
    'nftables.service': { LoadState: 'not-found' },
    'libvirtd.service': {
      LoadState: 'loaded',
      After: 'basic.target portcullis-guard.service',
      DropInPaths: dropIn,
    },
  }
  const ours = await readFile(`packaging/root${dropIn}`, 'utf8')
  const root = await tree({ 'run/systemd/system/x': '', [dropIn]: ours, 'etc/empty.conf': '' })
  const examined = (units: Readonly<Record<string, object>>, at = root) =>
    examineUnits({
      root: at,
      ask: async () =>
        Object.entries(units)
          .map(([Id, all]) =>
            Object.entries({ Id, ...all })
              .map(([name, value]) => `${name}=${value}\n`)
              .join(''),
          )
          .join('\n'),
    })
  assert.deepEqual(states(await examined(fine)), ['ok'])
  assert.match(words(await examined(fine)), /before the network, libvirtd\.service/)
  const wrong: [Readonly<Record<string, object>>, RegExp][] = [
    [{ 'portcullis-guard.service': { LoadState: 'not-found' } }, /there is no portcullis-guard/],
    [
      { ...fine, 'portcullis-guard.service': { ...guard, UnitFileState: 'disabled' } },
      /systemctl enable portcullis-guard/,
    ],
    [
      { ...fine, 'portcullis-guard.service': { ...guard, LoadState: 'masked' } },
      /systemctl unmask portcullis-guard/,
    ],
    [
      { ...fine, 'portcullis-guard.service': { ...guard, ActiveState: 'failed' } },
      /restart portcullis-guard/,
    ],
    [{ ...fine, 'portcullis-guard.service': { ...guard, Before: 'a.target' } }, /systemctl revert/],
    [
      { ...fine, 'portcullis-agent.service': { ...guard, UnitFileState: 'disabled' } },
      /enable portcullis-agent/,
    ],
    [{ ...fine, 'portcullis-agent.service': { ...guard, NeedDaemonReload: 'yes' } }, /daemon-reload/],
    [{ ...fine, 'libvirtd.service': { ...fine['libvirtd.service'], After: '' } }, /starts VMs also where/],
    [
      { ...fine, 'libvirtd.service': { ...fine['libvirtd.service'], DropInPaths: '/etc/empty.conf' } },
      /apt install --reinstall/,
    ],
    [{ ...fine, 'nftables.service': { LoadState: 'loaded', DropInPaths: '' } }, /flushes all tables/],
  ]
  for (const [units, said] of wrong) assert.match(words(await examined(units)), said)
  const overridden = await tree({
    'run/systemd/system/x': '',
    'etc/systemd/system/libvirtd.service.d/portcullis.conf': '',
  })
  const [only] = await examined({ ...fine, 'libvirtd.service': { LoadState: 'loaded' } }, overridden)
  assert.equal(
    only?.remedy,
    'rm /etc/systemd/system/libvirtd.service.d/portcullis.conf && systemctl daemon-reload',
  )
  assert.deepEqual(states(await examined(fine, await tree({}))), ['warning'])
  const mute = await examineUnits({ root, ask: () => Promise.reject(new Error('no bus')) })
  assert.deepEqual(states(mute), ['unknown'])
})

test('libvirt that answers or not, with its hook, one that cannot be run, and none', async () => {
  const programs = await tree({ virsh: '#!/bin/sh\necho 6b8a\necho 6b8b\n' })
  await chmod(join(programs, 'virsh'), 0o755)
  const as = (path: string) => ({
    user: 'agent',
    command: ([program, ...args]: readonly [string, ...string[]]) =>
      ['env', `PATH=${path}:/usr/bin:/bin`, program, ...args] as const,
  })
  const hook = '#!/bin/sh\nexec portcullis hook libvirt -- "$@"\n'
  const root = await tree({
    'etc/libvirt/hooks/qemu.d/50-portcullis': hook,
    'etc/libvirt/hooks/qemu': '#!/bin/sh\n',
  })
  const own = join(root, 'etc/libvirt/hooks/qemu.d/50-portcullis')
  assert.match(
    words(await examineLibvirt('qemu:///system', as(programs), root)),
    /2 domains run[\s\S]*chmod 755/,
  )
  await chmod(own, 0o755)
  assert.deepEqual(states(await examineLibvirt('qemu:///system', as(programs), root)), ['ok', 'ok'])
  await writeFile(join(programs, 'virsh'), '#!/bin/sh\necho "error: failed to connect" >&2\nexit 1\n')
  const away = await examineLibvirt('qemu:///system', as(programs), await tree({}))
  assert.deepEqual(states(away), ['failure', 'warning'])
  assert.match(words(away), /agent cannot ask qemu:\/\/\/system: error: failed to connect/)
  // What it says makes the hook that it misses.
  const remedy = (away[1]?.remedy ?? '').replace(/ && systemctl .*/, '').replace('/etc/', `${root}/new/`)
  const made = await run('sh', ['-c', remedy])
  assert.equal(made.status, 0, made.stderr)
  assert.equal(
    await run('cat', [`${root}/new/libvirt/hooks/qemu.d/50-portcullis`]).then((ran) => ran.stdout),
    hook,
  )
})

test('guests of Proxmox VE that ask before they start, and that do not', async () => {
  const hooked = 'hookscript: local:snippets/portcullis\n'
  const root = await tree({
    'qemu-server/100.conf': `net0: x\n${hooked}`,
    'qemu-server/101.conf': `net0: x\n[before]\n${hooked}`,
    'qemu-server/102.conf': 'template: 1\n',
    'lxc/200.conf': '',
  })
  const [read, asks] = await examineProxmox(root, self)
  assert.equal(read?.state, 'ok')
  assert.match(asks?.said ?? '', /^2 of 3 guests .*: 101, 200$/)
  assert.match(asks?.remedy ?? '', /^qm set 101 --hookscript local:snippets\/portcullis; pct set 200 /)
  const [none, ...more] = await examineProxmox(join(folder, 'nowhere'), self)
  assert.deepEqual([none?.state, more.length], ['failure', 0])
  assert.match(none?.remedy ?? '', /usermod -a -G www-data/)
})

test('a token that the agent may not read, whoever else may', async () => {
  const path = join(await tree({ token: 'abc\n' }), 'token')
  assert.match((await examineToken(path, self)).ok ? '' : 'refused', /refused/)
  await chmod(path, 0o600)
  assert.deepEqual(await examineToken(path, self), ok('abc'))
  const other = { user: 'agent', command: () => ['false'] as const }
  const refused = await examineToken(path, other)
  assert.ok(!refused.ok)
  assert.equal(refused.error.remedy, `chown agent ${path} && chmod 600 ${path}`)
})
