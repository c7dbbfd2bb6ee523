/**
 * IONOS Cloud API 6: firewall rules of NICs and security groups, and what unmodified clients call on the way to them.
 *
 * It translates and nothing else: what rules mean is the model's, what may be done is the services'. What of the API is
 * missing, and why, is in gaps.ts.
 */
import type { Dialect } from '../dialect.ts'
import { errorAnswer } from './errors.ts'
import { manifest } from './manifest.ts'
import { accountRoutes } from './routes-account.ts'
import { catalogueRoutes } from './routes-catalogue.ts'
import { datacenterRoutes } from './routes-datacenters.ts'
import { flowLogRoutes } from './routes-flowlogs.ts'
import { groupRoutes } from './routes-groups.ts'
import { ipBlockRoutes } from './routes-ipblocks.ts'
import { labelRoutes } from './routes-labels.ts'
import { lanRoutes } from './routes-lans.ts'
import { nicRoutes } from './routes-nics.ts'
import { pccRoutes } from './routes-pccs.ts'
import { powerRoutes } from './routes-power.ts'
import { ruleRoutes } from './routes-rules.ts'
import { serverRoutes } from './routes-servers.ts'
import { volumeRoutes } from './routes-volumes.ts'
import { prefix } from './wire.ts'

export const ionosDialect = {
  ...manifest,
  prefixes: [prefix],
  contentType: 'application/json',
  routes: [
    ...ruleRoutes,
    ...groupRoutes,
    ...datacenterRoutes,
    ...lanRoutes,
    ...serverRoutes,
    ...nicRoutes,
    ...flowLogRoutes,
    ...powerRoutes,
    ...volumeRoutes,
    ...pccRoutes,
    ...labelRoutes,
    ...catalogueRoutes,
    ...ipBlockRoutes,
    ...accountRoutes,
  ],
  error: errorAnswer,
} satisfies Dialect
