/** What can be ordered: zones, plans and templates (catalogue.json). */
import { type Static, Type } from 'typebox'
import type { JsonObject } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import { closed, line, list, optional, whole } from '../../service/config/fields.ts'
import { derivedId } from '../../service/derived-id.ts'
import { hostAlias } from '../../service/host-aliases.ts'
import { createCatalogue, readerOf } from '../catalogue.ts'
import data from './catalogue.json' with { type: 'json' }

const uuid = (description: string) =>
  Type.String({
    ...{ pattern: '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', description },
    expected: 'a UUID in lower case',
  })

const some = { minItems: 1 }

/** Fields are the provider's own. */
const Sections = Type.Object(
  {
    zones: list(
      Type.Object(
        {
          id: line('Unique.', 63),
          description: line('Its name.'),
          public: optional(Type.Enum(['yes', 'no'], { description: '`yes` when absent.' })),
        },
        closed,
      ),
      'Zones that servers can be in.',
      some,
    ),
    plans: list(
      Type.Object(
        {
          name: line('Unique.', 63),
          core_number: whole('Cores.', 1024),
          memory_amount: whole('MiB.', 2 ** 30),
          storage_size: whole('GiB; 0 for none.', 2 ** 30, 0),
          storage_tier: optional(line('Of its storage; absent: no storage belongs to it.', 63)),
          public_traffic_out: whole('GiB a month.', 2 ** 30, 0),
          gpu_amount: optional(whole('GPUs.', 1024, 0)),
          gpu_model: optional(line('Of its GPUs.', 63)),
        },
        closed,
      ),
      'Sizes of servers. The first is that of a server that names none.',
      some,
    ),
    templates: list(
      Type.Object(
        {
          uuid: uuid('Unique.'),
          title: line('Unique; storages can be cloned by it.'),
          size: whole('GiB.', 4096),
          template_type: line('`cloud-init` or `native`.', 63),
        },
        closed,
      ),
      'Public templates that disks are cloned from.',
    ),
  },
  closed,
)

export interface Catalogue {
  readonly zones: readonly JsonObject[]
  /** As lists of plans answer them. */
  readonly plans: readonly (Omit<Static<typeof Sections>['plans'][number], 'storage_tier'> & {
    readonly storage_tier: string | null
  })[]
  /** As lists of storages answer them. */
  readonly templates: readonly (JsonObject &
    Readonly<Record<'uuid' | 'title', string>> & { readonly size: number })[]
}

/**
 * Zones: https://upcloud.com/data-centres, November 2026. Plans: those of April 2025, and two that only 2020 had. Ids and titles of templates are the provider's, so that
 * configurations written for it find them.
 */
export const catalogue = createCatalogue({
  schema: Sections,
  data,
  read({ zones, plans, templates }, report): Catalogue {
    const once = (section: string, key: string, values: readonly string[]) => {
      for (const [index, value] of values.entries()) {
        report.once(`${section}.${key}`, value, `${section}[${index}].${key}`, value)
      }
    }
    once(
      'zones',
      'id',
      zones.map(({ id }) => id),
    )
    once(
      'plans',
      'name',
      plans.map(({ name }) => name),
    )
    once(
      'templates',
      'uuid',
      templates.map((each) => each.uuid),
    )
    once(
      'templates',
      'title',
      templates.map(({ title }) => title),
    )
    return {
      zones: zones.map(({ description, id, public: open = 'yes' }) => ({ description, id, public: open })),
      plans: plans.map((plan) => ({ ...plan, storage_tier: plan.storage_tier ?? null })),
      templates: templates.map(({ uuid, title, size, template_type }) => ({
        ...{ access: 'public', encrypted: 'no', labels: [], license: 0, size, state: 'online' },
        ...{ template_type, title, type: 'template', uuid },
      })),
    }
  },
  offers: ({ zones, plans }) => ({
    zones: zones.map(({ id }) => String(id)),
    plans: plans.map(({ name }) => name),
  }),
})

export const catalogueOf = readerOf(catalogue)

/** The size of a server: its plan's, or its own when it has none. A plan that is no longer offered keeps its name and size. */
export function planOf(
  attributes: JsonObject,
  { plans }: Pick<Catalogue, 'plans'>,
): { name: string; cores: number; memory: number } {
  const { core_number: cores, memory_amount: memory, plan } = attributes
  if (typeof cores === 'number' && typeof memory === 'number') return { name: 'custom', cores, memory }
  const found = plans.find(({ name }) => name === plan)
  const kept = attributes.planSize as { readonly cores: number; readonly memory: number } | undefined
  if (!found && kept && typeof plan === 'string') return { name: plan, ...kept }
  const { name = '', core_number = 1, memory_amount = 1024 } = found ?? plans[0] ?? {}
  return { name: typeof plan === 'string' ? plan : name, cores: core_number, memory: memory_amount }
}

/** A number that is the same for servers of one account on one host. `secret`: the installation's. */
export const hostNumber = (secret: string, account: string, host: string): number =>
  hostAlias(secret, account, host).readUIntBE(0, 4) + 4_294_967_296

/** The network an interface is in: one of each kind per zone, and one for each private interface. */
export function networkOf({ type, id }: Interface, zone: string): string {
  return type === 'private' ? id : `03${derivedId('network', type, zone).slice(2)}`
}
