/** The pages that a newcomer follows: their blocks are run as they stand, and answer as they say. */
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

/** Commands succeed, but for those whose comment gives another exit status: `# 1`, `# exit status 1`, `# 1: why`. */
function script(blocks: readonly Block[]): string {
  const lines = blocks.flatMap(({ commands }) => [
    ...commands.split('\n').map((line) => {
      const [, command, status] = /^(.*?)\s+# (?:exit status )?(\d)\b.*$/.exec(line) ?? []
      return command === undefined ? line : `${command} && status=0 || status=$?; [ $status = ${status} ]`
    }),
    `echo '${end}'`,
  ])
  return [
    'set -e',
    'shopt -s expand_aliases',
    // An error of the API is one of the command, and its answer ends its line.
    'curl() { local status=0; command curl -sS --fail-with-body "$@" || status=$?; echo; return $status; }',
    ...lines,
  ].join('\n')
}

/** Identifiers, ports, times and durations are others each time; an ellipsis stands for anything. */
function pattern(line: string): RegExp {
  const text = line
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/[0-9a-f]{8}-(?:…|[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})/g, '[0-9a-f-]{36}')
    .replace(/\d{4}-\d\d-\d\dT[\d:]+\\\.\d+Z/g, '[\\dT:.-]+Z')
    .replace(/(?<=[.\]]\S*:)\d{4,5}(?=\\\))/g, '\\d+')
    .replace(/\d+(?:\\\.\d+)? ms/g, '[\\d.]+ ms')
    .replace('pcl-lab-', 'pcl-\\w+-')
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

describe('the tour', { skip }, () => {
  for (const { page, from, to } of [
    { page: 'README.md', from: '## Three minutes', to: '## On a hypervisor' },
    { page: 'docs/tour.md', from: '# The tour' },
  ]) {
    test(page, async () => {
      const directory = await mkdtemp(join(tmpdir(), 'portcullis-tour-'))
      const address = `127.0.0.1:${await freePort()}`
      const here = (text: string) => text.replaceAll(published, address)
      const blocks = blocksOf(await readFile(join(root, page), 'utf8'), from, to)
      assert.ok(blocks.length > 3, `${blocks.length} blocks`)
      const shell = ['-C', root, `PORTCULLIS_LAB_DIR=${join(directory, 'lab')}`, 'bash']
      try {
        // A command that does not end by itself is no part of a tour.
        const done = await run('timeout', ['480', 'env', ...shell], here(script(blocks)))
        assert.equal(done.status, 0, `${done.stdout}\n${done.stderr}`)
        const printed = done.stdout.split(`${end}\n`)
        for (const [index, { answer }] of blocks.entries()) {
          if (answer !== null) assertPrinted(here(answer), printed[index] ?? '')
        }
      } finally {
        await run('env', shell, `${join(root, 'bin/portcullis.js')} lab down\n`)
        await rm(directory, { recursive: true, force: true })
      }
    })
  }
})
