/** The directory that the service keeps its things in. */
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Makes it, and those above it, for the owner alone. Step by step: Node's own recursion never ends below /proc. */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && dirname(path) !== path) {
      await makeDirectory(dirname(path))
      await mkdir(path, { mode: 0o700 })
    } else if (code !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error
  }
}
