/** The doctor on a host as an operator calls it: what it finds is so, and it changes nothing. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Finding } from '../../src/agent/doctor/finding.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { bridgeNetfilter, noLab } from '../support/lab.ts'

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname
const netns = `pcl-doctor-${process.pid}`
let folder: string
let state: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'portcullis-doctor-'))
  state = join(folder, 'state')
  if (!noLab) await mustRun('ip', ['netns', 'add', netns])
})
after(async () => {
  if (!noLab) await run('ip', ['netns', 'del', netns])
  await rm(folder, { recursive: true, force: true })
})

const inside = (...command: readonly string[]) => run('ip', ['netns', 'exec', netns, ...command])
const portcullis = (...args: readonly string[]) => inside(process.execPath, program, ...args)
async function found(...more: readonly string[]) {
  const { status, stdout, stderr } = await portcullis('doctor', '--state-directory', state, '--json', ...more)
  assert.ok(stdout.startsWith('{'), stderr)
  const { findings } = JSON.parse(stdout) as { findings: readonly Finding[] }
  const failing = findings.some((each) => each.state === 'failure' || each.state === 'unknown')
  assert.equal(status, failing ? 1 : 0)
  return {
    all: findings,
    of: (about: string) => findings.filter((each) => each.about === about).map((each) => each.state),
    words: (about: string) =>
      findings.flatMap((each) => (each.about === about ? [each.said, each.remedy ?? ''] : [])).join('\n'),
  }
}
const standing = async () => (await inside('nft', 'list', 'ruleset')).stdout

test('a host from bare to guarded', { skip: noLab, timeout: 120_000 }, async () => {
  const bare = await found()
  assert.deepEqual(bare.of('rights'), ['ok'])
  assert.deepEqual(bare.of('guard'), ['failure', 'ok', 'failure'])
  assert.deepEqual(bare.of('state directory'), ['failure'])
  assert.deepEqual(bare.of('service'), [])

  await mkdir(state, { mode: 0o700 })
  for (const device of ['tap9', 'fc3'])
    assert.equal((await inside('ip', 'tuntap', 'add', device, 'mode', 'tap')).status, 0)
  const open = await found()
  assert.match(open.words('guard'), /open: fc3, tap9/)
  assert.match(open.words('guard'), /--guard 'tap\*,vnet\*,fc\*'/)
  assert.equal(await standing(), '')

  // What it says is what helps.
  const up = await portcullis('guard', 'up', '--data', state, '--guard', 'tap*,vnet*,fc*')
  assert.equal(up.status, 0, up.stderr)
  const rules = await standing()
  const guarded = await found()
  assert.deepEqual(guarded.of('guard'), ['ok', 'ok', 'ok'])
  assert.match(guarded.words('guard'), /of 2 devices of VMs each is judged or closed/)
  assert.equal(await standing(), rules)

  await rm(join(state, 'guard.nft'), { force: true })
  assert.deepEqual((await found()).of('guard'), ['ok', 'ok', 'failure'])
})

test('bridges, other firewalls, and a service that is not told who asks', {
  skip: noLab,
  timeout: 120_000,
}, async () => {
  assert.deepEqual((await found()).of('bridges'), ['ok'])
  await inside('ip', 'link', 'add', 'vmbr0', 'type', 'bridge')
  await inside('ip', 'link', 'set', 'tap9', 'master', 'vmbr0')
  assert.match((await found()).words('bridges'), /vmbr0/)
  for (const [turned, is] of [
    ['on', 'warning'],
    ['off', 'ok'],
  ] as const) {
    await bridgeNetfilter(netns, turned)
    assert.deepEqual((await found()).of('br_netfilter'), [is])
  }
  assert.deepEqual((await found()).of('other firewalls').slice(0, 1), ['ok'])
  await inside(
    'nft',
    'add table inet firewalld; add chain inet firewalld f { type filter hook forward priority 10; policy drop; }',
  )
  assert.match((await found()).words('other firewalls'), /firewalld drops by default/)
  assert.match(
    (await found('--server', 'https://127.0.0.1:1')).words('service'),
    /without --token-file and --host/,
  )
  const token = join(folder, 'none')
  const asked = ['--server', 'http://198.51.100.1', '--token-file', token, '--host', 'kvm1']
  assert.match((await found(...asked)).words('token'), /there is no such file/)
})

test('who may not look is told so', { skip: noLab, timeout: 60_000 }, async () => {
  const { status, stdout } = await inside(
    ...['setpriv', '--bounding-set', '-net_admin', process.execPath, program],
    ...['doctor', '--state-directory', state],
  )
  assert.equal(status, 1)
  assert.match(stdout, /^FAILED {3}rights: it .*CAP_NET_ADMIN/m)
})
