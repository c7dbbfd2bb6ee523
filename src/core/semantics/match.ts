/** Whether a match holds for a packet, and if not, the first field that does not. */
import type { LinkMatch } from '../model/effective-policy.ts'
import { fieldOf, type MatchField, matchFieldNames } from '../model/match-fields.ts'
import type { Match } from '../model/rule.ts'
import type { Packet } from '../net/packet.ts'

/** Null when every given field matches. */
export function mismatch(match: Match, packet: Packet): MatchField | null {
  for (const name of matchFieldNames) {
    const value = match[name]
    if (value !== undefined && !fieldOf(name).holds(value, packet, match.family)) return name
  }
  return null
}

type LinkField = Exclude<keyof LinkMatch, MatchField>

/** What rules cannot ask, tested on a packet: a field that `LinkMatch` has and the table lacks does not compile. */
const linkFields: {
  readonly [K in LinkField]-?: (value: NonNullable<LinkMatch[K]>, packet: Packet) => boolean
} = {
  hopLimit: (value, packet) => value === packet.hopLimit,
  link: (_, packet) => packet.link === true,
}
const linkTests = Object.entries(linkFields) as readonly [
  LinkField,
  (value: unknown, packet: Packet) => boolean,
][]

/** Whether all of it matches, with what rules cannot ask. */
export function holds(match: LinkMatch, packet: Packet): boolean {
  for (const [name, test] of linkTests) {
    const value = match[name]
    if (value !== undefined && !test(value, packet)) return false
  }
  return mismatch(match, packet) === null
}
