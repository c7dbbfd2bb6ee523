/**
 * HostUp: VM firewall rules, options and groups, in both generations of its API.
 *
 * It translates and nothing else; the rule language is in decode-rule.ts. What of the API is missing is in gaps.ts.
 */
import type { Dialect } from '../dialect.ts'
import { errorAnswer } from './errors.ts'
import { manifest } from './manifest.ts'
import { assignment, groups, options, rules } from './routes-v1.ts'
import { routes } from './routes-v2.ts'

export const hostupDialect = {
  ...manifest,
  prefixes: ['/api'],
  contentType: 'application/json',
  routes: [...rules, ...options, ...assignment, ...groups, ...routes],
  errorPaths: ['/api', '/api/v2'],
  error: errorAnswer,
} satisfies Dialect
