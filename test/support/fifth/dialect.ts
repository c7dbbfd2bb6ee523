/**
 * The made-up provider, as small as a dialect can be: rules of a slot that let a TCP port in.
 *
 * Nothing serves it but tests. It shows that a fifth dialect is a folder, and what stands in each file of it.
 */
import type { Dialect } from '../../../src/dialects/dialect.ts'
import { errorAnswer } from './errors.ts'
import { manifest } from './manifest.ts'
import { routes } from './routes.ts'

export const fifthDialect = {
  ...manifest,
  prefixes: ['/fifth'],
  contentType: 'application/json',
  routes,
  error: errorAnswer,
} satisfies Dialect
