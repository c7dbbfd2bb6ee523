/** How nft says each field of a match, in the order of the text: a field that the table lacks does not compile. */
import type { LinkMatch } from '../../core/model/effective-policy.ts'
import { type Family, maxAddress } from '../../core/net/address.ts'
import { hasPorts, icmpFamily, isExtensionHeader } from '../../core/net/protocol.ts'
import type { AddressSet } from '../../core/sets/address-set.ts'
import { containsPort, type PortSet } from '../../core/sets/port-set.ts'
import type { NftMatch } from './ruleset.ts'

/** What is settled of the alternative that a field is part of. */
export interface Alternative {
  /** Undefined: either. */
  readonly family: Family | undefined
  /** The only protocol; undefined: any, or any of several. */
  readonly protocol: number | undefined
}

/** Empty when every packet of the alternative satisfies the field, undefined when none does. */
type Lowering<T> = (value: T, alternative: Alternative) => readonly NftMatch[] | undefined

export const nftFields: { readonly [K in keyof LinkMatch]-?: Lowering<NonNullable<LinkMatch[K]>> } = {
  sourceMac: (mac) => [{ kind: 'source-mac', mac }],
  // A match of its own kind, which lower-match.ts places: it depends on what else is there.
  family: () => [],
  source: (set, { family }) => address('source', set, family),
  destination: (set, { family }) => address('destination', set, family),
  hopLimit: (value, { family }) => {
    if (family === undefined) throw new Error('a hop limit is of a family')
    return [{ kind: 'hop-limit', family, value }]
  },
  protocol: (protocol, { family }) =>
    family && isExtensionHeader(family, protocol) ? undefined : [{ kind: 'protocol', protocols: [protocol] }],
  sourcePorts: (set, { protocol }) => port('source', set, protocol),
  destinationPorts: (set, { protocol }) => port('destination', set, protocol),
  icmpType: (value, alternative) => icmp('type', value, alternative),
  icmpCode: (value, alternative) => icmp('code', value, alternative),
  // Last: it costs a packet a look at the routes.
  link: () => [{ kind: 'to-host' }],
}

function address(side: 'source' | 'destination', set: AddressSet, family: Family | undefined) {
  if (family === undefined) throw new Error('addresses are of a family')
  const ranges = set[family]
  if (ranges.length === 0) return undefined
  const every = ranges[0]?.first === 0n && ranges[0].last === maxAddress[family]
  return every ? [] : [{ kind: 'address', family, side, ranges } as const]
}

function port(side: 'source' | 'destination', ranges: PortSet, protocol: number | undefined) {
  if (ranges.length === 0 || (protocol !== undefined && !hasPorts(protocol))) return undefined
  const every = ranges.length === 1 && containsPort(ranges, 0) && containsPort(ranges, 65_535)
  return every ? [] : [{ kind: 'port', protocol, side, ranges } as const]
}

function icmp(field: 'type' | 'code', value: number, { family, protocol }: Alternative) {
  const own = protocol === undefined ? undefined : icmpFamily(protocol)
  return own && own === family ? [{ kind: 'icmp', family: own, field, value } as const] : undefined
}
