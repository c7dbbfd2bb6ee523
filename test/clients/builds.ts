/** Clients built from their registries, kept outside the checkout and keyed by all that makes them what they are. */
import { createHash, randomUUID } from 'node:crypto'
import { cp, glob, mkdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { output, run } from './run.ts'

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'portcullis-clients')

const exists = (path: string) =>
  stat(path).then(
    () => true,
    () => false,
  )

const digest = (...parts: readonly string[]) =>
  createHash('sha256').update(parts.join('\0')).digest('hex').slice(0, 12)

/** `make` fills an empty directory, which becomes `name` when it is done: half a build is never taken for one. */
async function once(name: string, make: (directory: string) => Promise<void>): Promise<string> {
  const built = join(cache, name)
  if (await exists(built)) return built
  const directory = join(cache, `unfinished-${randomUUID()}`)
  await mkdir(directory, { recursive: true })
  try {
    await make(directory)
    await rename(directory, built)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return built
}

// Static, without symbols: nobody debugs them, and they link in half the time.
const goBuild = ['build', '-buildvcs=false', '-trimpath', '-ldflags=-s -w']
const goEnvironment = { CGO_ENABLED: '0', GOTOOLCHAIN: 'local' }

/** For `obstacle`. */
export async function noGo(): Promise<string | false> {
  return (await run('go', ['version'])).status === 0 ? false : 'it needs Go 1.26'
}

const goVersion = async () => (await output('go', ['env', 'GOVERSION'])).trim()

export interface GoProgram {
  /** Module path with its major version. */
  readonly module: string
  readonly version: string
  /** Of the main package, relative to the module. */
  readonly package: string
  /** Modules to take instead of those that its go.mod names. */
  readonly require?: readonly string[]
}

/** A program that a module holds: its path. It is called as the module, which is what Terraform looks for. */
export async function goProgram(wanted: GoProgram): Promise<string> {
  const { module, version, require = [] } = wanted
  const name = module.split('/').findLast((part) => !/^v\d+$/.test(part)) ?? module
  const key = digest(module, version, wanted.package, ...require, await goVersion())
  const built = await once(`${name}-${version}-${key}`, async (directory) => {
    const found = JSON.parse(await output('go', ['mod', 'download', '-json', `${module}@${version}`]))
    // A main module may replace others, which one that is only depended on may not; so it is built as one.
    const source = join(directory, 'source')
    await cp(found.Dir, source, { recursive: true })
    await output('chmod', ['-R', 'u+w', source])
    if (require.length > 0)
      await output('go', ['mod', 'edit', ...require.map((each) => `-require=${each}`)], { cwd: source })
    await output('go', [...goBuild, '-mod=mod', '-o', join(directory, name), wanted.package], {
      cwd: source,
      env: goEnvironment,
    })
    await rm(source, { recursive: true, force: true })
  })
  return join(built, name)
}

/** A program of ours that uses an SDK, a package of the module in that folder: its path. */
export async function ownGoProgram(folder: string, name: string): Promise<string> {
  const files: string[] = []
  for await (const file of glob('{go.mod,go.sum,**/*.go}', { cwd: folder })) files.push(file)
  const texts = await Promise.all(files.sort().map((file) => readFile(join(folder, file), 'utf8')))
  const key = digest(...files, ...texts, await goVersion())
  const built = await once(`own-${name}-${key}`, async (directory) => {
    await output('go', [...goBuild, '-mod=readonly', '-o', join(directory, name), `./${name}`], {
      cwd: folder,
      env: goEnvironment,
    })
  })
  return join(built, name)
}

/** A virtual environment with exactly what a requirements file names; `bin/python` in the directory that is returned. */
export async function pythonEnvironment(requirements: string): Promise<string> {
  const text = await readFile(requirements, 'utf8')
  const version = (await output('python3', ['--version'])).trim()
  // A virtual environment knows its own path, so it cannot be renamed: a marker says that it is whole.
  const directory = join(cache, `python-${digest(text, version)}`)
  const marker = join(directory, 'whole')
  if (await exists(marker)) return directory
  await rm(directory, { recursive: true, force: true })
  await output('python3', ['-m', 'venv', directory])
  await output(join(directory, 'bin', 'pip'), ['install', '--quiet', '--no-deps', '-r', requirements])
  await mkdir(marker)
  return directory
}
