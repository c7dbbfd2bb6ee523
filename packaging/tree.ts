/** Lays out the files that are installed, below a folder that becomes the package. */
import { chmod, copyFile, cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildInto } from '../build.ts'
import type { Architecture } from './architectures.ts'
import { describedCommands } from './commands.ts'
import { bashCompletion } from './completion.ts'
import { shippedGuard } from './guard.ts'
import { bundledPackages, copyrightFile, licensed } from './licences.ts'
import { manPages } from './man.ts'
import { nativePackages, withNative } from './native.ts'
import { root } from './root.ts'

export interface Release {
  readonly architecture: Architecture
  /** Of npm's kind: 1.2.3, 1.2.3-rc.1. */
  readonly version: string
  /** Of all files: seconds since 1970. */
  readonly at: number
}

export async function layOut(folder: string, release: Release): Promise<void> {
  await cp(join(root, 'packaging', 'root'), folder, { recursive: true })
  const library = join(folder, 'usr/lib/portcullis')
  await write(join(library, 'guard.nft'), shippedGuard)
  const inputs = await program(library, release)
  await withNative(release.architecture, async (modules) => {
    await natives(library, modules, release.architecture)
    const names = [...bundledPackages(inputs), ...Object.values(nativePackages(release.architecture))]
    const all = await Promise.all(names.map((name) => licensed(modules, name)))
    await write(join(folder, 'usr/share/doc/portcullis/copyright'), copyrightFile(all))
  })
  await told(folder, release)
  await settle(folder)
}

/** Answers the files that went into the bundle. */
async function program(library: string, { version }: Release): Promise<readonly string[]> {
  const dist = join(library, 'dist')
  const inputs = await buildInto(dist, { sourcemap: false })
  // The version, and that the files are modules, is read from it.
  await write(
    join(library, 'package.json'),
    `${JSON.stringify({ name: 'portcullis', version, type: 'module' })}\n`,
  )
  return inputs
}

async function natives(library: string, modules: string, architecture: Architecture): Promise<void> {
  const { node, koffi, library: native } = nativePackages(architecture)
  await mkdir(join(library, 'bin'))
  await copyFile(join(modules, node, 'bin/node'), join(library, 'bin/node'))
  const from = (name: string, file: string) => join(modules, name, file)
  const to = (name: string, file: string) => join(library, 'node_modules', name, file)
  const parts: readonly (readonly [string, string])[] = [
    ...['package.json', 'index.js', 'src/koffi/index.js', 'src/koffi/src/static.js'].map(
      (file) => [koffi, file] as const,
    ),
    ...['package.json', 'index.js', join(`linux_${native.split('-').at(-1)}`, 'koffi.node')].map(
      (file) => [native, file] as const,
    ),
  ]
  for (const [name, file] of parts) {
    await mkdir(dirname(to(name, file)), { recursive: true })
    await copyFile(from(name, file), to(name, file))
  }
}

/** What people read: pages, completion, changes. */
async function told(folder: string, { version, at }: Release): Promise<void> {
  const commands = await describedCommands()
  const share = join(folder, 'usr/share')
  for (const [name, text] of manPages(commands, { version, at }))
    await zipped(join(share, 'man/man1', `${name}.gz`), text)
  await write(join(share, 'bash-completion/completions/portcullis'), bashCompletion(commands))
  await write(
    join(share, 'lintian/overrides/portcullis'),
    await readFile(join(root, 'packaging/debian/lintian-overrides'), 'utf8'),
  )
  const documents = join(share, 'doc/portcullis')
  await zipped(join(documents, 'changelog.gz'), await readFile(join(root, 'CHANGELOG.md'), 'utf8'))
  await zipped(join(documents, 'changelog.Debian.gz'), debianChangelog(version, at))
}

const { DEBFULLNAME = 'The authors of Portcullis', DEBEMAIL = 'portcullis@packages.debian.org' } = process.env

/** Who answers for the package: by the variables of Debian's own tools. The address that stands in for it is nobody's. */
export const maintainer = `${DEBFULLNAME} <${DEBEMAIL}>`

/** `~` sorts before everything, as a pre-release should. */
export const debianVersion = (version: string): string => `${version.replace('-', '~')}-1`

function debianChangelog(version: string, at: number): string {
  const date = new Date(at * 1000).toUTCString().replace('GMT', '+0000')
  return [
    `portcullis (${debianVersion(version)}) unstable; urgency=medium`,
    `  * Release ${version}: see changelog.gz.`,
    ` -- ${maintainer}  ${date}\n`,
  ].join('\n\n')
}

async function write(path: string, text: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, text)
}

/** Without a name and a time of its own. */
const zipped = (path: string, text: string) => write(path, gzipSync(text, { level: 9 }))

const executable = /^#!|^\x7fELF/

/** Modes do not depend on those of the checkout: what can be run may be, all else may be read. */
async function settle(folder: string): Promise<void> {
  for (const each of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(each.parentPath, each.name)
    if (each.isDirectory()) {
      await chmod(path, 0o755)
      continue
    }
    const head = (await readFile(path)).toString('latin1', 0, 4)
    await chmod(
      path,
      executable.test(head) && !path.endsWith('.node') && !path.endsWith('.js') ? 0o755 : 0o644,
    )
  }
  await chmod(folder, 0o755)
}
