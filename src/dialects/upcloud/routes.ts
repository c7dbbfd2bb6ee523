/** UpCloud's endpoints, by what they are about. */
import type { Route } from '../dialect.ts'
import { accountRoutes } from './routes-account.ts'
import { addressRoutes } from './routes-addresses.ts'
import { catalogueRoutes } from './routes-catalogue.ts'
import { networkRoutes } from './routes-networks.ts'
import { ruleRoutes } from './routes-rules.ts'
import { serverRoutes } from './routes-servers.ts'
import { storageRoutes } from './routes-storages.ts'
import { tagRoutes } from './routes-tags.ts'

export const routes: readonly Route[] = [
  ...ruleRoutes,
  ...accountRoutes,
  ...serverRoutes,
  ...catalogueRoutes,
  ...storageRoutes,
  ...networkRoutes,
  ...addressRoutes,
  ...tagRoutes,
]
