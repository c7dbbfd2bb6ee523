/** Errors in the words of both generations: v1's five keys, v2's problem documents (contract: hostup §1.3, §1.4). */
import type { RequestError, ResourceKind } from '../../core/model/error.ts'
import { clip } from '../clip.ts'
import type { Answer } from '../dialect.ts'
import { v1RequestId, v2RequestId } from './ids.ts'

interface Where {
  readonly path: string
  readonly requestId: string
}

export const isV2 = (path: string): boolean => path === '/api/v2' || path.startsWith('/api/v2/')

export function errorAnswer(error: RequestError, where: Where): Answer {
  return isV2(where.path) ? v2Error(error, where) : v1Error(error, where)
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  409: 'Conflict',
  413: 'Payload Too Large',
  415: 'Unsupported Media Type',
  417: 'Expectation Failed',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
}

export function v1Answer(status: number, code: string, message: string, where: Where): Answer {
  const timestamp = new Date().toISOString()
  const requestId = v1RequestId(where.requestId)
  return {
    status,
    body: { error: titles[status] ?? 'Error', message: clip(message), code, timestamp, requestId },
  }
}

const things: Partial<Record<ResourceKind, string>> = {
  server: 'VM',
  policy: 'Firewall group',
  route: 'Endpoint',
}
const plurals: Partial<Record<ResourceKind, string>> = {
  server: 'VMs',
  policy: 'firewall groups',
  rule: 'rules',
  'ip-address': 'IP addresses',
  credential: 'API keys',
}

/** How many of what there may be. */
function limitOf({ resource, limit, of }: Extract<RequestError, { kind: 'limit-reached' }>): string {
  return `${limit} ${plurals[resource] ?? 'resources'}${of ? ' in the account' : ''}`
}

const thing = (resource: ResourceKind) => things[resource] ?? 'Resource'

function v1Error(error: RequestError, where: Where): Answer {
  const answer = (status: number, code: string, message: string) => v1Answer(status, code, message, where)
  switch (error.kind) {
    case 'unauthenticated':
      return answer(401, 'UNAUTHORIZED', 'Authentication required')
    case 'too-many-requests': {
      // A shape of its own (contract: hostup §1.3).
      const retryAfter = String(error.retryAfter)
      const message = 'Rate limit exceeded. Please try again later.'
      const requestId = v1RequestId(where.requestId)
      return {
        status: 429,
        body: { error: 'Too Many Requests', message, retryAfter, requestId },
        headers: { 'retry-after': retryAfter },
      }
    }
    case 'protocol':
      return answer(error.status, 'BAD_REQUEST', error.reason)
    case 'forbidden':
      // What is another's is as if it were not there.
      if (error.resource) return answer(404, 'NOT_FOUND', `${thing(error.resource)} not found`)
      return answer(403, 'FORBIDDEN', 'Insufficient permissions')
    case 'not-found':
      return answer(404, 'NOT_FOUND', `${thing(error.resource)} not found`)
    case 'method-not-allowed':
      return {
        ...answer(405, 'METHOD_NOT_ALLOWED', `Use ${error.allowed.join(', ')}`),
        headers: { allow: error.allowed.join(', ') },
      }
    case 'malformed':
      return answer(400, 'BAD_REQUEST', error.reason)
    case 'unsupported-media-type':
      return answer(415, 'UNSUPPORTED_MEDIA_TYPE', 'The body must be application/json')
    case 'too-large':
      return answer(413, 'PAYLOAD_TOO_LARGE', `The body is larger than ${error.limit} bytes`)
    case 'invalid':
      return answer(400, 'BAD_REQUEST', `${error.field}: ${error.reason}`)
    case 'conflict':
      return answer(409, 'CONFLICT', error.reason)
    case 'limit-reached':
      return answer(400, 'BAD_REQUEST', `The limit of ${limitOf(error)} is reached`)
    case 'pool-empty':
      return answer(409, 'CONFLICT', 'No address is free')
    case 'unavailable':
      return answer(503, 'SERVICE_UNAVAILABLE', 'Try again later')
    case 'internal':
      return answer(500, 'INTERNAL_ERROR', 'Something went wrong')
  }
}

