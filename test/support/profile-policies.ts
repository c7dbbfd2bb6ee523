/**
 * Generators of policies as they reach a host: of every profile, resolved from what is attached, with up to 2,000 rules
 * of a few shapes that overlap; and packets drawn towards the edges of their rules.
 */
import fc from 'fast-check'
import { createResolver, type Place } from '../../src/compile/resolve.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import { defaultSwitches, type Policy, type PolicySettings } from '../../src/core/model/policy.ts'
import { inOrder, type Profile } from '../../src/core/model/profile.ts'
import type { Action, Direction, Match, Rule } from '../../src/core/model/rule.ts'
import { type Family, maxAddress } from '../../src/core/net/address.ts'
import type { Packet } from '../../src/core/net/packet.ts'
import { hasPorts, ICMP, ICMPV6, icmpFamily, namesTarget, TCP, UDP } from '../../src/core/net/protocol.ts'
import { type AddressRange, addressSet } from '../../src/core/sets/address-set.ts'
import { type PortSet, portSet } from '../../src/core/sets/port-set.ts'
import type { Range } from '../../src/core/sets/range.ts'
import { dialects, type Served } from '../../src/dialects/dialects.ts'
import { manifest as hostup } from '../../src/dialects/hostup/manifest.ts'
import { manifest as ionos } from '../../src/dialects/ionos/manifest.ts'
import { manifest as scaleway } from '../../src/dialects/scaleway/manifest.ts'
import { manifest as upcloud } from '../../src/dialects/upcloud/manifest.ts'
import { arbitraryMatch } from './arbitraries.ts'

/** Every profile that is served. */
export const profiles: readonly Profile[] = inOrder(dialects).map(({ profile }) => profile)

/** The network that most rules speak of, and packets come from: `arbitraryPacket` knows its first addresses. */
const base: Record<Family, bigint> = { ipv4: 0x0a00_0000n, ipv6: 0x2001_0db8n << 96n }

/** Three small numbers that decide the values of a match. */
type Numbers = readonly [a: number, b: number, c: number]

const familyOf = (n: number): Family => (n % 2 === 0 ? 'ipv4' : 'ipv6')
const transport = (n: number): number => (n % 3 === 2 ? UDP : TCP)
const host = (n: number): AddressRange => {
  const family = familyOf(n)
  const at = base[family] + BigInt((n >> 1) % 400)
  return { family, first: at, last: at }
}
/** Of 4 to 128 addresses: most lie in others. */
const prefix = (n: number): AddressRange => {
  const family = familyOf(n)
  const size = 4n << BigInt((n >> 1) % 6)
  const first = base[family] + (BigInt((n >> 3) % 400) / size) * size
  return { family, first, last: first + size - 1n }
}
/** Of 16 addresses: all of one length. */
const network = (n: number): AddressRange => {
  const family = familyOf(n)
  const first = base[family] + BigInt((n >> 1) % 30) * 16n
  return { family, first, last: first + 15n }
}
const stretch = (n: number, length: number): AddressRange => {
  const one = host(n)
  return { ...one, last: one.last + BigInt(length % 70) }
}
const ofBoth = (n: number, length: number): AddressRange[] => [stretch(n, length), stretch(n + 1, length)]
const port = (n: number): PortSet => portSet([{ first: n % 50, last: n % 50 }])
const ports = (n: number): PortSet => {
  const first = (n * 7) % 300
  return portSet([{ first, last: n % 9 === 0 ? 65_535 : first + (n % 40) }])
}
const severalPorts = (n: number): PortSet =>
  portSet([0, 20, 41].map((at, i) => ({ first: (n + at) % 400, last: ((n + at) % 400) + i })))
const mac = (n: number): string => `52:54:00:00:00:0${1 + (n % 2)}`
const icmp = [0, 3, 8, 11, 128, 129, 134, 135]

