/** From what a path names to what it means, with this dialect's refusals. */
import type { JsonObject } from '../../core/json.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { ServerView } from '../../service/servers.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { routesSpelledBy } from '../route.ts'
import { catalogueOf } from './catalogue.ts'
import { accessOf, disksOf, encodeListedServer, encodeServer, type ShownDisk, stateAt } from './encode.ts'
import { errorAnswer, type Failure, invalid } from './errors.ts'
import { tagNames, tagsOf } from './tags.ts'
import type { StorageBody, WireLabel } from './wire.ts'

export const profile = 'upcloud'

/** A server in one of these states takes no change: it is still being created. */
export const refuseStates = ['maintenance'] as const

export type Found<T> = Promise<Result<T, Failure>>
export type Handled = Found<Answer>

export const routesOf = routesSpelledBy(errorAnswer)
export const noContent: Answer = { status: 204 }

const uuidPattern = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Ids are kept in lower case. */
export function decodeServerId(text: string): Result<string, Failure> {
  const uuid = text.toLowerCase()
  if (uuidPattern.test(uuid)) return ok(uuid)
  return err(invalid('uuid', 'SERVER_INVALID', 'The server UUID is invalid.'))
}

/** The id in the path. */
export const serverId = ({ params }: DialectRequest) => decodeServerId(params.uuid ?? '')

export async function findServer(request: DialectRequest): Found<ServerView> {
  const uuid = serverId(request)
  return uuid.ok ? request.services.servers.get(request, profile, uuid.value) : uuid
}

/** The server as it is answered: in the state it is shown in now, or the one the answer is to name. */
export async function shown(
  request: DialectRequest,
  view: ServerView,
  state = stateAt(view, request.now),
): Promise<JsonObject> {
  const [tags, disks] = await Promise.all([tagsOf(request), shownDisks(request, view)])
  const names = tagNames(tags, view.server.id)
  const access = accessOf(request.path)
  return encodeServer(view, {
    ...{ state, tags: names, disks, access, catalogue: catalogueOf(request) },
    hostSecret: request.services.settings.hostSecret,
  })
}

/** Servers as lists have them. */
export async function serverList(request: DialectRequest, views: readonly ServerView[]): Promise<Answer> {
  const tags = await tagsOf(request)
  const names = Map.groupBy(
    tags.flatMap(({ name, servers }) => servers.map((server) => ({ name, server }))),
    ({ server }) => server,
  )
  const catalogue = catalogueOf(request)
  const { hostSecret } = request.services.settings
  const listed = views.map((view) =>
    encodeListedServer(view, {
      state: stateAt(view, request.now),
      tags: (names.get(view.server.id) ?? []).map(({ name }) => name),
      catalogue,
      hostSecret,
    }),
  )
  return { status: 200, body: { servers: { server: listed } } }
}

/** Whether something with these labels is asked for: each `label` is `key` or `key=value`, and all must hold. */
export function labelFilter({ query }: DialectRequest): (labels: readonly WireLabel[]) => boolean {
  const wanted = [...new Set(query.getAll('label'))]
  return (labels) => {
    const own = new Set(labels.flatMap(({ key, value }) => [key, `${key}=${value}`]))
    return wanted.every((label) => own.has(label))
  }
}

const shownDisks = (request: DialectRequest, view: ServerView): Promise<readonly ShownDisk[]> =>
  Promise.all(
    disksOf(view).map(async (disk) => {
      const found = await findStorage(request, disk.storage)
      const { title, size, labels } = (found.ok ? found.value.body : {}) as unknown as Partial<StorageBody>
      return {
        ...disk,
        ...(title !== undefined && { storage_title: title }),
        ...(size !== undefined && { storage_size: size }),
        labels: labels ?? [],
      }
    }),
  )

export async function findStorage(request: DialectRequest, id: string): Found<DocumentRecord> {
  const uuid = id.toLowerCase()
  if (!uuidPattern.test(uuid)) return err({ kind: 'not-found', resource: 'storage', id })
  return request.services.documents.get(request, profile, 'storage', uuid)
}

/** The server that a storage is attached to, if any: the storage names it, and it must still have the disk. */
export async function userOf(
  request: DialectRequest,
  { id, body }: DocumentRecord,
): Promise<ServerView | undefined> {
  if (typeof body.server !== 'string') return undefined
  const server = await request.services.servers.get(request, profile, body.server)
  return server.ok && disksOf(server.value).some((disk) => disk.storage === id) ? server.value : undefined
}
