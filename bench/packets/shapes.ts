/**
 * Four shapes of policies as long as one likes, for UDP towards a VM, and for each the packets that no rule and that the
 * last rule matches.
 */

import type { Action, Match, Rule } from '../../src/core/model/rule.ts'
import type { Family } from '../../src/core/net/address.ts'
import { UDP } from '../../src/core/net/protocol.ts'
import { type AddressSet, addressSet } from '../../src/core/sets/address-set.ts'

/** What packets of a kind have in common. */
export interface Flow {
  readonly source: bigint
  /** Bits of the last two bytes of the source that may vary without another rule matching. */
  readonly mask: number
  readonly destination: bigint
  readonly destinationPort: number
}

export interface Shape {
  readonly name: string
  readonly default: Action
  rules(family: Family, count: number): readonly Rule[]
  /** Matched by no rule, whatever the number. */
  none(family: Family): Flow
  /** Matched by the last of so many rules and by no other. */
  last(family: Family, count: number): Flow
}

/** All that the sender owns, and all that the receiver does: subnets behind them, so that many addresses are theirs. */
export const owned = {
  sender: { ipv4: { base: 0x0a000000n, bits: 9 }, ipv6: { base: 0x20010db8a0000000n << 64n, bits: 36 } },
  receiver: { ipv4: { base: 0x0a800000n, bits: 16 }, ipv6: { base: 0x20010db8b0000000n << 64n, bits: 36 } },
} as const satisfies Record<string, Record<Family, { base: bigint; bits: number }>>

/** Number `n` of the owner's subnets: /24 of IPv4 with its last byte, /64 of IPv6. */
const subnet = (of: keyof typeof owned, family: Family, n: number): bigint =>
  owned[of][family].base + (BigInt(n) << (family === 'ipv4' ? 8n : 64n))
const width = { ipv4: 8n, ipv6: 64n } as const

const range = (family: Family, first: bigint, bits: bigint): AddressSet =>
  addressSet([{ family, first, last: first + (1n << bits) - 1n }])
const subnetOf = (of: keyof typeof owned, family: Family, n: number): AddressSet =>
  range(family, subnet(of, family, n), width[family])
const port = (first: number, last = first) => [{ first, last }]

const rule = (index: number, action: Action, match: Match): Rule => ({
  ...{ id: `rule-${index}`, position: index + 1, direction: 'ingress', action, enabled: true },
  matches: [{ protocol: UDP, ...match }],
})
const many = (count: number, make: (index: number) => Rule): readonly Rule[] =>
  Array.from({ length: count }, (_, index) => make(index))

const receiver = (family: Family, n = 0) => subnet('receiver', family, n) + 10n
const sources = 20

const cloudGroup: Shape = {
  name: 'cloud group',
  default: 'deny',
  rules: (family, count) =>
    many(count, (index) =>
      rule(index, 'allow', {
        family,
        source: subnetOf('sender', family, index % sources),
        destinationPorts: port(1000 + Math.floor(index / sources)),
      }),
    ),
  none: (family) => ({
    ...{ source: subnet('sender', family, 0), mask: 0x00ff },
    ...{ destination: receiver(family), destinationPort: 9 },
  }),
  last: (family, count) => ({
    ...{ source: subnet('sender', family, (count - 1) % sources), mask: 0x00ff },
    ...{ destination: receiver(family), destinationPort: 1000 + Math.floor((count - 1) / sources) },
  }),
}

const destinations = 16
const prefixes: Shape = {
  name: 'prefixes and a port',
  default: 'deny',
  rules: (family, count) =>
    many(count, (index) =>
      rule(index, 'allow', {
        family,
        source: subnetOf('sender', family, index),
        destination: subnetOf('receiver', family, index % destinations),
        destinationPorts: port(8000 + (index % 10)),
      }),
    ),
  none: (family) => ({
    ...{ source: subnet('sender', family, 0), mask: 0x00ff },
    ...{ destination: receiver(family), destinationPort: 9 },
  }),
  last: (family, count) => ({
    ...{ source: subnet('sender', family, count - 1), mask: 0x00ff },
    destination: receiver(family, (count - 1) % destinations),
    destinationPort: 8000 + ((count - 1) % 10),
  }),
}

/** Every other subnet, wholly or one address of it. */
const blockList: Shape = {
  name: 'block list',
  default: 'allow',
  rules: (family, count) =>
    many(count, (index) => {
      const first = subnet('sender', family, 2 * index)
      const whole = index % 2 === 1 || index === count - 1
      return rule(index, 'deny', {
        family,
        source: range(family, whole ? first : first + 7n, whole ? width[family] : 0n),
      })
    }),
  none: (family) => ({
    ...{ source: subnet('sender', family, 100 * 256), mask: 0x00ff },
    ...{ destination: receiver(family), destinationPort: 9 },
  }),
  last: (family, count) => ({
    ...{ source: subnet('sender', family, 2 * (count - 1)), mask: 0x00ff },
    ...{ destination: receiver(family), destinationPort: 9 },
  }),
}

const lastPort = 60_000
const alternating: Shape = {
  name: 'alternating, overlapping',
  default: 'deny',
  rules: (family, count) =>
    many(count, (index) => {
      if (index === count - 1) {
        const destinationPorts = port(lastPort, lastPort + 9)
        return rule(index, 'allow', { family, source: subnetOf('sender', family, 3), destinationPorts })
      }
      const wider = BigInt(index % 5)
      const subnets = 1 << (index % 5)
      const place = Math.floor(((index * 7) % 400) / subnets) * subnets
      const first = 1000 + ((index * 37) % 2000)
      return rule(index, index % 2 === 0 ? 'deny' : 'allow', {
        family,
        source: range(family, subnet('sender', family, place), width[family] + wider),
        destinationPorts: port(first, first + 50),
      })
    }),
  none: cloudGroup.none,
  last: (family) => ({
    ...{ source: subnet('sender', family, 3), mask: 0x00ff },
    ...{ destination: receiver(family), destinationPort: lastPort + 5 },
  }),
}

/** The first three have a budget; the last is shown. */
export const shapes = [cloudGroup, prefixes, blockList, alternating] as const
export const withBudget: readonly Shape[] = [cloudGroup, prefixes, blockList]
