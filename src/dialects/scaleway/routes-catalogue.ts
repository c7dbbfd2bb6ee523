/** What clients look up before they create a server, and while they refresh one (contract: scaleway §3 C, D). */
import { ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { commercialTypes, imageById, localImages } from './catalogue.ts'
import { encodeImage, encodeLocalImage } from './encode-server.ts'
import { notFound } from './errors.ts'
import { projectsOf, route, zoned } from './find.ts'
import { decodePage, slice } from './pages.ts'

export const catalogueRoutes: readonly Route[] = [
  zoned('GET', '/products/servers', 'listServerTypes', 200, 'Commercial types', async ({ query }) => {
    const page = decodePage(query)
    if (!page.ok) return page
    const types = Object.entries(commercialTypes)
    return ok({
      status: 200,
      body: { servers: Object.fromEntries(slice(types, page.value)) },
      headers: { 'x-total-count': String(types.length) },
    })
  }),
  zoned(
    'GET',
    '/products/servers/availability',
    'listServerTypeAvailability',
    200,
    'How many can be had',
    async ({ query }) => {
      const page = decodePage(query)
      if (!page.ok) return page
      const types = Object.keys(commercialTypes).map((type) => [type, { availability: 'available' }] as const)
      return ok({
        status: 200,
        body: { servers: Object.fromEntries(slice(types, page.value)) },
        headers: { 'x-total-count': String(types.length) },
      })
    },
  ),

  zoned('GET', '/images/:id', 'getImage', 200, 'One image', async (request, zone) => {
    const { id = '' } = request.params
    const image = imageById(id.toLowerCase())
    if (image?.zone !== zone) return notFound('instance_image', id)
    const { organization } = await projectsOf(request)
    return ok({ status: 200, body: { image: encodeImage(image, organization) } })
  }),

  route(
    'GET',
    '/marketplace/v2/local-images',
    'listLocalImages',
    200,
    'Images by label',
    async ({ query }) => {
      const page = decodePage(query, 'page_size')
      if (!page.ok) return page
      const [label, type, zone, arch] = ['image_label', 'type', 'zone', 'arch'].map(
        (key) => query.get(key) ?? '',
      )
      const found = localImages.filter(
        (image) =>
          (label === '' || image.label === label) &&
          (type === '' || type === 'unknown_type' || image.type === type) &&
          (zone === '' || image.zone === zone) &&
          (arch === '' || arch === 'x86_64'),
      )
      const listed = slice(found, page.value).map(encodeLocalImage)
      return ok({ status: 200, body: { local_images: listed, total_count: found.length } })
    },
  ),
  route(
    'GET',
    '/marketplace/v2/local-images/:id',
    'getLocalImage',
    200,
    'One of them',
    async ({ params }) => {
      const image = imageById((params.id ?? '').toLowerCase())
      return image
        ? ok({ status: 200, body: encodeLocalImage(image) })
        : notFound('local_image', params.id ?? '')
    },
  ),

  zoned(
    'GET',
    '/private-network-interfaces',
    'listPrivateNetworkInterfaces',
    200,
    'Private interfaces of servers',
    async () => ok({ status: 200, body: { private_network_interfaces: [], total_count: 0 } }),
    '/instance/v2alpha1',
  ),
]
