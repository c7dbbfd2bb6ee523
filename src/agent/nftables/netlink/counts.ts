/**
 * What the elements of a set have counted. There can be very many, and all are read again and again: so one is read attribute by attribute,
 * and those that are laid out as it is, which is all of them, by where it has its values.
 */
import { AttributeReader, MalformedError, type MessageReader } from '../../netlink/message.ts'
import { fixedLength } from '../../netlink/nfnetlink.ts'
import type { HitKind } from '../hit-keys.ts'
import type { Hits } from '../kernel.ts'
import { element, elementList, expression, listElement } from './uapi.ts'

type Counted = Hits['elements'][number]

const counter = { bytes: 1, packets: 2 } as const
/** Keys that a decider's number is part of, or the index of a device alone: then the number is 0. */
export type CountedKind = HitKind | 'device'
const keyBytes = { iface_index: 8, ether_addr: 12, device: 4 } as const satisfies Record<CountedKind, number>

/** Where an element has its values, in bytes from its beginning. */
interface Layout {
  readonly key: number
  /** Undefined: it counts nothing. */
  readonly counts: { readonly packets: number; readonly bytes: number } | undefined
}

/**
 * The elements that one part of a dump tells of; a device without a counter has counted nothing. Throws MalformedError when
 * keys are not of that kind, and when a decider has no counter.
 */
export function readCounts(message: MessageReader, kind: CountedKind): readonly Counted[] {
  const found: Counted[] = []
  for (const attributes = message.attributes(fixedLength); attributes.next(); )
    if (attributes.type === elementList.elements) readList(attributes.bytes(), kind, found)
  return found
}

function readList(list: Buffer, kind: CountedKind, found: Counted[]): void {
  const view = new DataView(list.buffer, list.byteOffset, list.length)
  let [known, from, length] = [undefined as Layout | undefined, 0, 0]
  /** Words of an element that are no values, from its beginning: the same in all that are laid out alike. */
  let same: readonly number[] = []
  for (let at = 0; at + 4 <= list.length; ) {
    const alike =
      known !== undefined &&
      at + length <= list.length &&
      same.every((word) => view.getUint32(at + word) === view.getUint32(from + word))
    if (!alike) {
      length = (view.getUint16(at, true) + 3) & ~3
      known = layoutOf(list.subarray(at, at + length), kind)
      from = at
      same = wordsBeside(known, keyBytes[kind], length)
    }
    found.push(readElement(view, at, known as Layout, kind))
    at += length
  }
}

/** `bytes` is one element with its header. */
function layoutOf(bytes: Buffer, kind: CountedKind): Layout {
  let key = -1
  let counts: Layout['counts']
  const offset = ({ byteOffset }: Buffer) => byteOffset - bytes.byteOffset
  const outer = new AttributeReader(bytes)
  if (!outer.next() || outer.type !== listElement) throw new MalformedError('a list holds something else')
  for (const parts = outer.nested(); parts.next(); ) {
    if (parts.type === element.key) {
      const value = parts.nested()
      if (!value.next() || value.length !== keyBytes[kind]) throw new MalformedError('a key of another kind')
      key = offset(value.bytes())
    } else if (parts.type === element.expression) counts ??= counterIn(parts.nested(), offset)
  }
  if (key < 0 || (!counts && kind !== 'device')) throw new MalformedError('an element that counts nothing')
  return { key, counts }
}

/** Undefined: the expression is none, but a limit, say, whose values look the same. */
function counterIn(parts: AttributeReader, offset: (value: Buffer) => number): Layout['counts'] {
  let [name, packets, bytes] = ['', -1, -1]
  while (parts.next()) {
    if (parts.type === expression.name) name = parts.text()
    if (parts.type !== expression.data || name !== 'counter') continue
    for (const values = parts.nested(); values.next(); ) {
      if (values.length !== 8) continue
      if (values.type === counter.packets) packets = offset(values.bytes())
      else if (values.type === counter.bytes) bytes = offset(values.bytes())
    }
  }
  return packets < 0 || bytes < 0 ? undefined : { packets, bytes }
}

function wordsBeside({ key, counts }: Layout, keyLength: number, length: number): readonly number[] {
  const values = [
    { at: key, length: keyLength },
    ...(counts ? [counts.packets, counts.bytes].map((at) => ({ at, length: 8 })) : []),
  ]
  const words = Array.from({ length: length / 4 }, (_, n) => 4 * n)
  return words.filter((word) => !values.some((each) => word >= each.at && word < each.at + each.length))
}

function readElement(view: DataView, at: number, { key, counts }: Layout, kind: CountedKind): Counted {
  const first = at + key
  return {
    index:
      kind === 'ether_addr'
        ? view.getUint16(first) * 2 ** 32 + view.getUint32(first + 2)
        : view.getUint32(first, true),
    number: kind === 'device' ? 0 : view.getUint32(first + keyBytes[kind] - 4, true),
    packets: counts ? number64(view, at + counts.packets) : 0,
    bytes: counts ? number64(view, at + counts.bytes) : 0,
  }
}

/** Beyond what is exact it stays where it is: such a number is refused by whoever is told. */
const number64 = (view: DataView, at: number): number =>
  Math.min(view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4), Number.MAX_SAFE_INTEGER)
