/** `portcullis serve` as a process, started and ended as an operator would. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

export const main = new URL('../../src/cli/main.ts', import.meta.url).pathname

export interface Running {
  readonly child: ChildProcess
  stdout(): string
  stderr(): string
}

export interface Started extends Running {
  readonly url: string
}

const launched = new Set<ChildProcess>()
// Nothing of them outlives the tests, whatever becomes of those.
process.on('exit', () => {
  for (const { pid, exitCode, signalCode } of launched) {
    if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, 'SIGKILL')
  }
})

/** `command` begins with the program. It leads a process group of its own. */
export function launch(
  [program = '', ...args]: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): Running {
  const child = spawn(program, args, {
    cwd,
    detached: true,
    env: { ...process.env, PORTCULLIS_LISTEN: '127.0.0.1:0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  launched.add(child)
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  return { child, stdout: () => stdout, stderr: () => stderr }
}

/** Until it says where it listens. */
export async function listening(running: Running): Promise<Started> {
  const { child, stdout, stderr } = running
  const found = () => /^listening on (https?:\/\/\S+)$/m.exec(stdout())?.[1]
  while (found() === undefined) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(stderr())
    await Promise.race([once(child.stdout as NonNullable<typeof child.stdout>, 'data'), once(child, 'exit')])
  }
  const url = found()
  assert.ok(url)
  return { ...running, url }
}

/** Status and what it said on standard error, when it has ended by itself; killed if it does not. */
export async function ended({ child, stderr }: Running): Promise<[number | NodeJS.Signals | null, string]> {
  const patience = setTimeout(() => child.kill('SIGKILL'), 60_000)
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
  clearTimeout(patience)
  return [child.exitCode ?? child.signalCode, stderr()]
}