/** What rules of real lists look like. */
const shapes: Readonly<Record<string, (numbers: Numbers) => Match>> = {
  'a port': ([a, b]) => ({ protocol: transport(a), destinationPorts: port(b) }),
  'a port of one family': ([a, b, c]) => ({
    ...{ family: familyOf(c), protocol: transport(a), destinationPorts: port(b) },
  }),
  'ports from a host': ([a, b, c]) => ({
    ...{ protocol: transport(a), source: addressSet([host(b)]), destinationPorts: port(c) },
  }),
  'ports from a prefix': ([a, b, c]) => ({
    ...{ protocol: transport(a), source: addressSet([prefix(b)]), destinationPorts: port(c) },
  }),
  'ports from prefix to prefix': ([a, b, c]) => ({
    source: addressSet([prefix(a)]),
    destination: addressSet([prefixOf(familyOf(a), b)]),
    protocol: transport(b),
    destinationPorts: ports(c),
  }),
  'a network': ([a]) => ({ source: addressSet([network(a)]) }),
  'ports from a network': ([a, b, c]) => ({
    ...{ protocol: transport(a), source: addressSet([network(b)]), destinationPorts: port(c) },
  }),
  'ports from network to network': ([a, b, c]) => ({
    source: addressSet([network(a)]),
    destination: addressSet([network(b - (b % 2) + (a % 2))]),
    ...{ protocol: transport(c), destinationPorts: port(c >> 2) },
  }),
  'a blocked host': ([a]) => ({ source: addressSet([host(a)]) }),
  'a blocked prefix': ([a]) => ({ source: addressSet([prefix(a)]) }),
  'a stretch of addresses': ([a, b]) => ({ source: addressSet([stretch(a, b)]) }),
  'several addresses': ([a, b, c]) => ({
    source: addressSet([stretch(a, b), host(b), prefix(c), host(a + 90)]),
  }),
  'several of each': ([a, b, c]) => ({
    source: addressSet([host(a), stretch(b, c)]),
    destination: addressSet([prefix(c), host(b)]),
    protocol: transport(b),
    destinationPorts: severalPorts(c),
  }),
  'to a host': ([a, b]) => ({ destination: addressSet([host(a)]), protocol: transport(b) }),
  'both families': ([a, b, c]) => ({
    ...{ source: addressSet(ofBoth(a, b)), protocol: transport(b), destinationPorts: port(c) },
  }),
  'any of both families': ([a, b]) => ({ source: addressSet(ofBoth(a, b)) }),
  'a range of ports': ([a, b]) => ({ protocol: transport(a), destinationPorts: ports(b) }),
  'several ports': ([a, b]) => ({ protocol: transport(a), destinationPorts: severalPorts(b) }),
  'ports of any protocol': ([a]) => ({ destinationPorts: ports(a) }),
  'ports of both sides': ([a, b, c]) => ({
    ...{ protocol: transport(a), sourcePorts: ports(b), destinationPorts: port(c) },
  }),
  'a source port': ([a, b, c]) => ({
    ...{ protocol: transport(a), sourcePorts: port(b), source: addressSet([prefix(c)]) },
  }),
  'an ICMP type': ([a, b]) => ({ protocol: a % 2 === 0 ? ICMP : ICMPV6, icmpType: icmp[b % 8] as number }),
  'an ICMP type and code': ([a, b, c]) => ({
    ...{ protocol: a % 2 === 0 ? ICMP : ICMPV6, icmpType: icmp[b % 8] as number, icmpCode: c % 3 },
  }),
  'an ICMP type of either family': ([a]) => ({ icmpType: icmp[a % 8] as number }),
  'ICMP from a prefix': ([a, b]) => ({
    ...{ protocol: a % 2 === 0 ? ICMP : ICMPV6, source: addressSet([prefix(b - (b % 2) + (a % 2))]) },
  }),
  'a protocol': ([a]) => ({ protocol: a % 256 }),
  'a protocol from a host': ([a, b]) => ({ protocol: a % 256, source: addressSet([host(b)]) }),
  'a protocol of one family': ([a, b]) => ({ family: familyOf(b), protocol: a % 256 }),
  'a MAC': ([a]) => ({ sourceMac: mac(a) }),
  'a port from a MAC': ([a, b, c]) => ({
    ...{ sourceMac: mac(a), protocol: transport(b), destinationPorts: port(c) },
  }),
  'a host with a MAC': ([a, b]) => ({ sourceMac: mac(a), source: addressSet([host(b)]) }),
}
const shapeNames = Object.keys(shapes)
/** Prefixes of one length are looked up in a way of their own where nothing else cuts them. */
const networks = shapeNames.filter((name) => name.includes('network'))

/** The prefix of that number, in this family. */
function prefixOf(family: Family, n: number): AddressRange {
  return prefix(n - (n % 2) + (family === 'ipv4' ? 0 : 1))
}

