/** An agent that is asked to read its files again, or whose terminal is closed, goes on. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { mustRun, run } from '../../src/lab/run.ts'
import { noLab } from '../support/lab.ts'

const program = new URL('../../src/cli/main.ts', import.meta.url).pathname

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
