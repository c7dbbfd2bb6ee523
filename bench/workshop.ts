/**
 * What a run makes on this machine, network namespaces above all, and that nothing of it is left behind: not after the
 * end, an error, SIGINT or SIGTERM; what SIGKILL leaves, the next run removes.
 */
import { type ChildProcess, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mustRun } from '../src/lab/run.ts'

const prefix = 'pcl-bench-'
const temporary = 'portcullis-bench-'
const made = new Set<string>()
const children = new Set<ChildProcess>()

/** For files; removed at the end. The pid in its name tells whose it is. */
export const directory = mkdtempSync(join(tmpdir(), `${temporary}${process.pid}-`))

let next = 0
/** Creates a namespace that is deleted at the end, if not before. */
export async function namespace(): Promise<string> {
  const name = `${prefix}${process.pid}-${next++}`
  made.add(name)
  await mustRun('ip', ['netns', 'add', name])
  return name
}

/** Deletes a namespace with the processes in it. */
export function remove(name: string): void {
  const pids = spawnSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).stdout ?? ''
  for (const pid of pids.split('\n').filter(Boolean).map(Number)) {
    try {
      if (pid !== process.pid) process.kill(pid, 'SIGKILL')
    } catch {
      // It ended between the list and now.
    }
  }
  spawnSync('ip', ['netns', 'del', name])
  made.delete(name)
}

/** Ends the process with this one. */
export function own<T extends ChildProcess>(child: T): T {
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

export const inside = (name: string, command: readonly string[], input?: string): Promise<string> =>
  mustRun('ip', ['netns', 'exec', name, ...command], input)

export const batch = (name: string, lines: readonly string[]): Promise<string> =>
  mustRun('ip', ['-n', name, '-batch', '-'], `${lines.join('\n')}\n`)

/** Removes what runs left that were killed. */
function sweep(): void {
  const pidOf = (name: string, start: string) => Number(new RegExp(`^${start}(\\d+)`).exec(name)?.[1])
  const dead = (pid: number) => pid > 0 && pid !== process.pid && !isBench(pid)
  for (const name of list('/run/netns')) if (dead(pidOf(name, prefix))) remove(name)
  for (const name of list(tmpdir()))
    if (dead(pidOf(name, temporary))) rmSync(join(tmpdir(), name), { recursive: true, force: true })
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** A pid may have been given to another program since. */
function isBench(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('bench')
  } catch {
    return false
  }
}

sweep()
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  for (const name of made) remove(name)
  rmSync(directory, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => process.exit(128 + { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 }[signal]))
}
