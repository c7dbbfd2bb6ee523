/**
 * Which devices of a host are taken for guests' where no source says so: taps and veths that are none of Docker's or of Proxmox's
 * own, and whatever the guard's patterns name.
 */
import { isDeviceName, isNamedBy, type Link } from '../../core/model/link.ts'

/** What Proxmox puts between a tap and its bridge (`firewall=1`); the tap is still the place. */
const betweenTapAndBridge = /^fw(br|ln|pr)\d+[ip]\d+$/
/** Bridges that Docker makes, and the one of its swarms. */
const dockersBridge = /^(docker\d+|docker_gwbridge|br-[0-9a-f]{12})$/

/** `patterns`: those of the guard. No bridge is one, nor what stands on another device, nor a name that nobody can say. */
export function isGuestLink(
  { name, kind, address, parent, master }: Link,
  patterns: readonly string[],
): boolean {
  if (!isDeviceName(name) || kind === 'bridge' || parent !== undefined) return false
  if (isNamedBy(patterns, name)) return true
  if (betweenTapAndBridge.test(name) || dockersBridge.test(master?.name ?? '')) return false
  // A tun that has no Ethernet address carries packets of a tunnel.
  return kind === 'veth' || (kind === 'tun' && address !== undefined)
}
