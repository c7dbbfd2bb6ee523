/** What can be ordered: zones, commercial types and images (catalogue.json). */
import { type Static, Type } from 'typebox'
import type { JsonObject } from '../../core/json.ts'
import { closed, line, list, optional, whole } from '../../service/config/fields.ts'
import { derivedId } from '../../service/derived-id.ts'
import { createCatalogue, readerOf } from '../catalogue.ts'
import data from './catalogue.json' with { type: 'json' }

const CommercialType = Type.Object(
  {
    ncpus: whole('Cores.', 1024),
    ram: whole('Bytes.', Number.MAX_SAFE_INTEGER),
    arch: optional(Type.Enum(['x86_64', 'arm64'], { description: 'Architecture; `x86_64` when absent.' })),
    local_storage: whole('Most bytes of local disks; 0 where there are none.', Number.MAX_SAFE_INTEGER, 0),
    bandwidth: whole('Bits per second.', Number.MAX_SAFE_INTEGER),
    hourly_price: Type.Number({ minimum: 0, maximum: 1_000_000, description: 'Euros.' }),
  },
  closed,
)

const Sections = Type.Object(
  {
    zones: list(line('Unique.', 63), 'Zones that servers can be in.', { minItems: 1 }),
    types: Type.Record(Type.String(), CommercialType, {
      description: 'Sizes of servers by name.',
      minProperties: 1,
      expected: 'keys and values, one or more',
    }),
    images: list(
      Type.Object(
        { label: line('Unique; clients look images up by it.', 100), name: line('Its name.') },
        closed,
      ),
      'Images, each in every zone, for both kinds of disk and each architecture that types have.',
    ),
  },
  closed,
)

/** Of one local volume, whatever the type; bytes. */
const volumeSizes = { min_size: 1_000_000_000, max_size: 800_000_000_000 }

export interface LocalImage {
  readonly id: string
  readonly label: string
  readonly name: string
  readonly type: string
  readonly arch: string
  readonly zone: string
  /** Types that can start it: those of its architecture; only those with local disks for a local one. */
  readonly types: readonly string[]
}

export interface Catalogue {
  readonly zones: readonly string[]
  /** As the list of products answers them, in order of their names. */
  readonly types: Readonly<Record<string, JsonObject>>
  /** By id, which is ours: one per label, zone, kind of disk and architecture. */
  readonly images: ReadonlyMap<string, LocalImage>
}

/**
 * Zones: those of the public SDKs, November 2026. Types: https://www.scaleway.com/en/pricing/virtual-instances,
 * November 2026, with the prices of fr-par.
 */
export const catalogue = createCatalogue({
  schema: Sections,
  data,
  read({ zones, types, images }, report): Catalogue {
    for (const [index, zone] of zones.entries()) report.once('zone', zone, `zones[${index}]`, zone)
    for (const [index, { label }] of images.entries()) {
      report.once('label', label, `images[${index}].label`, label)
    }
    const sorted = Object.entries(types).toSorted(([a], [b]) => (a < b ? -1 : 1))
    const kinds = Map.groupBy(
      sorted.flatMap(([name, { arch = 'x86_64', local_storage: local }]) => [
        ...(local > 0 && arch === 'x86_64' ? [{ kind: `instance_local ${arch}`, name }] : []),
        { kind: `instance_sbs ${arch}`, name },
      ]),
      ({ kind }) => kind,
    )
    const found = zones.flatMap((zone) =>
      images.flatMap(({ label, name }) =>
        [...kinds].map(([kind, members]): LocalImage => {
          const [type = '', arch = ''] = kind.split(' ')
          // Ids are older than architectures.
          const id = derivedId('image', label, type, zone, ...(arch === 'x86_64' ? [] : [arch]))
          return { id, label, name, type, arch, zone, types: members.map((each) => each.name) }
        }),
      ),
    )
    return {
      zones,
      types: Object.fromEntries(sorted.map(([name, type]) => [name, encodeType(type)])),
      images: new Map(found.map((image) => [image.id, image])),
    }
  },
  offers: ({ zones, types }) => ({ zones, plans: Object.keys(types) }),
})

export const catalogueOf = readerOf(catalogue)

/** By id, or by label: then for the disk that is asked for, `sbs_volume` when none is. */
export function findImage(
  { images }: Catalogue,
  zone: string,
  { image, disk }: { readonly image: string; readonly disk: string | undefined },
): LocalImage | undefined {
  const type = disk === 'l_ssd' ? 'instance_local' : 'instance_sbs'
  const labelled = (each: LocalImage) => each.label === image && each.type === type && each.zone === zone
  const found = images.get(image) ?? [...images.values()].find(labelled)
  return found?.zone === zone ? found : undefined
}

function encodeType(type: Static<typeof CommercialType>): JsonObject {
  const { arch = 'x86_64', ncpus, ram, local_storage: local, bandwidth, hourly_price: hourly } = type
  return {
    alt_names: [],
    arch,
    ncpus,
    ram,
    gpu: 0,
    gpu_info: null,
    mig_profile: null,
    volumes_constraint: { min_size: 0, max_size: local },
    per_volume_constraint: { l_ssd: local > 0 ? volumeSizes : { min_size: 0, max_size: 0 } },
    scratch_storage_max_size: 0,
    scratch_storage_max_volumes_count: 0,
    monthly_price: Math.round(hourly * 730 * 100) / 100,
    hourly_price: hourly,
    capabilities: {
      boot_types: ['local', 'rescue'],
      placement_groups: true,
      block_storage: true,
      hot_snapshots_local_volume: false,
      private_network: 8,
      max_file_systems: 0,
    },
    network: {
      ipv6_support: true,
      sum_internal_bandwidth: bandwidth,
      sum_internet_bandwidth: bandwidth,
      interfaces: [{ internal_bandwidth: bandwidth, internet_bandwidth: bandwidth }],
    },
    block_bandwidth: 100_000_000,
    end_of_service: false,
  }
}
