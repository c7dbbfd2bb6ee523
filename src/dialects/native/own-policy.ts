/** Which policies are written here: those of the native profile. */
import type { RequestError } from '../../core/model/error.ts'
import { err, type Result } from '../../core/result.ts'
import type { DialectRequest } from '../dialect.ts'
import { identifier } from './endpoint.ts'
import { manifest } from './manifest.ts'

/** The id of the native policy in the path; `conflict` for one that another dialect writes. */
export async function ownPolicy(request: DialectRequest): Promise<Result<string, RequestError>> {
  const id = identifier(request, 'policy')
  if (!id.ok) return id
  const found = await request.services.policies.get(request, id.value)
  if (!found.ok) return found
  if (found.value.profile === manifest.profile) return id
  const reason = `The policy is written through the API of ${found.value.profile}.`
  return err({ kind: 'conflict', resource: 'policy', reason })
}
