/** The pages that a newcomer and an operator follow: their blocks are run as they stand, and answer as they say. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/lab/run.ts'
import { assertPrinted, blocksOf, script } from '../support/followed.ts'
import { noLabOr } from '../support/lab.ts'

const skip = await noLabOr({ curl: 'curl' })
const root = dirname(fileURLToPath(new URL('../../package.json', import.meta.url)))
const published = '127.0.0.1:8080'
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

interface Page {
  readonly page: string
  readonly from: string
  readonly to?: string
  /** Namespaces that it makes; each has another name here. */
  readonly namespaces?: readonly string[]
  /** Where it puts what it makes; somewhere else here. */
  readonly directory?: string
}

const pages: readonly Page[] = [
  { page: 'README.md', from: '## Three minutes', to: '## For operators' },
  { page: 'docs/tour.md', from: '# The tour' },
  {
    page: 'docs/operating.md',
    from: '# Operating',
    namespaces: ['kvm7', 'vm12'],
    directory: '/tmp/portcullis-operating',
  },
  {
    page: 'docs/attach.md',
    from: '# VMs that you start yourself',
    namespaces: ['kvm8', 'vm13'],
    directory: '/tmp/portcullis-attach',
  },
  { page: 'docs/inventory.md', from: '# The inventory file', directory: '/tmp/portcullis-inventory' },
]

/** Ends what runs in it, and removes it. */
async function removeNamespace(name: string): Promise<void> {
  const { stdout } = await run('ip', ['netns', 'pids', name])
  for (const pid of stdout.split('\n').filter((each) => each !== '')) await run('kill', ['-KILL', pid])
  await run('ip', ['netns', 'delete', name])
}

describe('pages that are followed', { skip }, () => {
  for (const { page, from, to, namespaces = [], directory: there } of pages) {
    test(page, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'portcullis-tour-'))
      const address = `127.0.0.1:${await freePort()}`
      const own = `pcl${directory.slice(-6)}`
      // What listens in a namespace of its own is in nobody's way.
      const others = namespaces.length > 0 ? [] : [[published, address] as const]
      const replaced = [...namespaces.map((name) => [name, `${own}${name}`] as const), ...others]
      const here = (text: string) =>
        replaced
          .reduce((changed, [name, other]) => changed.replaceAll(name, other), text)
          .replaceAll(there ?? directory, join(directory, 'page'))
      const blocks = blocksOf(await readFile(join(root, page), 'utf8'), from, to)
      assert.ok(blocks.length > 2, `${blocks.length} blocks`)
      const shell = ['-C', root, `PORTCULLIS_LAB_DIR=${join(directory, 'lab')}`, 'bash']
      try {
        // A command that does not end by itself is no part of a page.
        const done = await run('timeout', ['-k', '10', '480', 'env', ...shell], here(script(blocks)))
        assert.equal(done.status, 0, `${done.stdout}\n${done.stderr}`)
        assertPrinted(blocks, done.stdout, here)
      } finally {
        await run('env', shell, `${join(root, 'bin/portcullis.js')} lab down\n`)
        for (const name of namespaces) await removeNamespace(`${own}${name}`)
        await rm(directory, { recursive: true, force: true })
      }
    })
  }
})
