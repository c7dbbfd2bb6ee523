/**
 * The first bytes of a packet → what can be read of it. Total: whatever the bytes are, it answers what it knows and
 * guesses nothing; what is cut off, or lies about its lengths, has fewer fields.
 */
import { type Family, formatAddress } from '../net/address.ts'
import { etherTypes } from '../net/frame.ts'
import type { Mac } from '../net/mac.ts'
import { hasPorts, icmpFamily, isExtensionHeader } from '../net/protocol.ts'
import type { SeenPacket } from './decision.ts'

export interface RawPacket {
  /** That of its tag where it has a VLAN tag: such a frame is judged as no IP packet, whatever is inside. */
  readonly etherType: number
  /** From behind the Ethernet header and tags on, in network order; they may end anywhere. */
  readonly bytes: Uint8Array
  /** Bytes before those; what frames have beside them. */
  readonly header: number
  /** Six bytes; anything else is unknown. */
  readonly sourceMac?: Uint8Array | undefined
}

type Fields = Omit<SeenPacket, 'etherType' | 'sourceMac'>

/** Of a frame whose end is cut off the length is what is there: nothing in it says more. */
export function readPacket({ etherType, bytes, header, sourceMac }: RawPacket): SeenPacket {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const length = header + bytes.length
  return {
    etherType,
    length,
    ...(sourceMac?.length === 6 && { sourceMac: macOf(sourceMac) }),
    ...(etherType === etherTypes.ipv4
      ? ipv4(view)
      : etherType === etherTypes.ipv6
        ? ipv6(view)
        : etherType === etherTypes.arp
          ? arp(view)
          : {}),
  }
}

const pairs = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const macOf = (bytes: Uint8Array): Mac => Array.from(bytes, (byte) => pairs[byte]).join(':')

/** RFC 791 §3.1. */
function ipv4(view: DataView): Fields {
  const whole = view.byteLength >= 4 ? view.getUint16(2) : 0
  if (view.byteLength < 20 || view.getUint8(0) >> 4 !== 4) return { length: view.byteLength }
  const headerLength = (view.getUint8(0) & 15) * 4
  const protocol = view.getUint8(9)
  return {
    // 0 is said of more than 65,535 bytes, which the kernel has not yet cut for the wire.
    length: whole >= 20 ? whole : view.byteLength,
    ...addresses('ipv4', view, 12),
    protocol,
    // Only the first fragment has what follows.
    ...(headerLength >= 20 && (view.getUint16(6) & 0x1fff) === 0
      ? upper('ipv4', protocol, view, headerLength)
      : {}),
  }
}

/** RFC 8200 §3, §4. The protocol is that behind all extension headers, or the first header that is not there. */
function ipv6(view: DataView): Fields {
  if (view.byteLength < 40 || view.getUint8(0) >> 4 !== 6) return { length: view.byteLength }
  const payload = view.getUint16(4)
  const fields = {
    length: payload > 0 ? 40 + payload : view.byteLength,
    ...addresses('ipv6', view, 8),
  }
  let [protocol, at] = [view.getUint8(6), 40]
  while (isExtensionHeader('ipv6', protocol) && at + 8 <= view.byteLength) {
    const isFragment = protocol === 44
    const isFirst = !isFragment || view.getUint16(at + 2) >> 3 === 0
    protocol = view.getUint8(at)
    if (!isFirst) return { ...fields, protocol }
    at += isFragment ? 8 : 8 * (view.getUint8(at + 1) + 1)
  }
  return { ...fields, protocol, ...upper('ipv6', protocol, view, at) }
}

function addresses(family: Family, view: DataView, at: number): Pick<Fields, 'source' | 'destination'> {
  const size = family === 'ipv4' ? 4 : 16
  return { source: addressAt(family, view, at), destination: addressAt(family, view, at + size) }
}

function addressAt(family: Family, view: DataView, at: number): string {
  const value =
    family === 'ipv4'
      ? BigInt(view.getUint32(at))
      : (view.getBigUint64(at) << 64n) | view.getBigUint64(at + 8)
  return formatAddress(family, value)
}

/** What begins at `at`, as far as it is there. */
function upper(family: Family, protocol: number, view: DataView, at: number): Partial<Fields> {
  if (hasPorts(protocol) && at + 4 <= view.byteLength)
    return { sourcePort: view.getUint16(at), destinationPort: view.getUint16(at + 2) }
  if (icmpFamily(protocol) === family && at + 2 <= view.byteLength)
    return { icmpType: view.getUint8(at), icmpCode: view.getUint8(at + 1) }
  return {}
}

/** RFC 826, of IPv4 on Ethernet; of what has another form only that it is ARP. */
function arp(view: DataView): Partial<Fields> {
  if (view.byteLength < 18) return {}
  const isUsual = view.getUint16(0) === 1 && view.getUint16(2) === etherTypes.ipv4
  if (!isUsual || view.getUint8(4) !== 6 || view.getUint8(5) !== 4) return {}
  return { source: addressAt('ipv4', view, 14) }
}
