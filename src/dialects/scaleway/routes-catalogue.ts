/** What clients look up before they create a server, and while they refresh one (contract: scaleway §3 C, D). */
import { ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import { encodeImage, encodeLocalImage } from './encode-server.ts'
import { notFound } from './errors.ts'
import { projectsOf, route, zoned } from './find.ts'
import { decodePage, slice } from './pages.ts'

export const catalogueRoutes: readonly Route[] = [
  zoned('GET', '/products/servers', 'listServerTypes', 200, 'Commercial types', async (request) => {
    const page = decodePage(request.query)
    if (!page.ok) return page
    const types = Object.entries(catalogueOf(request).types)
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
    async (request) => {
      const page = decodePage(request.query)
      if (!page.ok) return page
      const types = Object.keys(catalogueOf(request).types).map(
        (type) => [type, { availability: 'available' }] as const,
      )
      return ok({
        status: 200,
        body: { servers: Object.fromEntries(slice(types, page.value)) },
        headers: { 'x-total-count': String(types.length) },
      })
    },
  ),

  zoned('GET', '/images/:id', 'getImage', 200, 'One image', async (request, zone) => {
    const { id = '' } = request.params
    const image = catalogueOf(request).images.get(id.toLowerCase())
    if (image?.zone !== zone) return notFound('instance_image', id)
    const { organization } = await projectsOf(request)
    return ok({ status: 200, body: { image: encodeImage(image, organization) } })
  }),

  route('GET', '/marketplace/v2/local-images', 'listLocalImages', 200, 'Images by label', async (request) => {
    const { query } = request
    const page = decodePage(query, 'page_size')
    if (!page.ok) return page
    const [label, type, zone, arch] = ['image_label', 'type', 'zone', 'arch'].map(
      (key) => query.get(key) ?? '',
    )
    const catalogue = catalogueOf(request)
    const found = [...catalogue.images.values()].filter(
      (image) =>
        (label === '' || image.label === label) &&
        (type === '' || type === 'unknown_type' || image.type === type) &&
        (zone === '' || image.zone === zone) &&
        (arch === '' || arch === 'x86_64'),
    )
    const listed = slice(found, page.value).map((image) => encodeLocalImage(image, catalogue))
    return ok({ status: 200, body: { local_images: listed, total_count: found.length } })
  }),
  route('GET', '/marketplace/v2/local-images/:id', 'getLocalImage', 200, 'One of them', async (request) => {
    const { id = '' } = request.params
    const catalogue = catalogueOf(request)
    const image = catalogue.images.get(id.toLowerCase())
    return image ? ok({ status: 200, body: encodeLocalImage(image, catalogue) }) : notFound('local_image', id)
  }),

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
