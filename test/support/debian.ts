/** A small Debian that debootstrap makes, booted by systemd in namespaces of its own, on the network of a lab's host. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { mustRun, type Ran, run } from '../../src/lab/run.ts'

const script = new URL('debian-boot', import.meta.url).pathname

/** What the package depends on and a host has: nothing is fetched while it is installed. */
const packages =
  'adduser init-system-helpers iproute2 libatomic1 libstdc++6 man-db nftables systemd systemd-sysv'.split(' ')

/** Kept between runs; a file system that nobody writes to. */
const kept = '/var/cache/portcullis-debian'

/** Its folder. Rejects where it cannot be made. */
export async function debianRoot(): Promise<string> {
  const folder = join(kept, createHash('sha256').update(packages.join(' ')).digest('hex').slice(0, 12))
  if (existsSync(folder)) return folder
  const { mirror, suite } = await source()
  await mkdir(kept, { recursive: true })
  const draft = await mkdtemp(join(kept, 'draft-'))
  try {
    await mustRun('debootstrap', [
      '--variant=minbase',
      `--include=${packages.join(',')}`,
      suite,
      draft,
      mirror,
    ])
    await rm(join(draft, 'var/cache/apt/archives'), { recursive: true, force: true })
    await rename(draft, folder)
  } catch (error) {
    await rm(draft, { recursive: true, force: true })
    throw error
  }
  return folder
}

/** Debian's own source as this machine has it configured: the first that is no update of another. */
async function source(): Promise<{ readonly mirror: string; readonly suite: string }> {
  const lists = '/etc/apt/sources.list.d'
  const names = (await readdir(lists).catch(() => [])).filter((name) => /\.(sources|list)$/.test(name))
  const files = ['/etc/apt/sources.list', ...names.map((name) => join(lists, name))]
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  const found = texts.flatMap((text) => [
    ...[...text.matchAll(/^deb (?:\[.*?\] )?(\S+) (\S+) /gm)].map(([, mirror = '', suite = '']) => ({
      mirror,
      suite,
    })),
    ...text.split(/\n\s*\n/).flatMap((stanza) => {
      const field = (name: string) => new RegExp(`^${name}: *(\\S+)`, 'm').exec(stanza)?.[1]
      const [mirror, suite] = [field('URIs'), field('Suites')]
      return mirror && suite ? [{ mirror, suite }] : []
    }),
  ])
  const [first] = found.filter(({ suite }) => /^[a-z]+$/.test(suite))
  return first ?? assert.fail('apt has no source of Debian')
}

export interface Debian {
  /** A command of its shell, as root. */
  run(command: string): Promise<Ran>
  /** Answers what it printed; rejects when it fails. */
  must(command: string): Promise<string>
  /** Ends it as a power failure does. */
  cut(): Promise<void>
  /** Boots it (again) with all that was written; resolves when its start is over. */
  boot(): Promise<void>
  /** Puts a file into it. */
  write(path: string, text: string | Buffer, mode?: number): Promise<void>
  remove(): Promise<void>
}

/** Not booted yet. `netns`: the network namespace that is its network. */
export async function createDebian(netns: string): Promise<Debian> {
  const root = await debianRoot()
  const layer = await mkdtemp(join(tmpdir(), 'portcullis-debian-'))
  await mustRun('mount', ['-t', 'tmpfs', '-o', 'size=3g,mode=755', 'tmpfs', layer])
  const group = join(await groups(), `portcullis-${process.pid}-${netns}`)
  let child: ChildProcess | undefined
  let init = ''

  async function cut(): Promise<void> {
    if (child && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'close')
      if (init !== '') process.kill(Number(init), 'SIGKILL')
      else child.kill('SIGKILL')
      await gone
    }
    child = undefined
    init = ''
    await removeGroup(group)
  }
  async function boot(): Promise<void> {
    await mkdir(group, { recursive: true })
    const spaces = ['--mount', '--pid', '--uts', '--ipc', '--cgroup', '--fork', '--kill-child']
    const enter = 'echo $$ > "$0/cgroup.procs" && exec "$@"'
    const command = ['ip', 'netns', 'exec', netns, 'unshare', ...spaces, script, root, layer]
    child = spawn('sh', ['-c', enter, group, ...command], { stdio: ['ignore', 'pipe', 'pipe'] })
    let said = ''
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text) => {
        said += text
      })
    const { pid } = child
    const deadline = Date.now() + 60_000
    for (;;) {
      assert.ok(Date.now() < deadline && child.exitCode === null, `it does not boot: ${said}`)
      init = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')).trim()
      // Until it is process 1 of its own it is the script that mounts.
      const name = init === '' ? '' : await readFile(`/proc/${init}/comm`, 'utf8').catch(() => '')
      if (name.trim() === 'systemd' && (await debian.run('[ -S /run/systemd/private ]')).status === 0) break
      await delay(50)
    }
    await debian.run('systemctl is-system-running --wait')
  }

  const debian: Debian = {
    run: (command) =>
      run('nsenter', [
        ...['--target', init, '--mount', '--pid', '--uts', '--ipc', '--net', '--cgroup'],
        ...[
          'env',
          '-i',
          'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
          'DEBIAN_FRONTEND=noninteractive',
          'LC_ALL=C.UTF-8',
        ],
        ...['sh', '-c', `cd /; ${command}`],
      ]),
    async must(command) {
      const { status, stdout, stderr } = await debian.run(command)
      assert.equal(status, 0, `${command}: ${stdout}${stderr}`)
      return stdout
    },
    boot,
    cut,
    async write(path, text, mode = 0o644) {
      // A file system of its own for what goes in, whatever is mounted inside.
      const file = `/proc/${init}/root${path}`
      await writeFile(file, text, { mode })
    },
    async remove() {
      await cut()
      await run('umount', ['-l', layer])
      await rm(layer, { recursive: true, force: true })
    },
  }
  return debian
}

/** Where control groups of version 2 are, alone or beside those of version 1. */
async function groups(): Promise<string> {
  const mounts = await readFile('/proc/self/mounts', 'utf8')
  return / (\S+) cgroup2 /.exec(mounts)?.[1] ?? assert.fail('control groups of version 2 are not mounted')
}

async function removeGroup(folder: string): Promise<void> {
  const below = await readdir(folder, { withFileTypes: true }).catch(() => [])
  for (const each of below) if (each.isDirectory()) await removeGroup(join(folder, each.name))
  for (let tries = 100; tries > 0; tries--) {
    try {
      return await rmdir(folder)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EBUSY') return
      // Processes that were killed are still on their way out.
      await delay(20)
    }
  }
}
