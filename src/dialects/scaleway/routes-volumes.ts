/** Disks of servers, in the two products that tell of them (contract: scaleway §3 D). */
import { ok } from '../../core/result.ts'
import { whileOvertaken } from '../../service/retry.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { encodeBlockVolume, encodeLocalVolume } from './encode-server.ts'
import { notFound, precondition } from './errors.ts'
import { type Found, noContent, profile, projectsOf, subject, zoned } from './find.ts'

const isBlock = ({ body }: DocumentRecord): boolean => body.type === 'sbs_volume'

async function findVolume(request: DialectRequest, zone: string, block: boolean): Found<DocumentRecord> {
  const { id = '' } = request.params
  const found = await request.services.documents.get(request, profile, 'volume', id.toLowerCase())
  if (found.ok && isBlock(found.value) === block && found.value.body.zone === zone) return found
  return notFound(block ? 'volume' : 'instance_volume', id)
}

/** The server it is on, while that is there. */
async function userOf(request: DialectRequest, { body }: DocumentRecord) {
  const found = await request.services.servers.get(request, profile, String(body.server))
  return found.ok ? { id: found.value.server.id, name: found.value.server.name } : undefined
}

const volume = (block: boolean, product: string, name: string): readonly Route[] => [
  zoned(
    'GET',
    '/volumes/:id',
    `get${name}Volume`,
    200,
    'A disk',
    async (request, zone) => {
      const found = await findVolume(request, zone, block)
      if (!found.ok) return found
      const user = await userOf(request, found.value)
      if (block) return ok({ status: 200, body: encodeBlockVolume(found.value, user !== undefined) })
      const { organization } = await projectsOf(request)
      return ok({ status: 200, body: { volume: encodeLocalVolume(found.value, organization, user) } })
    },
    product,
  ),
  zoned(
    'DELETE',
    '/volumes/:id',
    `delete${name}Volume`,
    204,
    'Delete a disk that no server has',
    (request, zone) =>
      // Whatever is attached meanwhile is written into it: then it is looked at again.
      whileOvertaken(`volume ${subject(request)}`, async (): Found<Answer> => {
        const found = await findVolume(request, zone, block)
        if (!found.ok) return found
        if (await userOf(request, found.value)) {
          return precondition('resource_still_in_use', 'the volume is attached to a server')
        }
        const { id, revision } = found.value
        const condition = { ifRevision: revision }
        const done = await request.services.documents.remove(request, profile, 'volume', id, condition)
        return done.ok ? ok(noContent) : done
      }),
    product,
  ),
]

export const volumeRoutes: readonly Route[] = [
  ...volume(false, '/instance/v1', 'Local'),
  ...volume(true, '/block/v1', 'Block'),
  ...volume(true, '/block/v1alpha1', 'BlockAlpha'),
]
