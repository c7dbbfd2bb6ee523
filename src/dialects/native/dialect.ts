/** The native API: it explains and shows. It does not write rules: the dialect that manages a server does. */
import type { Dialect } from '../dialect.ts'
import { problem } from './errors.ts'
import { routes } from './routes.ts'

export const nativeDialect: Dialect = {
  profile: 'native',
  prefixes: ['/v1'],
  schemes: ['bearer', 'basic', 'x-api-key', 'x-auth-token'],
  contentType: 'application/json',
  routes,
  error: problem,
}
