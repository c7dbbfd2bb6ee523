/** The native API: it explains and shows. It does not write rules: the dialect that manages a server does. */
import type { Dialect } from '../dialect.ts'
import { problem } from './errors.ts'
import { manifest } from './manifest.ts'
import { routes } from './routes.ts'

export const nativeDialect = {
  ...manifest,
  prefixes: ['/v1'],
  overAll: true,
  contentType: 'application/json',
  routes,
  error: problem,
} satisfies Dialect