export interface V2Problem {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  /** JSON pointer into the body, and what is wrong there. */
  readonly at?: { readonly pointer: string; readonly detail: string; readonly code: string }
  readonly headers?: Readonly<Record<string, string>>
}

export function v2Answer({ status, code, title, detail, at, headers }: V2Problem, where: Where): Answer {
  return {
    status,
    body: {
      type: `https://developer.hostup.se/errors/${code}`,
      title,
      status,
      detail: clip(detail),
      code,
      instance: where.path,
      requestId: v2RequestId(where.requestId),
      timestamp: new Date().toISOString(),
      ...(at && { errors: [at] }),
    },
    headers: { 'content-type': 'application/problem+json', ...headers },
  }
}

function v2Error(error: RequestError, where: Where): Answer {
  const answer = (
    status: number,
    code: string,
    title: string,
    detail: string,
    more: Partial<V2Problem> = {},
  ) => v2Answer({ status, code, title, detail, ...more }, where)
  const noVps = () => answer(404, 'vps_not_found', 'VPS not found', 'No VPS matching the given ID was found.')
  const failed = 'The request body failed validation.'
  switch (error.kind) {
    case 'unauthenticated':
      return answer(401, 'unauthorized', 'Unauthorized', 'Authentication required.')
    case 'too-many-requests':
      return answer(
        429,
        'rate_limited',
        'Rate limit exceeded',
        'Rate limit exceeded. Please try again later.',
        { headers: { 'retry-after': String(error.retryAfter) } },
      )
    case 'protocol':
      return answer(error.status, 'invalid_request', 'Invalid request', error.reason)
    case 'forbidden':
      return error.resource
        ? noVps()
        : answer(403, 'forbidden', 'Forbidden', 'The key lacks the scope for this.')
    case 'not-found':
      if (error.resource === 'server') return noVps()
      return answer(404, 'not_found', 'Not found', `There is no ${error.resource} ${error.id}.`)
    case 'method-not-allowed': {
      const allow = error.allowed.join(', ')
      return answer(405, 'method_not_allowed', 'Method not allowed', `Use ${allow}.`, { headers: { allow } })
    }
    case 'malformed':
      return answer(400, 'invalid_request', 'Invalid request', error.reason)
    case 'unsupported-media-type':
      return answer(
        415,
        'unsupported_media_type',
        'Unsupported media type',
        'The body must be application/json.',
      )
    case 'too-large':
      return answer(
        413,
        'payload_too_large',
        'Payload too large',
        `The body is larger than ${error.limit} bytes.`,
      )
    case 'invalid': {
      const code = error.code ?? 'invalid_request'
      return answer(400, 'invalid_request', 'Validation failed', failed, {
        at: {
          pointer: error.field === '' ? '' : `/${clip(error.field)}`,
          detail: clip(error.reason),
          code,
        },
      })
    }
    case 'conflict':
      if (error.resource === 'server') return answer(409, 'vps_not_ready', 'VPS not ready', 'VPS not ready.')
      return answer(409, 'conflict', 'Conflict', error.reason)
    case 'limit-reached':
      if (error.resource !== 'rule')
        return answer(409, 'limit_reached', 'Limit reached', `At most ${limitOf(error)}.`)
      return answer(
        409,
        'firewall_rule_limit_reached',
        'Rule limit reached',
        error.of ? `At most ${limitOf(error)}.` : `At most ${error.limit} rules per VPS.`,
      )
    case 'pool-empty':
      return answer(409, 'conflict', 'Conflict', 'No address is free.')
    case 'unavailable':
      return answer(503, 'unavailable', 'Unavailable', 'Try again later.')
    case 'internal':
      return answer(500, 'internal_error', 'Internal server error', 'An unexpected error occurred.')
  }
}
