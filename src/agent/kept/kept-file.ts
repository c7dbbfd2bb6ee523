/** One file that is written anew as a whole, or at its end, and never half: what a killed process has written is found. */
import { constants } from 'node:fs'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { makeDirectory } from '../directory.ts'
import { openRegular } from '../regular-file.ts'

/** Bytes of a file that is read at most. */
const largest = 1024 ** 3

export interface KeptFile {
  /** What there is; undefined where there is nothing. Rejects where others than this user and root may have written it. */
  read(): Promise<Buffer | undefined>
  /** Goes on behind the first `bytes` of what there is. */
  resume(bytes: number): Promise<void>
  /** Writes behind what there is: found by whoever reads it from now on, and after a power failure once it is synced. */
  append(text: string): Promise<void>
  /** Resolves when a power failure would take nothing of what was appended until now. */
  sync(): Promise<void>
  /**
   * Begins another file beside the one there is. `add` writes to it; `take` puts it in the place of the other one, in one
   * step and durably; `drop` leaves everything as it is.
   */
  draft(): Promise<Draft>
  /** Removes what there is. */
  remove(): Promise<void>
  close(): Promise<void>
}

export interface Draft {
  add(text: string): Promise<void>
  take(): Promise<void>
  drop(): Promise<void>
}

export function createKeptFile(path: string): KeptFile {
  // One name: a draft of a process that was killed is overwritten by the next.
  const draftPath = `${path}.draft`
  let handle: FileHandle | undefined

  async function syncDirectory(): Promise<void> {
    const directory = await open(dirname(path), constants.O_RDONLY | constants.O_DIRECTORY)
    await directory.sync().finally(() => directory.close())
  }
  async function close(): Promise<void> {
    const before = handle
    handle = undefined
    await before?.close()
  }

  return {
    async read() {
      try {
        await using file = await openRegular(path, constants.O_NOFOLLOW)
        const { size, uid, mode, nlink } = await file.stat()
        // Whoever can write it can open what is closed.
        if (uid !== process.geteuid?.() && uid !== 0) throw new Error(`its owner is another user (${uid})`)
        if ((mode & 0o022) !== 0) throw new Error('others than its owner may write it')
        if (nlink > 1) throw new Error('it has another name, too')
        if (size > largest) throw new Error(`it is larger than ${largest} bytes`)
        return await file.readFile()
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException
        if (code === 'ENOENT') return undefined
        throw code === 'ELOOP' ? new Error('it is a symbolic link') : error
      }
    },
    async resume(bytes) {
      await close()
      const opened = await open(path, constants.O_WRONLY | constants.O_APPEND | constants.O_NOFOLLOW)
      handle = opened
      await opened.truncate(bytes)
    },
    async append(text) {
      if (!handle) throw new Error('there is no file to go on with')
      await writeAll(handle, text)
    },
    async sync() {
      await handle?.datasync()
    },
    async draft() {
      await makeDirectory(dirname(path))
      await rm(draftPath, { force: true })
      const opened = await open(draftPath, 'ax', 0o600)
      let isOpen = true
      return {
        add: (text) => writeAll(opened, text),
        async take() {
          await opened.sync()
          await rename(draftPath, path)
          isOpen = false
          const before = handle
          handle = opened
          await before?.close()
          await syncDirectory()
        },
        async drop() {
          if (!isOpen) return
          isOpen = false
          await opened.close()
          await rm(draftPath, { force: true })
        },
      }
    },
    async remove() {
      await close()
      await rm(path, { force: true })
      await syncDirectory()
    },
    close,
  }
}

/** The name of the file in a directory of states. */
export const keptPath = (directory: string): string => join(directory, 'desired')

async function writeAll(handle: FileHandle, text: string): Promise<void> {
  await handle.appendFile(text, 'utf8')
}
