/** What can be ordered (contract: upcloud §3.5; upcloud-more §3.3). */
import { ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { catalogueOf } from './catalogue.ts'
import { route } from './find.ts'

export const catalogueRoutes: readonly Route[] = [
  route('GET', '/zone', 'listZones', 200, 'Zones', async (request) =>
    ok({ status: 200, body: { zones: { zone: catalogueOf(request).zones } } }),
  ),
  route('GET', '/plan', 'listPlans', 200, 'Plans', async (request) =>
    ok({ status: 200, body: { plans: { plan: catalogueOf(request).plans } } }),
  ),
  route('GET', '/timezone', 'listTimezones', 200, 'Time zones', async () =>
    ok({ status: 200, body: { timezones: { timezone: timezones } } }),
  ),
  route('GET', '/server_size', 'listServerSizes', 200, 'Sizes of servers without a plan', async () =>
    ok({ status: 200, body: { server_sizes: { server_size: sizes } } }),
  ),
]

const timezones = [...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC'), 'UTC']

const steps = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
/** 1 to 20 cores by 1 to 128 GiB. */
const sizes = steps(20).flatMap((cores) =>
  steps(128).map((gibibytes) => ({ core_number: String(cores), memory_amount: String(gibibytes * 1024) })),
)
