/** Elements of sets and maps: their text as the keys that the kernel holds. */
import type { MessageBuilder } from '../../netlink/message.ts'
import { type Verdict, writeValue, writeVerdict } from './expressions.ts'
import type { SetLayout } from './keys.ts'
import { bytesOf, type ValueType } from './types.ts'
import { element, intervalEnd, listElement } from './uapi.ts'
import { number } from './user-data.ts'

/** What an element holds, as bytes of keys. */
export interface ElementKey {
  readonly first: Uint8Array
  /** The last key of the element; the same bytes as `first` where it holds one. */
  readonly last: Uint8Array
}

/** In user data of an element, of nft: nothing ends the interval, because it reaches the last value of its type. */
const open = Uint8Array.from(number(1, 1))

/** The text of an element that we would not have written, by its keys: hexadecimal, and of a range both with a dash. */
export const rawKey = (keys: string): string => `raw ${keys}`

/** Throws SyntaxError when the text is no element of such a set. */
export function elementKey({ fields, bytes, interval }: SetLayout, text: string): ElementKey {
  if (text.startsWith('raw ')) {
    const [first, last] = text
      .slice(4)
      .split('-')
      .map((each) => Uint8Array.from(Buffer.from(each, 'hex')))
    if (first?.length !== bytes || (last && last.length !== bytes))
      throw new SyntaxError(`${text} is no key of the set`)
    return { first, last: last ?? first }
  }
  const first = new Uint8Array(bytes)
  const last = interval ? new Uint8Array(bytes) : first
  const [only] = fields
  if (fields.length === 1 && only) {
    writeField(only, text, first, last, 0)
    return { first, last }
  }
  const parts = text.split(' . ')
  if (parts.length !== fields.length)
    throw new SyntaxError(`${JSON.stringify(text)} has not ${fields.length} fields`)
  let at = 0
  for (const [n, type] of fields.entries()) {
    writeField(type, parts[n] as string, first, last, at)
    at += (type.bytes + 3) & ~3
  }
  return { first, last }
}

/** A value, or where `last` is another array, both ends of a range. */
function writeField(type: ValueType, text: string, first: Uint8Array, last: Uint8Array, at: number): void {
  if (first === last) {
    type.write(text, first, at)
    return
  }
  const to = rangeOf(type, text)
  first.set(to.first, at)
  last.set(to.last, at)
}

/** The ends of a value, a prefix (`10.0.0.0/8`) or a range (`1-2`). Throws SyntaxError. */
export function rangeOf(type: ValueType, text: string): ElementKey {
  const [first, last] = [new Uint8Array(type.bytes), new Uint8Array(type.bytes)]
  const dash = text.indexOf('-')
  const slash = text.indexOf('/')
  if (dash < 0 && slash < 0) {
    type.write(text, first, 0)
    last.set(first)
    return { first, last }
  }
  // Ends are compared by their bytes.
  if (type.order === 'host') throw new SyntaxError(`${text} is a range of what has none`)
  if (slash < 0) {
    type.write(text.slice(0, dash), first, 0)
    type.write(text.slice(dash + 1), last, 0)
    if (Buffer.compare(first, last) > 0) throw new SyntaxError(`${text} ends before it begins`)
    return { first, last }
  }
  type.write(text.slice(0, slash), first, 0)
  const length = prefixLength(text, slash, type)
  for (const [n, byte] of first.entries()) {
    const free = 0xff >> Math.min(8, Math.max(0, length - 8 * n))
    if (byte & free) throw new SyntaxError(`${text} has bits behind its length`)
    last[n] = byte | free
  }
  return { first, last }
}

/** Behind the slash, in bits; 0 is that of all addresses. */
export function prefixLength(text: string, slash: number, type: ValueType): number {
  const length = Number(text.slice(slash + 1))
  if (!/^\d{1,3}$/.test(text.slice(slash + 1)) || length > 8 * type.bytes || type.bytes < 4)
    throw new SyntaxError(`${text} is no prefix`)
  return length
}

/** The next key; undefined behind the last one. */
export function after(key: Uint8Array): Uint8Array | undefined {
  const next = Uint8Array.from(key)
  for (let i = next.length - 1; i >= 0; i--) {
    next[i] = (next[i] as number) + 1
    if (next[i] !== 0) return next
  }
  return undefined
}

/** What an element of a map holds: a verdict, or the bytes of a mark. Throws SyntaxError when the text is no such thing. */
export function heldOf({ held }: SetLayout, text: string): Verdict | Uint8Array {
  if (!held) return verdictOf(text)
  if (!isMark(text)) throw new SyntaxError(`${JSON.stringify(text)} is no mark`)
  return bytesOf(held, text)
}

/** As nft prints marks, and as they are read back. */
export const isMark = (text: string): boolean => /^0x[0-9a-f]{8}$/.test(text)

/** `goto chain`. Throws SyntaxError when it is none. */
export function verdictOf(text: string): Verdict {
  if (text === 'accept' || text === 'drop' || text === 'return') return { kind: text }
  const [, kind, chain] = /^(jump|goto) (\S+)$/.exec(text) ?? []
  if (chain === undefined) throw new SyntaxError(`${JSON.stringify(text)} is no verdict`)
  return { kind: kind as 'jump' | 'goto', chain }
}

/**
 * Writes one element into a list: of an interval, its beginning and the value behind its end. `to` is what it holds;
 * undefined: that of a set, or of a map that it leaves.
 */
export function writeElement(
  builder: MessageBuilder,
  { fields, interval }: SetLayout,
  { first, last }: ElementKey,
  to: Verdict | Uint8Array | undefined,
): void {
  const ends = interval && fields.length === 1
  const behind = ends ? after(last) : undefined
  const outer = builder.open(listElement)
  writeValue(builder, element.key, first)
  if (interval && !ends) writeValue(builder, element.keyEnd, last)
  if (to instanceof Uint8Array) writeValue(builder, element.data, to)
  else if (to) writeVerdict(builder, element.data, to)
  if (ends && !behind) builder.bytes(element.userData, open)
  builder.close(outer)
  if (behind) writeEnd(builder, behind)
}

/** What a set of intervals begins with, where its first one does not begin at 0: nothing is in it up to there. */
export function writeEnd(builder: MessageBuilder, key: Uint8Array): void {
  const outer = builder.open(listElement)
  builder.u32be(element.flags, intervalEnd)
  writeValue(builder, element.key, key)
  builder.close(outer)
}
