/** IONOS Cloud's endpoints, by what they are about. */
import type { Route } from '../dialect.ts'
import { accountRoutes } from './routes-account.ts'
import { catalogueRoutes } from './routes-catalogue.ts'
import { datacenterRoutes } from './routes-datacenters.ts'
import { flowLogRoutes } from './routes-flowlogs.ts'
import { groupRoutes } from './routes-groups.ts'
import { ipBlockRoutes } from './routes-ipblocks.ts'
import { labelRoutes } from './routes-labels.ts'
import { lanRoutes } from './routes-lans.ts'
import { pccRoutes } from './routes-pccs.ts'
import { powerRoutes } from './routes-power.ts'
import { ruleRoutes } from './routes-rules.ts'
import { serverRoutes } from './routes-servers.ts'
import { volumeRoutes } from './routes-volumes.ts'

export const routes: readonly Route[] = [
  ...ruleRoutes,
  ...groupRoutes,
  ...datacenterRoutes,
  ...lanRoutes,
  ...serverRoutes,
  ...flowLogRoutes,
  ...powerRoutes,
  ...volumeRoutes,
  ...pccRoutes,
  ...labelRoutes,
  ...catalogueRoutes,
  ...ipBlockRoutes,
  ...accountRoutes,
]
