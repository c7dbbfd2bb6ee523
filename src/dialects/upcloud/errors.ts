/** Every kind of error in UpCloud's words (contract: upcloud §1.3, §1.4). */
import type { RequestError, ResourceKind } from '../../core/model/error.ts'
import { clip } from '../clip.ts'
import type { Answer } from '../dialect.ts'

/** What only this dialect refuses, in its own words. */
interface Refusal {
  readonly kind: 'refusal'
  readonly status: number
  readonly code: string
  readonly message: string
}

export type Failure = RequestError | Refusal

export const refusal = (status: number, code: string, message: string): Failure => ({
  ...{ kind: 'refusal', status, code, message },
})

export function errorAnswer(error: Failure): Answer {
  const { status, code, message, headers } = explain(error)
  return {
    status,
    body: { error: { error_code: clip(code, 100), error_message: clip(message) } },
    ...(headers && { headers }),
  }
}

/** An attribute's value is wrong. `code` when it is not the attribute's own name with `_INVALID`. */
export function invalid(
  attribute: string,
  code = `${attribute.toUpperCase()}_INVALID`,
  reason = `The attribute ${attribute} has an invalid value.`,
): RequestError {
  return { kind: 'invalid', field: attribute, reason, code }
}

export function unknownAttribute(attribute: string): RequestError {
  const reason = `The attribute ${attribute} is not known.`
  return { kind: 'invalid', field: attribute, reason, code: 'UNKNOWN_ATTRIBUTE' }
}

export function requestInvalid(reason: string): RequestError {
  return { kind: 'malformed', reason }
}

interface Explained {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly headers?: Readonly<Record<string, string>>
}

function explain(error: Failure): Explained {
  switch (error.kind) {
    case 'refusal':
      return error
    case 'unauthenticated':
      return {
        status: 401,
        code: 'AUTHENTICATION_FAILED',
        message: 'Authentication failed using the given username and password.',
        headers: { 'www-authenticate': 'Basic realm="UpCloud API"' },
      }
    case 'too-many-requests':
      return {
        status: 429,
        code: 'TOO_MANY_REQUESTS',
        message: `${error.reason ?? 'Too many logins fail.'} Try again in ${error.retryAfter} seconds.`,
        headers: { 'retry-after': String(error.retryAfter) },
      }
    case 'protocol':
      return {
        status: error.status,
        code: 'REQUEST_INVALID',
        message: `The request is invalid: ${error.reason}`,
      }
    case 'forbidden':
      if (error.resource === undefined) {
        return { status: 403, code: 'FORBIDDEN', message: 'The credential does not permit this operation.' }
      }
      return {
        status: 403,
        code: `${nouns[error.resource].code}_FORBIDDEN`,
        message: `The ${nouns[error.resource].word} ${error.id} is not yours.`,
      }
    case 'not-found': {
      const { code, word } = nouns[error.resource]
      const prefix = error.resource === 'route' ? '' : `${code}_`
      return { status: 404, code: `${prefix}NOT_FOUND`, message: `The ${word} ${error.id} does not exist.` }
    }
    case 'method-not-allowed':
      return {
        status: 405,
        code: 'METHOD_NOT_ALLOWED',
        message: `This path answers ${error.allowed.join(', ')}.`,
        headers: { allow: error.allowed.join(', ') },
      }
    case 'malformed':
      return { status: 400, code: 'REQUEST_INVALID', message: `The request is invalid: ${error.reason}` }
    case 'unsupported-media-type':
      return {
        status: 415,
        code: 'REQUEST_INVALID',
        message: 'The request body must be JSON, with Content-Type application/json.',
      }
    case 'too-large':
      return {
        status: 413,
        code: 'REQUEST_INVALID',
        message: `The request body is larger than ${error.limit} bytes.`,
      }
    case 'invalid':
      return { status: 400, code: error.code ?? 'REQUEST_INVALID', message: error.reason }
    case 'conflict':
      return { status: 409, code: `${nouns[error.resource].code}_STATE_ILLEGAL`, message: error.reason }
    case 'limit-reached':
      return {
        status: 409,
        code: `${nouns[error.resource].code}_LIMIT_REACHED`,
        message: error.of
          ? `The account has reached its limit of ${error.limit}: ${nouns[error.resource].word}.`
          : `The limit of ${error.limit} is reached.`,
      }
    case 'pool-empty':
      return {
        status: 409,
        code: 'IP_ADDRESS_RESOURCES_UNAVAILABLE',
        message: `The zone has ${error.left} free addresses of this kind left.`,
      }
    case 'unavailable':
      return { status: 503, code: 'SERVICE_UNAVAILABLE', message: 'The service is unavailable, try again.' }
    case 'internal':
      return { status: 500, code: 'INTERNAL_ERROR', message: 'Something went wrong on our side.' }
  }
}

const nouns = {
  server: { code: 'SERVER', word: 'server' },
  rule: { code: 'FIREWALL_RULE', word: 'firewall rule' },
  policy: { code: 'SERVER', word: 'server' },
  storage: { code: 'STORAGE', word: 'storage' },
  'ip-address': { code: 'IP_ADDRESS', word: 'IP address' },
  interface: { code: 'INTERFACE', word: 'interface' },
  document: { code: 'STORAGE', word: 'storage' },
  revision: { code: 'RESOURCE', word: 'resource' },
  account: { code: 'ACCOUNT', word: 'account' },
  credential: { code: 'RESOURCE', word: 'credential' },
  binding: { code: 'RESOURCE', word: 'resource' },
  host: { code: 'RESOURCE', word: 'resource' },
  request: { code: 'RESOURCE', word: 'request' },
  route: { code: '', word: 'path' },
} as const satisfies Record<ResourceKind, { code: string; word: string }>
