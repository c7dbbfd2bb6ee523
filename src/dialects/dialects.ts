/** All dialects, with the catalogues that are built in. */
import type { Dialect, Dialects } from './dialect.ts'
import { hostupDialect } from './hostup/dialect.ts'
import { ionosDialect } from './ionos/dialect.ts'
import { nativeDialect } from './native/dialect.ts'
import { scalewayDialect } from './scaleway/dialect.ts'
import { upcloudDialect } from './upcloud/dialect.ts'

const all = [
  nativeDialect,
  upcloudDialect,
  hostupDialect,
  ionosDialect,
  scalewayDialect,
] as const satisfies Dialects

/** Names of all that are served: a record of these keys does not compile when one is left out. */
export type Served = (typeof all)[number]['profile']
export type ServedDialect = Dialect & { readonly profile: Served }

export const dialects: readonly [ServedDialect, ...ServedDialect[]] = all
