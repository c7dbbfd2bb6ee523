/**
 * Evidence that a device is an interface's own: its MAC was seen there in this boot, by a source that this host vouches for.
 *
 * What a guest sends is no evidence: it can send what it likes.
 */
import type { Link } from '../core/model/link.ts'
import type { Mac } from '../core/net/mac.ts'

export interface Sightings {
  /** Whether the interface of that MAC is behind the device, as far as this source knows; false where it does not. */
  vouches(link: Link, mac: Mac): boolean
  /** Calls back when it may answer otherwise though the device is the same. Answers how to stop. */
  onChange(listener: () => void): () => void
}

/**
 * The device's own link address, where it is the interface's MAC, or what libvirt makes of it: the same with fe as its first
 * octet, which keeps a bridge from taking it for its own. Devices that stand on others may have theirs from the guest.
 */
export const ownAddress: Sightings = {
  vouches: ({ address, parent }, mac) =>
    address !== undefined && parent === undefined && (address === mac || address === `fe${mac.slice(2)}`),
  // A device with another address is another device.
  onChange: () => () => {},
}
