/** What clients look up before they create: images, locations and templates (contract: ionos-more §2, §6). */
import type { JsonObject } from '../../core/json.ts'
import type { Route } from '../dialect.ts'
import { type Call, capitalised, type Handled, listAnswer, resourceAnswer, route } from './call.ts'
import { catalogueOf, type Offered } from './catalogue.ts'
import { notFound } from './errors.ts'
import type { Kind } from './wire.ts'
import type { Node } from './world.ts'

const listed = Date.UTC(2026, 0, 1)

/** Nobody of the contract made it. */
function node(kind: Kind, path: string, by: string, id: string, properties: JsonObject): Node {
  const created = { createdAt: listed, createdBy: by, createdByUserId: by }
  const stamp = { ...created, modifiedAt: listed, modifiedBy: by, modifiedByUserId: by }
  return { kind, id, path: `/${path}/${id}`, stamp, properties, bears: {}, children: {} }
}

const collections = {
  images: (offered: Offered) =>
    [...offered.images.values()].map(({ id, properties }) =>
      node('image', 'images', 'System', id, properties),
    ),
  locations: (offered: Offered) =>
    [...offered.locations.values()].map(({ id, properties }) =>
      node('location', 'locations', '', id, properties),
    ),
  templates: (offered: Offered) =>
    [...offered.templates.values()].map(({ id, ...size }) =>
      node('template', 'templates', '[UNKNOWN]', id, { ...size, storageType: 'SSD Premium', gpus: [] }),
    ),
} as const

export const catalogueRoutes: readonly Route[] = [
  ...(['images', 'locations', 'templates'] as const).map((name) =>
    route(
      'GET',
      `/${name}`,
      `list${capitalised(name)}`,
      200,
      `${capitalised(name)} of the catalogue`,
      (call) => listAnswer(call, null, name, nodesOf(call, name)),
    ),
  ),
  route('GET', '/images/:imageId', 'getImage', 200, 'One image', async (call) =>
    one(call, 'images', call.id('imageId')),
  ),
  route('GET', '/templates/:templateId', 'getTemplate', 200, 'One template', async (call) =>
    one(call, 'templates', call.id('templateId')),
  ),
  route('GET', '/locations/:region', 'listLocationsOfRegion', 200, 'Locations of a region', async (call) => {
    const region = call.id('region').toLowerCase()
    const nodes = nodesOf(call, 'locations').filter(({ id }) => id.split('/')[0] === region)
    const parent = { id: 'locations', path: '/locations' }
    return nodes.length > 0 ? listAnswer(call, parent, region, nodes) : notFound(region)
  }),
  // Some clients escape the second slash of `de/fra/2`, some do not.
  route('GET', '/locations/:region/:location', 'getLocation', 200, 'One location', async (call) =>
    one(call, 'locations', `${call.id('region')}/${call.id('location')}`),
  ),
  route(
    'GET',
    '/locations/:region/:location/:number',
    'getNumberedLocation',
    200,
    'One location',
    async (call) =>
      one(call, 'locations', `${call.id('region')}/${call.id('location')}/${call.id('number')}`),
  ),
]

const nodesOf = (call: Call, name: keyof typeof collections): readonly Node[] =>
  collections[name](catalogueOf(call.request))

async function one(call: Call, name: keyof typeof collections, wanted: string): Handled {
  const found = nodesOf(call, name).find(({ id }) => id === wanted.toLowerCase())
  return found ? resourceAnswer(call, found) : notFound(wanted)
}
