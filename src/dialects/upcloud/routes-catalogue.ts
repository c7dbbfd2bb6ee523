/** What can be ordered (contract: upcloud §3.5). */
import { ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { plans, zones } from './catalogue.ts'
import { route } from './find.ts'

export const catalogueRoutes: readonly Route[] = [
  route('GET', '/zone', 'listZones', 200, 'Zones', async () =>
    ok({ status: 200, body: { zones: { zone: zones } } }),
  ),
  route('GET', '/plan', 'listPlans', 200, 'Plans', async () =>
    ok({ status: 200, body: { plans: { plan: plans } } }),
  ),
]
