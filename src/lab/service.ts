/** The lab's service: `portcullis serve` in the background, enforcing inside the lab's router. */
import { spawn } from 'node:child_process'
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { err, ok, type Result } from '../core/result.ts'
import { routerNamespace } from './network.ts'
import { guard, host } from './topology.ts'

export interface RunningService {
  readonly url: string
  readonly pid: number
  /** When the kernel started the process: a number that has been given to another is told apart by it. */
  readonly startedAt: string
}

export interface ServiceOptions {
  readonly directory: string
  readonly prefix: string
  readonly program: string
  readonly listen: string
  readonly inventory: string
  readonly serve: readonly string[]
}

/** What `serve` tells a parent that started it with a channel. */
interface Ready {
  readonly ready: { readonly url: string }
}

/** Answers when it listens and has applied its rules for the first time; it then outlives us. */
export async function startService(options: ServiceOptions): Promise<Result<RunningService>> {
  const { directory, prefix, program, listen, inventory, serve } = options
  const logFile = join(directory, 'log')
  const log = await open(logFile, 'a')
  // Settings of the caller's own service are not the lab's.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('PORTCULLIS_')),
  )
  const child = spawn(
    process.execPath,
    [
      program,
      'serve',
      ...['--listen', listen, '--data', dataOf(directory), '--inventory', inventory],
      ...['--enforce', 'nftables', '--host', host, '--guard', guard, '--netns', routerNamespace(prefix)],
      ...serve,
    ],
    { detached: true, cwd: directory, env, stdio: ['ignore', log.fd, log.fd, 'ipc'] },
  )
  try {
    const url = await new Promise<string>((resolve, reject) => {
      child.on('message', (message: Ready) => resolve(message.ready.url))
      child.on('error', reject)
      child.on('exit', (code, signal) => reject(new Error(`it ended with ${code ?? signal}`)))
      // An emulated kernel takes its time.
      setTimeout(() => reject(new Error('it enforces nothing after two minutes')), 120_000).unref()
    })
    const pid = child.pid ?? 0
    const startedAt = await startOf(pid)
    if (startedAt === undefined) return err('the service ended at once')
    return ok({ url, pid, startedAt })
  } catch (error) {
    const said = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n').slice(-5).join('\n')
    return err(`the service did not start: ${error instanceof Error ? error.message : error}\n${said}`)
  } finally {
    await log.close()
    child.removeAllListeners('exit')
    if (child.connected) child.disconnect()
    child.unref()
  }
}

/** Ends it, gently and then not; answers whether there was something to end. Never ends a process that is not ours. */
export async function stopService(service: Omit<RunningService, 'url'>): Promise<boolean> {
  if (!(await isRunning(service))) return false
  process.kill(service.pid, 'SIGTERM')
  for (let waited = 0; waited < 5000; waited += 10) {
    if (!(await isRunning(service))) return true
    await delay(10)
  }
  process.kill(service.pid, 'SIGKILL')
  while (await isRunning(service)) await delay(10)
  return true
}

/**
 * Services that run on this lab's data, told by their command line: also one that was started and never written down.
 */
export async function findServices(directory: string): Promise<readonly Omit<RunningService, 'url'>[]> {
  const found: Omit<RunningService, 'url'>[] = []
  for (const entry of await readdir('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || pid === process.pid) continue
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0')
    if (!words.includes('serve') || words[words.indexOf('--data') + 1] !== dataOf(directory)) continue
    const startedAt = await startOf(pid)
    if (startedAt !== undefined) found.push({ pid, startedAt })
  }
  return found
}

const dataOf = (directory: string): string => join(directory, 'data')

/** Whether it is still the same process that was started. */
export const isRunning = async ({ pid, startedAt }: Omit<RunningService, 'url'>): Promise<boolean> =>
  (await startOf(pid)) === startedAt

/** Start time in clock ticks since boot (proc(5), stat field 22); undefined when it runs no more. */
async function startOf(pid: number): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The second field is the program's name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === '' ? undefined : fields[19]
}
