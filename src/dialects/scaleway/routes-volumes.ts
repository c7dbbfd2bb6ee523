/** Local volumes of the instance product (contract: scaleway-more §5). */
import { randomUUID } from 'node:crypto'
import { ok } from '../../core/result.ts'
import { changeFound } from '../../service/retry.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { decodeNewVolume, decodeVolumeChange } from './decode-volume.ts'
import { json } from './encode.ts'
import { encodeLocalVolume } from './encode-volume.ts'
import { notFound } from './errors.ts'
import {
  chooseProject,
  decodeListing,
  type Found,
  inProject,
  isBlock,
  locationOf,
  profile,
  projectGone,
  projectsOf,
  subject,
  userOf,
  type VolumeRecord,
  volumeById,
  volumeOf,
  zonedRoutesOf,
} from './find.ts'
import { pageHeaders, slice } from './pages.ts'
import { removeVolume, updateVolume } from './volumes.ts'
import type { VolumeAttributes } from './wire.ts'

async function find(request: DialectRequest, zone: string): Found<VolumeRecord> {
  const { id = '' } = request.params
  const volume = await volumeById(request, zone, id)
  return volume && !isBlock(volume) ? ok(volume) : notFound('instance_volume', id)
}

async function answer(request: DialectRequest, status: number, volume: VolumeRecord): Promise<Answer> {
  const user = await userOf(request, volume)
  const { organization } = await projectsOf(request)
  return { status, body: { volume: encodeLocalVolume(volume, organization, user?.server) } }
}

export const volumeRoutes = zonedRoutesOf([
  {
    method: 'GET',
    path: '/volumes',
    operation: 'listLocalVolumes',
    success: 200,
    summary: 'Local volumes',
    handle: async (request, zone) => {
      const { query, services } = request
      const listing = await decodeListing(request)
      if (!listing.ok) return listing
      const { page, projects, wants } = listing.value
      const [name, type] = [query.get('name') ?? '', query.get('volume_type') ?? '']
      const found = (await services.documents.list(request, profile, 'volume'))
        .map(volumeOf)
        .filter((volume) => {
          const { attributes } = volume
          return (
            attributes.zone === zone &&
            !isBlock(volume) &&
            attributes.name.includes(name) &&
            (type === '' || type === attributes.type) &&
            wants(attributes.project, attributes.tags ?? [])
          )
        })
        .toSorted((a, b) => b.attributes.createdAt - a.attributes.createdAt)
      const users = new Map(
        (await services.servers.list(request, profile)).map(({ server }) => [server.id, server]),
      )
      const volumes = slice(found, page).map((volume) =>
        encodeLocalVolume(volume, projects.organization, users.get(volume.attributes.server ?? '')),
      )
      return ok({
        status: 200,
        body: { volumes },
        headers: pageHeaders('volumes', found.length, page, query),
      })
    },
  },

  {
    method: 'POST',
    path: '/volumes',
    operation: 'createLocalVolume',
    success: 201,
    summary: 'Create a local volume',
    handle: async (request, zone) => {
      const wanted = decodeNewVolume(request.body)
      if (!wanted.ok) return wanted
      const { name, size, tags, snapshot } = wanted.value
      const project = chooseProject(await projectsOf(request), wanted.value)
      if (!project.ok) return project
      if (snapshot !== undefined) return notFound('instance_snapshot', snapshot)
      const attributes: VolumeAttributes = {
        ...{ name, type: 'l_ssd', size, zone, project: project.value, server: null, tags },
        createdAt: request.now,
      }
      const document = { profile, kind: 'volume', id: randomUUID(), body: json(attributes) } as const
      const done = await request.services.documents.put(inProject(request, project.value), document)
      if (!done.ok) return projectGone(done)
      const { account } = request.principal
      const headers = { location: locationOf(request, document.id) }
      return ok({ ...(await answer(request, 201, volumeOf({ ...document, account, revision: 0 }))), headers })
    },
  },

  {
    method: 'GET',
    path: '/volumes/:id',
    operation: 'getLocalVolume',
    success: 200,
    summary: 'One local volume',
    handle: async (request, zone) => {
      const found = await find(request, zone)
      return found.ok ? ok(await answer(request, 200, found.value)) : found
    },
  },

  {
    method: 'PATCH',
    path: '/volumes/:id',
    operation: 'updateLocalVolume',
    success: 200,
    summary: 'Change a local volume',
    handle: async (request, zone) => {
      const change = decodeVolumeChange(request.body)
      if (!change.ok) return change
      const { iops: _, ...stated } = change.value
      return onVolume(request, zone, async (volume) => {
        const done = await updateVolume(request, volume, stated)
        return done.ok ? ok(await answer(request, 200, done.value)) : done
      })
    },
  },

  {
    method: 'DELETE',
    path: '/volumes/:id',
    operation: 'deleteLocalVolume',
    success: 204,
    summary: 'Delete a local volume that no server has',
    handle: (request, zone) => onVolume(request, zone, (volume) => removeVolume(request, volume)),
  },
])

const onVolume = (request: DialectRequest, zone: string, handle: (volume: VolumeRecord) => Found<Answer>) =>
  changeFound(`volume ${subject(request)}`, () => find(request, zone), handle)
