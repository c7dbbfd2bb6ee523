/** What can be ordered (contract: upcloud §3.5). */
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
]
