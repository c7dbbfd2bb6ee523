/** The page that who runs libvirt follows: its blocks are run as they stand, and answer as they say. */

import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { run } from '../../src/lab/run.ts'
import { assertPrinted, blocksOf, script } from '../support/followed.ts'
import { createLibvirt, noLibvirt } from '../support/libvirt.ts'

const root = dirname(fileURLToPath(new URL('../../package.json', import.meta.url)))
const directory = '/tmp/portcullis-libvirt'

/** What systemd does on a host that has it. */
const restart = `#!/bin/sh
[ "$*" = 'restart libvirtd' ] || exit 1
pid=$(cat /run/libvirtd.pid)
kill $pid
while kill -0 $pid 2> /dev/null; do sleep 0.1; done
exec libvirtd --daemon --pid-file /run/libvirtd.pid
`

test('docs/quickstart-libvirt.md', { skip: noLibvirt }, async () => {
  const libvirt = await createLibvirt('quick', { bare: true })
  try {
    const programs = join(libvirt.folder, 'bin')
    await mkdir(programs)
    await writeFile(join(programs, 'systemctl'), restart)
    await chmod(join(programs, 'systemctl'), 0o755)
    await libvirt.startDaemon()
    const here = (text: string) => text.replaceAll(directory, join(libvirt.folder, 'page'))
    const blocks = blocksOf(await readFile(join(root, 'docs/quickstart-libvirt.md'), 'utf8'), '# libvirt')
    assert.ok(blocks.length > 8, `${blocks.length} blocks`)
    const shell = ['env', '-C', root, `PATH=${programs}:${process.env.PATH}`, 'bash']
    const done = await run('timeout', ['-k', '10', '400', ...libvirt.enter, ...shell], here(script(blocks)))
    assert.equal(done.status, 0, `${done.stdout}\n${done.stderr}`)
    assertPrinted(blocks, done.stdout, here)
  } finally {
    await libvirt.remove()
  }
})
