/** What the native API does not do yet, and why. */
import type { Gap } from '../manifest.ts'

export const gaps: readonly Gap[] = [
  { what: 'Writing rules', why: 'They are written through the dialect that manages the server.' },
  { what: 'Applying an inventory', why: 'It is read at start; changing it takes a restart.' },
]
