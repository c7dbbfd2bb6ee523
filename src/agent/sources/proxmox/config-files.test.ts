/** Files that others write: when they are read again, what is kept, and what is none. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  appendFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type ConfigFiles, createConfigFiles, maxBytes } from './config-files.ts'

describe('files that are read again where they changed', () => {
  let folder: string
  let path: string
  let clock: number
  let reads: string[]
  let files: ConfigFiles<{ readonly text: string }>
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pcl-files-'))
    path = join(folder, 'a')
    clock = 0
    reads = []
    files = createConfigFiles(
      (text, path) => {
        reads.push(path)
        return { text }
      },
      () => clock,
    )
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))

  /** What is known a moment later. */
  async function later(ms = 0): Promise<string | undefined> {
    clock += ms
    await files.look(path)
    return files.value(path)?.text
  }

  test('500 files that stay are read once each, and one that changes once more', async () => {
    const paths = Array.from({ length: 500 }, (_, n) => join(folder, `${n}.conf`))
    for (const each of paths) await writeFile(each, 'a\n')
    for (const each of paths) await files.look(each)
    clock += 10_000
    reads = []
    for (const each of paths) await files.look(each)
    assert.deepEqual(reads, [])
    await writeFile(join(folder, 'new'), 'b\n')
    await rename(join(folder, 'new'), paths[7] ?? '')
    for (const each of paths) await files.look(each)
    assert.deepEqual(reads, [paths[7]])
  })

  test('a second change in the same second, of the same length, is found', async () => {
    await writeFile(path, 'a\n')
    // As the cluster's file system has it, in whole seconds.
    await utimes(path, 1e9, 1e9)
    assert.equal(await later(), 'a\n')
    await writeFile(path, 'b\n')
    await utimes(path, 1e9, 1e9)
    assert.equal(await later(1000), 'b\n')
  })

  test('what is equal stays the same object', async () => {
    await writeFile(path, 'a\n')
    await later()
    const before = files.value(path)
    await writeFile(join(folder, 'b'), 'a\n')
    await rename(join(folder, 'b'), path)
    await later(10_000)
    assert.equal(reads.length, 2)
    assert.equal(files.value(path), before)
  })

  test('a file that is being written is what it was until it is whole, or has been so for a second', async () => {
    await writeFile(path, 'a\n')
    assert.equal(await later(), 'a\n')
    await truncate(path, 0)
    assert.equal(await later(10), 'a\n')
    await appendFile(path, 'half')
    assert.equal(await later(10), 'a\n')
    await appendFile(path, ' and the rest\n')
    assert.equal(await later(10), 'half and the rest\n')
    await writeFile(path, 'no end')
    assert.equal(await later(10), 'half and the rest\n')
    assert.equal(await later(2000), 'no end')
    // A new one is nothing at first.
    path = join(folder, 'c')
    await writeFile(path, '')
    assert.equal(await later(), undefined)
    assert.equal(await later(2000), '')
  })

  test('one that goes is what it was until it is forgotten', async () => {
    await writeFile(path, 'a\n')
    await later()
    await rm(path)
    assert.equal(await files.look(path), false)
    assert.equal(files.value(path)?.text, 'a\n')
    assert.equal(files.problem(path), null)
    files.keep(new Set())
    assert.equal(files.value(path), undefined)
  })

  test('what is no text of a bounded length is nothing, and said to be so', async () => {
    const outside = join(folder, 'outside')
    await writeFile(outside, 'secret\n')
    const hostile: readonly [string, () => Promise<unknown>, RegExp][] = [
      ['link', () => symlink(outside, path), /no regular file/],
      ['pipe', async () => execFileSync('mkfifo', [path]), /no regular file/],
      ['folder', () => mkdir(path), /no regular file/],
      ['large', () => writeFile(path, 'a\n'.repeat(maxBytes)), /larger than 1 MiB/],
      ['sparse', () => writeFile(path, '').then(() => truncate(path, 2 ** 40)), /larger than 1 MiB/],
      ['binary', () => writeFile(path, Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 10])), /no text/],
    ]
    for (const [what, make, problem] of hostile) {
      await writeFile(path, 'a\n')
      assert.equal(await later(10_000), 'a\n', what)
      await rm(path)
      await make()
      assert.equal(await later(10_000), undefined, what)
      assert.match(files.problem(path) ?? '', problem, what)
      await rm(path, { recursive: true })
    }
    await writeFile(path, 'a\n')
    assert.equal(await later(10_000), 'a\n')
    assert.equal(files.problem(path), null)
    await writeFile(path, 'a\n'.repeat(maxBytes / 2))
    assert.equal((await later(10_000))?.length, maxBytes)
  })
})