/** How the verdicts of a list follow each other. */
const verdicts: Readonly<Record<string, (n: number, at: number) => Action>> = {
  allow: () => 'allow',
  deny: () => 'deny',
  alternating: (_, at) => (at % 2 === 0 ? 'deny' : 'allow'),
  runs: (_, at) => (['allow', 'deny', 'allow', 'reject'] as const)[(at >> 4) % 4] as Action,
  'mostly allow': (n) => (n % 20 === 0 ? 'deny' : 'allow'),
  any: (n) => (['allow', 'deny', 'reject'] as const)[n % 3] as Action,
}

const small = fc.nat({ max: 999 })
const ruleSeed = fc.tuple(fc.nat({ max: 99 }), small, small, small, fc.nat({ max: 59 }))
const lengths = [
  { weight: 5, max: 12 },
  { weight: 4, max: 60 },
  { weight: 2, max: 400 },
  { weight: 1, max: 2000 },
]

type Sketch = Pick<Rule, 'action' | 'enabled' | 'matches'>

/** Up to `most` rules of one direction: of few shapes, some twice, some switched off. */
const sketches = (most: number): fc.Arbitrary<Sketch[]> =>
  fc
    .record({
      shapes: fc.oneof(
        { weight: 1, arbitrary: fc.constantFrom(...shapeNames).map((name) => [name]) },
        { weight: 1, arbitrary: fc.constantFrom(...networks).map((name) => [name]) },
        { weight: 3, arbitrary: fc.subarray(shapeNames, { minLength: 2, maxLength: 4 }) },
        { weight: 1, arbitrary: fc.constant(shapeNames) },
      ),
      verdict: fc.constantFrom(...Object.keys(verdicts)),
      strange: arbitraryMatch,
      seeds: fc.oneof(
        ...lengths
          .filter(({ max }) => max <= most)
          .map(({ weight, max }) => ({
            ...{ weight, arbitrary: fc.array(ruleSeed, { minLength: 1, maxLength: max, size: 'max' }) },
          })),
      ),
    })
    .map(({ shapes: names, verdict, strange, seeds }) => {
      const made: Sketch[] = []
      for (const [at, [which, a, b, c, flag]] of seeds.entries()) {
        const make = shapes[names[which % names.length] as string] as (numbers: Numbers) => Match
        const before = made[a % Math.max(1, at)]
        const matches =
          flag === 57
            ? [strange]
            : flag === 58 && before
              ? before.matches
              : flag === 59
                ? [make([a, b, c]), make([b, c, a])]
                : [make([a, b, c])]
        made.push({
          action: (verdicts[verdict] as (typeof verdicts)[string])(flag, at),
          enabled: flag !== 56,
          matches,
        })
      }
      return made
    })

const settingsOf = {
  upcloud: { ...upcloud.chain, enabled: true },
  hostup: { ...hostup.chain, enabled: true },
  ionos: ionos.interfacePolicies.settings,
  scaleway: scaleway.defaultPolicy.settings,
  native: { ...upcloud.chain, enabled: true },
} satisfies Record<Served, PolicySettings>
const action = fc.constantFrom<Action>('allow', 'deny', 'reject')
const defaults = fc.record({ defaultIngress: action, defaultEgress: action })

/** A policy as the inventory has it: its rules of both directions by position. */
function policyOf(
  id: string,
  settings: PolicySettings,
  ingress: readonly Sketch[],
  egress: readonly Sketch[],
  includes: readonly string[] = [],
): Policy {
  const sketched = [
    ...ingress.map((each) => ({ ...each, direction: 'ingress' as const })),
    ...egress.map((each) => ({ ...each, direction: 'egress' as const })),
  ]
  // Included groups stand in the middle of the rules.
  for (const [n, include] of includes.entries()) {
    const rule = { action: 'allow', enabled: true, matches: [], direction: 'ingress', include } as const
    sketched.splice(Math.floor((sketched.length * (n + 1)) / (includes.length + 1)), 0, rule)
  }
  const rules = sketched.map((each, i): Rule => ({ ...each, id: `${id}.${i + 1}`, position: i + 1 }))
  return { ...settings, id, revision: 1, rules }
}

const allowing = (rules: readonly Sketch[]): Sketch[] => rules.map((rule) => ({ ...rule, action: 'allow' }))

