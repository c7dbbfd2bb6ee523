/**
 * The agent's Unix socket as a file: where it is, and how it takes the place of one whose agent is no more.
 *
 * Whoever may open the file may speak: it is its owner's alone.
 */
import { chmod, lstat, mkdtemp, rename, rm, stat } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { runtimeDirectory, socketName } from '../../core/model/local.ts'
import { makeDirectory } from '../directory.ts'

/** What a path of a socket may have at most, in bytes (unix(7)), with its end. */
const longestPath = 108

/** In the runtime directory of this process, else the one of the host if there is one, else where the agent keeps its things. */
export async function socketPath(
  stateDirectory: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  // systemd names several with colons between them.
  const [own = ''] = (env.RUNTIME_DIRECTORY ?? '').split(':')
  if (own !== '') return join(resolve(own), socketName)
  const hosts = await stat(runtimeDirectory).catch(() => undefined)
  return join(hosts?.isDirectory() ? runtimeDirectory : resolve(stateDirectory), socketName)
}

export interface Listening {
  /** Whether the file still leads here. */
  isThere(): Promise<boolean>
  /** Nobody is heard any more, and the file is gone if it led here. */
  close(): Promise<void>
}

/** Rejects, in words for the operator, where another agent answers there or the file cannot be made. */
export async function listenAt(server: Server, path: string): Promise<Listening> {
  await refuseLive(path)
  const directory = dirname(path)
  await makeDirectory(directory)
  // Made where nobody else may go, and moved when only its owner may open it: there is no moment in between.
  const draft = await mkdtemp(join(directory, '.sock-'))
  let own: number
  try {
    const made = join(draft, 's')
    if (Buffer.byteLength(made) >= longestPath)
      throw new Error(`its path is too long: a socket's has at most ${longestPath - 1} bytes`)
    await new Promise<void>((done, failed) => {
      server.once('error', failed)
      server.listen(made, () => {
        server.off('error', failed)
        done()
      })
    })
    await chmod(made, 0o600)
    own = (await stat(made)).ino
    await rename(made, path)
  } catch (error) {
    server.close()
    throw error
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
  const isThere = async () => (await lstat(path).catch(() => undefined))?.ino === own
  return {
    isThere,
    async close() {
      if (await isThere()) await rm(path, { force: true })
      await new Promise<void>((done) => server.close(() => done()))
    },
  }
}

/** Nothing, or what a killed agent has left, may be replaced. */
async function refuseLive(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
    throw error
  })
  if (!found) return
  if (!found.isSocket()) throw new Error('there is something else, which is no socket')
  if (await answers(path)) throw new Error('another agent listens there')
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ path })
    socket.on('connect', () => {
      socket.destroy()
      done(true)
    })
    // One whose backlog is full is there, too.
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      done(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    )
  })
}
