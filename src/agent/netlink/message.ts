/**
 * Netlink messages as bytes: the builder of what is sent, and the readers of what arrives.
 *
 * A message is a header (length, type, flags, sequence number, port), a fixed part that its family defines, and
 * attributes, each a length, a type and a value, padded to four bytes; an attribute can hold attributes. Numbers are
 * in the host's order (little-endian on everything we run on) but where a family says network order: nfnetlink's
 * attributes are. This knows no family. https://docs.kernel.org/userspace-api/netlink/intro.html
 */

/** Of the header, the same in every family (linux/netlink.h). */
export const flags = {
  request: 0x1,
  /** An answer in several messages, ended by `DONE`. */
  multi: 0x2,
  /** The receiver says how it went, even when it went well. */
  ack: 0x4,
  /** The dump is not of one moment: it is to be asked for again. */
  dumpInterrupted: 0x10,
  /** GET: all of them. */
  dump: 0x300,
  /** NEW: replaces what is there. */
  replace: 0x100,
  /** NEW: fails with EEXIST when it is there. */
  exclusive: 0x200,
  /** NEW: makes it when it is not there. */
  create: 0x400,
  /** NEW: behind what is there. */
  append: 0x800,
  /** ACK and error: the request is not repeated behind its header. */
  capped: 0x100,
  /** ACK and error: attributes with more about it follow. */
  extended: 0x200,
} as const

/** Types of messages that every family has. */
export const control = { noop: 1, error: 2, done: 3, overrun: 4 } as const

export const headerLength = 16

/** Bytes that one attribute can hold, its own header of four included: its length is of 16 bits. */
export const longestAttribute = 0xffff

/** In the type of an attribute: it holds attributes; its value is in network order. */
const nested = 0x8000
const typeMask = 0x3fff

const aligned = (length: number): number => (length + 3) & ~3

/**
 * Builds messages one behind the other in one buffer that grows and is used again: no object per message or attribute.
 * Types are without flags; `open` sets the one for nesting. Sequence numbers and ports are left 0: the socket writes
 * them when it sends.
 */
export class MessageBuilder {
  #bytes: Buffer
  #length = 0
  /** Where the message begins that is being written; -1: none. */
  #message = -1
  #count = 0

