/** Changes of one server that several routes make: under its turn, and to its end. */
import type { RequestError } from '../../core/model/error.ts'
import type { Result } from '../../core/result.ts'
import { changeFound } from '../../service/retry.ts'
import type { ServerDocument, ServerView } from '../../service/servers.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { serverAttributes } from './encode-server.ts'
import { type Failure, precondition } from './errors.ts'
import { type Found, findServer, isBlock, profile, subject, volumeById } from './find.ts'
import { currentIps, detachedIp } from './ips.ts'
import { userDataOf } from './user-data.ts'
import { detached } from './volumes.ts'

export const unprotected = { protected: true }

/** Reads the server and goes on; again when somebody else changed it before the write. */
export const onServer = (
  request: DialectRequest,
  zone: string,
  handle: (view: ServerView) => Found<Answer>,
): Found<Answer> => changeFound(`server ${subject(request)}`, () => findServer(request, zone), handle)

/** What was in the way of a change that its transaction refused: protection, or the state. */
export async function hindered(
  request: DialectRequest,
  zone: string,
  failed: Result<never, Failure>,
  help: (view: ServerView) => string,
): Found<never> {
  const refused = !failed.ok && failed.error.kind === 'conflict' && failed.error.resource === 'server'
  if (!refused) return failed
  const found = await findServer(request, zone)
  if (!found.ok) return found
  return serverAttributes(found.value).protected
    ? precondition('protected_resource', 'the server is protected')
    : precondition('resource_not_usable', help(found.value))
}

/** Deletes a server with its user data. Block volumes and flexible IPs outlive it; `localVolumes` says whether local ones do. */
export async function endServer(
  request: DialectRequest,
  view: ServerView,
  condition: { readonly requireStates: readonly string[] },
  localVolumes: 'keep' | 'delete',
): Promise<Result<void, RequestError>> {
  const { server } = view
  const outlive: ServerDocument[] = []
  const documents = [...userDataOf(view)]
  for (const { id } of Object.values(serverAttributes(view).volumes ?? {})) {
    const volume = await volumeById(request, server.zone, id)
    if (!volume) continue
    if (localVolumes === 'keep' || isBlock(volume)) outlive.push(detached(volume, request.now))
    else documents.push({ kind: 'volume', id })
  }
  for (const ip of await currentIps(request, view)) outlive.push(detachedIp(ip))
  return request.services.servers.remove(request, profile, server.id, {
    ...{ ...condition, documents, outlive, refuseAttributes: unprotected, ifRevision: server.revision },
  })
}
