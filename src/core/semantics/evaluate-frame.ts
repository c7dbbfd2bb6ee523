/** What a bridge does to a frame that is no IP packet (docs/semantics.md §11): rules cannot speak of it. */
import type { EffectivePolicy } from '../model/effective-policy.ts'
import type { Action, Direction } from '../model/rule.ts'
import { type Arp, etherTypes, type Frame } from '../net/frame.ts'
import { contains } from '../sets/address-set.ts'
import { unspecified } from './scopes.ts'

/** What ARP is taken for: of Ethernet and IPv4, a request or an answer. Another form would not say where it says what. */
export const arpForm = {
  hardwareType: [1],
  protocolType: [etherTypes.ipv4],
  hardwareLength: [6],
  protocolLength: [4],
  operation: [1, 2],
} as const satisfies Partial<Record<keyof Arp, readonly number[]>>

/** `types`: Ethernet types that pass beside IP and ARP. */
export function evaluateFrame(
  { origin }: Pick<EffectivePolicy, 'origin'>,
  direction: Direction,
  { type, sourceMac, arp }: Frame,
  types: readonly number[],
): Exclude<Action, 'reject'> {
  const { mac, addresses } = (direction === 'egress' && origin) || {}
  if (mac !== undefined && sourceMac !== mac) return 'deny'
  if (types.includes(type)) return 'allow'
  if (type !== etherTypes.arp || !arp) return 'deny'
  const formed = Object.entries(arpForm).every(([field, values]) =>
    (values as readonly number[]).includes(arp[field as keyof typeof arpForm]),
  )
  if (!formed) return 'deny'
  if (mac !== undefined && arp.senderMac !== mac) return 'deny'
  const owns = (address: bigint) =>
    !addresses || [addresses, unspecified].some((set) => contains(set, 'ipv4', address))
  return owns(arp.senderAddress) ? 'allow' : 'deny'
}
