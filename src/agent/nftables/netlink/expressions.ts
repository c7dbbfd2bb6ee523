/** Expressions of nf_tables as netlink attributes: what rules are made of. Each function writes one. */
import type { MessageBuilder } from '../../netlink/message.ts'
import { data, expression, listElement, rejections, verdicts } from './uapi.ts'

/** Registers of 16 bytes count from 1; the same memory in registers of 4 bytes from 8. Register 0 is the verdict. */
export const firstRegister = 1
/** The register that begins `words` words of four bytes behind the first one, as nft numbers it. */
export const registerAt = (words: number): number => (words % 4 === 0 ? 1 + words / 4 : 8 + words)

/** `type` is the attribute that holds the expression. */
function write(builder: MessageBuilder, name: string, fill: () => void, type: number = listElement): void {
  const outer = builder.open(type)
  builder.text(expression.name, name)
  const inner = builder.open(expression.data)
  fill()
  builder.close(inner).close(outer)
}

export function writeValue(builder: MessageBuilder, type: number, bytes: Uint8Array): void {
  const opened = builder.open(type)
  builder.bytes(data.value, bytes).close(opened)
}

/** What a packet meets where it is decided, in a rule or an element. Throws RangeError when the name is none of a chain. */
export interface Verdict {
  readonly kind: keyof typeof verdicts
  /** Of `jump` and `goto`. */
  readonly chain?: string
}
export function writeVerdict(builder: MessageBuilder, type: number, { kind, chain }: Verdict): void {
  const outer = builder.open(type)
  const inner = builder.open(data.verdict)
  builder.u32be(data.verdictCode, verdicts[kind])
  if (chain !== undefined) builder.text(data.verdictChain, chain)
  builder.close(inner).close(outer)
}

export const verdict = (builder: MessageBuilder, to: Verdict): void =>
  write(builder, 'immediate', () => {
    builder.u32be(1, 0)
    writeVerdict(builder, 2, to)
  })

export const loadMeta = (builder: MessageBuilder, key: number, register: number): void =>
  write(builder, 'meta', () => builder.u32be(2, key).u32be(1, register))

/** Puts a value into a register. */
export const loadValue = (builder: MessageBuilder, bytes: Uint8Array, register: number): void =>
  write(builder, 'immediate', () => {
    builder.u32be(1, register)
    writeValue(builder, 2, bytes)
  })

export const setMeta = (builder: MessageBuilder, key: number): void =>
  write(builder, 'meta', () => builder.u32be(2, key).u32be(3, firstRegister))

/** `offset` and `length` in bytes. */
export const loadPayload = (
  builder: MessageBuilder,
  base: number,
  offset: number,
  length: number,
  register: number,
): void =>
  write(builder, 'payload', () => builder.u32be(1, register).u32be(2, base).u32be(3, offset).u32be(4, length))

/** Part of an extension header of IPv6; with `present`, whether there is one. */
export const loadExtension = (
  builder: MessageBuilder,
  header: number,
  { offset, length, present }: { offset: number; length: number; present: boolean },
  register: number,
): void =>
  write(builder, 'exthdr', () =>
    builder
      .u32be(1, register)
      .u8(2, header)
      .u32be(3, offset)
      .u32be(4, length)
      .u32be(6, 0)
      .u32be(5, present ? 1 : 0),
  )

export const loadConnection = (builder: MessageBuilder, key: number, register: number): void =>
  write(builder, 'ct', () => builder.u32be(2, key).u32be(1, register))

/** What the routes say about the destination: the device (1) or the type (3). */
export const loadRoute = (builder: MessageBuilder, result: 1 | 3, register: number): void =>
  write(builder, 'fib', () => builder.u32be(3, 0x2).u32be(2, result).u32be(1, register))

/** Counts up, modulo a number. */
export const loadTurn = (builder: MessageBuilder, modulo: number, register: number): void =>
  write(builder, 'numgen', () => builder.u32be(1, register).u32be(2, modulo).u32be(3, 0).u32be(4, 0))

/** Keeps the bits of the mask and then flips those of `flip`. `prefix`: of a prefix, which nft writes in an older way. */
export const maskBits = (
  builder: MessageBuilder,
  mask: Uint8Array,
  flip: Uint8Array,
  register: number,
  prefix = false,
): void =>
  write(builder, 'bitwise', () => {
    builder.u32be(1, register).u32be(2, register)
    if (!prefix) builder.u32be(6, 0)
    builder.u32be(3, mask.length)
    writeValue(builder, 4, mask)
    writeValue(builder, 5, flip)
  })

