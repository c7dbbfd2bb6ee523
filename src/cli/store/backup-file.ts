/** Where backups are kept: a file that is there when it is whole, or standard output and input. Compressed by zstd. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, lstat, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { pipeline as pipe, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import { Refused, Untried } from '../../storage/whole/whole-store.ts'

/** In place of a file. */
export const standard = '-'

/** What was written, and what the text returned at its end. */
interface Kept<T> {
  readonly value: T
  /** Compressed. */
  readonly bytes: number
}

/**
 * Writes text to a file that only its owner may read. Until all of it is on the disk the file has another name, and what was
 * there before stays. Aborted, or when the text throws, nothing is left; what a process has left that was killed is
 * removed by the next backup to that file.
 */
export async function keepText<T>(
  file: string,
  text: AsyncGenerator<string, T, void>,
  signal: AbortSignal,
): Promise<Kept<T>> {
  if (file === standard) return compressed(text, toStandardOutput, signal)
  const folder = dirname(file)
  const there = await stat(file).catch(() => undefined)
  if (there && !there.isFile()) throw new Untried(`${file}: a file is expected`)
  await removeAbandoned(folder, basename(file))
  const temporary = join(folder, `.${basename(file)}.${randomBytes(4).toString('hex')}.partial`)
  const handle = await openOrNot(temporary, 'wx')
  try {
    const kept = await compressed(text, (chunk) => handle.writeFile(chunk), signal)
    await handle.sync()
    await handle.close()
    await rename(temporary, file)
    await syncFolder(folder)
    return kept
  } catch (error) {
    await handle.close()
    await rm(temporary, { force: true })
    throw error
  }
}

/** A backup that has written nothing for so long does not go on, milliseconds. */
const abandonedMs = 60 * 60_000

/** A file that cannot be removed keeps no backup from being made. */
async function removeAbandoned(folder: string, name: string): Promise<void> {
  for (const each of await readdir(folder).catch(() => [])) {
    if (!each.startsWith(`.${name}.`) || !/^[0-9a-f]{8}\.partial$/.test(each.slice(name.length + 2))) continue
    const path = join(folder, each)
    const found = await lstat(path).catch(() => undefined)
    if (found?.isFile() && Date.now() - found.mtimeMs > abandonedMs) await rm(path).catch(() => {})
  }
}

async function compressed<T>(
  text: AsyncGenerator<string, T, void>,
  write: (chunk: Buffer) => Promise<void>,
  signal: AbortSignal,
): Promise<Kept<T>> {
  let value: T | undefined
  let bytes = 0
  async function* whole() {
    value = yield* text
  }
  async function writeAll(chunks: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of chunks) {
      await write(chunk)
      bytes += chunk.length
    }
  }
  await pipeline(whole, createZstdCompress(), writeAll, { signal })
  return { value: value as T, bytes }
}

const toStandardOutput = (chunk: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    process.stdout.write(chunk, (error) => (error ? reject(error) : resolve()))
  })

/** A rename is durable when its folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

export interface BackupFile {
  /** From its beginning, each time. */
  read(): AsyncIterable<Buffer>
  close(): Promise<void>
}

/** What comes on standard input is put aside first, in a file that nobody else can open: it is read more than once. */
export async function openBackup(file: string): Promise<BackupFile> {
  const handle = file === standard ? await putAside(process.stdin) : await openOrNot(file, 'r')
  return {
    async *read() {
      const plain = pipe(Readable.from(bytesOf(handle)), createZstdDecompress(), () => {})
      try {
        yield* plain as AsyncIterable<Buffer>
      } catch (error) {
        if (!/^(ZSTD_|Z_)/.test(String((error as NodeJS.ErrnoException).code))) throw error
        throw new Refused('the backup was cut or altered, or is none', { cause: error })
      }
    },
    close: () => handle.close(),
  }
}

/** In one read. */
const chunkBytes = 256 * 1024

/** From its beginning, wherever it was read before. */
async function* bytesOf(handle: FileHandle): AsyncGenerator<Buffer, void, void> {
  for (let position = 0; ; ) {
    const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(chunkBytes), 0, chunkBytes, position)
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

async function putAside(input: AsyncIterable<Buffer>): Promise<FileHandle> {
  const path = join(tmpdir(), `portcullis-restore-${randomBytes(8).toString('hex')}`)
  const handle = await openOrNot(path, 'wx+')
  try {
    await rm(path)
    for await (const chunk of input) await handle.writeFile(chunk)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function openOrNot(path: string, flags: string): Promise<FileHandle> {
  try {
    const handle = await open(path, flags, 0o600)
    if ((await handle.stat()).isFile()) return handle
    await handle.close()
  } catch (error) {
    throw new Untried('the file cannot be opened', { cause: error })
  }
  throw new Untried(`${path}: a file is expected`)
}
