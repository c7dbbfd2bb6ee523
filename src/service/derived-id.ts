/** Ids derived from names: the same names give the same id, in every process and at every start. */
import { hash } from 'node:crypto'

// A large inventory derives some hundred thousand.
const digest = (parts: readonly string[]) => hash('sha256', JSON.stringify(parts), 'buffer')

/** A UUID of version 8 (RFC 9562 §5.8). */
export function derivedId(...parts: readonly string[]): string {
  const bytes = digest(parts).subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [0, 8, 12, 16, 20].map((from, index, all) => hex.slice(from, all[index + 1])).join('-')
}

/** A MAC address in QEMU's range, 52:54:00, which is administered locally. */
export function derivedMac(id: string): string {
  const [a, b, c] = digest(['mac', id])
  return ['52', '54', '00', ...[a, b, c].map((byte) => (byte ?? 0).toString(16).padStart(2, '0'))].join(':')
}
