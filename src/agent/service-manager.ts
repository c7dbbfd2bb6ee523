/**
 * Tells the service manager that started this process how it is: sd_notify(3), in datagrams to the socket that NOTIFY_SOCKET
 * names. Where nobody asks, nothing is told.
 */
import { type Libc, loadLibc } from './netlink/libc.ts'

export interface ServiceManager {
  /** It is ready when this resolves, or after `patienceMs`: what is closed until then need not keep a boot waiting. */
  readyWhen(done: Promise<unknown>, status: string): void
  /** Between the two it reads its files again. */
  reloading(): void
  reloaded(): void
  stopping(): void
}

interface Log {
  warn(fields: object, text: string): void
}

/** Milliseconds that a start waits for rules at most. */
const patienceMs = 15_000
/** Milliseconds until a full socket is tried again, and how often it is. */
const [againMs, most] = [100, 50]

const nobody: ServiceManager = { readyWhen() {}, reloading() {}, reloaded() {}, stopping() {} }

/** unix(7), socket(7), errno(3), of Linux. */
const [AF_UNIX, SOCK_DGRAM, SOCK_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL, EAGAIN] = [
  1, 2, 0o2000000, 0x40, 0x4000, 11,
]

/** Takes what concerns this process out of the environment: programs that it starts must not speak for it. */
export async function findServiceManager(
  env: NodeJS.ProcessEnv,
  log: Log,
  libc: () => Promise<Libc> = loadLibc,
): Promise<ServiceManager> {
  const { NOTIFY_SOCKET: path, WATCHDOG_USEC: usec, WATCHDOG_PID: watched } = env
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name]
  if (path === undefined || path === '') return nobody
  let tell: (state: string) => void
  try {
    tell = connected(await libc(), path, log)
  } catch (error) {
    log.warn({ err: error }, 'the service manager cannot be told that this is ready')
    return nobody
  }
  const watchdogMs = watched === undefined || watched === String(process.pid) ? Number(usec ?? 0) / 1000 : 0
  let watchdog: NodeJS.Timeout | undefined
  return {
    readyWhen(done, status) {
      let patience: NodeJS.Timeout | undefined
      const waited = new Promise((resolve) => {
        patience = setTimeout(resolve, patienceMs)
      })
      const settled = done.then(
        () => true,
        () => false,
      )
      void Promise.race([settled, waited]).then((well) => {
        clearTimeout(patience)
        // What fails to begin says so itself, and ends.
        if (well === false) return
        tell(`READY=1\nSTATUS=${well ? status : 'closed: what to enforce is not known yet'}`)
        if (!well) void settled.then((later) => later && tell(`STATUS=${status}`))
        // Twice as often as it must be: a loop that does not come round is hung.
        if (watchdogMs > 0) watchdog = setInterval(() => tell('WATCHDOG=1'), watchdogMs / 2).unref()
      })
    },
    reloading: () => tell(`RELOADING=1\nMONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`),
    reloaded: () => tell('READY=1'),
    // Nobody watches what ends.
    stopping() {
      clearInterval(watchdog)
      tell('STOPPING=1')
    },
  }
}

function connected(libc: Libc, path: string, log: Log): (state: string) => void {
  const socket = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  if (socket < 0) throw new Error(`no socket: errno ${libc.errno()}`)
  const address = addressOf(path)
  if (libc.connect(socket, address, address.length) < 0) {
    const code = libc.errno()
    libc.close(socket)
    throw new Error(`${path}: errno ${code}`)
  }
  return function tell(state: string, tries = most): void {
    const bytes = Buffer.from(state)
    if (libc.send(socket, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return
    const code = libc.errno()
    if (code === EAGAIN && tries > 0) setTimeout(tell, againMs, state, tries - 1)
    else log.warn({ errno: code }, 'the service manager could not be told')
  }
}

/** A path, or with a leading @ an abstract name. */
function addressOf(path: string): Buffer {
  if (!/^[/@]/.test(path) || Buffer.byteLength(path) > 107) throw new Error(`${path}: no name of a socket`)
  const name = Buffer.from(path.startsWith('@') ? `\0${path.slice(1)}` : `${path}\0`)
  return Buffer.concat([Buffer.from([AF_UNIX, 0]), name])
}
