/** Elements that have counted, in whatever way they are laid out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MalformedError, MessageBuilder, MessageReader } from '../../netlink/message.ts'
import { type CountedKind, readCounts } from './counts.ts'
import { element, elementList, expression, listElement, messages } from './uapi.ts'

interface Laid {
  readonly key: string
  readonly packets: bigint
  readonly bytes: bigint
  /** What some kernels say beside. */
  readonly flags?: number
  readonly reversed?: boolean
  readonly other?: true
  /** The expression that it has; null: none. */
  readonly of?: string | null
}

function read(kind: CountedKind, all: readonly Laid[]) {
  const builder = new MessageBuilder()
  builder
    .begin(messages.newElements, 0, Uint8Array.of(1, 0, 0, 0))
    .text(1, 'portcullis')
    .text(2, 'to-vm-hits')
  const list = builder.open(elementList.elements)
  for (const { key, packets, bytes, flags, reversed = false, other, of = 'counter' } of all) {
    const outer = builder.open(listElement)
    const value = builder.open(element.key)
    builder.bytes(1, Buffer.from(key, 'hex')).close(value)
    if (flags !== undefined) builder.u32be(element.flags, flags)
    if (of === null) {
      builder.close(outer)
      continue
    }
    const counts = builder.open(element.expression)
    builder.text(expression.name, of)
    const data = builder.open(expression.data)
    if (reversed) builder.u64be(2, packets).u64be(1, bytes)
    else if (other) builder.u64be(3, bytes)
    else builder.u64be(1, bytes).u64be(2, packets)
    builder.close(data).close(counts).close(outer)
  }
  const reader = new MessageReader(builder.close(list).finish())
  reader.next()
  return readCounts(reader, kind)
}

test('by index, with a number and without, and by MAC', () => {
  const counts = { packets: 3n, bytes: 2n ** 53n - 1n }
  assert.deepEqual(
    read('iface_index', [
      { key: '010000002a000000', ...counts },
      { key: 'fffffffffffffffe', packets: 2n ** 32n, bytes: 0n },
    ]),
    [
      { index: 1, number: 0x2a, packets: 3, bytes: 2 ** 53 - 1 },
      { index: 0xffff_ffff, number: 0xfeff_ffff, packets: 2 ** 32, bytes: 0 },
    ],
  )
  assert.deepEqual(read('ether_addr', [{ key: 'fe54000000ff00002b000000', ...counts }]), [
    { index: 0xfe54000000ff, number: 0x2b, packets: 3, bytes: 2 ** 53 - 1 },
  ])
  assert.deepEqual(read('device', [{ key: '2a000000', ...counts }]), [
    { index: 0x2a, number: 0, packets: 3, bytes: 2 ** 53 - 1 },
  ])
  assert.deepEqual(read('iface_index', []), [])
})

test('however each is laid out', () => {
  const ways: readonly Partial<Laid>[] = [
    {},
    {},
    { flags: 0 },
    { flags: 0 },
    { reversed: true },
    {},
    { flags: 1 },
  ]
  const all = ways.map((way, n) => ({
    key: `0${n}00000007000000`,
    packets: 5n,
    bytes: BigInt(100 + n),
    ...way,
  }))
  assert.deepEqual(
    read('iface_index', all),
    ways.map((_, index) => ({ index, number: 7, packets: 5, bytes: 100 + index })),
  )
})

test('devices that have no counter have counted nothing', () => {
  const all: readonly Partial<Laid>[] = [{ of: null }, {}, { of: null }, { of: 'limit' }]
  assert.deepEqual(
    read(
      'device',
      all.map((each, n) => ({ key: `0${n}000000`, packets: 3n, bytes: 4n, ...each })),
    ).map(({ index, packets, bytes }) => [index, packets, bytes]),
    [
      [0, 0, 0],
      [1, 3, 4],
      [2, 0, 0],
      [3, 0, 0],
    ],
  )
})

test('keys of another kind, and elements that count nothing, are not guessed at', () => {
  const good: Laid = { key: '010000002a000000', packets: 3n, bytes: 4n }
  for (const bad of [
    { ...good, key: '01000000' },
    { ...good, key: 'fe54000000ff00002b000000' },
    { ...good, other: true as const },
    { ...good, of: 'limit' },
    { ...good, of: null },
  ])
    for (const all of [[bad], [good, bad]]) assert.throws(() => read('iface_index', all), MalformedError)
})
