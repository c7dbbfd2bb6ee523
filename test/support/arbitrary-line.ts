/** Lines of the language that our compilers write, and others of the same grammar. */
import fc from 'fast-check'
import type { Family } from '../../src/agent/nftables/netlink/uapi.ts'
import { addresses, numbers } from '../../src/compile/nftables/spelling.ts'
import type { RenderedSet } from '../../src/compile/nftables/table.ts'

const shapes = {
  four: ['set', 'type ipv4_addr\nflags interval'],
  six: ['set', 'type ipv6_addr\nflags interval'],
  exact: ['set', 'type ipv4_addr'],
  port: ['set', 'type inet_service\nflags interval'],
  fourPort: ['set', 'type ipv4_addr . inet_service'],
  sixPort: ['set', 'type ipv6_addr . inet_service\nflags interval'],
  portFour: ['set', 'type inet_service . ipv4_addr . ipv4_addr\nflags interval'],
  macFour: ['set', 'type ether_addr . ipv4_addr'],
  macSix: ['set', 'type ether_addr . ipv6_addr'],
  protocolPort: ['set', 'type inet_proto . inet_service'],
  protocol: ['set', 'type inet_proto'],
  oneDevice: ['set', 'type iface_index'],
  byDevice: ['map', 'type iface_index : verdict'],
  verdicts: ['map', 'type ipv4_addr : verdict\nflags interval'],
  filled: ['set', 'type iface_index\nsize 65535\nflags dynamic,timeout\ntimeout 30s'],
  pairs: ['set', 'typeof iif . ip saddr . ip daddr . ip id\nsize 65535\nflags dynamic,timeout\ntimeout 30s'],
  hits: ['set', 'type iface_index . mark\nsize 4194304\nflags dynamic\ncounter'],
  answers: ['set', 'type ether_addr . mark\nsize 1048576\nflags dynamic\ncounter'],
  samples: ['set', 'type iface_index\nsize 1048576\nflags dynamic'],
  suppressed: ['set', 'type iface_index\nsize 1048576\nflags dynamic\ncounter'],
  markFour: ['map', 'type ipv4_addr : mark\nflags interval'],
  markExact: ['map', 'type ipv4_addr : mark'],
  markPort: ['map', 'type ipv4_addr . inet_service : mark\nflags interval'],
  markSix: [
    'map',
    'type ether_addr . inet_proto . ipv6_addr . ipv6_addr . inet_service : mark\nflags interval',
  ],
  markIcmp: ['map', 'type icmp_type . icmp_code : mark'],
  turns: ['set', 'typeof oif . numgen inc mod 15\nsize 1048576\nflags dynamic'],
} as const satisfies Record<string, readonly [RenderedSet['kind'], string]>
/** The sets that lines look into. */
export const looked: ReadonlyMap<string, RenderedSet> = new Map(
  Object.entries(shapes).map(([name, [kind, type]]) => [name, { kind, type, elements: new Map() }]),
)

