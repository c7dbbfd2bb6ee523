/** An agent that is asked to read its files again, or whose terminal is closed, goes on; and what it does with files that are wrong. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { askAt } from '../../src/cli/local.ts'
import { decodeStanding } from '../../src/core/model/local.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { eventually } from '../support/eventually.ts'
import { noLab } from '../support/lab.ts'
import { launch, listening, main as program } from '../support/program.ts'

test('an agent hears SIGHUP and goes on; SIGTERM ends it with 0', {
  skip: noLab,
  timeout: 60_000,
}, async () => {
  const netns = `pcl-hup-${process.pid}`
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-hup-'))
  await mustRun('ip', ['netns', 'add', netns])
  const args = ['--server', 'http://127.0.0.1:9', '--token-file', '/nowhere', '--host', 'kvm1']
  const child = spawn(
    'ip',
    [
      ...['netns', 'exec', netns, process.execPath, program, 'agent'],
      ...[...args, '--state-directory', folder],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const exited = once(child, 'exit')
  try {
    const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]()
    const said: string[] = []
    async function until(word: string): Promise<void> {
      for (;;) {
        const { value, done } = await lines.next()
        assert.ok(!done, `it ended: ${said.join('\n')}`)
        said.push(value)
        if (value.includes(word)) return
      }
    }
    await until('"started"')
    child.kill('SIGHUP')
    await until('SIGHUP')
    child.kill('SIGTERM')
    assert.deepEqual(await exited, [0, null])
  } finally {
    child.kill('SIGKILL')
    await exited
    await run('ip', ['netns', 'del', netns])
    await rm(folder, { recursive: true, force: true })
  }
})

test('SIGHUP has rules of adoption read again: a wrong file is a warning and changes nothing, and a right one counts', {
  skip: noLab,
  timeout: 120_000,
}, async () => {
  const netns = `pcl-adopt-${process.pid}`
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-adopt-'))
  const [rules, pve, data] = ['adopt.yaml', 'pve', 'data'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const rule = (account: string) =>
    `rules: [ { match: { name: "*" }, account: ${account}, profile: native } ]\n`
  const wrong = 'rules: [ { match: { name: "*" }, acount: a } ]\n'
  const guest = (id: number) =>
    writeFile(
      join(pve, 'qemu-server', `${id}.conf`),
      `name: vm${id}\nnet0: virtio=BC:24:11:00:09:${id},bridge=vmbr0\n`,
    )
  const within = ['ip', 'netns', 'exec', netns, process.execPath, program]
  const flags = ['--host', 'kvm', '--guard', 'tap*', '--proxmox', pve, '--adopt', rules]
  const env = { RUNTIME_DIRECTORY: folder }
  await mustRun('ip', ['netns', 'add', netns])
  await mustRun('ip', ['-n', netns, 'link', 'set', 'lo', 'up'])
  for (const kind of ['qemu-server', 'lxc']) await mkdir(join(pve, kind), { recursive: true })
  await writeFile(rules, wrong)
  const all: ReturnType<typeof launch>[] = []
  const start = (args: readonly string[]) => {
    const running = launch([...within, ...args], { cwd: folder, env })
    all.push(running)
    return running
  }
  async function end({ child }: ReturnType<typeof launch>): Promise<void> {
    const over = once(child, 'close')
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM')
      await over
    }
  }
  /** What the agent of this host says of the file. */
  const warned = async () => {
    const said = await askAt([join(folder, 'agent.sock')], 'standing', {}, decodeStanding)
    return said.ok && said.value.state === 'applied'
      ? said.value.warnings.filter((each) => each.includes(rules)).join()
      : undefined
  }
  const says = (what: RegExp) =>
    eventually(`${what} is not said`, async () => what.test((await warned()) ?? 'nothing') || undefined)
  try {
    const service = await listening(start(['serve', '--enforce', 'nftables', '--data', data, ...flags]))
    const token = (await readFile(join(data, 'operator.token'), 'utf8')).trim()
    async function call(path: string, body?: object) {
      const curl = [
        'netns',
        'exec',
        netns,
        'curl',
        '-sS',
        '--fail-with-body',
        '-H',
        `authorization: Bearer ${token}`,
      ]
      const sent = body ? ['-H', 'content-type: application/json', '-d', JSON.stringify(body)] : []
      return JSON.parse(await mustRun('ip', [...curl, ...sent, `${service.url}${path}`]))
    }
    const { id: account } = await call('/v1/accounts', { name: 'acme' })
    const servers = async () => JSON.stringify((await call('/v1/servers')).servers)
    const has = (name: string) =>
      eventually(`${name} is not adopted`, async () => (await servers()).includes(name) || undefined)
    await says(/line 1: rules\[0\]: acount is not known/)
    await guest(10)
    await writeFile(rules, rule(account))
    service.child.kill('SIGHUP')
    await has('vm10')
    await says(/^$/)
    await writeFile(rules, Buffer.alloc(1024 * 1024 + 1, '#'))
    service.child.kill('SIGHUP')
    await says(/as they were: .* more than 1048576 bytes/)
    await guest(11)
    await has('vm11')
    await end(service)

    const agent = start([
      'agent',
      '--server',
      'http://127.0.0.1:9',
      '--token-file',
      '/nowhere',
      ...flags,
      '--state-directory',
      join(folder, 'state'),
    ])
    const standing = () =>
      eventually(
        'the agent does not answer',
        async () =>
          (await askAt([join(folder, 'agent.sock')], 'standing', {}, decodeStanding)).ok || undefined,
      )
    await standing()
    await rm(rules)
    await mustRun('mkfifo', [rules])
    agent.child.kill('SIGHUP')
    await eventually('SIGHUP is not heard', () => agent.stderr().includes('SIGHUP') || undefined)
    await standing()
    assert.equal(agent.child.exitCode, null)
  } finally {
    for (const each of all) {
      each.child.kill('SIGKILL')
      await end(each)
    }
    await run('ip', ['netns', 'del', netns])
    await rm(folder, { recursive: true, force: true })
  }
})
