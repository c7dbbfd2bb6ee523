/** One match of the model → the nft matches that say the same: none, one, or one per family. */
import type { LinkMatch } from '../../core/model/effective-policy.ts'
import type { Match } from '../../core/model/rule.ts'
import { type Family, families, maxAddress } from '../../core/net/address.ts'
import { hasPorts, ICMP, ICMPV6, icmpFamily, isExtensionHeader } from '../../core/net/protocol.ts'
import type { AddressSet } from '../../core/sets/address-set.ts'
import { containsPort, type PortSet } from '../../core/sets/port-set.ts'
import type { NftMatch } from './ruleset.ts'

/** Protocols with ports, for a match that names ports and no protocol. */
const portProtocols = [6, 17, 33, 132, 136]

/** Alternatives, each a conjunction. Empty when nothing can match. */
export function lowerMatch(match: LinkMatch): NftMatch[][] {
  const { family, protocol, icmpType, icmpCode } = match
  const meant = protocol === undefined ? undefined : icmpFamily(protocol)
  if (meant && family === undefined) return lowerMatch({ ...match, family: meant })
  if (protocol === undefined && (icmpType !== undefined || icmpCode !== undefined)) {
    // ICMP of either family, which nft knows as two protocols.
    return [ICMP, ICMPV6].flatMap((each) => lowerMatch({ ...match, protocol: each }))
  }
  const mac: NftMatch[] = match.sourceMac === undefined ? [] : [{ kind: 'source-mac', mac: match.sourceMac }]
  return networkLayer(match).flatMap(({ family, matches }) => {
    const transport = transportLayer(match, family)
    if (!transport) return []
    const { hopLimit, link } = match
    if (hopLimit !== undefined && family === undefined) throw new Error('a hop limit is of a family')
    const near: NftMatch[] = [
      ...(hopLimit !== undefined && family ? [{ kind: 'hop-limit', family, value: hopLimit } as const] : []),
      ...(link ? [{ kind: 'to-host' } as const] : []),
    ]
    // A match of ICMP's fields implies the family, as an address does.
    const implied = matches.length > 0 || hopLimit !== undefined || transport.implies === family
    const families: NftMatch[] = family === undefined || implied ? [] : [{ kind: 'family', family }]
    // nft prints no family that stands before ICMP's number: the same text as of a rule about both families.
    if (meant) return [[...mac, ...matches, ...near, ...transport.matches, ...families]]
    return [[...mac, ...families, ...matches, ...near, ...transport.matches]]
  })
}

interface NetworkPart {
  /** Undefined: either. */
  readonly family: Family | undefined
  readonly matches: readonly NftMatch[]
}

function networkLayer({ family, source, destination }: Match): NetworkPart[] {
  if (!source && !destination) return [{ family, matches: [] }]
  return families
    .filter((each) => (family ?? each) === each)
    .filter((each) => source?.[each].length !== 0 && destination?.[each].length !== 0)
    .map((each) => ({
      family: each,
      matches: [...address(each, 'source', source), ...address(each, 'destination', destination)],
    }))
}

function address(family: Family, side: 'source' | 'destination', set: AddressSet | undefined): NftMatch[] {
  const ranges = set?.[family]
  if (!ranges || (ranges[0]?.first === 0n && ranges[0].last === maxAddress[family])) return []
  return [{ kind: 'address', family, side, ranges }]
}

interface TransportPart {
  readonly matches: readonly NftMatch[]
  /** The family that these matches exist in. */
  readonly implies?: Family
}

/** Undefined when nothing can match. */
function transportLayer(match: Match, family: Family | undefined): TransportPart | undefined {
  const { protocol, icmpType, icmpCode, sourcePorts, destinationPorts } = match
  if (family && protocol !== undefined && isExtensionHeader(family, protocol)) return undefined
  if (icmpType !== undefined || icmpCode !== undefined) {
    // Types are ICMP's, which exists in one family each.
    const own = protocol === undefined ? undefined : icmpFamily(protocol)
    if (!own || own !== family || sourcePorts || destinationPorts) return undefined
    const field = (name: 'type' | 'code', value: number | undefined): NftMatch[] =>
      value === undefined ? [] : [{ kind: 'icmp', family: own, field: name, value }]
    return { matches: [...field('type', icmpType), ...field('code', icmpCode)], implies: own }
  }
  if (!sourcePorts && !destinationPorts) {
    return { matches: protocol === undefined ? [] : [{ kind: 'protocol', protocols: [protocol] }] }
  }
  if (protocol !== undefined && !hasPorts(protocol)) return undefined
  const ports = (side: 'source' | 'destination', set: PortSet | undefined): NftMatch[] =>
    set && !isEvery(set) ? [{ kind: 'port', protocol, side, ranges: set }] : []
  if (sourcePorts?.length === 0 || destinationPorts?.length === 0) return undefined
  const matches = [...ports('source', sourcePorts), ...ports('destination', destinationPorts)]
  if (protocol === undefined) return { matches: [{ kind: 'protocol', protocols: portProtocols }, ...matches] }
  // A port match implies its protocol.
  return { matches: matches.length > 0 ? matches : [{ kind: 'protocol', protocols: [protocol] }] }
}

const isEvery = (set: PortSet) => set.length === 1 && containsPort(set, 0) && containsPort(set, 65535)
