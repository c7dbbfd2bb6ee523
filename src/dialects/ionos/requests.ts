/** The log of requests: what is kept of a mutation, and how far it has come (contract: ionos §1.6). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Pending } from '../../service/services.ts'
import type { RequestRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { date, hash } from './render.ts'
import { type Bears, concerns, type Node } from './world.ts'

export type Status = 'QUEUED' | 'RUNNING' | 'DONE' | 'FAILED'

/** As it is kept with the change. */
export interface LoggedRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly targets: readonly { readonly id: string; readonly type: string; readonly path: string }[]
  /** Whose enforcement it waits for. */
  readonly bears: Bears
}

/** Never a credential. */
const keptHeaders = ['accept', 'content-type', 'user-agent', 'x-contract-number']
/** Secrets of guests, which clients send with volumes; nothing here keeps them. */
const secret = /password|user_?data|ssh_?keys?/i
/** Characters: a list of requests reads those of very many. */
const mostBody = 8 * 1024

export function logged(
  request: DialectRequest,
  method: string,
  targets: readonly Pick<Node, 'id' | 'kind' | 'path'>[],
  bears: Bears,
): JsonObject {
  const { origin, path, headers, body } = request
  const kept = keptHeaders.flatMap((name) =>
    typeof headers[name] === 'string' ? [[name, headers[name]]] : [],
  )
  const text =
    body === undefined ? '' : JSON.stringify(body, (key, value) => (secret.test(key) ? '***' : value))
  return {
    method,
    url: origin + path,
    headers: Object.fromEntries(kept) as JsonObject,
    body: text.slice(0, mostBody),
    targets: targets.map(({ id, kind, path: target }) => ({ id, type: kind, path: target })),
    bears: { ...bears },
  }
}

export const requestOf = ({ request }: RequestRecord): LoggedRequest => request as unknown as LoggedRequest

/** What hosts have not applied yet decides. */
export function statusOf(
  event: RequestRecord,
  pending: readonly Pending[],
  { now, holdMs }: { readonly now: number; readonly holdMs: number },
): Status {
  const age = now - event.at
  if (age < holdMs) return age < holdMs / 2 ? 'QUEUED' : 'RUNNING'
  const { bears } = requestOf(event)
  const concerned = pending.filter((each) => each.applied < event.revision && concerns(bears, each))
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

/** One for all requests that are as far: the real service has no other. */
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

/** Whole, or with its status in full where more depth is asked for. */
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
