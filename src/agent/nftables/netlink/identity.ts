/**
 * How what we made in the kernel is known again, whatever prints it and however: by a hash of its text in its user data, in
 * an entry that nft passes over. Every object carries that of its own text; a rule, because the kernel keeps what a chain
 * was made with, that of all rules of its chain, and its place among them.
 *
 * It tells a spelling of ours from anything else; it is no proof against somebody who imitates it.
 */
import { digest } from '../../../core/digest.ts'
import { entry, find } from './user-data.ts'

/** nft and libnftnl count theirs from 0; 1.1 has reached 8. */
const type = 0xd1

/** 64 bits in 16 hexadecimal digits. */
export type Hash = string

/** `table` is family and name, as in `inet portcullis`. */
export const hashOfTable = (table: string): Hash => digest(`table ${table}`)
/** `place` is where a base chain hangs; others have none. */
export const hashOfChain = (place = ''): Hash => digest(`chain ${place}`)
/** All rules of a chain, in order, without where it hangs. */
export const hashOfRules = (rules: readonly string[]): Hash => digest(rules.join('\n'))
/** How a set or map is declared; its elements are no part of it. */
export const hashOfSet = (kind: 'set' | 'map', declared: string): Hash => digest(`${kind} ${declared}`)

export interface Identity {
  readonly hash: Hash
  /** Of a rule in its chain, from 0; undefined: of another object. */
  readonly position: number | undefined
}

/** User data that says so. `position` below 2^32. */
export function userDataOf(hash: Hash, position?: number): Uint8Array {
  const bytes = Buffer.alloc(position === undefined ? 8 : 12)
  bytes.write(hash, 'hex')
  if (position !== undefined) bytes.writeUInt32BE(position, 8)
  return Uint8Array.from(entry(type, bytes))
}

/** What the user data of an object says; undefined when we have not written it. */
export function readIdentity(userData: Uint8Array): Identity | undefined {
  const found = find(userData, type)
  if (found?.length !== 8 && found?.length !== 12) return undefined
  const bytes = Buffer.from(found.buffer, found.byteOffset, found.length)
  return {
    hash: bytes.toString('hex', 0, 8),
    position: found.length === 12 ? bytes.readUInt32BE(8) : undefined,
  }
}
