/** States that an inventory may give a new server of each profile. */
import type { Profile } from './inventory.ts'

export const serverStates = {
  hostup: ['started', 'stopped'],
  upcloud: ['started', 'stopped', 'maintenance'],
  ionos: ['started', 'stopped'],
  scaleway: ['started', 'running', 'stopped', 'stopped in place'],
  native: ['started', 'stopped'],
} as const satisfies Record<Profile, readonly string[]>
