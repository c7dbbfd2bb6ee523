/** Generators of rules, policies and packets that meet: values come from small pools, so that matches happen often. */
import fc from 'fast-check'
import type { DirectionPolicy, EffectivePolicy, RuleList } from '../../src/core/model/effective-policy.ts'
import type { MatchField } from '../../src/core/model/match-fields.ts'
import { defaultSwitches } from '../../src/core/model/policy.ts'
import type { Action, Direction, Match, Rule } from '../../src/core/model/rule.ts'
import { type Family, maxAddress, parseAddress } from '../../src/core/net/address.ts'
import type { Frame as NonIpFrame } from '../../src/core/net/frame.ts'
import type { Packet } from '../../src/core/net/packet.ts'
import { hasPorts, icmpFamily, namesTarget } from '../../src/core/net/protocol.ts'
import { essentials, essentialsOf } from '../../src/core/semantics/essentials.ts'
import { manyReceivers } from '../../src/core/semantics/rejection.ts'
import { linkLocal } from '../../src/core/semantics/scopes.ts'
import { type AddressRange, type AddressSet, addressSet, contains } from '../../src/core/sets/address-set.ts'
import { type PortSet, portSet } from '../../src/core/sets/port-set.ts'

const family = fc.constantFrom<Family>('ipv4', 'ipv6')
const action = fc.constantFrom<Action>('allow', 'deny', 'reject')
/** Every number, often those that mean something: ICMP of either family, with ports, IPv6's extension headers. */
const protocol = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(1, 58, 6, 17, 33, 47, 132, 136) },
  { weight: 1, arbitrary: fc.constantFrom(0, 2, 43, 44, 51, 59, 60, 255) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 255 }) },
)
const mac = fc.constantFrom('52:54:00:00:00:01', '52:54:00:00:00:02')
const icmpNumber = fc.constantFrom(0, 3, 8, 128, 130, 131, 133, 134, 135, 136, 143, 255)

const base: Record<Family, bigint> = { ipv4: 0x0a00_0000n, ipv6: 0x2001_0db8n << 96n }
/** Addresses that mean something on the link. */
const special: Record<Family, readonly bigint[]> = {
  ipv4: ['224.0.0.1', '224.0.0.22', '239.1.2.3'].map(addressOf),
  ipv6: [
    'fe80::1',
    'fe80::5054:ff:fe00:1',
    'fe80::a1b2:c3d4:e5f6:789a',
    'ff02::1',
    'ff02::2',
    'ff02::16',
    'ff02::1:ff00:1',
    'ff05::1',
  ].map(addressOf),
}
/** Around one network, the ends of the family's space, and what means something. */
const value = (of: Family): fc.Arbitrary<bigint> =>
  fc.oneof(
    { weight: 5, arbitrary: fc.integer({ min: 0, max: 40 }).map((n) => base[of] + BigInt(n)) },
    { weight: 2, arbitrary: fc.constantFrom(0n, maxAddress[of], maxAddress[of] - 1n) },
    { weight: 3, arbitrary: fc.constantFrom(...special[of]) },
  )

function addressOf(text: string): bigint {
  const address = parseAddress(text)
  if (!address.ok) throw new Error(text)
  return address.value.value
}

const range = (of: Family): fc.Arbitrary<AddressRange> =>
  fc.tuple(value(of), value(of)).map(([a, b]) => ({ family: of, first: a < b ? a : b, last: a < b ? b : a }))

export const arbitraryAddressSet: fc.Arbitrary<AddressSet> = fc
  .array(
    family.chain((of) => range(of)),
    { maxLength: 4 },
  )
  .map(addressSet)

const port = fc.constantFrom(0, 1, 22, 53, 67, 68, 80, 546, 547, 65_535)
export const arbitraryPortSet: fc.Arbitrary<PortSet> = fc
  .array(
    fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
    { maxLength: 3 },
  )
  .map(portSet)

