/**
 * What agents say of interfaces, in words for their owners: which of their packets are not judged as they may think, and
 * nothing of hosts, their devices, programs and kernels, or of interfaces of others.
 */
import { unansweredNote, unlimitedNote } from '../core/model/desired.ts'
import { hostFails, type Standing } from './standing.ts'

/** Said as they are, by whole or by pattern. Of the others that are known the first group is said. */
const told: readonly (string | RegExp)[] = [
  unansweredNote,
  unlimitedNote,
  /^(checked by MAC alone: (?:it has no addresses|senderCheck is off))$/,
  /^(a VLAN trunk: what is in tagged frames is not judged)$/,
  /^(its packets are compared with up to \d+ rules one after the other, which slows them down)\b/,
  /^(packets of devices that stand on its own are not judged by its policy)\b/,
  /^(its connections are not cut when rules change: its addresses are not known)$/,
  /^(its connections are not cut when rules change)\b/,
  /^(connections of the networks behind it are not cut when rules change)\b/,
]
const uncutShared = /^its connections from and to .* are not cut when rules change\b/

/** In place of what only whoever runs the service may read. */
export const neutral = {
  failing: 'its rules cannot be put in force; whoever runs the service can see why',
  closed: 'nothing passes; whoever runs the service can see why',
  note: 'its host has something to say of it, which whoever runs the service can see',
} as const

/** The same standing, without a word of its host. An error ends as the agent's: in `it is open` where the interface is. */
export function toldToTenant(standing: Standing): Standing {
  const { state, error, notes } = standing
  return {
    ...standing,
    error: error === null || error === hostFails ? error : neutralError(state, error),
    notes: [...new Set(notes.map(neutralNote))],
  }
}

const neutralError = (state: Standing['state'], error: string): string =>
  `${state === 'closed' ? neutral.closed : neutral.failing}${error.endsWith('; it is open') ? '; it is open' : ''}`

function neutralNote(note: string): string {
  if (uncutShared.test(note)) return 'some of its connections are not cut when rules change'
  for (const known of told) {
    if (typeof known === 'string') {
      if (note === known) return note
      continue
    }
    const [, words] = known.exec(note) ?? []
    if (words !== undefined) return words
  }
  return neutral.note
}
