/** Every kind of error in IONOS Cloud's words (contract: ionos §1.8). */
import type { RequestError, ResourceKind, Violation } from '../../core/model/error.ts'
import { err, type Result } from '../../core/result.ts'
import type { Answer } from '../dialect.ts'

/** A malformed request; `violations` has at least one. */
export function violated(violations: readonly Violation[]): RequestError {
  const [{ field, reason } = { field: '(root)', reason: 'is not valid' }] = violations
  return { kind: 'invalid', field, reason, violations }
}

export const violates = (field: string, reason: string): RequestError => violated([{ field, reason }])

/** A well-formed request that cannot be executed. */
export function impossible(reason: string): RequestError {
  return { kind: 'invalid', field: '', reason, code: '200' }
}

/** Any missing resource, also one of another contract. */
export const notFound = (id: string): Result<never, RequestError> =>
  err({ kind: 'not-found', resource: 'document', id })

export function tooMany(items: readonly unknown[], max: number): RequestError | undefined {
  return items.length > max ? { kind: 'limit-reached', resource: 'rule', limit: max } : undefined
}

export function errorAnswer(error: RequestError): Answer {
  const { status, code = String(status), messages, headers } = explain(error)
  return {
    status,
    body: { httpStatus: status, messages: messages.map((message) => ({ errorCode: code, message })) },
    ...(headers && { headers }),
  }
}

interface Explained {
  readonly status: number
  /** The status as text where it is not given. */
  readonly code?: string
  readonly messages: readonly string[]
  readonly headers?: Readonly<Record<string, string>>
}

const cannot = (reason: string): Explained => ({
  status: 422,
  code: '200',
  messages: [`[VDC-5-1921] Operation cannot be executed since ${reason}`],
})

/** Of what a contract may have so many of. */
const nouns: Partial<Record<ResourceKind, string>> = {
  server: 'servers',
  policy: 'security groups',
  rule: 'firewall rules',
  'ip-address': 'IP addresses',
  credential: 'credentials',
}

function explain(error: RequestError): Explained {
  switch (error.kind) {
    case 'unauthenticated':
      return {
        status: 401,
        code: '315',
        messages: ['Unauthorized'],
        headers: { 'www-authenticate': 'Basic realm="IONOS Cloud API"' },
      }
    case 'too-many-requests':
      return {
        status: 429,
        messages: [`${error.reason ?? 'Too many logins fail.'} Try again in ${error.retryAfter} s.`],
        headers: { 'retry-after': String(error.retryAfter) },
      }
    case 'protocol':
      return { status: error.status, messages: [`The request is not valid: ${error.reason}`] }
    case 'forbidden':
      // A resource of another contract is not found.
      if (error.resource !== undefined)
        return explain({ kind: 'not-found', resource: error.resource, id: '' })
      return { status: 403, code: '452', messages: ['Access Denied'] }
    case 'not-found':
      return {
        status: 404,
        code: '309',
        messages: [error.resource === 'route' ? 'This path is not served here' : 'Resource does not exist'],
      }
    case 'method-not-allowed':
      return {
        status: 405,
        messages: [`This path answers ${error.allowed.join(', ')}`],
        headers: { allow: error.allowed.join(', ') },
      }
    case 'malformed':
      return {
        status: 400,
        code: '100',
        messages: [`Request body could not be parsed as JSON: ${error.reason}`],
      }
    case 'unsupported-media-type':
      return { status: 415, messages: ['The request body must be JSON, with Content-Type application/json'] }
    case 'too-large':
      return { status: 413, messages: [`The request body is larger than ${error.limit} bytes`] }
    case 'invalid': {
      if (error.code === '200') return cannot(error.reason)
      const violations = error.violations ?? [error]
      return {
        status: 422,
        code: '100',
        messages: violations.map(({ field, reason }) => `[${field}] ${reason}`),
      }
    }
    case 'conflict':
      return cannot(error.reason)
    case 'limit-reached':
      return cannot(
        error.of
          ? `the contract's limit of ${error.limit} ${nouns[error.resource] ?? 'resources'} is reached`
          : `the limit of ${error.limit} is reached`,
      )
    case 'pool-empty':
      return cannot(`only ${error.left} addresses of this kind are left`)
    case 'unavailable':
      return { status: 503, messages: ['The service is unavailable, try again'] }
    case 'internal':
      return { status: 500, messages: ['Something went wrong on our side'] }
  }
}
