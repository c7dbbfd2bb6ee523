/**
 * Parts of a packet, and of what the kernel knows about it, in nft's words: how each is loaded, what must have been asked
 * before, and how nft writes down in user data which it was.
 */
import type { MessageBuilder } from '../../netlink/message.ts'
import { loadConnection, loadExtension, loadMeta, loadPayload, loadRoute, loadTurn } from './expressions.ts'
import { integer, types, type ValueType } from './types.ts'
import { bases, connection, meta } from './uapi.ts'
import { entry, number } from './user-data.ts'

export type Network = 'ip' | 'ip6' | 'arp'

/** What must be known of a packet before the field is looked at, and is asked unless it is. */
export interface Needs {
  /** It came from a device of Ethernet's kind. */
  readonly ethernet?: true
  readonly network?: Network
  /** In family bridge the network is asked of the frame itself, not of the kernel. */
  readonly ofFrame?: boolean
  readonly transport?: number
}

export interface Field {
  readonly type: ValueType
  readonly needs: Needs
  /** Loads it into a register. */
  readonly load: (builder: MessageBuilder, register: number) => void
  /** Where in the packet it stands, in bytes from a base: neighbours are compared at once. */
  readonly place?: { readonly base: number; readonly offset: number }
  /** The bits that are the field, of those that are loaded. */
  readonly mask?: Uint8Array
  /** A value is bits of which one must be set. */
  readonly flags?: true
  /** Kind and data of nft's expression in its own numbering; absent: nft writes none down. */
  readonly written?: { readonly kind: number; readonly data: readonly number[] }
}

const known = {} as const satisfies Needs
const ip = { network: 'ip' } as const satisfies Needs
const ip6 = { network: 'ip6' } as const satisfies Needs
const arp = { network: 'arp', ofFrame: true } as const satisfies Needs
const extension = { network: 'ip6', ofFrame: true } as const satisfies Needs
const icmp = { network: 'ip', ofFrame: true, transport: 1 } as const satisfies Needs
const icmpv6 = { network: 'ip6', ofFrame: true, transport: 58 } as const satisfies Needs
const ethernet = { ethernet: true } as const satisfies Needs

/** nft's kinds of expressions. */
const kinds = { payload: 7, extension: 8, meta: 9, turn: 23 } as const

function payload(base: number, offset: number, type: ValueType, needs: Needs, written: number[]): Field {
  return {
    ...{ type, needs, place: { base, offset } },
    load: (builder, register) => loadPayload(builder, base, offset, type.bytes, register),
    written: { kind: kinds.payload, data: written },
  }
}
/** nft's numbers of a header and of a field in it; of fields without a type of their own, their bits. */
const named = (header: number, field: number, bits?: number): number[] => [
  ...number(0, header),
  ...number(1, field),
  ...(bits === undefined ? [] : number(4, bits)),
]

const ofMeta = (key: number, type: ValueType): Field => ({
  ...{ type, needs: known },
  load: (builder, register) => loadMeta(builder, key, register),
  written: { kind: kinds.meta, data: number(0, key) },
})
const ofConnection = (key: number, type: ValueType, flags = false): Field => ({
  ...{ type, needs: known, ...(flags && { flags: true }) },
  load: (builder, register) => loadConnection(builder, key, register),
})
const ofRoute = (result: 1 | 3, type: ValueType): Field => ({
  ...{ type, needs: known },
  load: (builder, register) => loadRoute(builder, result, register),
})
const headers = { hbh: 0, rt: 43, frag: 44, dst: 60 } as const
const presence = (header: number): Field => ({
  ...{ type: types.boolean, needs: extension },
  load: (builder, register) =>
    loadExtension(builder, header, { offset: 0, length: 1, present: true }, register),
})
const ofFragment = (offset: number, type: ValueType): Field => ({
  ...{ type, needs: extension },
  load: (builder, register) =>
    loadExtension(builder, headers.frag, { offset, length: type.bytes, present: false }, register),
})

/** Protocols with ports, with nft's numbers of their headers. */
const ports = {
  tcp: { protocol: 6, header: 8 },
  udp: { protocol: 17, header: 6 },
  dccp: { protocol: 33, header: 9 },
  sctp: { protocol: 132, header: 10 },
  udplite: { protocol: 136, header: 7 },
  /** Of whatever protocol has been asked for. */
  th: { protocol: undefined, header: 11 },
} as const

