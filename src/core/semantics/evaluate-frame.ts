/** What a bridge does to a frame that is no IP packet (docs/semantics.md §11): rules cannot speak of it. */
import type { Decider } from '../model/decider.ts'
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

export interface FrameVerdict {
  readonly action: Exclude<Action, 'reject'>
  readonly decidedBy:
    | Extract<Decider, { kind: 'essential' | 'origin' | 'frame' }>
    /** Frames of that type are not looked at. */
    | { readonly kind: 'off' }
}

const denied = (decidedBy: FrameVerdict['decidedBy']): FrameVerdict => ({ action: 'deny', decidedBy })

/** `types`: Ethernet types that pass beside IP and ARP. */
export function evaluateFrame(
  { origin }: Pick<EffectivePolicy, 'origin'>,
  direction: Direction,
  { type, sourceMac, arp }: Frame,
  types: readonly number[],
): FrameVerdict {
  const { mac, addresses } = (direction === 'egress' && origin) || {}
  if (mac !== undefined && sourceMac !== mac) return denied({ kind: 'origin', check: 'mac' })
  if (types.includes(type)) return { action: 'allow', decidedBy: { kind: 'off' } }
  // How a hypervisor tells switches where a VM is that has moved: by its sender's MAC, whatever it says.
  if (type === etherTypes.rarp && direction === 'egress')
    return { action: 'allow', decidedBy: { kind: 'essential', name: 'arp' } }
  if (type !== etherTypes.arp) return denied({ kind: 'frame' })
  // ARP that is too short to name its sender does not name the interface.
  const owns = (address: bigint | undefined) =>
    !addresses ||
    (address !== undefined && [addresses, unspecified].some((set) => contains(set, 'ipv4', address)))
  const own = (mac === undefined || arp?.senderMac === mac) && owns(arp?.senderAddress)
  if (!own) return denied({ kind: 'origin', check: 'arp' })
  const formed =
    arp !== undefined &&
    Object.entries(arpForm).every(([field, values]) =>
      (values as readonly number[]).includes(arp[field as keyof typeof arpForm]),
    )
  return formed
    ? { action: 'allow', decidedBy: { kind: 'essential', name: 'arp' } }
    : denied({ kind: 'frame' })
}
