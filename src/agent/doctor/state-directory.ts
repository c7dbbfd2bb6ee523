/** Whether what must outlive a boot can be kept. */
import { randomUUID } from 'node:crypto'
import { rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Findings, findingsOn } from './finding.ts'

/** Bytes that should be free: what is desired is kept in as much at most as it takes twice. */
const room = 64 * 1024 * 1024

export async function examineStateDirectory(directory: string): Promise<Findings> {
  const about = findingsOn('state directory')
  const make = `make it for the agent alone: install -d -m 0700 ${directory}`
  try {
    const { mode } = await stat(directory)
    const draft = join(directory, `.doctor-${randomUUID()}`)
    await writeFile(draft, 'x', { mode: 0o600 })
    await rm(draft)
    const { bavail, bsize } = await statfs(directory)
    if ((mode & 0o022) !== 0)
      return [about.failure(`${directory} may be written by others: what is kept there is not used`, make)]
    if (bavail * bsize < room)
      return [
        about.warning(`${directory} has ${Math.floor((bavail * bsize) / 1024 / 1024)} MiB free`, 'make room'),
      ]
    return [about.ok(`${directory} can be written`)]
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return [
      about.failure(
        `${directory} ${code === 'ENOENT' ? 'is not there' : `cannot be written (${code})`}: nothing is kept for the next boot`,
        make,
      ),
    ]
  }
}