/** A field that is not generated does not compile: the witnesses would never meet it. */
const matchFieldArbitraries: { readonly [K in MatchField]-?: fc.Arbitrary<NonNullable<Match[K]>> } = {
  family,
  protocol,
  source: arbitraryAddressSet,
  destination: arbitraryAddressSet,
  sourcePorts: arbitraryPortSet,
  destinationPorts: arbitraryPortSet,
  icmpType: icmpNumber,
  icmpCode: icmpNumber,
  sourceMac: mac,
}

/** Also ones that can never match. */
export const arbitraryMatch: fc.Arbitrary<Match> = fc
  .record(matchFieldArbitraries, { requiredKeys: [] })
  // Every field given at once hardly ever matches.
  .chain((match) => {
    const keys = Object.keys(match) as (keyof Match)[]
    return fc
      .subarray(keys, { maxLength: Math.min(4, keys.length) })
      .map((kept) => Object.fromEntries(kept.map((key) => [key, match[key]])) as Match)
  })

const hopLimit = fc.constantFrom(1, 1, 64, 254, 255, 255)

export const arbitraryRule = (direction: Direction): fc.Arbitrary<Omit<Rule, 'id' | 'position'>> =>
  fc.record({
    direction: fc.constant(direction),
    action,
    enabled: fc.boolean().map((off) => !off),
    matches: fc.array(arbitraryMatch, { maxLength: 3 }),
  })

const list = (direction: Direction, name: string): fc.Arbitrary<RuleList> =>
  fc.array(arbitraryRule(direction), { maxLength: 8 }).map((rules) => ({
    policy: name,
    part: 0,
    direction,
    rules: rules.map((rule, i) => ({ ...rule, id: `${name}.${direction}.${i + 1}`, position: i + 1 })),
  }))

const directionPolicy = (direction: Direction): fc.Arbitrary<DirectionPolicy> =>
  fc.oneof(
    { weight: 1, arbitrary: fc.constant({ filtered: false } as const) },
    {
      weight: 8,
      arbitrary: fc.record({
        filtered: fc.constant(true as const),
        lists: fc.tuple(list(direction, 'one'), list(direction, 'two')).chain((both) => fc.subarray(both)),
        default: action,
      }),
    },
  )

export const arbitraryPolicy: fc.Arbitrary<EffectivePolicy> = fc.record({
  stateful: fc.boolean(),
  essentials: fc.constantFrom(
    essentials,
    essentialsOf({ ...defaultSwitches, routerAdvertisement: true }),
    [],
  ),
  ingress: directionPolicy('ingress'),
  egress: directionPolicy('egress'),
  origin: fc.record({ mac, addresses: arbitraryAddressSet }, { requiredKeys: [] }),
})

/** What is sent on a link, of which a random packet is hardly ever one: what essentials and the sender check look for. */
const linkTraffic: fc.Arbitrary<Partial<Packet>> = fc.oneof(
  fc
    .record({
      family: fc.constant<Family>('ipv6'),
      protocol: fc.constant(58),
      icmpType: icmpNumber,
      icmpCode: fc.constantFrom(0, 0, 0, 1),
      source: value('ipv6'),
      destination: value('ipv6'),
      target: value('ipv6'),
    })
    .map(({ target, ...rest }) => ({ ...rest, ...(namesTarget(rest.icmpType) && { target }) })),
  fc.record({
    family: fc.constant<Family>('ipv4'),
    protocol: fc.constant(2),
    source: value('ipv4'),
    destination: value('ipv4'),
  }),
  fc
    .record({
      of: family,
      flip: fc.boolean(),
      ends: fc.tuple(value('ipv4'), value('ipv4')),
      six: fc.tuple(value('ipv6'), value('ipv6')),
    })
    .map(({ of, flip, ends, six }) => {
      const [client, server] = of === 'ipv4' ? [68, 67] : [546, 547]
      const [source, destination] = of === 'ipv4' ? ends : six
      const [sourcePort, destinationPort] = flip ? [server, client] : [client, server]
      return { family: of, protocol: 17, source, destination, sourcePort, destinationPort }
    }),
)

