/** A driver for each dialect: leave one out and this does not compile. */
import type { Driver } from './conformance.ts'
import type { Served } from './dialects.ts'
import { driver as hostup } from './hostup/conformance-driver.ts'
import { driver as ionos } from './ionos/conformance-driver.ts'
import { driver as native } from './native/conformance-driver.ts'
import { driver as scaleway } from './scaleway/conformance-driver.ts'
import { driver as upcloud } from './upcloud/conformance-driver.ts'

export const drivers: Readonly<Record<Served, Driver>> = { native, upcloud, hostup, ionos, scaleway }
