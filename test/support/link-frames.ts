/** Frames of a shared link, field by field, and a counter of those that arrive: for what no honest program sends. */
import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { type Family, parseAddress } from '../../src/core/net/address.ts'
import { mustRun } from '../../src/lab/run.ts'
import { checksum } from './frames.ts'

export const broadcast = 'ff:ff:ff:ff:ff:ff'

export const etherType = {
  ipv4: 0x0800,
  arp: 0x0806,
  vlan: 0x8100,
  qinq: 0x88a8,
  ipv6: 0x86dd,
  lldp: 0x88cc,
} as const

const u8 = (...values: number[]): Buffer => Buffer.from(values)
const u16 = (value: number): Buffer => u8(value >> 8, value & 0xff)
const u32 = (value: number): Buffer => Buffer.concat([u16(value >>> 16), u16(value & 0xffff)])
const mac = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex')

function ip(text: string): Buffer {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok, text)
  const { family, value } = parsed.value
  return Buffer.from(value.toString(16).padStart(family === 'ipv4' ? 8 : 32, '0'), 'hex')
}

const familyOf = (text: string): Family => (text.includes(':') ? 'ipv6' : 'ipv4')

const sumOf = (...parts: Buffer[]): number => checksum(Buffer.concat(parts))

export interface Link {
  readonly from: string
  readonly to: string
  /** VLAN ids, the outermost first. */
  readonly vlans?: readonly number[]
}

export function ethernet({ from, to, vlans = [] }: Link, type: number, payload: Buffer): Buffer {
  const tags = vlans.flatMap((id) => [u16(etherType.vlan), u16(id)])
  return Buffer.concat([mac(to), mac(from), ...tags, u16(type), payload])
}

/** `sender` and `target` are MAC and IPv4 address, as the frame claims them. */
export function arp(
  link: Link,
  operation: 'request' | 'reply',
  sender: readonly [mac: string, ip: string],
  target: readonly [mac: string, ip: string],
): Buffer {
  const parts = [sender, target].flatMap(([m, i]) => [mac(m), ip(i)])
  return ethernet(
    link,
    etherType.arp,
    Buffer.concat([u16(1), u16(etherType.ipv4), u8(6, 4), u16(operation === 'request' ? 1 : 2), ...parts]),
  )
}

export interface Datagram {
  readonly source: string
  readonly destination: string
  readonly protocol: number
  /** TTL or hop limit; default 64. */
  readonly hopLimit?: number
  /** Of the datagram, for its fragments. */
  readonly id?: number
  /** What of the payload this fragment is: bytes from, up to; absent: all of it, unfragmented. */
  readonly fragment?: readonly [from: number, to: number]
}

/** An IP packet of either family in a frame; its payload is that of the whole datagram. */
export function packet(link: Link, datagram: Datagram, whole: Buffer): Buffer {
  const { source, destination, protocol, hopLimit = 64, id = 1, fragment } = datagram
  const payload = fragment ? whole.subarray(...fragment) : whole
  const more = fragment !== undefined && fragment[1] < whole.length ? 1 : 0
  const offset = (fragment?.[0] ?? 0) >> 3
  if (familyOf(source) === 'ipv4') {
    const head = (sum: number) =>
      Buffer.concat([
        u8(0x45, 0),
        u16(20 + payload.length),
        u16(id),
        u16((more << 13) | offset),
        u8(hopLimit, protocol),
        u16(sum),
        ip(source),
        ip(destination),
      ])
    return ethernet(link, etherType.ipv4, Buffer.concat([head(sumOf(head(0))), payload]))
  }
  const extension = fragment ? Buffer.concat([u8(protocol, 0), u16((offset << 3) | more), u32(id)]) : u8()
  return ethernet(
    link,
    etherType.ipv6,
    Buffer.concat([
      u32(0x60000000),
      u16(extension.length + payload.length),
      u8(fragment ? 44 : protocol, hopLimit),
      ip(source),
      ip(destination),
      extension,
      payload,
    ]),
  )
}

