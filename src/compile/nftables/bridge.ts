/**
 * What only family bridge needs beside the rules, which are lowered once for both families: frames that are no IP
 * packets, fragments that nobody puts together, and answers to packets that a VM rejects. In nft's own words, as nft
 * prints them back.
 */
import type { LinkMatch, Origin } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import { etherTypes } from '../../core/net/frame.ts'
import { UDP } from '../../core/net/protocol.ts'
import { arpForm } from '../../core/semantics/evaluate-frame.ts'
import { manyReceivers } from '../../core/semantics/rejection.ts'
import { linkLocal, unspecified } from '../../core/semantics/scopes.ts'
import type { Range } from '../../core/sets/range.ts'
import { endingText } from './endings.ts'
import { ownArp } from './lower-link.ts'
import { lowerMatch } from './lower-match.ts'
import {
  answersChain,
  fragmentsChain,
  headersChain,
  hookOf,
  type Purpose,
  passChain,
  unansweredChain,
  unansweredOf,
} from './names.ts'
import { deviceOf } from './places.ts'
import type { NftChain, NftEnding, NftMatch, NftRule } from './ruleset.ts'

/** What this kernel can do in family bridge. */
export interface BridgeKernel {
  /** It tracks connections there, and puts fragments together (nf_conntrack_bridge). */
  readonly tracks: boolean
  /** It can tell the sender of a packet that it does not pass (nft_reject_bridge). */
  readonly rejects: boolean
}

/** Frames with rules of their own: tagged ones are of another type, whatever is inside. */
export const ipTypes = [etherTypes.ipv4, etherTypes.ipv6] as const

/** Sets that packets fill, and forget; what is in them is never compared. */
export const memories: ReadonlyMap<string, string> = new Map(
  Object.entries({
    // A later fragment has no ports: it passes where the first one of its datagram did.
    'fragments4.out': ['iif . ip saddr . ip daddr . ip id', 30],
    'fragments6.out': ['iif . ip6 saddr . ip6 daddr . frag id', 30],
    'fragments4.in': ['oif . ip saddr . ip daddr . ip id', 30],
    'fragments6.in': ['oif . ip6 saddr . ip6 daddr . frag id', 30],
    // Who was heard as a neighbour: what is sent to it stays on the link.
    neighbours: ['oif . ip6 saddr', 3600],
    // Requests of DHCP clients, by their transaction: an answer with the same one is from the link.
    asked: ['iif . @th,96,32', 60],
    // Who gave a VM its address: it asks there to keep it.
    servers: ['oif . ip saddr', 604_800],
    // Who was just told that a packet does not pass, and by whom.
    rejected4: ['iif . ip daddr . ip saddr', 1],
    rejected6: ['iif . ip6 daddr . ip6 saddr', 1],
  }).map(([name, [key, seconds]]) => [
    name,
    `typeof ${key}\nsize 65535\nflags dynamic,timeout\ntimeout ${seconds}s`,
  ]),
)

/** What of a packet is looked up in them. */
export const recalls = {
  asked: 'oif . @th,96,32 @asked',
  neighbour: 'iif . ip6 daddr @neighbours',
  server: 'iif . ip daddr @servers',
} as const

/** Rules in nft's own words. */
export const words = (...lines: string[]): NftRule[] => lines.map((line) => ({ words: line }))

const end = { ingress: 'in', egress: 'out' } as const satisfies Record<Direction, string>
const fragmentKey = (direction: Direction, version: 4 | 6): string => {
  const device = deviceOf[hookOf[direction]]
  return version === 4
    ? `${device} . ip saddr . ip daddr . ip id`
    : `${device} . ip6 saddr . ip6 daddr . frag id`
}

/** What a packet that passes leaves behind for others, before it is marked as judged. `limited`: if it is within the limits. */
export function passOf(direction: Direction, limited: boolean): NftChain {
  const name = end[direction]
  return {
    name: passChain(direction),
    rules: [
      ...(limited ? [{ limit: hookOf[direction] }] : []),
      ...words(
        `ip frag-off & 16383 == 8192 update @fragments4.${name} { ${fragmentKey(direction, 4)} }`,
        `frag frag-off 0 update @fragments6.${name} { ${fragmentKey(direction, 6)} }`,
        ...(direction === 'ingress'
          ? [
              'icmpv6 type { 135, 136 } ip6 hoplimit 255 update @neighbours { oif . ip6 saddr }',
              `udp sport 67 udp dport 68 ${recalls.asked} update @servers { oif . ip saddr }`,
            ]
          : ['udp sport 68 udp dport 67 update @asked { iif . @th,96,32 }']),
      ),
      { pass: hookOf[direction] },
    ],
  }
}

