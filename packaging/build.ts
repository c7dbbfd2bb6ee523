/**
 * Builds the Debian packages into `dist/debian`: `npm run package`, with `-- --architecture amd64` for one alone. The same
 * sources give the same bytes: times are SOURCE_DATE_EPOCH, or that of the last commit.
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { type Architecture, architectures } from './architectures.ts'
import { root } from './root.ts'
import { debianVersion, layOut, maintainer, type Release } from './tree.ts'

const run = promisify(execFile)

/** Answers the file. `fast` packs it quickly and large, for tests. */
export async function buildPackage(release: Release, into: string, { fast = false } = {}): Promise<string> {
  const { architecture, version, at } = release
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-deb-'))
  try {
    await layOut(folder, release)
    await control(folder, release)
    for (const path of await paths(folder)) await utimes(path, at, at)
    await mkdir(into, { recursive: true })
    const file = join(into, `portcullis_${debianVersion(version)}_${architecture}.deb`)
    const packing = fast ? ['-Zgzip', '-z1'] : ['-Zxz']
    await run('dpkg-deb', ['--root-owner-group', ...packing, '--build', folder, file], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(at) },
    })
    return file
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Those of Node, as `readelf -d` names them, and what the scripts call. */
const needs = [
  ...['libatomic1', 'libc6 (>= 2.28)', 'libgcc-s1', 'libstdc++6 (>= 11)'],
  ...['adduser', 'init-system-helpers (>= 1.54~)', 'nftables (>= 1.0.6)'],
]

async function control(folder: string, { architecture, version }: Release): Promise<void> {
  const size = await installedSize(folder)
  const target = join(folder, 'DEBIAN')
  await mkdir(target)
  const fields = [
    `Package: portcullis`,
    `Version: ${debianVersion(version)}`,
    `Architecture: ${architecture}`,
    `Maintainer: ${maintainer}`,
    `Installed-Size: ${size}`,
    `Depends: ${needs.join(', ')}`,
    'Suggests: postgresql',
    'Section: admin',
    'Priority: optional',
    'Description: firewall service for virtual machines',
    ' Keeps the firewall rules of virtual machines, speaks the firewall APIs of',
    ' several clouds, and enforces the rules on hypervisors by nftables. It has the',
    ' service, the agent of a host, and the guard that keeps devices of virtual',
    ' machines closed until their packets are judged.',
  ]
  await writeFile(join(target, 'control'), `${fields.join('\n')}\n`)
  const etc = await files(join(folder, 'etc'))
  await writeFile(join(target, 'conffiles'), etc.map((path) => `/${relative(folder, path)}\n`).join(''))
  await writeFile(join(target, 'md5sums'), await sums(folder, target))
  for (const script of ['postinst', 'prerm', 'postrm'])
    await cp(join(root, 'packaging/debian', script), join(target, script))
  await run('chmod', ['755', target, ...['postinst', 'prerm', 'postrm'].map((each) => join(target, each))])
}

async function sums(folder: string, control: string): Promise<string> {
  const lines: string[] = []
  for (const path of await files(folder)) {
    const name = relative(folder, path)
    if (path.startsWith(control) || name.startsWith('etc/')) continue
    lines.push(
      `${createHash('md5')
        .update(await readFile(path))
        .digest('hex')}  ${name}\n`,
    )
  }
  return lines.join('')
}

/** In KiB. */
async function installedSize(folder: string): Promise<number> {
  const sizes = await Promise.all((await files(folder)).map(async (path) => (await stat(path)).size))
  return Math.ceil(sizes.reduce((sum, size) => sum + Math.ceil(size / 1024), 0))
}

const paths = async (folder: string) =>
  [folder, ...(await readdir(folder, { recursive: true })).map((name) => join(folder, name))].sort()

async function files(folder: string): Promise<readonly string[]> {
  const all = await readdir(folder, { recursive: true, withFileTypes: true })
  return all
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name))
    .sort()
}

/** Seconds since 1970. */
export async function releasedAt(): Promise<number> {
  const given =
    process.env.SOURCE_DATE_EPOCH ?? (await run('git', ['log', '-1', '--format=%ct'], { cwd: root })).stdout
  const at = Number(given)
  if (!Number.isSafeInteger(at) || at <= 0) throw new Error('SOURCE_DATE_EPOCH: expected seconds since 1970')
  return at
}

export async function packageVersion(): Promise<string> {
  return (JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string }).version
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { architecture: { type: 'string', multiple: true } } })
  const known = Object.keys(architectures) as Architecture[]
  const wanted = values.architecture ?? known
  for (const each of wanted) {
    const architecture = known.find((name) => name === each)
    if (architecture === undefined) throw new Error(`${each}: expected ${known.join(' or ')}`)
    const release = { architecture, version: await packageVersion(), at: await releasedAt() }
    process.stdout.write(`${await buildPackage(release, join(root, 'dist/debian'))}\n`)
  }
}