const all = (...parts: fc.Arbitrary<string>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map((texts) => texts.filter((text) => text !== '').join(' '))
const maybe = (part: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.oneof(part, fc.constant(''))
const words = (...texts: readonly string[]): fc.Arbitrary<string> => fc.constantFrom(...texts)

/** Ranges with gaps between, in order. */
function ranges(bits: number, most: number): fc.Arbitrary<{ first: bigint; last: bigint }[]> {
  const max = (1n << BigInt(bits)) - 1n
  return fc
    .uniqueArray(fc.oneof(fc.bigInt(0n, max), fc.bigInt(0n, 300n), fc.constant(max)), {
      minLength: 2,
      maxLength: 2 * most,
    })
    .map((ends) => {
      const sorted = ends.toSorted((a, b) => (a < b ? -1 : 1))
      const found: { first: bigint; last: bigint }[] = []
      for (let n = 0; n + 1 < sorted.length; n += 2) {
        const [first = 0n, last = 0n] = sorted.slice(n, n + 2)
        if (found.length === 0 || first > (found.at(-1)?.last ?? 0n) + 1n)
          found.push({ first, last: n % 4 === 0 ? last : first })
      }
      return found
    })
}
const prefix = (bits: number): fc.Arbitrary<{ first: bigint; last: bigint }> =>
  fc
    .tuple(fc.bigInt(0n, (1n << BigInt(bits)) - 1n), fc.integer({ min: 0, max: bits }))
    .map(([value, length]) => {
      const free = BigInt(bits - length)
      return { first: (value >> free) << free, last: ((value >> free) << free) + (1n << free) - 1n }
    })
const one = (bits: number) => ranges(bits, 1).map(([range]) => range as { first: bigint; last: bigint })

/** One value, several, or those of a set, with what comes before. */
function compared(
  bits: number,
  spell: (range: { first: bigint; last: bigint }) => string,
  sets: readonly string[],
): fc.Arbitrary<string> {
  const single = fc.oneof(
    one(bits),
    one(bits).map(({ first }) => ({ first, last: first })),
  )
  return fc.oneof(
    { weight: 4, arbitrary: fc.tuple(words('', '!= '), single).map(([not, range]) => not + spell(range)) },
    ...(bits < 32 ? [] : [{ weight: 3, arbitrary: prefix(bits).map(spell) }]),
    {
      weight: 2,
      arbitrary: fc
        .tuple(words('', '!= '), ranges(bits, 4))
        .filter(([, found]) => found.length > 1)
        .map(([not, found]) => `${not}{ ${found.map(spell).join(', ')} }`),
    },
    { weight: 2, arbitrary: fc.tuple(words('', '!= '), words(...sets)).map(([not, set]) => `${not}@${set}`) },
  )
}

const ipv4 = compared(32, (range) => addresses('ipv4', range), ['four', 'exact'])
const ipv6 = compared(128, (range) => addresses('ipv6', range), ['six'])
const ports = compared(16, (range) => numbers({ first: Number(range.first), last: Number(range.last) }), [
  'port',
])
const byte = fc.nat({ max: 255 }).map(String)
const after = (word: string, part: fc.Arbitrary<string>) => part.map((text) => `${word} ${text}`)

/** Of neighbours in the packet only one may be excluded: nft 1.0.6 would exclude both values together. */
const withPorts = words('tcp', 'udp', 'dccp', 'sctp', 'udplite').chain((protocol) =>
  all(
    maybe(
      after(
        `${protocol} sport`,
        ports.filter((text) => !text.startsWith('!=')),
      ),
    ),
    after(`${protocol} dport`, ports),
  ),
)
const either = fc.oneof(
  withPorts,
  after('meta l4proto', byte),
  words(
    'meta l4proto { 6, 17 } th dport 53',
    'meta l4proto . th dport @protocolPort',
    'meta l4proto @protocol',
  ),
)
const four = all(
  maybe(after('ip saddr', ipv4)),
  after('ip daddr', ipv4),
  maybe(after('ip ttl', byte)),
  fc.oneof(either, after('icmp type', byte), all(after('icmp type', byte), after('icmp code', byte))),
  maybe(words('fib daddr type 2')),
)
const six = all(
  after('ip6 saddr', ipv6),
  maybe(after('ip6 daddr', ipv6)),
  maybe(words('ip6 hoplimit 255', 'exthdr frag 1')),
  fc.oneof(either, all(after('icmpv6 type', byte), maybe(after('icmpv6 code', byte)))),
)
const keyed = words(
  'ip saddr . tcp dport @fourPort',
  'ip saddr & 255.255.255.0 . udp dport @fourPort',
  'ip saddr & 255.255.0.0 == @exact',
  'ip6 saddr . udp dport @sixPort',
  'udp dport . ip saddr . ip daddr @portFour',
  'ether saddr . ip saddr @macFour',
  'ether saddr . ip6 saddr @macSix',
  'meta l4proto 17 ip saddr vmap @verdicts',
  'iif vmap @byDevice',
  'udp sport 5 meta mark set ip saddr . udp dport map @markPort',
  'meta mark set ip saddr & 255.0.0.0 . tcp sport map @markPort',
  'meta mark set ether saddr . meta l4proto . ip6 saddr . ip6 daddr . th dport map @markSix',
  'meta mark set icmp type . icmp code map @markIcmp',
  'oif @oneDevice',
  '@th,0,64 >= 0x0',
  'ip frag-off & 8191 == 0 ip length < 68',
  'frag frag-off != 0',
  'tcp flags & 0x4 == 0x4',
  'ct status ! 0x8',
  'ct label ! 126',
  'ct direction 1',
  'meta mark & 0x20000000 == 0x20000000',
  'iifname "tap*"',
  'iif 0',
)
const done = words(
  ...['accept', 'drop', 'return', 'jump next', 'goto next', 'ct label set 127', 'update @filled { iif }'],
  ...[
    'add @filled { oif limit rate over 5/minute burst 7 packets } drop',
    'update @turns { oif . numgen inc mod 15 }',
  ],
  ...[
    'add @turns { oif . numgen inc mod 15 ct count over 133 } goto next',
    'meta mark set meta mark & 0xdfffffff | 0x40000000 accept',
    'meta mark set 0x0000002a goto next',
    'update @hits { oif . 0xffffffff } goto next',
    'update @hits { iif . 0x0000002a } accept',
    'update @hits { iif . meta mark }',
    'update @answers { ether daddr . meta mark } drop',
    'update @samples { oif limit rate over 10/second burst 10 packets } goto next',
    'update @suppressed { iif } drop',
    'log prefix "denied in" group 1017 snaplen 128',
    'log prefix "allowed out 0x0000002a" group 1 snaplen 0 goto next',
  ],
)
const ofIpv4 = words(
  'meta mark set ip saddr map @markFour goto next',
  'meta mark set ip daddr & 255.255.255.0 map @markExact goto next',
  'drop',
  'update @pairs { iif . ip saddr . ip daddr . ip id }',
)

/** Lines that nft and the kernel take; maps of verdicts end theirs. */
export function arbitraryLine(family: Family): fc.Arbitrary<string> {
  const mac = fc.bigInt(0n, (1n << 48n) - 1n).map((value) =>
    value
      .toString(16)
      .padStart(12, '0')
      .replace(/..(?!$)/g, '$&:'),
  )
  const sender = fc.tuple(words('', '!= '), mac).map(([not, text]) => `ether saddr ${not}${text}`)
  const own =
    family === 'inet'
      ? words('meta nfproto 2', 'meta nfproto 10')
      : words('meta protocol 0x0800', 'meta protocol 0x86dd')
  const inFrames = words(
    'ether type 0x88cc',
    'ether type { 0x0800, 0x86dd }',
    'arp htype 1 arp ptype 0x0800 arp hlen 6 arp plen 4 arp operation { 1, 2 }',
    'arp saddr ether 52:54:00:00:00:01 arp saddr ip 10.0.0.1',
    'ip6 nexthdr 44 exthdr frag 1',
  )
  return fc.oneof(
    { weight: 4, arbitrary: all(maybe(sender), four, fc.oneof(done, ofIpv4)) },
    { weight: 4, arbitrary: all(maybe(sender), six, done) },
    { weight: 2, arbitrary: all(maybe(sender), maybe(own), either, done) },
    {
      weight: 2,
      arbitrary: fc.tuple(keyed, done).map(([key, end]) => (key.includes('vmap') ? key : `${key} ${end}`)),
    },
    ...(family === 'bridge' ? [{ weight: 1, arbitrary: all(inFrames, done) }] : []),
  )
}
