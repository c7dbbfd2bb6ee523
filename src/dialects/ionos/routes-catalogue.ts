/** What clients look up before they create: images, locations and templates (contract: ionos-more §2, §6). */
import type { JsonObject } from '../../core/json.ts'
import { catalogueOf, type Offered } from './catalogue.ts'
import { notFound } from './errors.ts'
import { type CallEndpoint, type Handled, routesOf } from './find.ts'
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

export const catalogueRoutes = routesOf([
  ...(['images', 'locations', 'templates'] as const).map(
    (name): CallEndpoint => ({
      method: 'GET',
      path: `/${name}`,
      operation: `list${capitalised(name)}`,
      success: 200,
      summary: `${capitalised(name)} of the catalogue`,
      handle: (call) => listAnswer(call, null, name, resourcesOf(call, name)),
    }),
  ),
  {
    method: 'GET',
    path: '/images/:imageId',
    operation: 'getImage',
    success: 200,
    summary: 'One image',
    handle: async (call) => one(call, 'images', call.id('imageId')),
  },
  {
    method: 'GET',
    path: '/templates/:templateId',
    operation: 'getTemplate',
    success: 200,
    summary: 'One template',
    handle: async (call) => one(call, 'templates', call.id('templateId')),
  },
  {
    method: 'GET',
    path: '/locations/:region',
    operation: 'listLocationsOfRegion',
    success: 200,
    summary: 'Locations of a region',
    handle: async (call) => {
      const region = call.id('region').toLowerCase()
      const all = resourcesOf(call, 'locations').filter(({ id }) => id.split('/')[0] === region)
      const parent = { id: 'locations', path: '/locations' }
      return all.length > 0 ? listAnswer(call, parent, region, all) : notFound(region)
    },
  },
  // Some clients escape the second slash of `de/fra/2`, some do not.
  {
    method: 'GET',
    path: '/locations/:region/:location',
    operation: 'getLocation',
    success: 200,
    summary: 'One location',
    handle: async (call) => one(call, 'locations', `${call.id('region')}/${call.id('location')}`),
  },
  {
    method: 'GET',
    path: '/locations/:region/:location/:number',
    operation: 'getNumberedLocation',
    success: 200,
    summary: 'One location',
    handle: async (call) =>
      one(call, 'locations', `${call.id('region')}/${call.id('location')}/${call.id('number')}`),
  },
])

const resourcesOf = (call: Call, name: keyof typeof collections): readonly Resource[] =>
  collections[name](catalogueOf(call.request))

async function one(call: Call, name: keyof typeof collections, wanted: string): Handled {
  const found = resourcesOf(call, name).find(({ id }) => id === wanted.toLowerCase())
  return found ? resourceAnswer(call, found) : notFound(wanted)
}
