/** What requests name and clients look up first: locations, their images, templates of Cubes (catalogue.json). */
import { type Static, Type } from 'typebox'
import type { JsonObject } from '../../core/json.ts'
import { closed, id, line, list, optional, whole } from '../../service/config/fields.ts'
import type { Report } from '../../service/config/report.ts'
import { derivedId } from '../../service/derived-id.ts'
import { createCatalogue, readerOf } from '../catalogue.ts'
import data from './catalogue.json' with { type: 'json' }

const most = 1 << 24
/** Two or three parts: `de/fra/2`. */
const location = (description: string) =>
  Type.String({
    ...{ pattern: '^[a-z0-9-]{1,20}/[a-z0-9-]{1,20}(/[a-z0-9-]{1,20})?$', description },
    expected: 'two or three words with slashes between them',
  })

const CpuFamily = Type.Object(
  {
    cpuFamily: line('By which requests name it.', 64),
    vendor: line('As the CPU says it.', 64),
    maxCores: whole('Of one server.', 1024),
    maxRam: whole('Of one server, in MB.', most),
  },
  closed,
)

const Location = Type.Object(
  {
    id: location('Unique.'),
    name: line('In words.', 63),
    features: list(line('', 64), 'What it offers.'),
    cpuArchitecture: list(CpuFamily, 'The first is that of servers that name none.', { minItems: 1 }),
  },
  closed,
)

const Image = Type.Object(
  {
    name: line('Unique. Ids are made from it and the location.', 100),
    imageType: Type.Enum(['HDD', 'CDROM'], { description: 'What it is for.' }),
    size: whole('GB.', most),
    licenceType: Type.Enum(['LINUX', 'WINDOWS', 'RHEL', 'OTHER', 'UNKNOWN'], {
      description: 'Of its volumes.',
    }),
    cloudInit: Type.Enum(['NONE', 'V1'], { description: 'Whether it takes user data.' }),
    imageAliases: list(line('', 100), 'Each on one image of a location; in any case.'),
    locations: optional(list(location(''), 'Where it is; absent: everywhere.')),
  },
  closed,
)

const Template = Type.Object(
  {
    id: id('Unique, in lower case.'),
    name: line('Unique.', 100),
    category: line('What it is listed under.', 100),
    cores: whole('Of its Cubes.', 1024),
    ram: whole('Of its Cubes, in MB.', most),
    storageSize: whole('Of their DAS volume, in GB.', most),
  },
  closed,
)

const Sections = Type.Object(
  {
    locations: list(Location, 'Where datacenters can be.', { minItems: 1 }),
    images: list(Image, 'What volumes can be made from.'),
    templates: list(Template, 'Sizes of Cubes. No two share cores and RAM, or RAM and storage.'),
    resourceLimits: Type.Record(Type.String(), whole('', Number.MAX_SAFE_INTEGER, 0), {
      description: 'Limits that the contract is answered with, by the provider’s names.',
    }),
  },
  closed,
)
type Sections = Static<typeof Sections>

export type Template = Static<typeof Template>

export interface OfferedImage {
  readonly id: string
  readonly location: string
  /** GB. */
  readonly size: number
  readonly licenceType: string
  /** As the API answers them. */
  readonly properties: JsonObject
}

export interface OfferedLocation {
  readonly id: string
  /** As the API answers them. */
  readonly properties: JsonObject
}

export interface Offered {
  readonly resourceLimits: Sections['resourceLimits']
  /** By id, as are the others. */
  readonly locations: ReadonlyMap<string, OfferedLocation>
  readonly images: ReadonlyMap<string, OfferedImage>
  readonly templates: ReadonlyMap<string, Template>
  /** The alias in any case. */
  imageOfAlias(location: string, alias: string): OfferedImage | undefined
  /** What a location offers; an unknown location offers what the first does. */
  inLocation(location: string): Pick<Sections['locations'][number], 'features' | 'cpuArchitecture'>
}

export const catalogue = createCatalogue({ schema: Sections, data, read })
export const catalogueOf = readerOf(catalogue)

function read({ locations, images, templates, resourceLimits }: Sections, report: Report): Offered {
  for (const [index, { id }] of locations.entries()) report.once('location', id, `locations[${index}].id`, id)
  for (const [index, { id, name, cores, ram, storageSize }] of templates.entries()) {
    const at = `templates[${index}]`
    report.once('template', id, `${at}.id`, id)
    report.once('template name', name, `${at}.name`, name)
    // Terraform looks templates up by either pair, and takes an answer of one.
    report.once('cores and RAM', `${cores} ${ram}`, `${at}.cores`, `${cores} cores with ${ram} MB`)
    report.once('RAM and storage', `${ram} ${storageSize}`, `${at}.ram`, `${ram} MB with ${storageSize} GB`)
  }
  const all = locations.map(({ id }) => id)
  const placed: OfferedImage[] = []
  const aliases = new Map<string, OfferedImage>()
  for (const [index, image] of images.entries()) {
    const at = `images[${index}]`
    report.once('image', image.name, `${at}.name`, image.name)
    for (const location of image.locations ?? all) {
      if (!all.includes(location)) report.add(`${at}.locations`, `${location} is none of the locations`)
      const offered = imageIn(location, image)
      placed.push(offered)
      for (const alias of image.imageAliases) {
        const key = `${location} ${alias.toLowerCase()}`
        report.once('alias', key, `${at}.imageAliases`, `${alias} in ${location}`)
        aliases.set(key, offered)
      }
    }
  }
  const [first] = locations
  const places = new Map(locations.map((each) => [each.id, each]))
  return {
    resourceLimits,
    locations: new Map(locations.map((each) => [each.id, locationOf(each, placed)])),
    images: new Map(placed.map((each) => [each.id, each])),
    templates: new Map(templates.map((each) => [each.id, each])),
    imageOfAlias: (location, alias) => aliases.get(`${location} ${alias.toLowerCase()}`),
    inLocation: (location) => places.get(location) ?? first ?? { features: [], cpuArchitecture: [] },
  }
}

function locationOf(
  { id, name, features, cpuArchitecture }: Static<typeof Location>,
  images: readonly OfferedImage[],
): OfferedLocation {
  const imageAliases = images.flatMap(({ location, properties }) =>
    location === id ? (properties.imageAliases as readonly string[]) : [],
  )
  return { id, properties: { name, metroRegion: id, features, imageAliases, cpuArchitecture } }
}

/** What can be plugged is that of the vendor's Linux images. */
function imageIn(location: string, image: Static<typeof Image>): OfferedImage {
  const { name, size, licenceType, imageType, imageAliases, cloudInit } = image
  const properties = {
    ...{ name, description: null, location, size },
    ...{ cpuHotPlug: true, cpuHotUnplug: false, ramHotPlug: true, ramHotUnplug: false },
    ...{ nicHotPlug: true, nicHotUnplug: true, discVirtioHotPlug: true, discVirtioHotUnplug: true },
    ...{ discScsiHotPlug: false, discScsiHotUnplug: false, exposeSerial: false, requireLegacyBios: true },
    ...{ licenceType, applicationType: 'UNKNOWN', imageType, public: true },
    ...{ imageAliases, requiredFeatures: [], cloudInit },
  }
  return { id: derivedId('ionos image', location, name), location, size, licenceType, properties }
}
