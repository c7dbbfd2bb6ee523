/** Programs as a person runs them: arguments and environment in, status and what they wrote out. */
import { type ChildProcess, spawn } from 'node:child_process'

export interface Ran {
  /** Null when a signal ended it. */
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  /** Beside this process's own. */
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
  /** Until it is killed, in milliseconds; half an hour when absent. */
  readonly patience?: number
  /** Called with every line of standard output as it comes. */
  readonly onLine?: (line: string) => void
}

const running = new Set<ChildProcess>()
// Nothing of them outlives the run: each leads a process group, with the plugins that it started.
process.on('exit', () => {
  for (const { pid } of running) if (pid !== undefined) process.kill(-pid, 'SIGKILL')
})

export function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return new Promise((done) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: 'pipe',
      detached: true,
    })
    running.add(child)
    const end = () => {
      clearTimeout(timer)
      running.delete(child)
    }
    let [stdout, stderr, rest] = ['', '', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) options.onLine?.(line)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    const kill = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL')
    const timer = setTimeout(kill, options.patience ?? 30 * 60_000)
    child.on('error', (error) => {
      end()
      done({ status: 127, stdout, stderr: error.message })
    })
    child.on('close', (status) => {
      end()
      done({ status, stdout, stderr })
    })
    // It may have ended without reading.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

/** Standard output of one that must succeed. */
export async function output(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { status, stdout, stderr } = await run(program, args, options)
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')}: status ${status}\n${(stdout + stderr).slice(-4000)}`)
  return stdout
}
