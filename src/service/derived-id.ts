/** Ids derived from names: the same names give the same id, in every process and at every start. */
import { hash } from 'node:crypto'

// A large inventory derives some hundred thousand.
const digest = (parts: readonly string[]): string => hash('sha256', JSON.stringify(parts), 'hex')

/** A UUID of version 8 (RFC 9562 §5.8). */
export function derivedId(...parts: readonly string[]): string {
  const hex = digest(parts)
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 3) | 8).toString(16)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** A MAC address in QEMU's range, 52:54:00, which is administered locally. */
export function derivedMac(id: string): string {
  const hex = digest(['mac', id])
  return `52:54:00:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}`
}
