/** The native API as data: it manages no servers of its own. */
import type { Manifest } from '../manifest.ts'
import { gaps } from './gaps.ts'

export const manifest = {
  profile: 'native',
  title: 'native',
  place: 5,
  states: [],
  schemes: ['bearer', 'basic', 'x-api-key', 'x-auth-token'],
  credentials: ['token'],
  inventory: {},
  gaps,
} as const satisfies Manifest
