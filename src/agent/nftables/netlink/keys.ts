/**
 * How sets and maps are declared: their text as what the kernel is told of their keys, and as the user data by which nft
 * prints them.
 */
import type { MessageBuilder } from '../../netlink/message.ts'
import { countInSet } from './expressions.ts'
import { type Field, fieldAt, writtenOf } from './fields.ts'
import { Recent } from './recent.ts'
import { types, type ValueType } from './types.ts'
import { description, set, setFlags, verdictType } from './uapi.ts'
import { entry, number } from './user-data.ts'

export interface SetLayout {
  /** What a key is made of, in order; at least one. */
  readonly fields: readonly ValueType[]
  /** Of a whole key; each of several fields begins at a multiple of four. */
  readonly bytes: number
  /** Whether elements hold something for their key. */
  readonly isMap: boolean
  /** What elements of a map hold; null: verdicts. */
  readonly held: ValueType | null
  /** Whether elements may be ranges. */
  readonly interval: boolean
  readonly flags: number
  /** Elements at most; 0: no limit said. */
  readonly size: number
  /** Milliseconds until an element leaves; 0: it stays. */
  readonly timeout: number
  /** Whether elements count packets. */
  readonly counts: boolean
  /** For nft. */
  readonly userData: readonly number[]
}

/** nft's numbers of what it writes down about a set. */
const written = { keyOrder: 0, dataOrder: 1, merges: 2, key: 3, data: 4, ranges: 6 } as const
/** Kinds of nft's expressions: of a verdict, and of a key of several fields. */
const [verdictKind, concatenationKind] = [1, 13]
/** Fields of a key that nft writes down; it forgets those behind. */
const mostWritten = 4

const orders = { host: 1, network: 2 } as const
/** What the expression says where the type says nothing: what is read from the packet is in network order. */
const orderOf = ({ type, place }: Field): number => orders[type.order ?? (place ? 'network' : 'host')]

const aligned = (bytes: number): number => (bytes + 3) & ~3

const layouts = new Recent<SetLayout>(1024)

/** `declared` is the text of a set without its elements: `type iface_index : verdict`. Throws SyntaxError. */
export const layoutOf = (kind: 'set' | 'map', declared: string): SetLayout =>
  layouts.of(`${kind} ${declared}`, () => parse(kind, declared))

function parse(kind: 'set' | 'map', declared: string): SetLayout {
  const [first = '', ...lines] = declared.split('\n')
  const isMap = kind === 'map'
  const [, keyed, to] = /^(.+) : (verdict|(?:meta )?mark)$/.exec(isMap ? first : `${first} : verdict`) ?? []
  if (keyed === undefined) throw new SyntaxError(`${first} is no map to verdicts or marks`)
  const key = keyOf(keyed)
  if (to !== 'verdict' && to !== (key.isTypeOf ? 'meta mark' : 'mark'))
    throw new SyntaxError(`${first} does not say its mark as its key`)
  const held = to === 'verdict' ? null : types.mark
  let [flags, size, timeout, counts, interval] = [isMap ? setFlags.map : 0, 0, 0, false, false]
  for (const line of lines) {
    const [, word, value = ''] = /^(size|flags|timeout|counter)(?: (\S+))?$/.exec(line) ?? []
    if (word === 'size' && /^[1-9]\d{0,8}$/.test(value)) size = Number(value)
    else if (word === 'timeout' && /^[1-9]\d{0,8}s$/.test(value)) timeout = 1000 * Number(value.slice(0, -1))
    else if (line === 'flags interval') interval = true
    else if (line === 'flags dynamic') flags |= setFlags.dynamic
    else if (line === 'flags dynamic,timeout') flags |= setFlags.dynamic | setFlags.timeout
    else if (line === 'counter') counts = true
    else throw new SyntaxError(`${JSON.stringify(line)} declares nothing of a ${kind}`)
  }
  if (interval) flags |= setFlags.interval | (key.fields.length > 1 ? setFlags.concatenated : 0)
  return { ...layout(key, { isMap, held, interval }), flags, size, timeout, counts }
}

interface Key {
  readonly fields: readonly ValueType[]
  /** In nft's numbers. */
  readonly order: number
  /** How nft writes down what it is; empty: it does not. */
  readonly typeOf: readonly number[]
  /** Whether it is said by `typeof`: then nft writes down what a map holds, too. */
  readonly isTypeOf?: true
}

