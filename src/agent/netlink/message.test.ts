/** Netlink messages: bytes as the kernel's headers lay them out, there and back, and lengths that lie. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  AttributeReader,
  flags,
  longestAttribute,
  MalformedError,
  MessageBuilder,
  MessageReader,
} from './message.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

test('bytes are those of a captured request', () => {
  // `ip link show dev lo` of iproute2 6.1 under strace: RTM_GETLINK with ifinfomsg, IFLA_EXT_MASK and IFLA_IFNAME.
  const built = new MessageBuilder()
    .begin(18, flags.request, Buffer.alloc(16))
    .u32(29, 9)
    .text(3, 'lo')
    .finish()
  assert.equal(
    hex(built),
    `30000000120001000000000000000000${'00'.repeat(16)}08001d0009000000070003006c6f0000`,
  )
})

test('each kind of value in its order, padded with zeros', () => {
  const builder = new MessageBuilder(64)
  // What was in the buffer before must not be seen in the padding.
  builder.begin(1, 0, Buffer.alloc(400, 0xff)).finish()
  builder.clear().begin(0x0a06, 0x0305, Buffer.from([2, 0, 0, 7]))
  builder.u8(1, 0xab).u16(2, 0x1234).u32(3, 0xfedcba98).u64(4, 0x0102030405060708n)
  const opened = builder.open(5)
  builder
    .u16be(6, 0x1234)
    .u32be(7, 0xfedcba98)
    .u64be(8, 0x0102030405060708n)
    .text(9, 'é')
    .bytes(10, Buffer.from('abcde'))
  builder.close(opened).flag(11)
  assert.equal(
    hex(builder.finish()),
    [
      '70000000' + '060a' + '0503' + '00000000' + '00000000' + '02000007',
      '05000100ab000000',
      '0600020034120000',
      '0800030098badcfe',
      '0c0004000807060504030201',
      '34000580',
      '0600060012340000',
      '08000700fedcba98',
      '0c0008000102030405060708',
      '07000900c3a90000',
      '09000a006162636465000000',
      '04000b00',
    ].join(''),
  )
})

test('messages follow each other, and their lengths are their own', () => {
  const builder = new MessageBuilder(64)
  builder.begin(16, 1).text(1, 'a'.repeat(300)).begin(17, 5).begin(18, 0).u8(1, 1)
  assert.equal(builder.count, 3)
  const reader = new MessageReader(builder.finish())
  const seen: unknown[] = []
  while (reader.next()) seen.push([reader.type, reader.flags, reader.payload.length])
  assert.deepEqual(seen, [
    [16, 1, 308],
    [17, 5, 0],
    [18, 0, 8],
  ])
})

test('whatever attributes are built are read back', () => {
  const value = fc.oneof(
    fc.record({ kind: fc.constant('u8' as const), value: fc.nat(0xff) }),
    fc.record({ kind: fc.constantFrom('u16' as const, 'u16be' as const), value: fc.nat(0xffff) }),
    fc.record({ kind: fc.constantFrom('u32' as const, 'u32be' as const), value: fc.nat(0xffffffff) }),
    fc.record({
      kind: fc.constantFrom('u64' as const, 'u64be' as const),
      value: fc.bigInt({ min: 0n, max: 0xffff_ffff_ffff_ffffn }),
    }),
    fc.record({
      kind: fc.constant('text' as const),
      value: fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\0')),
    }),
    fc.record({
      kind: fc.constant('bytes' as const),
      value: fc.uint8Array({ maxLength: 70 }).map((bytes) => Buffer.from(bytes)),
    }),
  )
  const list = fc.array(fc.tuple(fc.nat(0x3fff), value, fc.boolean()), { maxLength: 30 })
  fc.assert(
    fc.property(list, (attributes) => {
      const builder = new MessageBuilder(64).begin(1, 0)
      for (const [type, { kind, value }, inside] of attributes) {
        const opened = inside ? builder.open(9) : -1
        // biome-ignore lint/suspicious/noExplicitAny: the pair of kind and value is right by construction
        ;(builder[kind] as any)(type, value)
        if (inside) builder.close(opened)
      }
      const message = new MessageReader(builder.finish())
      assert.ok(message.next())
      const outer = message.attributes(0)
      for (const [type, { kind, value }, inside] of attributes) {
        assert.ok(outer.next())
        if (inside) assert.equal(outer.type, 9)
        const reader = inside ? outer.nested() : outer
        if (inside) assert.ok(reader.next())
        assert.equal(reader.type, type)
        assert.deepEqual(reader[kind](), value)
        if (inside) assert.ok(!reader.next())
      }
      assert.ok(!outer.next())
      assert.ok(!message.next())
    }),
  )
})

test('an attribute longer than its length can say is refused, and the longest is not', () => {
  const builder = new MessageBuilder().begin(1, 0)
  const opened = builder.open(1)
  builder.bytes(2, Buffer.alloc(longestAttribute - 4 - 4 - 3)).close(opened)
  assert.equal(builder.lengthOf(opened), longestAttribute - 3)
  builder.flag(1)
  assert.throws(() => builder.close(opened), RangeError)
  assert.throws(() => builder.bytes(1, Buffer.alloc(longestAttribute - 3)), RangeError)
  assert.throws(() => builder.attributes(Buffer.alloc(3)), RangeError)
})

test('lengths that lie are refused, whichever they are', () => {
  const message = new MessageBuilder().begin(1, 0).text(1, 'abcdefgh').u32(2, 7).finish()
  const read = (bytes: Buffer): number => {
    const reader = new MessageReader(bytes)
    let attributes = 0
    while (reader.next()) {
      for (const each = reader.attributes(0); each.next(); attributes++) each.bytes()
    }
    return attributes
  }
  assert.equal(read(Buffer.from(message)), 2)
  for (const length of [0, 15, message.length + 1, 0xffffffff]) {
    const bytes = Buffer.from(message)
    bytes.writeUInt32LE(length, 0)
    assert.throws(() => read(bytes), MalformedError, `message of ${length}`)
  }
  for (const length of [0, 3, message.length - 15, 0xffff]) {
    const bytes = Buffer.from(message)
    bytes.writeUInt16LE(length, 16)
    assert.throws(() => read(bytes), MalformedError, `attribute of ${length}`)
  }
  assert.throws(() => read(message.subarray(0, 10)), MalformedError)
  const short = new MessageReader(message)
  short.next()
  assert.throws(() => short.attributes(64), MalformedError)
})

test('a number of another length, and a text without an end', () => {
  const built = new MessageBuilder()
    .begin(1, 0)
    .u16(1, 7)
    .bytes(2, Buffer.from('name'))
    .u32(3, 0x41414141)
    .finish()
  const reader = new AttributeReader(built, 16)
  reader.next()
  assert.throws(() => reader.u32be(), MalformedError)
  assert.throws(() => reader.u8(), MalformedError)
  reader.next()
  assert.equal(reader.text(), 'name')
})
