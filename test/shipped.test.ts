/** What ships, bundled: the threads that it starts are found beside it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { buildInto } from '../build.ts'
import { launch, listening, type Running } from './support/program.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-shipped-'))
after(() => rmSync(folder, { recursive: true, force: true }))

/** JSON of so many servers that a thread reads it: of few, and as long as a file of many. */
const file = (...names: readonly string[]): string => {
  const servers = names.map((name) => ({ profile: 'upcloud', zone: 'fi-hel1', name, interfaces: [{}] }))
  const credentials = [{ token: 'acme-token', scopes: ['read'] }]
  return `${JSON.stringify({ accounts: [{ name: 'acme', credentials, servers }] })}${' '.repeat(200_000)}`
}

async function said({ child, stderr }: Running, pattern: RegExp): Promise<void> {
  while (!pattern.test(stderr())) {
    assert.equal(child.exitCode ?? child.signalCode, null, stderr())
    await Promise.race([once(child.stderr as NonNullable<typeof child.stderr>, 'data'), once(child, 'exit')])
  }
}

test('an inventory is read in its thread at the start, and when it changes', {
  timeout: 300_000,
}, async () => {
  const bundle = join(folder, 'bundle')
  await buildInto(bundle)
  copyFileSync(new URL('../package.json', import.meta.url), join(folder, 'package.json'))
  const inventory = join(folder, 'inventory.json')
  writeFileSync(inventory, file('one', 'two'))
  const program = [process.execPath, join(bundle, 'portcullis.js'), 'serve']
  const running = launch([...program, '--data', join(folder, 'data'), '--inventory', inventory], {
    cwd: folder,
  })
  try {
    const { url } = await listening(running)
    const names = async () => {
      const answer = await fetch(`${url}/v1/servers`, { headers: { authorization: 'Bearer acme-token' } })
      const { servers } = (await answer.json()) as { servers: { name: string }[] }
      return servers.map(({ name }) => name).toSorted()
    }
    assert.deepEqual(await names(), ['one', 'two'])
    writeFileSync(`${inventory}.new`, file('one', 'three'))
    renameSync(`${inventory}.new`, inventory)
    await said(running, /in force, 2 changes/)
    assert.deepEqual(await names(), ['one', 'three'])
  } finally {
    running.child.kill()
    if (running.child.exitCode === null && running.child.signalCode === null)
      await once(running.child, 'exit')
  }
})
