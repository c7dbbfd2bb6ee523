/** User data of servers: opaque bytes by key, kept for clients to read back (contract: scaleway-more §4). */
import { ok } from '../../core/result.ts'
import type { ServerView } from '../../service/servers.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { onServer } from './change-server.ts'
import { invalid } from './errors.ts'
import { type Found, findServer, profile, zonedRoutesOf } from './find.ts'
import { documentId, keysOf, kind } from './user-data.ts'

const maxValueBytes = 128 * 1024
const maxKeys = 100
/** A NUL in a path arrives as U+FFFD: kept as that it would be another key's. */
const keyPattern = /^[^/\ufffd]{1,128}$/su

const text = { 'content-type': 'text/plain' }
/** The one answer of the API that is no JSON and says nothing. */
const noValue: Answer = { status: 404, body: Buffer.alloc(0), headers: text }
const noContent: Answer = { status: 204, headers: text }

export const userDataRoutes = zonedRoutesOf([
  {
    method: 'GET',
    path: '/servers/:id/user_data',
    operation: 'listUserData',
    success: 200,
    summary: 'Keys of user data',
    handle: async (request, zone) => {
      const found = await findServer(request, zone)
      return found.ok ? ok({ status: 200, body: { user_data: keysOf(found.value) } }) : found
    },
  },

  {
    method: 'GET',
    path: '/servers/:id/user_data/:key',
    operation: 'getUserData',
    success: 200,
    summary: 'One value',
    handle: async (request, zone) => {
      const found = await findServer(request, zone)
      if (!found.ok) return found
      const { key = '' } = request.params
      if (!keysOf(found.value).includes(key)) return ok(noValue)
      const id = documentId(found.value, key)
      const document = await request.services.documents.get(request, profile, kind, id)
      if (!document.ok) return ok(noValue)
      return ok({
        status: 200,
        body: Buffer.from(String(document.value.body.base64), 'base64'),
        headers: text,
      })
    },
  },

  {
    method: 'PATCH',
    path: '/servers/:id/user_data/:key',
    operation: 'setUserData',
    success: 204,
    summary: 'Set a value',
    rawBody: true,
    maxBodyBytes: maxValueBytes,
    handle: (request, zone) => {
      const { key = '' } = request.params
      const body = { base64: (request.bytes ?? Buffer.alloc(0)).toString('base64') }
      return onServer(request, zone, async (view) => {
        const keys = keysOf(view)
        if (!keyPattern.test(key)) {
          return invalid([
            { argument: 'key', reason: 'format', help: 'expected 1 to 128 characters, no / and no NUL' },
          ])
        }
        if (!keys.includes(key) && keys.length >= maxKeys) {
          return invalid([{ argument: 'key', reason: 'constraint', help: `at most ${maxKeys} keys` }])
        }
        const id = documentId(view, key)
        const old = await request.services.documents.get(request, profile, kind, id)
        const put = [{ kind, id, body, ...(old.ok && { ifRevision: old.value.revision }) }]
        return write(request, view, [...new Set([...keys, key])].toSorted(), { put })
      })
    },
  },

  {
    method: 'DELETE',
    path: '/servers/:id/user_data/:key',
    operation: 'deleteUserData',
    success: 204,
    summary: 'Delete a value',
    handle: (request, zone) =>
      onServer(request, zone, async (view) => {
        const { key = '' } = request.params
        const keys = keysOf(view)
        if (!keys.includes(key)) return ok(noValue)
        const remove = [{ kind, id: documentId(view, key) }]
        return write(
          request,
          view,
          keys.filter((each) => each !== key),
          { remove },
        )
      }),
  },
])

/** The server keeps the keys, so that a value cannot outlive it. */
async function write(
  request: DialectRequest,
  { server }: ServerView,
  userData: readonly string[],
  documents: NonNullable<Parameters<DialectRequest['services']['servers']['update']>[3]['documents']>,
): Found<Answer> {
  const change = { attributes: { userData }, documents, ifRevision: server.revision }
  const done = await request.services.servers.update(request, profile, server.id, change)
  return done.ok ? ok(noContent) : done
}
