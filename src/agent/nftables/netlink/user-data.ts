/**
 * User data of nf_tables objects: entries of a type, a length and a value, each of the first two a byte. The kernel keeps
 * them and reads none; nft writes into them what it needs to print an object as it was said.
 */

/** One entry. Numbers in it are nft's, of four bytes in the host's order (`number`). Throws RangeError beyond 255 bytes. */
export function entry(type: number, value: ArrayLike<number>): number[] {
  if (value.length > 255) throw new RangeError(`${value.length} bytes do not fit into an entry of user data`)
  return [type, value.length, ...Array.from(value)]
}

/** An entry that holds a number. */
export const number = (type: number, value: number): number[] =>
  entry(type, [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24])

/** The value of the first entry of that type; undefined where there is none, or the data is not laid out so. Not copied. */
export function find(data: Uint8Array, type: number): Uint8Array | undefined {
  for (let at = 0; at + 2 <= data.length; ) {
    const end = at + 2 + (data[at + 1] as number)
    if (end > data.length) return undefined
    if (data[at] === type) return data.subarray(at + 2, end)
    at = end
  }
  return undefined
}
