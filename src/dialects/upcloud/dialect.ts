/**
 * UpCloud API 1.3: the per-server firewall, and the endpoints that unmodified clients call on the way to it.
 *
 * It translates and nothing else: what rules mean is the model's, what may be done is the services'. What of the API is
 * missing, and why, is in gaps.ts.
 */
import type { Dialect } from '../dialect.ts'
import { errorAnswer } from './errors.ts'
import { manifest } from './manifest.ts'
import { routes } from './routes.ts'

export const upcloudDialect = {
  ...manifest,
  // One Node client is bound to the older version's paths.
  prefixes: ['/1.3', '/1.2'],
  contentType: 'application/json; charset=UTF-8',
  claims: (path) =>
    // Not 404: Terraform takes that for "gone", and drops what it knows.
    /^\/1\.(?![23](\/|$))\d+(\/|$)/.test(path)
      ? {
          kind: 'invalid',
          field: 'version',
          reason: 'The API version is not supported; 1.3 is.',
          code: 'API_VERSION_INVALID',
        }
      : undefined,
  routes,
  error: errorAnswer,
} satisfies Dialect
