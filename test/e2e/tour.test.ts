/** The pages that a newcomer and an operator follow: their blocks are run as they stand, and answer as they say. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/lab/run.ts'
import { noLabOr } from '../support/lab.ts'

const skip = await noLabOr({ curl: 'curl' })
const root = dirname(fileURLToPath(new URL('../../package.json', import.meta.url)))
const published = '127.0.0.1:8080'
const end = '== end of block =='

interface Block {
  readonly commands: string
  /** What the page says that it prints; null: it does not say. */
  readonly answer: string | null
}

/** Shell blocks between two headings, each with the block of output right behind it. */
function blocksOf(page: string, from: string, to?: string): Block[] {
  const start = page.indexOf(from)
  assert.ok(start >= 0, from)
  const part = page.slice(start, to === undefined ? undefined : page.indexOf(to, start))
  return [...part.matchAll(/```sh\n(.*?)```\n(?:\n```\n(.*?)```\n)?/gs)].map(([, commands = '', answer]) => ({
    commands,
    answer: answer ?? null,
  }))
}

/**
 * Commands succeed, but for those whose comment gives another exit status: `# 1`, `# exit status 1`, `# 1: why`. A ping is sent
 * again while it ends otherwise: it is faster than rules, which are in force a moment after the answer.
 */
function script(blocks: readonly Block[]): string {
  const lines = blocks.flatMap(({ commands }) => [
    ...commands.split('\n').map((line) => {
      const [, command, status] = /^(.*?)\s+# (?:exit status )?(\d)\b.*$/.exec(line) ?? []
      if (command === undefined) return line
      const once = `${command} && status=0 || status=$?`
      const sent = / ping /.test(command)
        ? `for try in {1..30}; do ${once}; [ $status = ${status} ] && break; sleep 1; done`
        : once
      return `${sent}; [ $status = ${status} ]`
    }),
    `echo '${end}'`,
  ])
  return [
    'set -e',
    'shopt -s expand_aliases',
    // A page that fails half-way leaves no service.
    `trap 'kill $(jobs -p) 2> /dev/null || true' EXIT`,
    // An error of the API is one of the command, and its answer ends its line.
    'curl() { local status=0; command curl -sS --fail-with-body "$@" || status=$?; echo; return $status; }',
    ...lines,
  ].join('\n')
}

/** Identifiers, ports, times, durations and widths of columns are others each time; an ellipsis stands for anything. */
function pattern(line: string): RegExp {
  const text = line
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/[0-9a-f]{8}-(?:…|[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/g, '[0-9a-f-]{36}')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+\\\.\d+Z/g, '[\\dT:.-]+Z')
    .replace(/(?<=[.\]]\S*:)\d{4,5}(?=\\\))/g, '\\d+')
    .replace(/\d+(?:\\\.\d+)? ms/g, '[\\d.]+ ms')
    .replace('pcl-lab-', 'pcl-\\w+-')
    .replace(/ {2,}/g, ' +')
    .replaceAll('…', '.*')
  return new RegExp(`^${text}$`)
}

/** Every line is there, in order; what the page leaves out may stand between. */
function assertPrinted(answer: string, printed: string): void {
  const lines = printed.split('\n')
  let at = 0
  for (const line of answer.trimEnd().split('\n')) {
    const wanted = pattern(line)
    const found = lines.findIndex((each, index) => index >= at && wanted.test(each))
    assert.ok(found >= 0, `${line}\nis not in what was printed:\n${printed}`)
    at = found + 1
  }
}

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
        const printed = done.stdout.split(`${end}\n`)
        for (const [index, { answer }] of blocks.entries()) {
          if (answer !== null) assertPrinted(here(answer), printed[index] ?? '')
        }
      } finally {
        await run('env', shell, `${join(root, 'bin/portcullis.js')} lab down\n`)
        for (const name of namespaces) await removeNamespace(`${own}${name}`)
        await rm(directory, { recursive: true, force: true })
      }
    })
  }
})