function pseudo({ source, destination, protocol }: Datagram, length: number): Buffer {
  return familyOf(source) === 'ipv4'
    ? Buffer.concat([ip(source), ip(destination), u8(0, protocol), u16(length)])
    : Buffer.concat([ip(source), ip(destination), u32(length), u8(0, 0, 0, protocol)])
}

export function udp(datagram: Datagram, ports: readonly [number, number], data: Buffer): Buffer {
  const length = 8 + data.length
  const head = (sum: number) => Buffer.concat([u16(ports[0]), u16(ports[1]), u16(length), u16(sum), data])
  return head(sumOf(pseudo(datagram, length), head(0)) || 0xffff)
}

/** A SYN. */
export function syn(datagram: Datagram, ports: readonly [number, number]): Buffer {
  const head = (sum: number) =>
    Buffer.concat([u16(ports[0]), u16(ports[1]), u32(1), u32(0), u8(0x50, 0x02), u16(1024), u16(sum), u16(0)])
  return head(sumOf(pseudo(datagram, 20), head(0)))
}

/** ICMP of the datagram's family. */
export function icmp(datagram: Datagram, type: number, code: number, data: Buffer): Buffer {
  const head = (sum: number) => Buffer.concat([u8(type, code), u16(sum), data])
  const before = familyOf(datagram.source) === 'ipv4' ? u8() : pseudo(datagram, 4 + data.length)
  return head(sumOf(before, head(0)))
}

/** A neighbour solicitation (135) or advertisement (136) about an address, which says that it is at the sender's MAC. */
export function discovery(
  link: Link,
  datagram: Omit<Datagram, 'protocol'>,
  type: 135 | 136,
  target: string,
): Buffer {
  const head: Datagram = { hopLimit: 255, ...datagram, protocol: 58 }
  const option = Buffer.concat([u8(type === 135 ? 1 : 2, 1), mac(link.from)])
  // Solicited, override: what makes a neighbour forget what it knew.
  return packet(
    link,
    head,
    icmp(head, type, 0, Buffer.concat([u32(type === 136 ? 0x60000000 : 0), ip(target), option])),
  )
}

/** Counts what comes to a device, before its own machine looks at it. `matches` are nft's, by a name of the caller's. */
export interface FrameMeter {
  /** Waits until that counter has counted something, bounded. */
  until(name: string): Promise<void>
  read(): Promise<Readonly<Record<string, number>>>
  remove(): Promise<void>
}

export async function frameMeter(
  netns: string,
  device: string,
  matches: Readonly<Record<string, string>>,
): Promise<FrameMeter> {
  const nft = ['netns', 'exec', netns, 'nft']
  const rules = Object.entries(matches).map(([name, match]) => `${match} counter comment "${name}"`)
  await mustRun(
    'ip',
    [...nft, '-f', '-'],
    `table netdev frames {
      chain arrivals { type filter hook ingress device "${device}" priority -500; policy accept;
        ${rules.join('\n')}
      }
    }\n`,
  )
  const read = async () => {
    const listed = await mustRun('ip', [...nft, 'list', 'table', 'netdev', 'frames'])
    return Object.fromEntries(
      [...listed.matchAll(/counter packets (\d+).*comment "([^"]+)"/g)].map(([, n, name = '']) => [
        name,
        Number(n),
      ]),
    )
  }
  return {
    read,
    async until(name) {
      const deadline = Date.now() + 10_000
      while (((await read())[name] ?? 0) === 0) {
        assert.ok(Date.now() < deadline, `no ${name} came to ${device} in ${netns} within 10 s`)
        await delay(5)
      }
    },
    async remove() {
      await mustRun('ip', [...nft, 'delete', 'table', 'netdev', 'frames'])
    },
  }
}