/**
 * A bridge sees what neighbours send, and what a router among them forwards. That a packet has crossed no router shows
 * in its hop limit, or in addresses that no router forwards; for the rest something must have been heard before.
 */
export function nearInBridge({ link, ...match }: LinkMatch, direction: Direction): NftMatch[][] {
  const plain = lowerMatch(match)
  if (!link) return plain
  const remembered = (as: keyof typeof recalls) =>
    plain.map((matches) => [
      // The address of the server implies its family.
      ...(as === 'server' ? matches.filter(({ kind }) => kind !== 'family') : matches),
      { kind: 'remembered', as } as const,
    ])
  const isDhcp = match.family === 'ipv4' && match.protocol === UDP
  if (direction === 'egress') {
    if (match.hopLimit === 255) return remembered('neighbour')
    return isDhcp ? remembered('server') : []
  }
  if (match.hopLimit === 255 || match.source === linkLocal) return plain
  return [...lowerMatch({ ...match, destination: manyReceivers }), ...(isDhcp ? remembered('asked') : [])]
}

/** Sends fragments to the chains below. A fragment that is whole by itself goes on. */
export const toFragments = (direction: Direction, purpose: Purpose): NftRule[] =>
  words(
    `ip frag-off & 16383 != 0 jump ${fragmentsChain(direction, 4, purpose)}`,
    `exthdr frag 1 jump ${fragmentsChain(direction, 6, purpose)}`,
  )

/**
 * First fragments go on to the rules, if what rules ask about is in them: 68 bytes are what every link carries
 * (RFC 791), the longest header and eight more. Later ones pass where their first one did.
 */
export function fragmentsOf(direction: Direction, purpose: Purpose, deny: NftEnding): NftChain[] {
  const no = endingText(deny)
  const yes = `goto ${passChain(direction)}`
  const name = end[direction]
  return [
    {
      name: fragmentsChain(direction, 4, purpose),
      rules: words(
        `ip frag-off & 8191 == 0 ip length < 68 ${no}`,
        'ip frag-off & 8191 == 0 return',
        `${fragmentKey(direction, 4)} @fragments4.${name} ${yes}`,
        no,
      ),
    },
    {
      name: fragmentsChain(direction, 6, purpose),
      rules: words(
        'frag frag-off 0 @th,0,64 >= 0x0 return',
        `frag frag-off 0 ${no}`,
        `${fragmentKey(direction, 6)} @fragments6.${name} ${yes}`,
        no,
      ),
    },
  ]
}

/** Later ones are judged where they arrive. */
export const laterFragments: readonly NftRule[] = words(
  'ip frag-off & 8191 != 0 accept',
  'frag frag-off != 0 accept',
)

/**
 * Where nobody has looked at an IPv6 packet before, the kernel looks for its protocol in memory that may not hold its
 * header: a sender decides how a frame is laid out (`ipv6_find_hdr` reads `ipv6_hdr(skb)->nexthdr` without pulling it;
 * seen on 6.18). What it finds is compared with the header itself, which payload expressions read rightly.
 */
export const toHeaders = (direction: Direction, purpose: Purpose): NftRule[] =>
  words(`meta protocol 0x86dd jump ${headersChain(direction, purpose)}`)
export const headersOf = (direction: Direction, purpose: Purpose, deny: NftEnding): NftChain => ({
  name: headersChain(direction, purpose),
  rules: words(
    'ip6 nexthdr . meta l4proto @headers6 return',
    ...Object.entries(extensions).map(([header, name]) => `ip6 nexthdr ${header} exthdr ${name} 1 return`),
    endingText(deny),
  ),
})
/** Headers behind which others follow, by number, with nft's name. */
const extensions: Readonly<Record<number, string>> = { 0: 'hbh', 43: 'rt', 44: 'frag', 60: 'dst' }
/** First header and protocol of packets without such headers. */
export const headers6 = {
  type: 'typeof ip6 nexthdr . meta l4proto',
  elements: Array.from({ length: 256 }, (_, protocol) => protocol)
    .filter((protocol) => !(protocol in extensions))
    .map((protocol) => `${protocol} . ${protocol}`),
} as const

