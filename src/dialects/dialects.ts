/** All dialects, with the catalogues that are built in. */
import type { Dialects } from './dialect.ts'
import { hostupDialect } from './hostup/dialect.ts'
import { ionosDialect } from './ionos/dialect.ts'
import { nativeDialect } from './native/dialect.ts'
import { scalewayDialect } from './scaleway/dialect.ts'
import { upcloudDialect } from './upcloud/dialect.ts'

export const dialects: Dialects = [
  nativeDialect,
  upcloudDialect,
  hostupDialect,
  ionosDialect,
  scalewayDialect,
]