const place: fc.Arbitrary<Place> = fc.record({
  index: fc.constant(1),
  type: fc.constant('public' as const),
  mac: fc.constant('52:54:00:00:00:01'),
  addresses: fc.constantFrom(['10.0.0.5', '2001:db8::5'], []),
  // Most that it sends is not forged, so that rules decide.
  allowedAddresses: fc.constantFrom([], ['10.0.0.0/22', '2001:db8::/118'], ['0.0.0.0/0', '::/0']),
  senderCheck: fc.constantFrom(false, false, true),
})

/** What is attached to an interface of each profile, in order. */
const attached = (most: number): Readonly<Record<keyof typeof settingsOf, fc.Arbitrary<Policy[]>>> => {
  const rules = sketches(most)
  const fewer = sketches(Math.min(most, 60))
  const both = fc
    .tuple(rules, fewer, fc.boolean())
    .map(([a, b, swap]): [Sketch[], Sketch[]] => (swap ? [b, a] : [a, b]))
  return {
    upcloud: fc
      .tuple(both, defaults)
      .map(([[ingress, egress], said]) => [
        policyOf('chain', { ...settingsOf.upcloud, ...said }, ingress, egress),
      ]),
    hostup: fc
      .tuple(both, defaults, fc.array(both, { maxLength: 3 }))
      .map(([[ingress, egress], said, groups]) => {
        const names = groups.map((_, n) => `group${n}`)
        return [
          policyOf('chain', { ...settingsOf.hostup, ...said }, ingress, egress, names),
          ...groups.map(([into, out], n) =>
            policyOf(names[n] as string, { ...settingsOf.hostup, filters: [] }, into, out),
          ),
        ]
      }),
    ionos: fc
      .tuple(
        fc.array(both, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...Object.values(ionos.interfacePolicies.filtersBy.values)),
      )
      .map(([policies, filters]) =>
        policies.map(([ingress, egress], n) =>
          policyOf(
            n === 0 ? 'nic' : `group${n}`,
            n === 0 ? { ...settingsOf.ionos, filters } : settingsOf.ionos,
            allowing(ingress),
            allowing(egress),
          ),
        ),
      ),
    scaleway: fc
      .tuple(fc.array(both, { minLength: 1, maxLength: 2 }), defaults, fc.constantFrom(true, true, false))
      .map(([policies, said, stateful]) =>
        policies.map(([ingress, egress], n) =>
          policyOf(`group${n}`, { ...settingsOf.scaleway, ...said, stateful }, ingress, egress),
        ),
      ),
    native: fc
      .tuple(fc.array(both, { minLength: 1, maxLength: 3 }), defaults, fc.boolean(), fc.boolean())
      .map(([policies, said, stateful, router]) =>
        policies.map(([ingress, egress], n) =>
          policyOf(
            `policy${n}`,
            {
              ...{ ...settingsOf.native, ...said, stateful },
              guards: { ...defaultSwitches, routerAdvertisement: router, sourceAddress: n === 1 },
            },
            ingress,
            egress,
          ),
        ),
      ),
  }
}

/** What is in force on an interface of one profile or of any; no list has more than `most` rules, 2,000 unless given. */
export function arbitraryProfilePolicy({
  profile,
  most = 2000,
}: {
  readonly profile?: Profile
  readonly most?: 12 | 60 | 400 | 2000
} = {}): fc.Arbitrary<EffectivePolicy> {
  const all = attached(most)
  const policies = profile === undefined ? fc.oneof(...Object.values(all)) : all[profile as keyof typeof all]
  if (!policies) throw new Error(`no generator of what is attached to interfaces of ${profile}`)
  return fc.tuple(place, policies).map(([at, list]) => createResolver()(at, list))
}

/** What decides where a packet is drawn to. */
export type Draw = readonly number[]
export const arbitraryDraw: fc.Arbitrary<Draw> = fc.array(fc.nat({ max: 0xffff }), {
  minLength: 9,
  maxLength: 9,
  size: 'max',
})

const allMatches = new WeakMap<object, readonly Match[]>()
function matchesOf(policy: EffectivePolicy, direction: Direction): readonly Match[] {
  const part = policy[direction]
  const found = part.filtered
    ? (allMatches.get(part) ?? part.lists.flatMap(({ rules }) => rules.flatMap(({ matches }) => matches)))
    : []
  allMatches.set(part, found)
  return found
}

