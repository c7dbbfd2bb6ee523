/** What an agent keeps: all of it or nothing, whatever ends its writer or happens to the file; and what cannot be kept is said. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  chown,
  link,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { inOrder, stepOf, wholeAt } from '../../../test/support/kept-history.ts'
import { noLab } from '../../../test/support/lab.ts'
import { mustRun } from '../../lab/run.ts'
import { createKeptFile, type KeptFile } from './kept-file.ts'
import { type KeptState, openKeptState } from './kept-state.ts'
import { createLineWriter } from './records.ts'

const writer = new URL('../../../test/support/kept-writer.ts', import.meta.url).pathname

async function within(run: (path: string, folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-kept-'))
  try {
    await run(join(folder, 'state', 'desired'), folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const open = (path: string, more: Partial<Parameters<typeof openKeptState>[0]> = {}) =>
  openKeptState({ file: createKeptFile(path), path, host: 'kvm', boot: 'boot', ...more })

async function keep(kept: KeptState, revision: number, rules?: number): Promise<void> {
  kept.took(kept.state.apply(stepOf(revision, rules)).news)
  await kept.applied()
}

/** What a start finds: the revision, where all there is is as it was then; null: nothing. */
async function found(path: string): Promise<number | null> {
  const kept = await open(path)
  await kept.close()
  if (!kept.found) {
    assert.equal(kept.problems().length, 1)
    return null
  }
  const { revision } = kept.state.desired
  assert.deepEqual(inOrder(kept.state.whole()), wholeAt(revision))
  return revision
}

/** What is written behind what was answered may fail later. */
async function problemOf(kept: KeptState): Promise<string> {
  for (;;) {
    const problems = kept.problems()
    if (problems.length > 0) return problems.join()
    await new Promise(setImmediate)
  }
}
async function withoutProblem(kept: KeptState): Promise<void> {
  while (kept.problems().length > 0) await new Promise(setImmediate)
}

/** Steps 1 to `steps`, the first of them as all there is. */
async function history(path: string, steps: number): Promise<void> {
  const kept = await open(path)
  assert.deepEqual([kept.found, kept.problems()], [false, []])
  for (let revision = 1; revision <= steps; revision++) {
    await keep(kept, revision)
    kept.bindings.set('nic4', { device: 'tap4', index: revision, address: '52:54:00:00:00:04' })
  }
  await kept.applied()
  await kept.close()
}

test('what was kept is found by the next start, and led on', () =>
  within(async (path) => {
    await history(path, 4)
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.equal((await stat(join(path, '..'))).mode & 0o777, 0o700)
    const kept = await open(path)
    assert.deepEqual(kept.bindings.get('nic4'), { device: 'tap4', index: 4, address: '52:54:00:00:00:04' })
    const { size } = await stat(path)
    for (const revision of [5, 6]) await keep(kept, revision)
    await kept.close()
    assert.equal(await found(path), 6)
    assert.ok((await stat(path)).size < size + 2000, 'a change costs what changed')
    const other = await open(path, { boot: 'another' })
    assert.deepEqual([other.found, other.bindings.all().size], [true, 0])
    await other.close()
  }))

test('what was applied together is kept together, and revisions alone are not written', () =>
  within(async (path) => {
    await history(path, 2)
    const kept = await open(path)
    for (const revision of [3, 4, 5]) kept.took(kept.state.apply(stepOf(revision)).news)
    await kept.applied()
    const { size } = await stat(path)
    const nothing = { policies: [], interfaces: { put: [], remove: [] } }
    for (const revision of [6, 7]) {
      kept.took(kept.state.apply({ from: revision - 1, revision, ...nothing }).news)
      await kept.applied()
    }
    assert.equal((await stat(path)).size, size)
    kept.took(
      kept.state.apply({ ...nothing, from: 7, revision: 8, interfaces: { put: [], remove: ['nic5'] } }).news,
    )
    await kept.applied()
    await kept.close()
    const again = await open(path)
    assert.deepEqual(again.state.whole(), kept.state.whole())
    assert.equal(again.state.desired.interfaces.has('nic5'), false)
    await again.close()
  }))

