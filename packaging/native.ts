/**
 * What cannot be bundled: Node itself and koffi with its library, of one processor. They are in `node_modules` where npm
 * installed them; those of another processor npm fetches, by the lock file and its checksums.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Architecture, architectures } from './architectures.ts'
import { root } from './root.ts'

/** Names of npm packages that go into the package as they are. */
export const nativePackages = (architecture: Architecture) => {
  const name = architectures[architecture]
  return { node: `node-linux-${name}`, koffi: 'koffi', library: `@koromix/koffi-linux-${name}` } as const
}

/** Calls `use` with the `node_modules` that has them; it is gone afterwards where it was fetched. */
export async function withNative<T>(
  architecture: Architecture,
  use: (modules: string) => Promise<T>,
): Promise<T> {
  const here = join(root, 'node_modules')
  if (Object.values(nativePackages(architecture)).every((name) => existsSync(join(here, name))))
    return use(here)
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-package-'))
  try {
    for (const file of ['package.json', 'package-lock.json', '.npmrc'])
      await copyFile(join(root, file), join(folder, file))
    const cpu = architectures[architecture]
    await promisify(execFile)(
      'npm',
      [
        'ci',
        '--omit=dev',
        `--cpu=${cpu}`,
        '--os=linux',
        '--libc=glibc',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
      ],
      { cwd: folder },
    )
    return await use(join(folder, 'node_modules'))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