interface Frames {
  readonly device: string
  readonly origin: Origin | undefined
  /** Types that pass beside IP and ARP. */
  readonly types: readonly number[]
  /** What does not pass by its type, by its sender's MAC, and by what ARP says of its sender. */
  readonly deny: Readonly<Record<'frame' | 'mac' | 'arp', NftEnding>>
  /** What becomes of RARP from a VM that is who it says. */
  readonly announce: NftEnding
  /** Name of the chain of ARP. */
  readonly arp: string
}

/**
 * What `evaluateFrame` says: ARP that is from the interface goes on to the chain that looks at its form. A frame that is
 * too short to say who sends it matches nothing there, and does not pass.
 */
export function framesOf(
  name: string,
  direction: Direction,
  { device, origin, types, deny, announce, arp }: Frames,
): NftChain {
  const { mac, addresses } = origin ?? {}
  const rules: NftRule[] = types.map((type) => ({
    matches: [{ kind: 'ether-type', types: [type] }],
    verdict: { kind: 'goto', chain: passChain(direction) },
  }))
  if (mac !== undefined) rules.unshift({ matches: [{ kind: 'source-mac', mac, not: true }], ...deny.mac })
  if (direction === 'egress')
    rules.push({ matches: [{ kind: 'ether-type', types: [etherTypes.rarp] }], ...announce })
  const isArp: NftMatch[] = [{ kind: 'ether-type', types: [etherTypes.arp] }]
  const bySender: NftMatch[] = mac === undefined ? isArp : [{ kind: 'arp-mac', mac }]
  const from = addresses
    ? [...arpFrom(unspecified.ipv4), ...ownArp(device, addresses)].map((match) => [
        // The address implies that it is ARP.
        ...(mac === undefined ? [] : bySender),
        match,
      ])
    : [bySender]
  return {
    name,
    rules: [
      ...rules,
      ...from.map((matches): NftRule => ({ matches, verdict: { kind: 'goto', chain: arp } })),
      // Where senders are not checked no ARP is left.
      ...(origin ? [{ matches: isArp, ...deny.arp }] : []),
      { matches: [], ...deny.frame },
    ],
  }
}
const arpFrom = (ranges: readonly Range<bigint>[]): NftMatch[] =>
  ranges.map((range) => ({ kind: 'arp-address', ranges: [range] }))

/** Passes what has the form of ARP that everybody understands alike. */
export const arpOf = (name: string, allow: NftEnding, deny: NftEnding): NftChain => ({
  name,
  rules: [
    {
      matches: Object.entries(arpForm).map(([field, values]) => ({
        ...{ kind: 'arp-form', field: field as keyof typeof arpForm, values },
      })),
      ...allow,
    },
    { matches: [], ...deny },
  ],
})

/** An answer of ours is of no connection that tracking knows; it is let through to whom we have just told. */
export const toAnswers: readonly NftRule[] = words(`iif 0 jump ${answersChain}`)
export const answers: NftChain = {
  name: answersChain,
  rules: words(
    ...[
      'tcp flags & 0x4 == 0x4 oif . ip saddr . ip daddr @rejected4',
      'icmp type 3 oif . ip saddr . ip daddr @rejected4',
      'tcp flags & 0x4 == 0x4 oif . ip6 saddr . ip6 daddr @rejected6',
      'icmpv6 type 1 oif . ip6 saddr . ip6 daddr @rejected6',
    ].map((match) => `${match} goto ${passChain('ingress')}`),
  ),
}
/** Before a rejection: what is told will come by the port that the packet came from. */
export const rememberRejected: readonly NftRule[] = words(
  'update @rejected4 { iif . ip daddr . ip saddr }',
  'update @rejected6 { iif . ip6 daddr . ip6 saddr }',
)

/**
 * Packets that are rejected where nobody can be told are counted for the interface that rejects; `silence` are the rules
 * about those of which nobody is ever told.
 */
export const unansweredIn = (direction: Direction, silence: readonly NftRule[]): NftChain => ({
  name: unansweredChain(direction),
  rules: [
    ...silence,
    ...words(`add @${unansweredOf(hookOf[direction])} { ${deviceOf[hookOf[direction]]} }`),
    { matches: [], verdict: { kind: 'drop' } },
  ],
})
export const unansweredCount = 'type iface_index\nsize 65535\nflags dynamic\ncounter'
