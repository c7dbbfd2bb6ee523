/** The file of a token: its first line, and why it is not read. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { mustRun } from '../lab/run.ts'
import { readToken } from './token.ts'

test('the first line of a file that is its owner’s alone; of what is none nobody waits', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-token-'))
  const path = join(folder, 'token')
  const said = async () => {
    const read = await readToken(path)
    return read.ok ? read.value : `not: ${read.error}`
  }
  try {
    assert.equal(await said(), 'not: there is no such file')
    await writeFile(path, 'pcl_abc\r\nmore\n', { mode: 0o600 })
    assert.equal(await said(), 'pcl_abc')
    await writeFile(path, 'no token\n')
    assert.equal(await said(), 'not: its first line is no token')
    await mustRun('chmod', ['640', path])
    assert.equal(await said(), 'not: others than its owner may read it: chmod 600')
    await rm(path)
    await mustRun('mkfifo', ['-m', '600', path])
    assert.equal(await said(), 'not: it is no regular file')
    await rm(path)
    await mustRun('mkdir', ['-m', '700', path])
    assert.equal(await said(), 'not: it is no regular file')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
