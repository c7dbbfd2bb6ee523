/** What clients look up before they create: images, locations and templates (contract: ionos-more §2, §6). */
import type { JsonObject } from '../../core/json.ts'
import type { Route } from '../dialect.ts'
import { catalogueOf, type Offered } from './catalogue.ts'
import { notFound } from './errors.ts'
import { type Handled, route } from './find.ts'
import { capitalised, listAnswer, resourceAnswer } from './render.ts'
import type { Resource } from './resource.ts'
import type { Call } from './resources.ts'
import type { Kind } from './wire.ts'

const listed = Date.UTC(2026, 0, 1)

/** A resource that `by` created, not the contract. */
function resource(kind: Kind, path: string, by: string, id: string, properties: JsonObject): Resource {
  const created = { createdAt: listed, createdBy: by, createdByUserId: by }
  const authorship = { ...created, modifiedAt: listed, modifiedBy: by, modifiedByUserId: by }
  return { kind, id, path: `/${path}/${id}`, authorship, properties, affects: {}, children: {} }
}

const collections = {
  images: (offered: Offered) =>
    [...offered.images.values()].map(({ id, properties }) =>
      resource('image', 'images', 'System', id, properties),
    ),
  locations: (offered: Offered) =>
    [...offered.locations.values()].map(({ id, properties }) =>
      resource('location', 'locations', '', id, properties),
    ),
  templates: (offered: Offered) =>
    [...offered.templates.values()].map(({ id, ...size }) =>
      resource('template', 'templates', '[UNKNOWN]', id, { ...size, storageType: 'SSD Premium', gpus: [] }),
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
      (call) => listAnswer(call, null, name, resourcesOf(call, name)),
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
    const all = resourcesOf(call, 'locations').filter(({ id }) => id.split('/')[0] === region)
    const parent = { id: 'locations', path: '/locations' }
    return all.length > 0 ? listAnswer(call, parent, region, all) : notFound(region)
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

const resourcesOf = (call: Call, name: keyof typeof collections): readonly Resource[] =>
  collections[name](catalogueOf(call.request))

async function one(call: Call, name: keyof typeof collections, wanted: string): Handled {
  const found = resourcesOf(call, name).find(({ id }) => id === wanted.toLowerCase())
  return found ? resourceAnswer(call, found) : notFound(wanted)
}
