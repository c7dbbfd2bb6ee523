/** The token of this host, as the agent reads it: root may read what the agent may not. */
import { err, ok, type Result } from '../../core/result.ts'
import { run } from '../run.ts'
import { readToken } from '../token.ts'
import type { AsAgent } from './as-agent.ts'
import { type Finding, findingsOn } from './finding.ts'

const about = findingsOn('token')

export async function examineToken(
  path: string,
  { user, command }: AsAgent,
): Promise<Result<string, Finding>> {
  const own = `chown ${user} ${path} && chmod 600 ${path}`
  const token = await readToken(path)
  if (!token.ok)
    return err(about.failure(`${path}: ${token.error}`, token.error.includes('chmod') ? own : undefined))
  const readable = await run(command(['test', '-r', path])).then(
    () => true,
    () => false,
  )
  return readable ? ok(token.value) : err(about.failure(`${path}: ${user} may not read it`, own))
}