  /** `capacity` in bytes, of the first buffer. */
  constructor(capacity = 4096) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(capacity, 64))
  }

  /** Bytes so far. */
  get length(): number {
    return this.#length
  }

  /** Messages so far, the one that is being written included: the index of the next. */
  get count(): number {
    return this.#count
  }

  /** Forgets all messages; what `finish` gave is overwritten from now on. */
  clear(): this {
    this.#length = 0
    this.#message = -1
    this.#count = 0
    return this
  }

  /** Ends the message before and begins one. `fixed` is what its family has between header and attributes. */
  begin(type: number, messageFlags: number, fixed?: Uint8Array): this {
    this.#end()
    const at = this.#length
    this.#reserve(headerLength + aligned(fixed?.length ?? 0))
    this.#message = at
    this.#count++
    const bytes = this.#bytes
    bytes.fill(0, at, at + headerLength)
    bytes[at + 4] = type
    bytes[at + 5] = type >>> 8
    bytes[at + 6] = messageFlags
    bytes[at + 7] = messageFlags >>> 8
    this.#length = at + headerLength
    if (fixed !== undefined) this.#copy(fixed)
    return this
  }

  /** All messages, until the builder is cleared or written to again: the bytes are not copied. */
  finish(): Buffer {
    this.#end()
    return this.#bytes.subarray(0, this.#length)
  }

  /** An attribute without a value. */
  flag(type: number): this {
    this.#header(type, 0)
    return this
  }

  u8(type: number, value: number): this {
    const at = this.#header(type, 1)
    this.#word(at, value & 0xff)
    this.#length += 4
    return this
  }

  /** In the host's order, as the next two. */
  u16(type: number, value: number): this {
    const at = this.#header(type, 2)
    this.#word(at, value & 0xffff)
    this.#length += 4
    return this
  }

  u32(type: number, value: number): this {
    const at = this.#header(type, 4)
    this.#word(at, value)
    this.#length += 4
    return this
  }

  u64(type: number, value: bigint): this {
    const at = this.#header(type, 8)
    this.#bytes.writeBigUInt64LE(value, at)
    this.#length += 8
    return this
  }

  /** In network order, as the next two. */
  u16be(type: number, value: number): this {
    const at = this.#header(type, 2)
    this.#word(at, ((value & 0xff) << 8) | ((value >>> 8) & 0xff))
    this.#length += 4
    return this
  }

  u32be(type: number, value: number): this {
    const at = this.#header(type, 4)
    const bytes = this.#bytes
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
    this.#length += 4
    return this
  }

  u64be(type: number, value: bigint): this {
    const at = this.#header(type, 8)
    this.#bytes.writeBigUInt64BE(value, at)
    this.#length += 8
    return this
  }

  /** As UTF-8, ended by a zero byte, as the kernel wants names. */
  text(type: number, value: string): this {
    const room = 3 * value.length + 1
    this.#reserve(4 + aligned(room))
    const bytes = this.#bytes
    const from = this.#length + 4
    let at = from
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      // Names are short and ASCII: this is a third of what a call into native code costs.
      if (code >= 0x80) {
        at = from + bytes.write(value, from, 'utf8')
        break
      }
      bytes[at++] = code
    }
    bytes[at++] = 0
    this.#header(type, at - from)
    this.#pad(at)
    return this
  }

  bytes(type: number, value: Uint8Array): this {
    this.#header(type, value.length)
    this.#copy(value)
    return this
  }

  /** Attributes that were built before, whole and padded: a multiple of four bytes. */
  attributes(built: Uint8Array): this {
    if (built.length % 4 !== 0) throw new RangeError(`${built.length} bytes are not whole attributes`)
    this.#reserve(built.length)
    this.#copy(built)
    return this
  }

  /** Begins an attribute that holds attributes; the answer is what `close` takes. */
  open(type: number): number {
    const at = this.#length
    this.#header(type | nested, 0)
    return at
  }

  /** Bytes that an open attribute has so far, its header included: at most `longestAttribute`. */
  lengthOf(opened: number): number {
    return this.#length - opened
  }

  /** Ends the attribute. Throws RangeError when it became longer than an attribute can be. */
  close(opened: number): this {
    const length = this.#length - opened
    if (length > longestAttribute) throw new RangeError(`an attribute of ${length} bytes: 65535 are the most`)
    this.#bytes[opened] = length
    this.#bytes[opened + 1] = length >>> 8
    return this
  }

  #end(): void {
    if (this.#message < 0) return
    const length = this.#length - this.#message
    this.#word(this.#message, length)
    this.#message = -1
  }

  /** Reserves and begins an attribute with a value of `length` bytes, which the caller writes at the answer. */
  #header(type: number, length: number): number {
    if (length + 4 > longestAttribute)
      throw new RangeError(`an attribute of ${length} bytes: 65531 are the most`)
    this.#reserve(4 + aligned(length))
    const at = this.#length
    this.#word(at, ((type << 16) | (length + 4)) >>> 0)
    this.#length = at + 4
    return at + 4
  }

  #copy(value: Uint8Array): void {
    this.#bytes.set(value, this.#length)
    this.#pad(this.#length + value.length)
  }

  /** Ends at the next multiple of four from `at`, zeros between: the buffer is used again and again. */
  #pad(at: number): void {
    const end = aligned(at)
    for (let i = at; i < end; i++) this.#bytes[i] = 0
    this.#length = end
  }

  #word(at: number, value: number): void {
    const bytes = this.#bytes
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
    this.#bytes.copy(grown, 0, 0, this.#length)
    this.#bytes = grown
  }
}

/** What was received is not netlink, or not as its family lays it out. */
export class MalformedError extends Error {
  override readonly name = 'MalformedError'
}

/**
 * Steps through the messages of what was received: `next` until it is false. Throws MalformedError at a length that
 * cannot be.
 */
