/**
 * Files of a directory that others write, each read again only where it may have changed.
 *
 * pmxcfs, the file system of `/etc/pve`, keeps times in whole seconds and files of at most 1 MiB (pve-cluster
 * src/pmxcfs/memdb.h); what another node writes there is announced to nobody.
 */
import { constants, type Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { openRegular } from '../../regular-file.ts'

export interface ConfigFiles<T> {
  /** Looks at a file. False: there is none, and what was read before is kept until it is forgotten. */
  look(path: string): Promise<boolean>
  /** What was read last, the same object as long as it is the same; undefined: nothing that can be read. */
  value(path: string): T | undefined
  /** Why it was not read as it is now, in words for the operator; null: it was. */
  problem(path: string): string | null
  has(path: string): boolean
  /** Forgets all files but these. */
  keep(paths: ReadonlySet<string>): void
}

interface Read<T> {
  value: T | undefined
  problem: string | null
  signature: string
  changedAt: number
  settled: boolean
}

export const maxBytes = 1 << 20

/** Within one second of a change a second one may leave time and size as they were. */
const uncertainMs = 3000
/** A file without an end of its last line is being written, or has been that long as it is. */
const settlingMs = 1000

/** `now` counts milliseconds, and never goes back. */
export function createConfigFiles<T>(
  parse: (text: string, path: string) => T,
  now: () => number,
): ConfigFiles<T> {
  const files = new Map<string, Read<T>>()

  async function look(path: string): Promise<boolean> {
    const file = files.get(path) ?? {
      value: undefined,
      problem: null,
      signature: '',
      changedAt: 0,
      settled: false,
    }
    try {
      const found = await lstat(path)
      files.set(path, file)
      const signature = `${found.ino} ${found.size} ${found.mtimeMs} ${found.mode}`
      if (signature === file.signature && file.settled && now() - file.changedAt > uncertainMs) return true
      if (signature !== file.signature) Object.assign(file, { signature, changedAt: now(), settled: false })
      await read(path, file, found)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return false
      // What was known is what it most probably still is; it is read again at the next look.
      files.set(path, file)
      Object.assign(file, {
        problem: `it cannot be read (${code ?? String(error)})`,
        signature: '',
        settled: false,
      })
    }
    return true
  }

  async function read(path: string, file: Read<T>, found: Stats): Promise<void> {
    if (!found.isFile()) return refuse(file, 'it is no regular file')
    if (found.size > maxBytes) return refuse(file, 'it is larger than 1 MiB')
    const bytes = await readBytes(path, found.size)
    if (bytes === null) return
    const text = bytes.toString('utf8')
    if (!text.endsWith('\n') && now() - file.changedAt < settlingMs) return
    if (text.includes('\0')) return refuse(file, 'it holds bytes that no text holds')
    const value = parse(text, path)
    if (!isDeepStrictEqual(value, file.value)) file.value = value
    Object.assign(file, { problem: null, settled: true })
  }

  function refuse(file: Read<T>, problem: string): void {
    Object.assign(file, { value: undefined, problem, settled: true })
  }

  return {
    look,
    value: (path) => files.get(path)?.value,
    problem: (path) => files.get(path)?.problem ?? null,
    has: (path) => files.has(path),
    keep(paths) {
      for (const path of files.keys()) if (!paths.has(path)) files.delete(path)
    },
  }
}

/** Null: it has another size by now. */
async function readBytes(path: string, size: number): Promise<Buffer | null> {
  const file = await openRegular(path, constants.O_NOFOLLOW)
  try {
    const buffer = Buffer.alloc(size + 1)
    let length = 0
    for (let more = 1; more > 0 && length < buffer.length; length += more) {
      more = (await file.read(buffer, length, buffer.length - length, length)).bytesRead
    }
    return length === size ? buffer.subarray(0, size) : null
  } finally {
    await file.close()
  }
}