const { link, network, transport } = bases
const fields = new Map<string, Field>([
  ['iif', ofMeta(meta.iif, types.iface_index)],
  ['oif', ofMeta(meta.oif, types.iface_index)],
  ['iifname', ofMeta(meta.iifname, types.ifname)],
  ['oifname', ofMeta(meta.oifname, types.ifname)],
  ['meta mark', ofMeta(meta.mark, types.mark)],
  ['meta protocol', ofMeta(meta.protocol, types.ether_type)],
  ['meta nfproto', ofMeta(meta.nfproto, types.nf_proto)],
  ['meta l4proto', ofMeta(meta.l4proto, types.inet_proto)],
  ['ct state', ofConnection(connection.state, types.ct_state, true)],
  ['ct status', ofConnection(connection.status, types.ct_status, true)],
  ['ct label', ofConnection(connection.labels, types.ct_label, true)],
  ['ct direction', ofConnection(connection.direction, types.ct_dir)],
  ['fib daddr oif', ofRoute(1, types.iface_index)],
  ['fib daddr type', ofRoute(3, types.fib_addrtype)],
  ['ether daddr', payload(link, 0, types.ether_addr, ethernet, named(17, 1))],
  ['ether saddr', payload(link, 6, types.ether_addr, ethernet, named(17, 2))],
  ['ether type', payload(link, 12, types.ether_type, ethernet, named(17, 3))],
  ['arp htype', payload(network, 0, integer(2), arp, named(15, 1, 16))],
  ['arp ptype', payload(network, 2, types.ether_type, arp, named(15, 2))],
  ['arp hlen', payload(network, 4, integer(1), arp, named(15, 3, 8))],
  ['arp plen', payload(network, 5, integer(1), arp, named(15, 4, 8))],
  ['arp operation', payload(network, 6, types.arp_op, arp, named(15, 5))],
  ['arp saddr ether', payload(network, 8, types.ether_addr, arp, named(15, 6))],
  ['arp saddr ip', payload(network, 14, types.ipv4_addr, arp, named(15, 8))],
  ['ip length', payload(network, 2, integer(2), ip, named(12, 5, 16))],
  ['ip id', payload(network, 4, integer(2), ip, named(12, 6, 16))],
  ['ip frag-off', payload(network, 6, integer(2), ip, named(12, 7, 16))],
  ['ip ttl', payload(network, 8, integer(1), ip, named(12, 8, 8))],
  ['ip saddr', payload(network, 12, types.ipv4_addr, ip, named(12, 11))],
  ['ip daddr', payload(network, 16, types.ipv4_addr, ip, named(12, 12))],
  ['ip6 nexthdr', payload(network, 6, types.inet_proto, ip6, named(13, 6))],
  ['ip6 hoplimit', payload(network, 7, integer(1), ip6, named(13, 7, 8))],
  ['ip6 saddr', payload(network, 8, types.ipv6_addr, ip6, named(13, 8))],
  ['ip6 daddr', payload(network, 24, types.ipv6_addr, ip6, named(13, 9))],
  ['icmp type', payload(transport, 0, types.icmp_type, icmp, named(4, 1))],
  ['icmp code', payload(transport, 1, types.icmp_code, icmp, named(4, 2))],
  ['icmpv6 type', payload(transport, 0, types.icmpv6_type, icmpv6, named(14, 1))],
  ['icmpv6 code', payload(transport, 1, types.icmpv6_code, icmpv6, named(14, 2))],
  ['tcp flags', payload(transport, 13, types.tcp_flag, { transport: 6 }, named(8, 8))],
  ...Object.entries(ports).flatMap(([word, { protocol, header }]) => {
    const needs = protocol === undefined ? known : { transport: protocol }
    return (['sport', 'dport'] as const).map(
      (side, n) =>
        [
          `${word} ${side}`,
          payload(transport, 2 * n, types.inet_service, needs, named(header, 1 + n)),
        ] as const,
    )
  }),
  ...Object.entries(headers).map(([word, header]) => [`exthdr ${word}`, presence(header)] as const),
  ['frag frag-off', { ...ofFragment(2, fragmentOffset()), mask: Uint8Array.of(0xff, 0xf8) }],
  [
    'frag id',
    {
      ...ofFragment(4, integer(4)),
      written: { kind: kinds.extension, data: [...number(1, 6), ...number(0, 6)] },
    },
  ],
])

/** In units of eight bytes, in the upper 13 of 16 bits. */
function fragmentOffset(): ValueType {
  const plain = integer(2)
  return {
    ...plain,
    write(text, into, at) {
      plain.write(text, into, at)
      const value = ((into[at] as number) << 8) | (into[at + 1] as number)
      if (value > 0x1fff) throw new SyntaxError(`${text} is no offset of a fragment`)
      into[at] = value >> 5
      into[at + 1] = (value << 3) & 0xff
    },
  }
}

/** `@th,64,128`: bits of the packet from where its transport header begins. */
function raw(text: string): Field | undefined {
  const [, first, length] = /^@th,(\d{1,3}),(8|16|32|64|128)$/.exec(text) ?? []
  if (first === undefined || Number(first) % 8 !== 0) return undefined
  const [bits, from] = [Number(length), Number(first)]
  const data = [...number(0, 0), ...number(1, 0), ...number(2, 3), ...number(3, from), ...number(4, bits)]
  return payload(transport, from / 8, integer(bits / 8), known, data)
}

/** `numgen inc mod 64`: counts up from packet to packet. */
function turn(modulo: string | undefined): Field | undefined {
  if (modulo === undefined || !/^[1-9]\d{0,8}$/.test(modulo)) return undefined
  const by = Number(modulo)
  return {
    ...{ type: integer(4, 'host'), needs: known },
    load: (builder, register) => loadTurn(builder, by, register),
    written: { kind: kinds.turn, data: [...number(0, 0), ...number(1, by), ...number(2, 0)] },
  }
}

const raws = new Map<string, Field>()

/** The field whose words begin at `at`, and how many they are; undefined when none does. */
export function fieldAt(words: readonly string[], at: number): { field: Field; length: number } | undefined {
  const first = words[at]
  if (first === undefined) return undefined
  for (let length = 1, text = first; ; text += ` ${words[at + length++]}`) {
    const field = fields.get(text)
    if (field) return { field, length }
    if (length === 3 || at + length >= words.length) break
  }
  if (first === 'numgen' && words[at + 1] === 'inc' && words[at + 2] === 'mod') {
    const field = turn(words[at + 3])
    return field && { field, length: 4 }
  }
  if (!first.startsWith('@th,')) return undefined
  const field = raws.get(first) ?? raw(first)
  if (field && raws.size < 64) raws.set(first, field)
  return field && { field, length: 1 }
}

/** How nft writes a field of a key down; undefined when it does not. */
export const writtenOf = ({ written }: Field): number[] | undefined =>
  written && [...number(0, written.kind), ...entry(1, written.data)]
