/** The log of requests: what is stored of a mutation, and its progress (contract: ionos §1.6). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Pending } from '../../service/enforcement.ts'
import type { RequestRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { type Affects, type Resource, selects } from './resource.ts'
import { date, hash } from './wire.ts'

export type Status = 'QUEUED' | 'RUNNING' | 'DONE' | 'FAILED'

/** As stored with the change. */
export interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly targets: readonly { readonly id: string; readonly type: string; readonly path: string }[]
  /** Interfaces whose enforcement it waits for, under the name that stores have it by. */
  readonly bears: Affects
}

/** Never a credential. */
const keptHeaders = ['accept', 'content-type', 'user-agent', 'x-contract-number']
/** Secrets of guests, which clients send with volumes; they are never stored. */
const secret = /password|user_?data|ssh_?keys?/i
/** Characters, because a list of requests reads the bodies of many. */
const maxBody = 8 * 1024

export function logged(
  request: DialectRequest,
  method: string,
  targets: readonly Pick<Resource, 'id' | 'kind' | 'path'>[],
  affects: Affects,
): JsonObject {
  const { baseUrl, path, headers, body } = request
  const kept = keptHeaders.flatMap((name) =>
    typeof headers[name] === 'string' ? [[name, headers[name]]] : [],
  )
  const text =
    body === undefined ? '' : JSON.stringify(body, (key, value) => (secret.test(key) ? '***' : value))
  return {
    method,
    url: baseUrl + path,
    headers: Object.fromEntries(kept) as JsonObject,
    body: text.slice(0, maxBody),
    targets: targets.map(({ id, kind, path: target }) => ({ id, type: kind, path: target })),
    bears: { ...affects },
  }
}

export const requestOf = ({ request }: RequestRecord): LoggedRequest => request as unknown as LoggedRequest

/** Decided by what hosts have not applied yet. */
export function statusOf(
  event: RequestRecord,
  pending: readonly Pending[],
  { now, holdMs }: { readonly now: number; readonly holdMs: number },
): Status {
  const age = now - event.at
  if (age < holdMs) return age < holdMs / 2 ? 'QUEUED' : 'RUNNING'
  const { bears } = requestOf(event)
  const concerned = pending.filter((each) => each.applied < event.revision && selects(bears, each))
  const progress = new Set(concerned.map((each) => each.progress))
  if (progress.has('failing')) return 'FAILED'
  if (progress.has('applying')) return 'RUNNING'
  return progress.has('waiting') ? 'QUEUED' : 'DONE'
}

const messages: Readonly<Record<Status, string>> = {
  QUEUED: 'Request has been queued',
  RUNNING: 'Request is being executed',
  DONE: 'Request has been successfully executed',
  FAILED: 'The change is stored and could not be enforced; what was enforced before stays in force',
}

/** Requests with the same status share one ETag, as in the real service. */
export const statusTag = (status: Status): string => hash(['request-status', status])

export function encodeStatus(base: string, event: RequestRecord, status: Status): JsonObject {
  const { targets } = requestOf(event)
  return {
    ...statusRef(base, event.requestId),
    metadata: {
      status,
      message: messages[status],
      etag: statusTag(status),
      targets: targets.map(({ id, type, path }) => ({ target: { id, type, href: base + path }, status })),
    },
  }
}

/** `status`: a reference, or in full at a greater depth. */
export function encodeRequest(base: string, event: RequestRecord, status: JsonValue): JsonObject {
  const { method, url, headers, body } = requestOf(event)
  return {
    ...requestRef(base, event.requestId),
    metadata: {
      createdDate: date(event.at),
      createdBy: event.actor,
      etag: hash([event.requestId]),
      requestStatus: status,
    },
    properties: { method, url, headers: { ...headers }, body },
  }
}

export const requestRef = (base: string, id: string): JsonObject => ({
  id,
  type: 'request',
  href: `${base}/requests/${id}`,
})
export const statusRef = (base: string, id: string): JsonObject => ({
  id: `${id}/status`,
  type: 'request-status',
  href: `${base}/requests/${id}/status`,
})
