/** A network device of a host, as its kernel knows it now. */
import type { Mac } from '../net/mac.ts'

export interface Link {
  /** The kernel's number of it: never given to another device while the host runs, and kept when it is renamed. */
  readonly index: number
  readonly name: string
  /** `tun`, `veth`, `bridge`, …; null for hardware. */
  readonly kind: string | null
  /** The device that takes its packets over; null when there is none. */
  readonly master: { readonly name: string /** `bridge`, `vrf`, `bond`, …. */; readonly kind: string } | null
  /** Its own link address, where that is an Ethernet address: set by this host, never by what is behind the device. */
  readonly address?: Mac
  /** The device that it stands on, some of whose packets it takes: of a VLAN or macvlan device and the like alone. */
  readonly parent?: string
  /** Absent unless a bridge learns who is where from frames to 01:80:c2:00:00:00 to 0f, which its hooks do not see. */
  readonly learnsLinkLocal?: true
}

/** A network device as we accept it: what Linux takes, without characters that mean something to a target's language. */
export function isDeviceName(text: string): boolean {
  return /^[A-Za-z0-9_.-]{1,15}$/.test(text) && text !== '.' && text !== '..'
}

/** Whether patterns name a device: each is a name, or a prefix that ends in `*`. */
export const isNamedBy = (patterns: readonly string[], name: string): boolean =>
  patterns.some((pattern) =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
  )
