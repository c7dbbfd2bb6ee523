/** Runs the machine's own programs (`ip`, `nft`, `ping`) and answers what they said. */
import { spawn } from 'node:child_process'

export interface Ran {
  /** Exit status; 127 when the program is not there. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** Never rejects: a program that fails, or is missing, is an answer. */
export function run(command: string, args: readonly string[], input = ''): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let stdout = ''
    let stderr = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
    })
    // A program that ends before it has read everything closes the pipe under us; its status says why.
    child.stdin.on('error', () => {})
    child.on('error', (error) => resolve({ status: 127, stdout, stderr: error.message }))
    child.on('close', (code) => resolve({ status: code ?? 1, stdout, stderr }))
    child.stdin.end(input)
  })
}

/** Like `run`, for what must succeed; rejects with the program's own words. */
export async function mustRun(command: string, args: readonly string[], input = ''): Promise<string> {
  const ran = await run(command, args, input)
  if (ran.status !== 0) {
    throw new Error(`${command} ${args.join(' ')}: ${ran.stderr.trim() || `status ${ran.status}`}`)
  }
  return ran.stdout
}