/** The kernel takes no registers that overlap. */
export const move = (
  builder: MessageBuilder,
  { from, to, bytes }: { from: number; to: number; bytes: number },
): void =>
  write(builder, 'bitwise', () => {
    builder.u32be(1, from).u32be(2, to).u32be(6, 0).u32be(3, bytes)
    writeValue(builder, 4, new Uint8Array(bytes).fill(0xff))
    writeValue(builder, 5, new Uint8Array(bytes))
  })

export const compare = (
  builder: MessageBuilder,
  how: number,
  bytes: Uint8Array,
  register: number = firstRegister,
): void =>
  write(builder, 'cmp', () => {
    builder.u32be(1, register).u32be(2, how)
    writeValue(builder, 3, bytes)
  })

/** Holds outside of the range, both ends of it included. */
export const outside = (builder: MessageBuilder, first: Uint8Array, last: Uint8Array): void =>
  write(builder, 'range', () => {
    builder.u32be(1, firstRegister).u32be(2, 1)
    writeValue(builder, 3, first)
    writeValue(builder, 4, last)
  })

/** Holds for what a set has, or has not (`not`); of a map, `decides` makes its verdict the rule's. */
export function lookUp(
  builder: MessageBuilder,
  set: string,
  { id, decides, not }: { id: number | undefined; decides: boolean; not: boolean },
): void {
  write(builder, 'lookup', () => {
    builder.u32be(2, firstRegister)
    if (decides) builder.u32be(3, 0)
    builder.text(1, set)
    if (id !== undefined) builder.u32be(4, id)
    if (not) builder.u32be(5, 1)
  })
}

/** Puts what a map has for the key at one register into another: it may be the same. */
export const translate = (
  builder: MessageBuilder,
  map: string,
  { from, to }: { from: number; to: number },
): void => write(builder, 'lookup', () => builder.u32be(2, from).u32be(3, to).text(1, map))

/** What an element is held to while its set is filled by packets. */
export type Holding =
  | {
      readonly kind: 'rate'
      /** Packets in so many seconds; holds beyond. */
      readonly packets: bigint
      readonly seconds: bigint
      readonly burst: number
    }
  /** Holds for connections beyond so many. */
  | { readonly kind: 'connections'; readonly most: number }

/** Puts what was loaded into a set. */
export function fill(
  builder: MessageBuilder,
  set: string,
  how: 'add' | 'update',
  holding: Holding | undefined,
): void {
  write(builder, 'dynset', () => {
    builder
      .u32be(4, firstRegister)
      .u32be(3, how === 'add' ? 0 : 1)
      .text(1, set)
    if (holding?.kind === 'rate')
      write(
        builder,
        'limit',
        () =>
          builder
            .u64be(1, holding.packets)
            .u64be(2, holding.seconds)
            .u32be(3, holding.burst)
            .u32be(4, 0)
            .u32be(5, 1),
        7,
      )
    if (holding?.kind === 'connections')
      write(builder, 'connlimit', () => builder.u32be(1, holding.most).u32be(2, 1), 7)
  })
}

export function setLabel(builder: MessageBuilder, key: number, bits: Uint8Array): void {
  loadValue(builder, bits, firstRegister)
  write(builder, 'ct', () => builder.u32be(2, key).u32be(4, firstRegister))
}

/** Tells the sender: by a reset of its connection, or with a code of ICMP that means the same in both families. */
export const reject = (builder: MessageBuilder, how: keyof typeof rejections, code: number): void =>
  write(builder, 'reject', () => builder.u32be(1, rejections[how]).u8(2, code))

/** Tells a group of listeners: so many bytes of the packet, behind the prefix. */
export const log = (
  builder: MessageBuilder,
  { prefix, group, bytes }: { prefix: string; group: number; bytes: number },
): void => write(builder, 'log', () => builder.text(2, prefix).u16be(1, group).u32be(3, bytes))

/** `name` is that of an object of the table. */
export const useObject = (builder: MessageBuilder, type: number, name: string): void =>
  write(builder, 'objref', () => builder.u32be(1, type).bytes(2, Buffer.from(name)))

export const doNotTrack = (builder: MessageBuilder): void => {
  const outer = builder.open(listElement)
  builder.text(expression.name, 'notrack').close(outer)
}

/** An expression that every element of a set carries: it counts packets. */
export const countInSet = (builder: MessageBuilder, type: number): void =>
  write(builder, 'counter', () => {}, type)
