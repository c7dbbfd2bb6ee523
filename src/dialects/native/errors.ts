/** Every kind of error as a problem (RFC 9457). */
import type { RequestError } from '../../core/model/error.ts'
import { clip } from '../clip.ts'
import type { Answer } from '../dialect.ts'

interface Problem {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly field?: string
  readonly headers?: Readonly<Record<string, string>>
}

export function problem(error: RequestError, { requestId }: { readonly requestId: string }): Answer {
  const { status, title, detail, field, headers } = explain(error)
  const type = `urn:portcullis:problem:${error.kind}`
  return {
    status,
    body: {
      ...{ type, title, status, detail: clip(detail, 2000) },
      ...(field !== undefined && { field: clip(field) }),
      requestId,
    },
    headers: { 'content-type': 'application/problem+json', ...headers },
  }
}

function explain(error: RequestError): Problem {
  switch (error.kind) {
    case 'unauthenticated':
      return {
        status: 401,
        title: 'Not authenticated',
        detail: 'A valid credential is needed: a bearer token, an API key, or a username and password.',
        headers: { 'www-authenticate': 'Bearer, Basic realm="Portcullis"' },
      }
    case 'too-many-requests':
      return {
        status: 429,
        title: 'Too many requests',
        detail: `${error.reason ?? 'Too many logins fail.'} Try again in ${error.retryAfter} s.`,
        headers: { 'retry-after': String(error.retryAfter) },
      }
    case 'protocol':
      return { status: error.status, title: 'Bad request', detail: error.reason }
    case 'forbidden':
      return { status: 403, title: 'Not permitted', detail: 'The credential does not permit this operation.' }
    case 'not-found':
      return { status: 404, title: 'Not found', detail: `There is no ${error.resource} ${error.id}.` }
    case 'method-not-allowed': {
      const allow = error.allowed.join(', ')
      return {
        status: 405,
        title: 'Method not allowed',
        detail: `This path answers ${allow}.`,
        headers: { allow },
      }
    }
    case 'malformed':
      return { status: 400, title: 'Malformed request', detail: error.reason }
    case 'unsupported-media-type':
      return { status: 415, title: 'Unsupported media type', detail: 'The body must be application/json.' }
    case 'too-large':
      return { status: 413, title: 'Too large', detail: `The body is larger than ${error.limit} bytes.` }
    case 'invalid':
      return { status: 400, title: 'Invalid', detail: `${error.field}: ${error.reason}`, field: error.field }
    case 'conflict':
      // Only a request with If-Match names a revision (RFC 9110 §15.5.13).
      return error.stale
        ? { status: 412, title: 'Changed meanwhile', detail: `${error.reason}; read it again.` }
        : { status: 409, title: 'Conflict', detail: error.reason }
    case 'limit-reached':
      return {
        status: 409,
        title: 'Limit reached',
        detail: error.of
          ? `The account’s quota is reached: ${error.resource}, ${error.limit} at most. Delete some, or ask the operator for more.`
          : `The limit of ${error.limit} is reached.`,
      }
    case 'pool-empty':
      return {
        status: 409,
        title: 'No address is free',
        detail: `The pool has ${error.left} addresses left.`,
      }
    case 'unavailable':
      return { status: 503, title: 'Unavailable', detail: 'The service cannot do this now; try again.' }
    case 'internal':
      return { status: 500, title: 'Internal error', detail: 'Something went wrong on our side.' }
  }
}
