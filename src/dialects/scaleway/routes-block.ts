/** Volumes of the block storage product, in both versions that clients call (contract: scaleway-more §5). */
import { randomUUID } from 'node:crypto'
import { ok } from '../../core/result.ts'
import { changeFound } from '../../service/retry.ts'
import type { Answer, DialectRequest, Route } from '../dialect.ts'
import { decodeNewBlockVolume, decodeVolumeChange } from './decode-volume.ts'
import { json } from './encode.ts'
import { encodeBlockVolume } from './encode-volume.ts'
import { invalid, notFoundSorted } from './errors.ts'
import {
  chooseProject,
  type Found,
  inProject,
  isBlock,
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
import { decodePage, slice } from './pages.ts'
import { removeVolume, updateVolume } from './volumes.ts'
import type { VolumeAttributes } from './wire.ts'

async function find(request: DialectRequest, zone: string): Found<VolumeRecord> {
  const { id = '' } = request.params
  const volume = await volumeById(request, zone, id)
  return volume && isBlock(volume) ? ok(volume) : notFoundSorted('volume', id)
}

const onVolume = (request: DialectRequest, zone: string, handle: (volume: VolumeRecord) => Found<Answer>) =>
  changeFound(`volume ${subject(request)}`, () => find(request, zone), handle)

const byDate = (a: VolumeRecord, b: VolumeRecord) => a.attributes.createdAt - b.attributes.createdAt
const byName = (a: VolumeRecord, b: VolumeRecord) =>
  a.attributes.name < b.attributes.name ? -1 : Number(a.attributes.name > b.attributes.name)
const orders = new Map<string, (a: VolumeRecord, b: VolumeRecord) => number>([
  ['created_at_asc', byDate],
  ['created_at_desc', (a, b) => byDate(b, a)],
  ['name_asc', byName],
  ['name_desc', (a, b) => byName(b, a)],
])

function routes(product: string, name: string, alpha: boolean): readonly Route[] {
  const answer = async (request: DialectRequest, volume: VolumeRecord): Promise<Answer> => {
    const user = await userOf(request, volume)
    return { status: 200, body: encodeBlockVolume(volume, user?.server.id, { alpha }) }
  }
  return zonedRoutesOf(
    [
      {
        method: 'GET',
        path: '/volumes',
        operation: `list${name}Volumes`,
        success: 200,
        summary: 'Block volumes',
        handle: async (request, zone) => {
          const { query, services } = request
          const page = decodePage(query, 'page_size')
          if (!page.ok) return page
          const order = orders.get(query.get('order_by') || 'created_at_asc')
          if (!order) {
            const help = `expected one of ${[...orders.keys()].join(', ')}`
            return invalid([{ argument: 'order_by', reason: 'constraint', help }])
          }
          const [called, project, server] = ['name', 'project_id', 'product_resource_id'].map(
            (key) => query.get(key) ?? '',
          )
          const tags = query.getAll('tags').filter((tag) => tag !== '')
          const there = new Set((await services.servers.list(request, profile)).map((each) => each.server.id))
          const userIn = ({ attributes }: VolumeRecord) =>
            attributes.server && there.has(attributes.server) ? attributes.server : undefined
          const found = (await services.documents.list(request, profile, 'volume'))
            .map(volumeOf)
            .filter(
              (volume) =>
                volume.attributes.zone === zone &&
                isBlock(volume) &&
                volume.attributes.name.includes(called ?? '') &&
                (project === '' || volume.attributes.project === project) &&
                (server === '' || userIn(volume) === server) &&
                tags.every((tag) => volume.attributes.tags?.includes(tag)),
            )
            .toSorted(order)
          const volumes = slice(found, page.value).map((volume) =>
            encodeBlockVolume(volume, userIn(volume), { alpha }),
          )
          return ok({ status: 200, body: { volumes, total_count: found.length } })
        },
      },

      // 200, not 201: the product's own way.
      {
        method: 'POST',
        path: '/volumes',
        operation: `create${name}Volume`,
        success: 200,
        summary: 'Create a block volume',
        handle: async (request, zone) => {
          const wanted = decodeNewBlockVolume(request.body)
          if (!wanted.ok) return wanted
          const { name: called, size, tags, iops = 5000, snapshot } = wanted.value
          const project = chooseProject(await projectsOf(request), wanted.value)
          if (!project.ok) return project
          if (snapshot !== undefined) return notFoundSorted('snapshot', snapshot)
          const attributes: VolumeAttributes = {
            ...{
              name: called,
              type: 'sbs_volume',
              size,
              zone,
              project: project.value,
              server: null,
              tags,
              iops,
            },
            createdAt: request.now,
          }
          const document = { profile, kind: 'volume', id: randomUUID(), body: json(attributes) } as const
          const done = await request.services.documents.put(inProject(request, project.value), document)
          if (!done.ok) return projectGone(done)
          const { account } = request.principal
          const volume = volumeOf({ ...document, account, revision: 0 })
          // Available by the next read, as the real service says it.
          return ok({
            status: 200,
            body: encodeBlockVolume(volume, undefined, { alpha, status: 'creating' }),
          })
        },
      },

      {
        method: 'GET',
        path: '/volumes/:id',
        operation: `get${name}Volume`,
        success: 200,
        summary: 'One block volume',
        handle: async (request, zone) => {
          const found = await find(request, zone)
          return found.ok ? ok(await answer(request, found.value)) : found
        },
      },

      {
        method: 'PATCH',
        path: '/volumes/:id',
        operation: `update${name}Volume`,
        success: 200,
        summary: 'Change a block volume',
        handle: async (request, zone) => {
          const change = decodeVolumeChange(request.body)
          if (!change.ok) return change
          return onVolume(request, zone, async (volume) => {
            const done = await updateVolume(request, volume, change.value)
            return done.ok ? ok(await answer(request, done.value)) : done
          })
        },
      },

      {
        method: 'DELETE',
        path: '/volumes/:id',
        operation: `delete${name}Volume`,
        success: 204,
        summary: 'Delete a block volume that no server has',
        handle: (request, zone) => onVolume(request, zone, (volume) => removeVolume(request, volume)),
      },
    ],
    product,
  )
}

export const blockRoutes: readonly Route[] = [
  ...routes('/block/v1', 'Block', false),
  ...routes('/block/v1alpha1', 'BlockAlpha', true),
]
