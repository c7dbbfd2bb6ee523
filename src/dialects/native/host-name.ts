/** Names of hosts in paths. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DialectRequest } from '../dialect.ts'

export function hostOf({ params: { host = '' } }: DialectRequest): Result<string, RequestError> {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/.test(host)) return ok(host)
  const reason = 'expected a host’s name of letters, digits, dots, hyphens or underscores'
  return err({ kind: 'invalid', field: 'host', reason })
}
