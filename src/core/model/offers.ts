/** What each profile's provider offers, as data: the inventory refuses what no API could answer for, without knowing a dialect. */
import type { Profile } from './inventory.ts'

/** Zones by id; profiles that are absent have no closed list. Sources: the dialects' catalogues. */
export const offeredZones = {
  upcloud: [
    ...(['au-syd1', 'de-fra1', 'dk-cph1', 'es-mad1', 'fi-hel1', 'fi-hel2', 'nl-ams1', 'no-svg1'] as const),
    ...(['pl-waw1', 'se-sto1', 'sg-sin1', 'uk-lon1', 'us-chi1', 'us-nyc1', 'us-sjo1'] as const),
  ],
  scaleway: [
    ...(['fr-par-1', 'fr-par-2', 'fr-par-3', 'nl-ams-1', 'nl-ams-2', 'nl-ams-3'] as const),
    ...(['pl-waw-1', 'pl-waw-2', 'pl-waw-3', 'it-mil-1'] as const),
  ],
} as const satisfies Partial<Record<Profile, readonly string[]>>

/** Sizes of servers by name; profiles that are absent have no closed list. */
export const offeredPlans = {
  upcloud: [
    ...(['1xCPU-1GB', '1xCPU-2GB', '2xCPU-2GB', '2xCPU-4GB', '4xCPU-8GB'] as const),
    ...(['6xCPU-16GB', '8xCPU-32GB'] as const),
  ],
  scaleway: [
    ...([
      'DEV1-S',
      'DEV1-M',
      'DEV1-L',
      'GP1-XS',
      'GP1-S',
      'PLAY2-PICO',
      'PLAY2-NANO',
      'PLAY2-MICRO',
    ] as const),
    ...(['PRO2-XXS', 'PRO2-XS', 'PRO2-S'] as const),
  ],
} as const satisfies Partial<Record<Profile, readonly string[]>>

/** States that an inventory may give a new server of each profile. */
export const serverStates = {
  hostup: ['started', 'stopped'],
  upcloud: ['started', 'stopped', 'maintenance'],
  ionos: ['started', 'stopped'],
  scaleway: ['started', 'running', 'stopped', 'stopped in place'],
  native: ['started', 'stopped'],
} as const satisfies Record<Profile, readonly string[]>
