/** What the native API does not do yet, and why. */
import type { Gap } from '../manifest.ts'

export const gaps: readonly Gap[] = [
  {
    what: 'Writing rules of other profiles',
    why: 'They are written through the dialect that manages the server; here they are read.',
  },
  { what: 'Policies as peers', why: 'Rules name addresses; no selector stands for the members of a policy.' },
]
