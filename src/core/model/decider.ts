/** What decided about a packet, as hosts count it and tell of it: the verdict's reason, without its circumstances. */
import { err, ok, type Result } from '../result.ts'
import { type EssentialName, essentialNames } from './effective-policy.ts'

export const originChecks = ['mac', 'address', 'neighbour', 'arp'] as const
/**
 * What of its sender a packet did not keep to: its MAC, its IP addresses, the address that it claims in neighbour
 * discovery, what ARP says of its sender.
 */
export type OriginCheck = (typeof originChecks)[number]

export type Decider =
  | { readonly kind: 'rule'; readonly policy: string; readonly rule: string }
  /** Any rule of the policy: those of a long list, on a host that cannot tell which. */
  | { readonly kind: 'list'; readonly policy: string }
  | { readonly kind: 'default' }
  | { readonly kind: 'essential'; readonly name: EssentialName }
  /** Of a connection that tracking cannot follow. */
  | { readonly kind: 'state'; readonly state: 'invalid' }
  | { readonly kind: 'origin'; readonly check: OriginCheck }
  /** A fragment or a header that rules cannot be asked about. */
  | { readonly kind: 'malformed' }
  /** In a bridge: a frame that is no IP packet, of a type that does not pass, or ARP of another form than everybody's. */
  | { readonly kind: 'frame' }

/** One word after the other; the same text for the same decider, and another for another. */
export function deciderText(by: Decider): string {
  switch (by.kind) {
    case 'rule':
      return `rule ${by.policy} ${by.rule}`
    case 'list':
      return `list ${by.policy}`
    case 'essential':
      return `essential ${by.name}`
    case 'state':
      return `state ${by.state}`
    case 'origin':
      return `origin ${by.check}`
    default:
      return by.kind
  }
}

/** Reads what `deciderText` wrote. */
export function parseDecider(text: string): Result<Decider, string> {
  const [kind, first, second, ...more] = text.split(' ')
  if (more.length === 0) {
    if (kind === 'rule' && first && second) return ok({ kind, policy: first, rule: second })
    if (second === undefined) {
      if (kind === 'list' && first) return ok({ kind, policy: first })
      const name = essentialNames.find((each) => each === first)
      if (kind === 'essential' && name) return ok({ kind, name })
      if (kind === 'state' && first === 'invalid') return ok({ kind, state: first })
      const check = originChecks.find((each) => each === first)
      if (kind === 'origin' && check) return ok({ kind, check })
      if (first === undefined && (kind === 'default' || kind === 'malformed' || kind === 'frame'))
        return ok({ kind })
    }
  }
  return err(`nothing decides that is called ${JSON.stringify(text)}`)
}