export class MessageReader {
  readonly #bytes: Buffer
  #next = 0
  #at = 0
  #end = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  next(): boolean {
    const at = this.#next
    if (at >= this.#bytes.length) return false
    if (at + headerLength > this.#bytes.length) throw new MalformedError('a message ends within its header')
    const length = this.#bytes.readUInt32LE(at)
    if (length < headerLength || at + length > this.#bytes.length) {
      throw new MalformedError(`a message of ${length} bytes in ${this.#bytes.length - at}`)
    }
    this.#at = at
    this.#end = at + length
    this.#next = at + aligned(length)
    return true
  }

  get type(): number {
    return this.#bytes.readUInt16LE(this.#at + 4)
  }

  get flags(): number {
    return this.#bytes.readUInt16LE(this.#at + 6)
  }

  get sequence(): number {
    return this.#bytes.readUInt32LE(this.#at + 8)
  }

  /** Of the socket the message answers; 0: of the kernel by itself. */
  get port(): number {
    return this.#bytes.readUInt32LE(this.#at + 12)
  }

  /** What is behind the header, its fixed part first. Not copied. */
  get payload(): Buffer {
    return this.#bytes.subarray(this.#at + headerLength, this.#end)
  }

  /** The attributes behind a fixed part of that many bytes. */
  attributes(fixed: number): AttributeReader {
    const from = this.#at + headerLength + aligned(fixed)
    if (from > this.#end) throw new MalformedError(`a message without its fixed part of ${fixed} bytes`)
    return new AttributeReader(this.#bytes, from, this.#end)
  }
}

/**
 * Steps through attributes: `next` until it is false, then `type` and the value in the spelling that its family gives
 * it. Throws MalformedError at a length that cannot be and at a number of another length.
 */
export class AttributeReader {
  readonly #bytes: Buffer
  readonly #end: number
  #next: number
  /** Where the value begins, and its bytes. */
  #at = 0
  #length = 0

  /** The attributes from `from` up to but without `end`. */
  constructor(bytes: Buffer, from = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#next = from
    this.#end = end
  }

  next(): boolean {
    const at = this.#next
    if (at >= this.#end) return false
    if (at + 4 > this.#end) throw new MalformedError('an attribute ends within its header')
    const length = this.#bytes.readUInt16LE(at)
    if (length < 4 || at + length > this.#end) {
      throw new MalformedError(`an attribute of ${length} bytes in ${this.#end - at}`)
    }
    this.#at = at + 4
    this.#length = length - 4
    this.#next = at + aligned(length)
    return true
  }

  /** Without its flags. */
  get type(): number {
    return this.#bytes.readUInt16LE(this.#at - 2) & typeMask
  }

  /** Bytes of the value. */
  get length(): number {
    return this.#length
  }

  u8(): number {
    return this.#bytes.readUInt8(this.#number(1))
  }

  /** In the host's order, as the next two. */
  u16(): number {
    return this.#bytes.readUInt16LE(this.#number(2))
  }

  u32(): number {
    return this.#bytes.readUInt32LE(this.#number(4))
  }

  u64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#number(8))
  }

  /** In network order, as the next two. */
  u16be(): number {
    return this.#bytes.readUInt16BE(this.#number(2))
  }

  u32be(): number {
    return this.#bytes.readUInt32BE(this.#number(4))
  }

  u64be(): bigint {
    return this.#bytes.readBigUInt64BE(this.#number(8))
  }

  /** Up to the first zero byte, or all of it. */
  text(): string {
    const end = this.#bytes.indexOf(0, this.#at)
    const limit = this.#at + this.#length
    return this.#bytes.toString('utf8', this.#at, end < 0 || end > limit ? limit : end)
  }

  /** Not copied: it lives as long as what was received. */
  bytes(): Buffer {
    return this.#bytes.subarray(this.#at, this.#at + this.#length)
  }

  nested(): AttributeReader {
    return new AttributeReader(this.#bytes, this.#at, this.#at + this.#length)
  }

  #number(length: number): number {
    if (this.#length !== length) {
      throw new MalformedError(`attribute ${this.type} has ${this.#length} bytes instead of ${length}`)
    }
    return this.#at
  }
}
