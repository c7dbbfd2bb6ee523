/** Types of values, as nft numbers them for sets, and their text as the bytes that the kernel compares. */
import { type Family, parseAddress } from '../../../core/net/address.ts'
import { parseMac } from '../../../core/net/mac.ts'

export interface ValueType {
  /** In nft's numbering, which it prints sets by. */
  readonly id: number
  readonly bytes: number
  /** Whose order its bytes are in, as nft says it; null: in none. */
  readonly order: 'host' | 'network' | null
  /** Writes the value into `bytes` at `at`, which are 0 there. Throws SyntaxError when the text is none of the type. */
  readonly write: (text: string, bytes: Uint8Array, at: number) => void
}

function wrong(text: string, what: string): never {
  throw new SyntaxError(`${JSON.stringify(text)} is no ${what}`)
}

/** Decimal digits, or hexadecimal ones behind `0x`. `bytes` is at most 4. */
function parseNumber(text: string, bytes: number): number {
  if (!/^(?:\d{1,10}|0x[0-9a-f]{1,8})$/.test(text)) wrong(text, 'number')
  const value = Number(text)
  return value < 2 ** (8 * bytes) ? value : wrong(text, `number of ${bytes} bytes`)
}

function writeBig(value: bigint, bytes: number, into: Uint8Array, at: number): void {
  let left = value
  for (let i = bytes - 4; i >= 0; i -= 4) {
    const word = Number(left & 0xffff_ffffn)
    into[at + i] = word >>> 24
    into[at + i + 1] = word >>> 16
    into[at + i + 2] = word >>> 8
    into[at + i + 3] = word
    left >>= 32n
  }
}

const numberOf = (id: number, bytes: 1 | 2 | 4, order: ValueType['order'] = 'network'): ValueType => ({
  ...{ id, bytes, order },
  write(text, into, at) {
    const value = parseNumber(text, bytes)
    for (let i = 0; i < bytes; i++) into[at + i] = value >>> (8 * (order === 'host' ? i : bytes - 1 - i))
  },
})

const addressOf = (id: number, bytes: number, family: Family): ValueType => ({
  ...{ id, bytes, order: 'network' },
  write(text, into, at) {
    const parsed = parseAddress(text)
    if (!parsed.ok || parsed.value.family !== family) wrong(text, `address of ${family}`)
    writeBig(parsed.value.value, bytes, into, at)
  },
})

const name: ValueType = {
  ...{ id: 41, bytes: 16, order: 'host' },
  write(text, into, at) {
    // Nothing but what `isDeviceName` takes could be meant; nft would take more.
    const [, inside] = /^"([A-Za-z0-9_.-]{1,15}\*?)"$/.exec(text) ?? []
    if (inside === undefined || inside.length > 15) wrong(text, 'name of a device')
    for (let i = 0; i < inside.length; i++) into[at + i] = inside.charCodeAt(i)
  },
}

const integerId = 4

/** By the names that nft gives them in `type`. */
export const types = {
  ipv4_addr: addressOf(7, 4, 'ipv4'),
  ipv6_addr: addressOf(8, 16, 'ipv6'),
  ether_addr: {
    ...{ id: 9, bytes: 6, order: 'network' },
    write(text, into, at) {
      const mac = parseMac(text)
      if (!mac.ok) wrong(text, 'address of a device')
      for (let i = 0; i < 6; i++) into[at + i] = Number.parseInt(mac.value.slice(3 * i, 3 * i + 2), 16)
    },
  },
  ether_type: numberOf(10, 2),
  arp_op: numberOf(11, 2),
  inet_proto: numberOf(12, 1, null),
  inet_service: numberOf(13, 2),
  icmp_type: numberOf(14, 1),
  tcp_flag: numberOf(15, 1),
  mark: numberOf(19, 4, 'host'),
  iface_index: numberOf(20, 4, 'host'),
  iface_type: numberOf(21, 2, 'host'),
  ct_state: numberOf(26, 4, 'host'),
  ct_dir: numberOf(27, 1),
  ct_status: numberOf(28, 4, 'host'),
  icmpv6_type: numberOf(29, 1),
  /** The number of a bit, in the order of the host's bytes. */
  ct_label: {
    ...{ id: 30, bytes: 16, order: 'host' },
    write(text, into, at) {
      const bit = parseNumber(text, 1)
      if (bit > 127) wrong(text, 'bit of a label')
      into[at + (bit >> 3)] = 1 << (bit & 7)
    },
  },
  icmp_code: numberOf(32, 1),
  icmpv6_code: numberOf(33, 1),
  boolean: numberOf(36, 1),
  fib_addrtype: numberOf(39, 4, 'host'),
  nf_proto: numberOf(2, 1, 'host'),
  ifname: name,
} as const satisfies Record<string, ValueType>

/** Integers without a type of their own. `bytes` is 1, 2, 4, 8 or 16. */
export const integer = (bytes: number, order: 'host' | 'network' = 'network'): ValueType =>
  bytes <= 4
    ? numberOf(integerId, bytes as 1 | 2 | 4, order)
    : {
        ...{ id: integerId, bytes, order },
        write(text, into, at) {
          if (!/^0x[0-9a-f]+$/.test(text) || text.length > 2 + 2 * bytes)
            wrong(text, `hexadecimal number of ${bytes} bytes`)
          writeBig(BigInt(text), bytes, into, at)
        },
      }

/** The bytes of one value. */
export function bytesOf(type: ValueType, text: string): Uint8Array {
  const bytes = new Uint8Array(type.bytes)
  type.write(text, bytes, 0)
  return bytes
}
