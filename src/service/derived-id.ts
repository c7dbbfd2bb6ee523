/** Ids derived from names: the same names give the same id, in every process and at every start. */
import { createHash } from 'node:crypto'

const digest = (parts: readonly string[]) => createHash('sha256').update(JSON.stringify(parts)).digest()

/** A UUID of version 8 (RFC 9562 §5.8). */
export function derivedId(...parts: readonly string[]): string {
  const bytes = digest(parts).subarray(0, 16)
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** A MAC address in QEMU's range, 52:54:00, which is administered locally. */
export function derivedMac(id: string): string {
  const [a, b, c] = digest(['mac', id])
  return ['52', '54', '00', ...[a, b, c].map((byte) => (byte ?? 0).toString(16).padStart(2, '0'))].join(':')
}
