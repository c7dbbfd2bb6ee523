/** One match of the model → the nft matches that say the same: none, one, or one per family. */
import type { LinkMatch } from '../../core/model/effective-policy.ts'
import { families } from '../../core/net/address.ts'
import { ICMP, ICMPV6, icmpFamily } from '../../core/net/protocol.ts'
import { type Alternative, nftFields } from './fields.ts'
import type { NftMatch } from './ruleset.ts'

/** Protocols with ports, for a match that names ports and no protocol. */
const portProtocols = [6, 17, 33, 132, 136]

/** Alternatives, each a conjunction. Empty when nothing can match. */
export function lowerMatch(match: LinkMatch): NftMatch[][] {
  const { family, protocol, icmpType, icmpCode } = match
  if (protocol === undefined && (icmpType !== undefined || icmpCode !== undefined)) {
    // ICMP of either family, which nft knows as two protocols.
    return [ICMP, ICMPV6].flatMap((each) => lowerMatch({ ...match, protocol: each }))
  }
  const own = family ?? (protocol === undefined ? undefined : icmpFamily(protocol))
  const either = own === undefined && (match.source ?? match.destination) !== undefined
  return (either ? families : [own]).flatMap((each) => {
    const lowered = lowerAlternative(match, { family: each, protocol })
    return lowered ? [lowered] : []
  })
}

/** Undefined when nothing can match. */
function lowerAlternative(match: LinkMatch, alternative: Alternative): NftMatch[] | undefined {
  const { family, protocol } = alternative
  const matches: NftMatch[] = []
  for (const name of fieldNames) {
    if (name === 'protocol' && protocol === undefined && (match.sourcePorts ?? match.destinationPorts))
      matches.push({ kind: 'protocol', protocols: portProtocols })
    const value = match[name]
    if (value === undefined) continue
    const said = (nftFields[name] as (value: unknown, of: Alternative) => readonly NftMatch[] | undefined)(
      value,
      alternative,
    )
    if (!said) return undefined
    matches.push(...said)
  }
  const kept = matches.some(impliesProtocol) ? matches.filter(({ kind }) => kind !== 'protocol') : matches
  if (family === undefined || kept.some(impliesFamily)) return kept
  // nft prints no family that stands before ICMP's number: the same text as of a rule about both families.
  const last = protocol !== undefined && icmpFamily(protocol)
  const at = last ? kept.length : kept.findIndex(({ kind }) => kind !== 'source-mac')
  return kept.toSpliced(at < 0 ? kept.length : at, 0, { kind: 'family', family })
}

const fieldNames = Object.keys(nftFields) as readonly (keyof LinkMatch)[]

const impliesProtocol = (match: NftMatch): boolean =>
  match.kind === 'icmp' || (match.kind === 'port' && match.protocol !== undefined)

/** These exist in one family each. */
const impliesFamily = ({ kind }: NftMatch): boolean =>
  kind === 'address' || kind === 'icmp' || kind === 'hop-limit'
