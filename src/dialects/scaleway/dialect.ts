/**
 * Scaleway: security groups and their rules, the servers they are attached to, and what clients call on the way.
 *
 * It translates and nothing else: what rules mean is the model's, what may be done is the services'. What of the API is
 * missing, and why, is in gaps.ts.
 */
import type { Dialect } from '../dialect.ts'
import { catalogue } from './catalogue.ts'
import { errorAnswer } from './errors.ts'
import { catalogueRoutes } from './routes-catalogue.ts'
import { groupRoutes } from './routes-groups.ts'
import { identityRoutes } from './routes-identity.ts'
import { ruleRoutes } from './routes-rules.ts'
import { serverRoutes } from './routes-servers.ts'
import { volumeRoutes } from './routes-volumes.ts'

export const scalewayDialect: Dialect = {
  profile: 'scaleway',
  prefixes: [''],
  roots: ['/instance', '/iam', '/account', '/marketplace', '/block'],
  schemes: ['x-auth-token'],
  // Exactly this: clients compare the header for equality.
  contentType: 'application/json',
  routes: [
    ...groupRoutes,
    ...ruleRoutes,
    ...serverRoutes,
    ...volumeRoutes,
    ...catalogueRoutes,
    ...identityRoutes,
  ],
  catalogue,
  error: errorAnswer,
}
