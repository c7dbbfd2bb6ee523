/** What was attached is known to the next agent in the same boot, on the same device, and nowhere else. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import type { Link } from '../../core/model/link.ts'
import { createKeptFile } from '../kept/kept-file.ts'
import { type Attached, type Attachment, attachedPath, openAttached } from './attached.ts'

const attachment = (n: number, more: Partial<Attachment> = {}): Attachment => ({
  ...{ device: `tap${n}`, link: n, mac: `02:00:00:00:00:0${n}`, id: `vm-${n}`, name: 'vm', index: 1 },
  ...{ addresses: ['192.0.2.1', '2001:db8::1'], policies: ['web'], account: 'acme', profile: 'native' },
  ...more,
})

/** A directory, and a kernel with devices of numbers; agents begin and end there. */
function world() {
  const folder = mkdtempSync(join(tmpdir(), 'pcl-attached-'))
  const path = attachedPath(folder)
  const kernel = new Map([1, 2, 3].map((n) => [`tap${n}`, n]))
  const opened: Attached[] = []
  let changed: (device: Pick<Link, 'index' | 'name'> | null) => void = () => {}
  return {
    ...{ path, kernel },
    tell: (index: number, name: string) => changed({ index, name }),
    doubt: () => changed(null),
    async open(boot = 'boot'): Promise<Attached> {
      const attached = await openAttached({
        file: createKeptFile(path),
        boot,
        lookAt: async (device) => {
          const index = kernel.get(device)
          return index === undefined ? undefined : { index }
        },
        follow(listener) {
          changed = listener
          return () => {}
        },
      })
      opened.push(attached)
      return attached
    },
    async close() {
      for (const each of opened) await each.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
const devices = (attached: Attached) => [...(attached.observe() ?? new Map()).keys()].sort()

describe('what is attached', () => {
  test('is known at once as it was said, and to the next agent', async () => {
    const { open, path, close } = world()
    try {
      const first = await open()
      assert.deepEqual(devices(first), [])
      let told = 0
      first.onChange(() => told++)
      const kept = first.put(attachment(1))
      assert.equal(told, 1)
      assert.deepEqual(first.observe()?.get('tap1'), {
        ...{ device: 'tap1', link: 1, mac: '02:00:00:00:00:01', guest: { id: 'vm-1', name: 'vm' }, index: 1 },
        ...{ addresses: ['192.0.2.1', '2001:db8::1'] },
        labels: { tags: [], adoption: { account: 'acme', profile: 'native', policies: ['web'] } },
      })
      await kept
      await first.put(attachment(2, { account: null }))
      assert.deepEqual(first.observe()?.get('tap2')?.labels, { tags: [] })
      assert.equal((await stat(path)).mode & 0o777, 0o600)
      // Without an end: as after a kill.
      const second = await open()
      assert.deepEqual(devices(second), ['tap1', 'tap2'])
      assert.deepEqual(second.get('tap1'), attachment(1))
      assert.deepEqual(second.problems(), [])
      await second.remove('tap1')
      await second.remove('tap1')
      assert.deepEqual(devices(await open()), ['tap2'])
    } finally {
      await close()
    }
  })

  test('is about one device in one boot: not about another one of its name', async () => {
    const { open, kernel, close } = world()
    try {
      const first = await open()
      for (const n of [1, 2, 3]) await first.put(attachment(n))
      kernel.set('tap1', 9)
      kernel.delete('tap2')
      assert.deepEqual(devices(await open()), ['tap3'])
      assert.deepEqual(devices(await open('another boot')), [])
    } finally {
      await close()
    }
  })

  test('is forgotten while the agent runs when the device goes, or bears another number', async () => {
    const { open, kernel, tell, doubt, close } = world()
    try {
      const attached = await open()
      for (const n of [1, 2, 3]) await attached.put(attachment(n))
      const forgotten = () => new Promise<void>((resolve) => attached.onChange(() => resolve()))
      kernel.set('tap1', 9)
      const one = forgotten()
      tell(9, 'tap1')
      await one
      assert.deepEqual(devices(attached), ['tap2', 'tap3'])
      kernel.delete('tap2')
      const another = forgotten()
      tell(8, 'tap8')
      doubt()
      await another
      assert.deepEqual(devices(attached), ['tap3'])
      kernel.delete('tap3')
      const renamed = forgotten()
      tell(3, 'renamed')
      await renamed
      assert.deepEqual(devices(attached), [])
      await attached.stop()
      kernel.set('tap3', 3)
      assert.deepEqual(devices(await open()), [])
    } finally {
      await close()
    }
  })

  test('many at once are kept by few writes, and each is kept when that is answered', async () => {
    const { open, kernel, path, close } = world()
    try {
      const attached = await open()
      let drafts = 0
      const numbers = Array.from({ length: 200 }, (_, n) => n + 100)
      for (const n of numbers) kernel.set(`tap${n}`, n)
      const file = createKeptFile(path)
      const counted = await openAttached({
        file: {
          ...file,
          draft() {
            drafts++
            return file.draft()
          },
        },
        ...{ boot: 'boot', lookAt: async (device) => ({ index: kernel.get(device) ?? 0 }) },
        follow: () => () => {},
      })
      await Promise.all(
        numbers.map(async (n) => {
          await counted.put(attachment(1, { device: `tap${n}`, link: n }))
          assert.ok((await readFile(path, 'utf8')).includes(`"tap${n}"`))
        }),
      )
      assert.ok(drafts < 20, `${drafts}`)
      assert.equal(devices(await open()).length, 200)
      await counted.stop()
      await attached.stop()
    } finally {
      await close()
    }
  })

  test('a file that is damaged, or that others may write, is not believed, and that is said', async () => {
    const { open, path, close } = world()
    try {
      const first = await open()
      await first.put(attachment(1))
      const whole = await readFile(path, 'utf8')
      const wrong = [
        whole.replace('02:00:00:00:00:01', '02:00:00:00:00:02'),
        whole.slice(0, -10),
        whole.replace('"version":1', '"version":2'),
        '',
        'nonsense',
        `${whole}${whole}`,
      ]
      for (const text of wrong) {
        await writeFile(path, text)
        const next = await open()
        assert.equal(next.observe(), null, text)
        assert.match(next.problems().join(), /stays closed until it is attached again: .*(damaged|corrupt)/)
      }
      await writeFile(path, whole)
      await chmod(path, 0o622)
      const next = await open()
      assert.equal(next.observe(), null)
      assert.match(next.problems().join(), /others than its owner may write it/)
      await next.put(attachment(2))
      assert.deepEqual([devices(next), next.problems()], [['tap2'], []])
      assert.deepEqual(devices(await open()), ['tap2'])
    } finally {
      await close()
    }
  })

  test('what cannot be kept is said', async () => {
    const { open, path, close } = world()
    try {
      const full = () => Promise.reject(new Error('the disk is full'))
      const attached = await openAttached({
        file: { ...createKeptFile(path), draft: full },
        ...{ boot: 'boot', lookAt: async () => ({ index: 1 }), follow: () => () => {} },
      })
      await assert.rejects(attached.put(attachment(1)), /cannot be kept .*: the disk is full/)
      assert.match(attached.problems().join(), /the disk is full/)
      await attached.stop()
      assert.deepEqual(devices(await open()), [])
    } finally {
      await close()
    }
  })
})
