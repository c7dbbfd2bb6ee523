/** A frame that is no IP packet, as a bridge carries it. */
import type { Mac } from './mac.ts'

/** Ethernet types that are judged in ways of their own. */
export const etherTypes = { ipv4: 0x0800, arp: 0x0806, rarp: 0x8035, ipv6: 0x86dd } as const

export interface Frame {
  /** Ethernet type; a VLAN-tagged frame is of its tag's (0x8100, 0x88a8), whatever is inside. */
  readonly type: number
  readonly sourceMac: Mac
  /** What ARP says; absent in frames of other types. */
  readonly arp?: Arp
}

export interface Arp {
  readonly hardwareType: number
  readonly protocolType: number
  /** Bytes. */
  readonly hardwareLength: number
  /** Bytes. */
  readonly protocolLength: number
  readonly operation: number
  readonly senderMac: Mac
  /** As a number of 32 bits. */
  readonly senderAddress: bigint
}
