/**
 * IONOS Cloud API 6: firewall rules of NICs and security groups, and what unmodified clients call on the way to them.
 *
 * It translates and nothing else: what rules mean is the model's, what may be done is the services'. What of the API is
 * missing, and why, is in gaps.ts.
 */
import type { Dialect } from '../dialect.ts'
import { catalogue } from './catalogue.ts'
import { errorAnswer } from './errors.ts'
import { routes } from './routes.ts'
import { prefix } from './wire.ts'

export const ionosDialect: Dialect = {
  profile: 'ionos',
  prefixes: [prefix],
  schemes: ['basic', 'bearer'],
  contentType: 'application/json',
  routes,
  catalogue,
  error: errorAnswer,
}
