/** From what a path names to what it means, with this dialect's refusals. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { ServerView } from '../../service/services.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { routesSpelledBy } from '../route.ts'
import { disksOf } from './encode.ts'
import { errorAnswer, invalid } from './errors.ts'

export const profile = 'upcloud'

/** A server in one of these states takes no change: it is still being created. */
export const refuseStates = ['maintenance'] as const

export type Found<T> = Promise<Result<T, RequestError>>
export type Handled = Found<Answer>

export const route = routesSpelledBy(errorAnswer)
export const noContent: Answer = { status: 204 }

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The id in the path, in any case of letters; servers are kept in lower case. */
export function serverId({ params }: DialectRequest): Result<string, RequestError> {
  const uuid = (params.uuid ?? '').toLowerCase()
  if (uuidPattern.test(uuid)) return ok(uuid)
  return err(invalid('uuid', 'SERVER_INVALID', 'The server UUID is invalid.'))
}

export async function findServer(request: DialectRequest): Found<ServerView> {
  const uuid = serverId(request)
  return uuid.ok ? request.services.servers.get(request, profile, uuid.value) : uuid
}

export async function findStorage(request: DialectRequest, id: string): Found<DocumentRecord> {
  if (!uuidPattern.test(id)) return err({ kind: 'not-found', resource: 'storage', id })
  return request.services.documents.get(request, profile, 'storage', id)
}

/** The server that a storage is attached to, if any: the storage names it, and it must still have the disk. */
export async function userOf(
  request: DialectRequest,
  { id, body }: DocumentRecord,
): Promise<string | undefined> {
  if (typeof body.server !== 'string') return undefined
  const server = await request.services.servers.get(request, profile, body.server)
  const attached = server.ok && disksOf(server.value).some((disk) => disk.storage === id)
  return attached ? body.server : undefined
}
