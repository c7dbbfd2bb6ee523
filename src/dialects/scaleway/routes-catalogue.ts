/** What clients look up before they create a server, and while they refresh one (contract: scaleway §3 C, D, scaleway-more §2). */
import type { JsonValue } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { catalogueOf, type LocalImage } from './catalogue.ts'
import { encodeImage, encodeLocalImage, vendor } from './encode-server.ts'
import { invalid, notFound, notFoundSorted } from './errors.ts'
import { type Handled, routesOf, zonedRoutesOf } from './find.ts'
import { decodePage, pageHeaders, slice } from './pages.ts'

const instanceRoutes = zonedRoutesOf([
  {
    method: 'GET',
    path: '/products/servers',
    operation: 'listServerTypes',
    success: 200,
    summary: 'Commercial types',
    handle: (request) => listTypes(request, 'products/servers', (type) => type),
  },
  {
    method: 'GET',
    path: '/products/servers/availability',
    operation: 'listServerTypeAvailability',
    success: 200,
    summary: 'Stock of types',
    handle: (request) =>
      listTypes(request, 'products/servers/availability', () => ({ availability: 'available' })),
  },

  {
    method: 'GET',
    path: '/images',
    operation: 'listImages',
    success: 200,
    summary: 'Images',
    handle: async (request, zone) => {
      const { query } = request
      const page = decodePage(query)
      if (!page.ok) return page
      const [name, arch, shared] = ['name', 'arch', 'public'].map((key) => query.get(key) ?? '')
      // All are the vendor's: nobody makes any here.
      const others = ['project', 'organization'].some((key) => query.get(key) && query.get(key) !== vendor)
      const found = [...catalogueOf(request).images.values()].filter(
        (image) =>
          image.zone === zone &&
          image.name.includes(name ?? '') &&
          (arch === '' || arch === image.arch) &&
          shared?.toLowerCase() !== 'false' &&
          !query.get('tags') &&
          !others,
      )
      const images = slice(found, page.value).map(encodeImage)
      return ok({
        status: 200,
        body: { images },
        headers: pageHeaders('images', found.length, page.value, query),
      })
    },
  },
  {
    method: 'GET',
    path: '/images/:id',
    operation: 'getImage',
    success: 200,
    summary: 'One image',
    handle: async (request, zone) => {
      const { id = '' } = request.params
      const image = catalogueOf(request).images.get(id.toLowerCase())
      return image?.zone === zone
        ? ok({ status: 200, body: { image: encodeImage(image) } })
        : notFound('instance_image', id)
    },
  },
])

const marketplaceRoutes = routesOf([
  {
    method: 'GET',
    path: '/marketplace/v2/local-images',
    operation: 'listLocalImages',
    success: 200,
    summary: 'Images by label',
    handle: async (request) => {
      const { query } = request
      const page = decodePage(query, 'page_size')
      if (!page.ok) return page
      const order = orders.get(query.get('order_by') || 'type_asc')
      if (!order) {
        const help = `expected one of ${[...orders.keys()].join(', ')}`
        return invalid([{ argument: 'order_by', reason: 'constraint', help }])
      }
      const [label = '', type, zone, arch] = ['image_label', 'type', 'zone', 'arch'].map(
        (key) => query.get(key) ?? '',
      )
      // Marketplace images and their versions have no ids here.
      const others = ['image_id', 'version_id'].some((key) => query.get(key))
      const found = [...catalogueOf(request).images.values()]
        .filter(
          (image) =>
            (label === '' || image.label === label) &&
            (type === '' || type === 'unknown_type' || image.type === type) &&
            (zone === '' || image.zone === zone) &&
            (arch === '' || image.arch === arch) &&
            !others,
        )
        .toSorted(order)
      if (label !== '' && found.length === 0) return notFoundSorted('MarketplaceImage', label)
      const listed = slice(found, page.value).map(encodeLocalImage)
      return ok({ status: 200, body: { local_images: listed, total_count: found.length } })
    },
  },
  {
    method: 'GET',
    path: '/marketplace/v2/local-images/:id',
    operation: 'getLocalImage',
    success: 200,
    summary: 'One of them',
    handle: async (request) => {
      const { id = '' } = request.params
      const image = catalogueOf(request).images.get(id.toLowerCase())
      return image
        ? ok({ status: 200, body: encodeLocalImage(image) })
        : notFoundSorted('MarketplaceImage', id)
    },
  },
])

const privateNetworkRoutes = zonedRoutesOf(
  [
    {
      method: 'GET',
      path: '/private-network-interfaces',
      operation: 'listPrivateNetworkInterfaces',
      success: 200,
      summary: 'Private interfaces of servers',
      handle: async () => ok({ status: 200, body: { private_network_interfaces: [], total_count: 0 } }),
    },
  ],
  '/instance/v2alpha1',
)

export const catalogueRoutes: readonly Route[] = [
  ...instanceRoutes,
  ...marketplaceRoutes,
  ...privateNetworkRoutes,
]

/** By name, in pages of a map. */
async function listTypes(
  request: DialectRequest,
  path: string,
  encode: (type: JsonValue) => JsonValue,
): Handled {
  const page = decodePage(request.query)
  if (!page.ok) return page
  const types = Object.entries(catalogueOf(request).types)
  const listed = slice(types, page.value).map(([name, type]) => [name, encode(type)])
  const headers = pageHeaders(path, types.length, page.value, request.query)
  return ok({ status: 200, body: { servers: Object.fromEntries(listed) }, headers })
}

const byType = (a: LocalImage, b: LocalImage) => (a.type < b.type ? -1 : Number(a.type > b.type))
const orders = new Map<string, (a: LocalImage, b: LocalImage) => number>([
  ['type_asc', byType],
  ['type_desc', (a, b) => byType(b, a)],
  // All are of one date.
  ['created_at_asc', () => 0],
  ['created_at_desc', () => 0],
])
