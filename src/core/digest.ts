/** A digest that is the same everywhere: names and numbers of what did not change stay. */

/**
 * 64 bits in 16 hexadecimal digits, the same everywhere and always, so that what is unchanged keeps its name. Two lanes of
 * FNV-1a's kind that mix each other in; nobody's hash, and no proof of content: what must not be mistaken is compared.
 */
export function digest(content: string): string {
  let [high, low] = [0x811c9dc5, 0xcbf29ce4]
  for (let at = 0; at < content.length; at++) {
    const code = content.charCodeAt(at)
    high = Math.imul(high ^ code, 0x01000193)
    low = Math.imul(low ^ code ^ (high >>> 15), 0x85ebca6b)
  }
  return [high ^ (low >>> 13), low].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('')
}