test('cut at any byte it is what was kept until then, or nothing', () =>
  within(async (path) => {
    await history(path, 3)
    const whole = await readFile(path)
    const seen = new Set<number | null>()
    for (let size = 0; size < whole.length; size += size < whole.length - 40 ? 7 : 1) {
      await writeFile(path, whole.subarray(0, size))
      seen.add(await found(path))
    }
    assert.deepEqual(seen, new Set([null, 1, 2, 3]))
    // Half a line is written over.
    await writeFile(path, whole.subarray(0, whole.length - 300))
    const kept = await open(path)
    const { revision } = kept.state.desired
    await keep(kept, revision + 1)
    await kept.close()
    assert.equal(await found(path), revision + 1)
  }))

test('with any byte changed it is what was kept until then, or nothing', () =>
  within(async (path) => {
    await history(path, 3)
    const whole = await readFile(path)
    const last = whole.lastIndexOf(10, -2)
    for (let at = 0; at < whole.length; at += 11) {
      const damaged = Buffer.from(whole)
      damaged.writeUInt8(damaged.readUInt8(at) ^ 1, at)
      await writeFile(path, damaged)
      const revision = await found(path)
      assert.ok(revision === null || at > last, `byte ${at}: ${revision}`)
    }
    // Lines that are missing, doubled or in another order.
    const lines = whole.toString().split(/(?<=\n)/)
    for (const order of [[0, 2, 3], [0, 1, 1, 2], [0, 1, 3, 2], [1, 2, 3], [0]]) {
      await writeFile(path, order.map((n) => lines[n]).join(''))
      assert.equal(await found(path), null, String(order))
    }
  }))

test('what is another host’s, of another version or something else is not used, is said, and is replaced', () =>
  within(async (path, folder) => {
    const reason = async (more = {}) => {
      const kept = await open(path, more)
      assert.equal(kept.found, false)
      const problem = kept.problems().join()
      await kept.close()
      return problem
    }
    await history(path, 2)
    assert.match(await reason({ host: 'other' }), /it is of host "kvm", not of other/)
    const line = (json: object) => createLineWriter().line(json as never)
    const heading = { format: 'portcullis kept state', version: 2, host: 'kvm', more: true }
    await writeFile(path, line(heading))
    assert.match(await reason(), /version 2 of the format, and this agent reads version 1/)
    for (const text of ['', '\n', 'x'.repeat(5000), '\0'.repeat(5000), line({ ...heading, format: 'x' })]) {
      await writeFile(path, text)
      assert.match(await reason(), /it is no kept state/)
    }
    await writeFile(path, line({ ...heading, version: 1 }))
    assert.match(await reason(), /it ends too early/)
    await truncate(path, 1024 ** 3 + 1)
    assert.match(await reason(), /larger/)
    await rm(path)
    await writeFile(join(folder, 'elsewhere'), 'of somebody')
    await symlink(join(folder, 'elsewhere'), path)
    const kept = await open(path)
    await keep(kept, 1)
    await kept.close()
    assert.equal(await found(path), 1)
    assert.equal(await readFile(join(folder, 'elsewhere'), 'utf8'), 'of somebody')
  }))

test('it is written anew when changes outweigh it, and what comes meanwhile is in it', () =>
  within(async (path) => {
    const kept = await open(path)
    let largest = 0
    for (let revision = 1; revision <= 60; revision++) {
      await keep(kept, revision, 1000)
      largest = Math.max(
        largest,
        await stat(path).then(
          ({ size }) => size,
          () => 0,
        ),
      )
    }
    await kept.close()
    const { size } = await stat(path)
    assert.ok(largest < 3 * 1024 * 1024 && size < largest, `${largest} and ${size} bytes`)
    const again = await open(path)
    assert.deepEqual(inOrder(again.state.whole()), wholeAt(60, 1000))
    await again.close()
  }))