/** Any protocol number in either family; types only in ICMP of its own family, ports where there are ports. */
const anyPacket: fc.Arbitrary<Packet> = family.chain((of) =>
  fc
    .record({
      protocol,
      source: value(of),
      destination: value(of),
      ports: fc.tuple(port, port),
      icmp: fc.tuple(icmpNumber, icmpNumber),
      sourceMac: fc.option(mac, { nil: undefined }),
      hopLimit: fc.option(hopLimit, { nil: undefined }),
      link: fc.boolean(),
      target: value('ipv6'),
      state: fc.constantFrom<Packet['state']>('new', 'new', 'established', 'related', 'invalid'),
    })
    .map(({ protocol, ports, icmp, sourceMac, hopLimit, target, ...rest }) => ({
      family: of,
      protocol,
      ...rest,
      ...(hasPorts(protocol) && { sourcePort: ports[0], destinationPort: ports[1] }),
      ...(icmpFamily(protocol) === of && { icmpType: icmp[0], icmpCode: icmp[1] }),
      ...(of === 'ipv6' && protocol === 58 && namesTarget(icmp[0]) && { target }),
      ...(sourceMac !== undefined && { sourceMac }),
      ...(hopLimit !== undefined && { hopLimit }),
    })),
)

export const arbitraryPacket: fc.Arbitrary<Packet> = fc.oneof(
  { weight: 3, arbitrary: anyPacket },
  {
    weight: 2,
    arbitrary: fc.tuple(anyPacket, linkTraffic).map(
      ([{ sourceMac, hopLimit, link, state }, traffic]) =>
        ({
          ...(sourceMac !== undefined && { sourceMac }),
          ...(hopLimit !== undefined && { hopLimit }),
          ...(link !== undefined && { link }),
          state,
          ...traffic,
        }) as Packet,
    ),
  },
)

/**
 * The packet as it is in a bridge, where what is from the link shows in the packet itself (docs/semantics.md §11).
 * `heard`: its VM has asked for what it answers, or has heard from where it goes.
 */
export function inBridge(packet: Packet, direction: Direction, heard: boolean): Packet {
  const { family, protocol, source, destination, icmpType = 0, hopLimit } = packet
  const isDiscovery = family === 'ipv6' && protocol === 58 && icmpType >= 133 && icmpType <= 136
  const isDhcp = family === 'ipv4' && protocol === 17
  const isNear =
    direction === 'egress'
      ? heard && (isDhcp || (isDiscovery && hopLimit === 255))
      : (heard && isDhcp) ||
        (isDiscovery && hopLimit === 255) ||
        contains(linkLocal, family, source) ||
        contains(manyReceivers, family, destination)
  return { ...packet, link: isNear }
}

/** Frames that are no IP packets, ARP mostly. */
export const arbitraryFrame: fc.Arbitrary<NonIpFrame> = fc
  .record({
    type: fc.oneof(
      { weight: 4, arbitrary: fc.constant(0x0806) },
      { weight: 3, arbitrary: fc.constantFrom(0x8100, 0x88a8, 0x88cc, 0x88b5, 0x8035, 0x0100) },
    ),
    sourceMac: mac,
    arp: fc.record({
      hardwareType: often(1, 6),
      protocolType: often(0x0800, 0x86dd),
      hardwareLength: often(6, 8),
      protocolLength: often(4, 16),
      operation: fc.constantFrom(1, 1, 2, 2, 3),
      senderMac: mac,
      senderAddress: value('ipv4'),
    }),
  })
  .map(({ type, sourceMac, arp }) => ({ type, sourceMac, ...(type === 0x0806 && { arp }) }))

function often(value: number, other: number): fc.Arbitrary<number> {
  return fc.constantFrom(...Array.from({ length: 9 }, () => value), other)
}

/** Ethernet types that pass on an interface. */
export const arbitraryFrameTypes: fc.Arbitrary<number[]> = fc.subarray([0x8100, 0x88a8, 0x88cc])
