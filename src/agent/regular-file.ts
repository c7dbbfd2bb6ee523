/** Opens files that others may have put something else in the place of. */
import { constants } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'

/**
 * For reading. Rejects where it is no regular file, so that nobody waits for the other end of a pipe. `flags` are more of
 * `constants`.
 */
export async function openRegular(path: string, flags = 0): Promise<FileHandle> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags)
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is no regular file')
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}