test(
  'killed at any moment, it finds at least what it had said to be kept, and nothing else',
  { timeout: 240_000 },
  () =>
    within(async (path) => {
      let least = 0
      // The first of all is not waited for: there is nothing older.
      const first = await open(path)
      await keep(first, 1, 400)
      await first.close()
      const lives = 6
      for (let life = 0; life < lives; life++) {
        const child = spawn(process.execPath, [writer, path, '400'], { stdio: ['ignore', 'pipe', 'inherit'] })
        let said = ''
        child.stdout.setEncoding('latin1').on('data', (text) => {
          said += text
        })
        const ended = once(child, 'close')
        await once(child.stdout, 'data')
        // So many revisions later, whatever it is doing then.
        const enough = 1 + Math.floor(Math.random() * 40)
        while (said.split('\n').length < enough) await once(child.stdout, 'data')
        child.kill('SIGKILL')
        await ended
        least = Number(said.trimEnd().split('\n').at(-1))
        const kept = await open(path)
        await kept.close()
        assert.deepEqual(kept.problems(), [])
        assert.ok(kept.found)
        const { revision } = kept.state.desired
        assert.ok(revision === least || revision === least + 1, `${revision} after ${least}`)
        assert.deepEqual(inOrder(kept.state.whole()), wholeAt(revision, 400))
      }
      assert.ok(least > lives)
    }),
)

/** A file that does what it is told to. */
function faulty(path: string) {
  const file = createKeptFile(path)
  const faults = new Map<'append' | 'sync' | 'draft' | 'take' | 'remove', Error>()
  const failing = (what: Parameters<typeof faults.get>[0]) => {
    const error = faults.get(what)
    if (error) throw error
  }
  const wrapped: KeptFile = {
    ...file,
    async append(text) {
      // As a disk that is full in the middle of it.
      if (faults.has('append')) await file.append(text.slice(0, text.length / 2))
      failing('append')
      await file.append(text)
    },
    async sync() {
      failing('sync')
      await file.sync()
    },
    async draft() {
      failing('draft')
      const draft = await file.draft()
      return {
        ...draft,
        async take() {
          failing('take')
          await draft.take()
        },
      }
    },
    async remove() {
      failing('remove')
      await file.remove()
    },
  }
  const due: (() => void)[] = []
  return {
    faults,
    due,
    options: {
      file: wrapped,
      after(_: number, then: () => void) {
        due.push(then)
        return () => void due.splice(due.indexOf(then), 1)
      },
    },
  }
}
const full = new Error('no space left on device')

for (const what of ['append', 'sync', 'take'] as const)
  test(`what cannot be kept is removed, said, and kept when it can be: ${what}`, () =>
    within(async (path) => {
      await history(path, 2)
      const { faults, due, options } = faulty(path)
      const kept = await open(path, options)
      const isDue = () => due.length > 0
      let told = 0
      kept.onChange(() => told++)
      faults.set(what, full)
      if (what === 'take') faults.set('append', full)
      await keep(kept, 3)
      // A sync goes on behind what was kept.
      assert.match(await problemOf(kept), /cannot be kept in .*: no space left on device; after a boot/)
      assert.equal((await open(path)).found, false)
      // Not tried again with every change.
      await keep(kept, 4)
      assert.equal(due.length, 1)
      if (what === 'take') {
        due.shift()?.()
        await kept.applied()
        while (!isDue()) await new Promise(setImmediate)
        await problemOf(kept)
      }
      faults.clear()
      due.shift()?.()
      assert.ok(told > 0)
      await keep(kept, 5)
      await withoutProblem(kept)
      await keep(kept, 6)
      await kept.close()
      assert.equal(await found(path), 6)
    }))

