/**
 * Evidence that a device is an interface's own: its MAC was seen there in this boot, by a source that this host vouches for.
 *
 * What a guest sends is no evidence: it can send what it likes.
 */
import type { Link } from '../core/model/link.ts'
import type { Mac } from '../core/net/mac.ts'

export interface Sightings {
  /** The host is about to be looked at: what sources have said until now is about what is found. */
  looking(): void
  /**
   * What was found, before anything is judged by it; the same object while nothing has changed. Answers of which devices `vouches`
   * may answer otherwise than before, by name; null: of all.
   */
  see(links: ReadonlyMap<string, Link>): ReadonlySet<string> | null
  /**
   * Whether the guest with that MAC is behind the device, of all devices that were seen last. Never of two at once. Null: nobody
   * has said anything of it, and not everybody who might has spoken since this process began.
   */
  vouches(link: Link, mac: Mac): boolean | null
  /** Calls back when the host should be looked at again: sources say something else. */
  onChange(listener: () => void): () => void
}

/** The address that libvirt gives the tap of a guest: it keeps a bridge from taking that for its own. */
export const libvirtsOwn = (mac: Mac): Mac => `fe${mac.slice(2)}`

/**
 * Whether the device's own link address is the MAC, or what libvirt makes of it. Devices that stand on others may have theirs
 * from the guest.
 */
export const bears = ({ address, parent }: Link, mac: Mac): boolean =>
  address !== undefined && parent === undefined && (address === mac || address === libvirtsOwn(mac))
