/** Storages, which exist as descriptions only (contract: upcloud §3.6; upcloud-more §3.5). */
import type { JsonObject } from '../../core/json.ts'
import { err, ok } from '../../core/result.ts'
import { changeFound } from '../../service/retry.ts'
import type { ServerView } from '../../service/servers.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import type { Endpoint } from '../route.ts'
import { catalogueOf } from './catalogue.ts'
import { decodeStorageChange } from './decode-storages.ts'
import { encodeStorage, encodeStorageDetails } from './encode.ts'
import type { Failure } from './errors.ts'
import { findStorage, type Handled, labelFilter, noContent, profile, routesOf, userOf } from './find.ts'
import { backupConflict } from './hardware.ts'
import type { WireLabel } from './wire.ts'

export const storageRoutes = routesOf([
  ...['', '/public', '/private', '/template', '/normal', '/cdrom', '/backup', '/favorite'].map(
    (kind): Endpoint<Failure> => ({
      method: 'GET',
      path: `/storage${kind}`,
      operation: `listStorages${capitalised(kind.slice(1))}`,
      success: 200,
      summary: 'Storages',
      handle: async (request) => {
        const documents = await request.services.documents.list(request, profile, 'storage')
        const [withTemplates, withOwn] = [
          ['', '/public', '/template'].includes(kind),
          ['', '/private', '/normal'].includes(kind),
        ]
        const all = [
          ...(withTemplates ? catalogueOf(request).templates : []),
          ...(withOwn ? documents.map(encodeStorage) : []),
        ]
        const wanted = labelFilter(request)
        const listed = all.filter(({ labels }) => wanted(labels as unknown as readonly WireLabel[]))
        return ok({ status: 200, body: { storages: { storage: listed } } })
      },
    }),
  ),
  {
    method: 'GET',
    path: '/storage/:uuid',
    operation: 'getStorage',
    success: 200,
    summary: 'One storage',
    handle: async (request) => {
      const { uuid = '' } = request.params
      const template = templateOf(request, uuid)
      if (template) return ok({ status: 200, body: { storage: encodeStorageDetails(template) } })
      const storage = await findStorage(request, uuid)
      if (!storage.ok) return storage
      return ok({
        status: 200,
        body: { storage: details(storage.value, await userOf(request, storage.value)) },
      })
    },
  },

  {
    method: 'PUT',
    path: '/storage/:uuid',
    operation: 'modifyStorage',
    success: 202,
    summary: 'Change what is kept of a storage',
    handle: (request) =>
      changeStorage(request, async (storage) => {
        const user = await userOf(request, storage)
        const change = decodeStorageChange(request.body, details(storage, user))
        if (!change.ok) return change
        const body = { ...storage.body, ...change.value } as unknown as JsonObject
        const conflict =
          change.value.backupRule && backupConflict(user?.server.attributes.simple_backup, [{ body }])
        if (conflict) return err(conflict)
        const { kind, id, revision } = storage
        const condition = { ifRevision: revision }
        const done = await request.services.documents.put(request, { profile, kind, id, body }, condition)
        return done.ok ? ok({ status: 202, body: { storage: details({ ...storage, body }, user) } }) : done
      }),
  },

  {
    method: 'DELETE',
    path: '/storage/:uuid',
    operation: 'deleteStorage',
    success: 204,
    summary: 'Delete a storage',
    handle: (request) =>
      changeStorage(request, async (storage) => {
        if (await userOf(request, storage)) {
          return err({
            kind: 'conflict',
            resource: 'storage',
            reason: 'The storage is attached to a server.',
          })
        }
        const { kind, id, revision } = storage
        const done = await request.services.documents.remove(request, profile, kind, id, {
          ifRevision: revision,
        })
        return done.ok ? ok(noContent) : done
      }),
  },
])

/** Templates are everybody's, and stay as they are. */
const templateOf = (request: DialectRequest, uuid: string) =>
  catalogueOf(request).templates.find((each) => each.uuid === uuid.toLowerCase())

const details = (storage: DocumentRecord, user: ServerView | undefined) =>
  encodeStorageDetails(encodeStorage(storage), storage.body.backupRule, user?.server.id)

/** Whoever changes the storage at the same time: it is then looked at again. */
function changeStorage(request: DialectRequest, change: (storage: DocumentRecord) => Handled): Handled {
  const { uuid = '' } = request.params
  if (templateOf(request, uuid))
    return Promise.resolve(err({ kind: 'forbidden', resource: 'storage', id: uuid }))
  return changeFound(`storage ${uuid.toLowerCase()}`, () => findStorage(request, uuid), change)
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
