/** What of the made-up provider's API is not imitated, and what it does not have. */
import type { Gap } from '../../../src/dialects/manifest.ts'

export const gaps: readonly Gap[] = [{ what: 'Sizes of slots', why: 'Nothing here resizes a VM.' }]

/** The reasons for which the conformance driver leaves out a step. */
export const missing = {
  positions: { what: 'Places', why: 'A new rule is the last, and rules are not moved.' },
  changes: { what: 'Changing a rule', why: 'It is deleted and created again.' },
  wholeLists: { what: 'Writing a whole list', why: 'Rules are written one by one.' },
  texts: { what: 'Texts', why: 'A rule is a port.' },
  holders: { what: 'Making slots', why: 'They are there with their VM.' },
} as const satisfies Readonly<Record<string, Gap>>