function keyOf(text: string): Key {
  const [, word, rest = ''] = /^(type|typeof) (.+)$/.exec(text) ?? []
  if (word === 'type') {
    const fields = rest.split(' . ').map((name) => {
      const type = Object.hasOwn(types, name) ? types[name as keyof typeof types] : undefined
      if (!type) throw new SyntaxError(`there is no type ${name}`)
      return type
    })
    return fields.length === 1
      ? { fields, order: orderOfType(fields[0] as ValueType), typeOf: [] }
      : { fields, order: 0, typeOf: concatenation([]) }
  }
  if (word !== 'typeof') throw new SyntaxError(`${JSON.stringify(text)} is no key`)
  const fields = fieldsOf(rest.split(' '))
  const [only] = fields
  if (fields.length === 1 && only)
    return { fields: [only.type], order: orderOf(only), typeOf: writtenOf(only) ?? [], isTypeOf: true }
  const data = fields.slice(0, mostWritten).flatMap((field, n) => {
    const one = writtenOf(field)
    if (!one) throw new SyntaxError(`nft would not know ${rest} again`)
    return entry(n, one)
  })
  return { fields: fields.map(({ type }) => type), order: 0, typeOf: concatenation(data), isTypeOf: true }
}

/** What nft writes down of `meta mark`. */
const writtenMark = fieldsOf(['meta', 'mark']).flatMap((field) => writtenOf(field) ?? [])

const orderOfType = ({ order }: ValueType): number => (order === null ? 0 : orders[order])
const concatenation = (data: readonly number[]): number[] => [
  ...number(0, concatenationKind),
  ...entry(1, data),
]

/** Fields with full stops between. */
function fieldsOf(words: readonly string[]): readonly Field[] {
  const fields: Field[] = []
  for (let at = 0; at < words.length; at++) {
    const found = fieldAt(words, at)
    if (!found) throw new SyntaxError(`${words.slice(at).join(' ')} begins with no field`)
    fields.push(found.field)
    at += found.length
    if (at < words.length && words[at] !== '.') throw new SyntaxError(`${words[at]} follows a field`)
    if (at === words.length - 1) throw new SyntaxError('no field follows the last full stop')
  }
  return fields
}

/** Key, data and user data, without what is said of the set as a whole. */
function layout(
  { fields, order, typeOf, isTypeOf }: Key,
  { isMap, held, interval }: Pick<SetLayout, 'isMap' | 'held' | 'interval'>,
  anonymous = false,
) {
  return {
    ...{ fields, isMap, held, interval },
    bytes:
      fields.length === 1
        ? (fields[0] as ValueType).bytes
        : fields.reduce((sum, { bytes }) => sum + aligned(bytes), 0),
    userData: [
      ...number(written.keyOrder, order),
      ...(isMap ? number(written.dataOrder, held ? orderOfType(held) : 0) : []),
      ...(anonymous && interval ? number(written.merges, 1) : []),
      ...(typeOf.length > 0 ? entry(written.key, typeOf) : []),
      ...((anonymous || isTypeOf) && isMap
        ? entry(written.data, held ? writtenMark : [...number(0, verdictKind), ...entry(1, [])])
        : []),
      ...(isMap ? number(written.ranges, 0) : []),
    ],
  }
}

/** A set or map without a name, which one rule looks a field up in. */
export function anonymousLayout(field: Field, isMap: boolean, interval: boolean): SetLayout {
  const key = { fields: [field.type], order: orderOf(field), typeOf: writtenOf(field) ?? [] }
  return {
    ...layout(key, { isMap, held: null, interval }, true),
    flags:
      setFlags.anonymous |
      setFlags.constant |
      (interval ? setFlags.interval : 0) |
      (isMap ? setFlags.map : 0),
    ...{ size: 0, timeout: 0, counts: false },
  }
}

/**
 * All attributes of a new set but its table and name. `id` tells it from all others of the transaction; `size` is for sets
 * that say none; `identity` is user data of ours.
 */
export function writeSet(
  builder: MessageBuilder,
  { fields, bytes, isMap, held, interval, flags, timeout, counts, userData, ...own }: SetLayout,
  { id, size = own.size, identity = [] }: { id: number; size?: number; identity?: ArrayLike<number> },
): void {
  builder
    .u32be(set.flags, flags)
    .u32be(
      set.keyType,
      fields.reduce((sum, type) => (sum << 6) | type.id, 0),
    )
    .u32be(set.keyLength, bytes)
  if (isMap) builder.u32be(set.dataType, held?.id ?? verdictType).u32be(set.dataLength, held?.bytes ?? 0)
  builder.u32be(set.id, id)
  const ranges = interval && fields.length > 1
  if (size > 0 || ranges) {
    const described = builder.open(set.description)
    if (size > 0) builder.u32be(description.size, size)
    if (ranges) {
      const all = builder.open(description.fields)
      for (const field of fields) {
        const one = builder.open(description.fieldLength)
        builder.u32be(1, field.bytes).close(one)
      }
      builder.close(all)
    }
    builder.close(described)
  }
  if (timeout > 0) builder.u64be(set.timeout, BigInt(timeout))
  builder.bytes(set.userData, Uint8Array.from([...userData, ...Array.from(identity)]))
  if (counts) countInSet(builder, set.expression)
}
