/** The native API keeps no lists of rules yet, so it runs none of the cases that all dialects run (gaps.ts). */
import type { Driver } from '../conformance.ts'
import { gaps } from './gaps.ts'

export const driver: Driver = {
  title: 'the native API',
  ...{ gaps, missing: {} },
  inventory: { own: {}, foreign: {} },
  lists: [],
}
