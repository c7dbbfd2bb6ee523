/** What can be ordered (contract: upcloud §3.5; upcloud-more §3.3). */
import { ok } from '../../core/result.ts'
import { catalogueOf } from './catalogue.ts'
import { routesOf } from './find.ts'

export const catalogueRoutes = routesOf([
  {
    method: 'GET',
    path: '/zone',
    operation: 'listZones',
    success: 200,
    summary: 'Zones',
    handle: async (request) => ok({ status: 200, body: { zones: { zone: catalogueOf(request).zones } } }),
  },
  {
    method: 'GET',
    path: '/plan',
    operation: 'listPlans',
    success: 200,
    summary: 'Plans',
    handle: async (request) => ok({ status: 200, body: { plans: { plan: catalogueOf(request).plans } } }),
  },
  {
    method: 'GET',
    path: '/timezone',
    operation: 'listTimezones',
    success: 200,
    summary: 'Time zones',
    handle: async () => ok({ status: 200, body: { timezones: { timezone: timezones } } }),
  },
  {
    method: 'GET',
    path: '/server_size',
    operation: 'listServerSizes',
    success: 200,
    summary: 'Sizes of servers without a plan',
    handle: async () => ok({ status: 200, body: { server_sizes: { server_size: sizes } } }),
  },
])

const timezones = [...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC'), 'UTC']

const steps = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
/** 1 to 20 cores by 1 to 128 GiB. */
const sizes = steps(20).flatMap((cores) =>
  steps(128).map((gibibytes) => ({ core_number: String(cores), memory_amount: String(gibibytes * 1024) })),
)
