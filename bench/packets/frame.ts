/** Frames of 60-byte UDP (62 with IPv6) in hexadecimal, as the generator takes them. */
import type { Family } from '../../src/core/net/address.ts'

export interface Datagram {
  readonly family: Family
  readonly source: bigint
  readonly destination: bigint
  readonly sourcePort: number
  readonly destinationPort: number
}

const hex = (value: number | bigint, bytes: number) => value.toString(16).padStart(bytes * 2, '0')
/** Without a checksum, which is valid in IPv4 and passes routers and tracking in IPv6. */
const payload = 18

export function frame(from: string, to: string, datagram: Datagram): string {
  const { family, source, destination, sourcePort, destinationPort } = datagram
  const ethernet = [to, from].map((mac) => mac.replaceAll(':', '')).join('')
  const udp = [sourcePort, destinationPort, 8 + payload, 0].map((each) => hex(each, 2)).join('')
  const body = family === 'ipv4' ? ipv4(source, destination) : ipv6(source, destination)
  return `${ethernet}${body}${udp}${'41'.repeat(payload)}`
}

/** The identification complements the end of the source address: varying both leaves the checksum as it is. */
function ipv4(source: bigint, destination: bigint): string {
  const identification = 0xffff ^ Number(source & 0xffffn)
  const addresses = hex(source, 4) + hex(destination, 4)
  const header = (checksum: number) =>
    `4500${hex(20 + 8 + payload, 2)}${hex(identification, 2)}00004011${hex(checksum, 2)}${addresses}`
  let sum = 0
  for (const [word] of header(0).matchAll(/.{4}/g)) sum += Number.parseInt(word, 16)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return `0800${header(0xffff ^ sum)}`
}

const ipv6 = (source: bigint, destination: bigint) =>
  `86dd60000000${hex(8 + payload, 2)}1140${hex(source, 16)}${hex(destination, 16)}`