/**
 * The packet with the values that a rule asks for, at an edge of each field, on either side of it. Its source may be what
 * another rule asks for. Unchanged where the direction has no rules.
 */
export function drawnTo(policy: EffectivePolicy, direction: Direction, packet: Packet, draw: Draw): Packet {
  const matches = matchesOf(policy, direction)
  const [which = 0, other = 0, wild = 0, ...edges] = draw
  const match = matches[which % matches.length]
  if (!match) return packet
  // Rules that overlap meet in packets that are of both.
  const from = (other % 3 === 0 ? matches[other % matches.length] : match) ?? match
  const family = wanted(match, packet.family)
  const protocol = wild % 16 === 0 ? packet.protocol : protocolOf(match, family, packet, wild)
  const [source, destination, sourcePort, destinationPort, type, code] = edges as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const { sourceMac = match.sourceMac, hopLimit, target, link } = packet
  // Rules decide new packets.
  const state = wild % 3 === 0 ? packet.state : 'new'
  const own = icmpFamily(protocol) === family
  const icmpType = near(match.icmpType, type, packet.icmpType ?? 8)
  return {
    ...{ family, protocol, state },
    source:
      edge(from.source?.[family], source, maxAddress[family]) ?? inFamily(packet.source, packet, family),
    destination:
      edge(match.destination?.[family], destination, maxAddress[family]) ??
      inFamily(packet.destination, packet, family),
    ...(hasPorts(protocol) && {
      sourcePort: edge(from.sourcePorts, sourcePort, 65_535) ?? packet.sourcePort ?? sourcePort,
      destinationPort:
        edge(match.destinationPorts, destinationPort, 65_535) ??
        packet.destinationPort ??
        destinationPort % 400,
    }),
    ...(own && { icmpType, icmpCode: near(match.icmpCode, code, packet.icmpCode ?? 0) }),
    ...(own && family === 'ipv6' && namesTarget(icmpType) && { target: target ?? base.ipv6 + 5n }),
    ...(sourceMac !== undefined && {
      sourceMac: type % 4 === 0 ? sourceMac : (match.sourceMac ?? sourceMac),
    }),
    ...(hopLimit !== undefined && { hopLimit }),
    ...(link !== undefined && { link }),
  }
}

/** The family that the match is of, the given one where it is of either. */
function wanted(match: Match, given: Family): Family {
  const own = match.family ?? (match.protocol === undefined ? undefined : icmpFamily(match.protocol))
  if (own) return own
  for (const set of [match.source, match.destination]) {
    if (set && set[given].length === 0 && (set.ipv4.length > 0 || set.ipv6.length > 0))
      return given === 'ipv4' ? 'ipv6' : 'ipv4'
  }
  return given
}

function protocolOf(match: Match, family: Family, packet: Packet, n: number): number {
  if (match.protocol !== undefined) return match.protocol
  if (match.icmpType !== undefined || match.icmpCode !== undefined) return family === 'ipv4' ? ICMP : ICMPV6
  if (match.sourcePorts || match.destinationPorts) return [TCP, UDP, 33, 132, 136][n % 5] as number
  return packet.protocol
}

const near = (wanted: number | undefined, n: number, given: number): number =>
  wanted === undefined ? given : n % 8 === 0 ? (wanted + 1) % 256 : wanted

const inFamily = (value: bigint, packet: Packet, family: Family): bigint =>
  packet.family === family ? value : base[family] + (value & 0x3fn)

/** The first or last of a range, the one before or behind it, or one in it; undefined when there is none. */
function edge<T extends number | bigint>(
  ranges: readonly Range<T>[] | undefined,
  n: number,
  max: T,
): T | undefined {
  const range = ranges?.[n % ranges.length]
  if (!range) return undefined
  const { first, last } = range
  const step = (value: T, by: 1 | -1): T =>
    (typeof value === 'bigint' ? value + BigInt(by) : (value as number) + by) as T
  switch ((n >> 6) % 8) {
    case 0:
      return first > 0 ? step(first, -1) : first
    case 1:
      return last < max ? step(last, 1) : last
    case 2:
    case 3:
      return last
    case 4:
      return typeof first === 'bigint'
        ? ((first + ((last as bigint) - first) / 2n) as T)
        : (Math.floor(((first as number) + (last as number)) / 2) as T)
    default:
      return first
  }
}