test('where it cannot be written anew, what is there goes on, and that is said', () =>
  within(async (path) => {
    await history(path, 1)
    const { faults, options } = faulty(path)
    const kept = await open(path, options)
    faults.set('take', full)
    for (let revision = 2; revision <= 40; revision++) await keep(kept, revision, 1000)
    assert.match(await problemOf(kept), /grows, since it cannot be written anew: no space left/)
    await keep(kept, 41, 1000)
    await kept.close()
    const again = await open(path)
    assert.deepEqual([again.found, inOrder(again.state.whole())], [true, wholeAt(41, 1000)])
    await again.close()
  }))

test('where what is there cannot be removed either, that is said', () =>
  within(async (path) => {
    await history(path, 2)
    const { faults, options, due } = faulty(path)
    const kept = await open(path, options)
    faults.set('append', full).set('remove', new Error('read-only file system'))
    await keep(kept, 3)
    assert.match(kept.problems().join(), /nor can what is there be removed \(read-only file system\)/)
    faults.clear()
    due.shift()?.()
    // Now somebody waits until it is right again.
    await kept.applied()
    assert.deepEqual(kept.problems(), [])
    await kept.close()
    assert.equal(await found(path), 3)
  }))

test('a directory that cannot be had, and a full disk, keep nothing, and are said', { skip: noLab }, () =>
  within(async (_, folder) => {
    await writeFile(join(folder, 'file'), '')
    const nowhere = await open(join(folder, 'file', 'desired'))
    await keep(nowhere, 1)
    await problemOf(nowhere)
    assert.match(nowhere.problems().join(), /cannot be kept|is not used/)
    await nowhere.close()

    const small = join(folder, 'small')
    await mustRun('mkdir', [small])
    await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0700', 'tmpfs', small])
    try {
      const path = join(small, 'desired')
      const kept = await open(path)
      let revision = 0
      for (let problems = kept.problems(); problems.length === 0; problems = kept.problems()) {
        await keep(kept, ++revision, 30)
        await new Promise(setImmediate)
      }
      assert.match(kept.problems().join(), /ENOSPC/)
      assert.equal((await open(path)).found, false)
      await kept.close()
      await mustRun('mount', ['-o', 'remount,ro', small])
      const readOnly = await open(path)
      await keep(readOnly, 1)
      await problemOf(readOnly)
      assert.match(readOnly.problems().join(), /EROFS/)
      await readOnly.close()
    } finally {
      await mustRun('umount', [small])
    }
  }),
)

test('a file that somebody else can have written is not used, and not written to', async () => {
  const spoils: Record<string, (path: string, folder: string) => unknown> = {
    'its owner is another user \\(1\\)': (path) => chown(path, 1, 1),
    'others than its owner may write it': (path) => chmod(path, 0o620),
    'it has another name, too': (path, folder) => link(path, join(folder, 'other')),
    async 'it is a symbolic link'(path, folder) {
      await rename(path, join(folder, 'other'))
      await symlink(join(folder, 'other'), path)
    },
    async 'it is no regular file'(path) {
      await rm(path)
      await mustRun('mkfifo', [path])
    },
  }
  for (const [why, spoil] of Object.entries(spoils)) {
    if (why.startsWith('its owner') && process.geteuid?.() !== 0) continue
    await within(async (path, folder) => {
      const kept = await open(path)
      await keep(kept, 1)
      await kept.close()
      await spoil(path, folder)
      const other = () => readFile(join(folder, 'other'), 'utf8').catch(() => undefined)
      const before = await other()
      const again = await open(path)
      assert.ok(!again.found)
      assert.match(again.problems().join(), new RegExp(`is not used: ${why}`))
      await keep(again, 1)
      await again.close()
      assert.equal(await other(), before)
      assert.equal(await found(path), 1, 'it is replaced')
    })
  }
})
