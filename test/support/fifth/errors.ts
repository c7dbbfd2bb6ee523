/** Every kind of error in the made-up provider's words. */
import type { RequestError } from '../../../src/core/model/error.ts'
import type { Answer } from '../../../src/dialects/dialect.ts'

const statuses = {
  unauthenticated: 401,
  'too-many-requests': 429,
  forbidden: 404,
  'not-found': 404,
  'method-not-allowed': 405,
  malformed: 400,
  'unsupported-media-type': 415,
  'too-large': 413,
  invalid: 400,
  conflict: 409,
  'pool-empty': 409,
  'limit-reached': 409,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<Exclude<RequestError['kind'], 'protocol'>, number>

/** Another account's is answered as what does not exist; a scope that is missing is not. */
function faultOf(error: RequestError): Pick<Answer, 'status' | 'headers'> & { readonly fault: string } {
  if (error.kind === 'protocol') return { status: error.status, fault: 'protocol' }
  if (error.kind === 'forbidden' && error.resource === undefined) return { status: 403, fault: 'forbidden' }
  const fault = error.kind === 'forbidden' ? 'not-found' : error.kind
  const status = statuses[error.kind]
  if (error.kind === 'method-not-allowed')
    return { status, fault, headers: { allow: error.allowed.join(', ') } }
  if (error.kind === 'too-many-requests')
    return { status, fault, headers: { 'retry-after': String(error.retryAfter) } }
  return { status, fault }
}

export function errorAnswer(error: RequestError): Answer {
  const { fault, ...answer } = faultOf(error)
  return { ...answer, body: { fault } }
}
