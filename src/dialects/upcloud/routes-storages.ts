/** Storages, which exist as descriptions only (contract: upcloud §3.6). */
import { err, ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import { encodeStorage, encodeStorageDetails } from './encode.ts'
import { findStorage, noContent, profile, route, userOf } from './find.ts'

export const storageRoutes: readonly Route[] = [
  ...['', '/public', '/private', '/template', '/normal', '/cdrom', '/backup', '/favorite'].map((kind) =>
    route(
      'GET',
      `/storage${kind}`,
      `listStorages${capitalised(kind.slice(1))}`,
      200,
      'Storages',
      async (request) => {
        const own = (await request.services.documents.list(request, profile, 'storage')).map(encodeStorage)
        const [withTemplates, withOwn] = [
          ['', '/public', '/template'].includes(kind),
          ['', '/private', '/normal'].includes(kind),
        ]
        const listed = [...(withTemplates ? catalogueOf(request).templates : []), ...(withOwn ? own : [])]
        return ok({ status: 200, body: { storages: { storage: listed } } })
      },
    ),
  ),
  route('GET', '/storage/:uuid', 'getStorage', 200, 'One storage', async (request) => {
    const { uuid = '' } = request.params
    const template = catalogueOf(request).templates.find((each) => each.uuid === uuid)
    if (template) return ok({ status: 200, body: { storage: encodeStorageDetails(template, []) } })
    const storage = await findStorage(request, uuid)
    if (!storage.ok) return storage
    const user = await userOf(request, storage.value)
    return ok({
      status: 200,
      body: { storage: encodeStorageDetails(encodeStorage(storage.value), user === undefined ? [] : [user]) },
    })
  }),
  route('DELETE', '/storage/:uuid', 'deleteStorage', 204, 'Delete a storage', async (request) => {
    const { uuid = '' } = request.params
    if (catalogueOf(request).templates.some((each) => each.uuid === uuid)) {
      return err({ kind: 'forbidden', resource: 'storage', id: uuid })
    }
    const storage = await findStorage(request, uuid)
    if (!storage.ok) return storage
    if ((await userOf(request, storage.value)) !== undefined) {
      return err({ kind: 'conflict', resource: 'storage', reason: 'The storage is attached to a server.' })
    }
    const condition = { ifRevision: storage.value.revision }
    const done = await request.services.documents.remove(request, profile, 'storage', uuid, condition)
    return done.ok ? ok(noContent) : done
  }),
]

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}
