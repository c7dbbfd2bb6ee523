/** Every kind of error in Scaleway's words (contract: scaleway §1.2, §1.4). */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError, ResourceKind } from '../../core/model/error.ts'
import { err, type Result } from '../../core/result.ts'
import type { Answer, DialectRequest } from '../dialect.ts'

/** An answer that refuses: what a handler knows to say better than `errorAnswer` could. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly answer: Answer
}
export type Failure = RequestError | Refusal

export interface Violation {
  /** Path of the argument: `rules.2.dest_port_to`. */
  readonly argument: string
  readonly reason: 'required' | 'format' | 'constraint'
  readonly help: string
}

const refusal = (status: number, body: JsonObject): Result<never, Refusal> =>
  err({ kind: 'refusal', answer: { status, body } })

/** All that is wrong with a request, in one answer. */
export const invalid = (violations: readonly Violation[]): Result<never, Refusal> =>
  err(violationsRefusal(violations))

export const violationsRefusal = (violations: readonly Violation[]): Refusal => ({
  kind: 'refusal',
  answer: { status: 400, body: invalidBody(violations) },
})

export const notFound = (resource: string, id: string): Result<never, Refusal> =>
  refusal(404, notFoundBody(resource, id))

/** As the block storage and marketplace products write it. */
export const notFoundSorted = (resource: string, id: string): Result<never, Refusal> =>
  refusal(404, { message: 'resource is not found', resource, resource_id: id, type: 'not_found' })

/** Refuses a path below something that exists. */
export const notServed = (method: string, path: string): Result<never, Refusal> =>
  refusal(404, notServedBody(method, path))

/** The resource is not in a state that permits it. */
export const precondition = (code: string, help: string): Result<never, Refusal> =>
  refusal(400, {
    type: 'precondition_failed',
    message: 'precondition is not respected',
    precondition: code,
    help_message: help,
  })

/** The key does not reach it, or may not do that to it. */
export const forbidden = (resource: string, action: 'read' | 'write'): Result<never, Refusal> =>
  refusal(403, forbiddenBody(resource, action))

const invalidBody = (violations: readonly Violation[]): JsonObject => ({
  type: 'invalid_arguments',
  message: 'invalid argument(s)',
  details: violations.map(({ argument, reason, help }) => ({
    argument_name: argument,
    reason,
    help_message: help,
  })),
})

const notFoundBody = (resource: string, id: string): JsonObject => ({
  ...{ type: 'not_found', message: 'resource is not found', resource, resource_id: id },
})

/** Without a type: SDKs take an id from the text of errors of some types, and clients take others for "gone". */
const notServedBody = (method: string, path: string): JsonObject => ({
  message: `This path is not served: ${method} ${path}`,
})

const forbiddenBody = (resource: string, action: string): JsonObject => ({
  message: 'insufficient permissions',
  type: 'permissions_denied',
  details: [{ resource, action }],
})

export const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

const nouns = {
  server: 'instance_server',
  rule: 'instance_security_group_rule',
  policy: 'instance_security_group',
  storage: 'instance_volume',
  'ip-address': 'instance_ip',
  interface: 'instance_private_nic',
  document: 'resource',
  revision: 'resource',
  account: 'account_organization',
  credential: 'api_key',
  binding: 'resource',
  host: 'resource',
  request: 'resource',
  route: 'route',
} as const satisfies Record<ResourceKind, string>

export function errorAnswer(
  error: RequestError,
  request: Pick<DialectRequest, 'headers'> & { readonly method?: string },
): Answer {
  switch (error.kind) {
    case 'unauthenticated': {
      const token = request.headers['x-auth-token']
      const reason = typeof token === 'string' && uuidPattern.test(token) ? 'not_found' : 'invalid_argument'
      const type = 'denied_authentication'
      return {
        status: 401,
        body: { message: 'authentication is denied', method: 'api_key', reason, type },
      }
    }
    case 'too-many-requests':
      return {
        status: 429,
        body: {
          type: 'too_many_requests',
          message: `${error.reason ?? 'Too many logins fail.'} Try again in ${error.retryAfter} s.`,
        },
        headers: { 'retry-after': String(error.retryAfter) },
      }
    case 'protocol':
      return { ...invalidAnswer('request', 'format', error.reason), status: error.status }
    case 'forbidden':
      // What is another account's is as if it were not there.
      return error.resource
        ? { status: 404, body: notFoundBody(nouns[error.resource], error.id ?? '') }
        : { status: 403, body: forbiddenBody('instance', 'write') }
    case 'not-found':
      return error.resource === 'route'
        ? { status: 404, body: notServedBody(request.method ?? '', error.id) }
        : { status: 404, body: notFoundBody(nouns[error.resource], error.id) }
    case 'method-not-allowed':
      return {
        status: 405,
        body: { type: 'method_not_allowed', message: `this path answers ${error.allowed.join(', ')}` },
        headers: { allow: error.allowed.join(', ') },
      }
    case 'malformed':
      return invalidAnswer('body', 'format', error.reason)
    case 'unsupported-media-type':
      return { ...invalidAnswer('Content-Type', 'format', 'expected application/json'), status: 415 }
    case 'too-large':
      return { ...invalidAnswer('body', 'constraint', `at most ${error.limit} bytes`), status: 413 }
    case 'invalid':
      return invalidAnswer(error.field, 'constraint', error.reason)
    case 'conflict':
      return {
        status: 409,
        body: {
          type: 'transient_state',
          message: 'resource is in a transient state',
          ...{ resource: nouns[error.resource], resource_id: '', current_state: error.reason },
        },
      }
    case 'limit-reached': {
      const { resource, limit } = error
      const details = [{ resource: nouns[resource], quota: limit, current: limit }]
      return {
        status: 403,
        body: { type: 'quotas_exceeded', message: 'quota(s) exceeded for this resource', details },
      }
    }
    case 'pool-empty': {
      const details = [{ resource: 'instance_ip', quota: error.left, current: error.left }]
      return {
        status: 403,
        body: { type: 'quotas_exceeded', message: 'quota(s) exceeded for this resource', details },
      }
    }
    case 'unavailable':
      return { status: 503, body: { message: 'The service is unavailable', type: 'service_unavailable' } }
    case 'internal':
      return { status: 500, body: { message: 'Internal error', type: 'internal_server_error' } }
  }
}

const invalidAnswer = (argument: string, reason: Violation['reason'], help: string): Answer => ({
  status: 400,
  body: invalidBody([{ argument, reason, help }]),
})
