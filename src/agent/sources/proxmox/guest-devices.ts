/**
 * The devices of guests by their names, which Proxmox VE makes of a guest's number: `tap100i0`, `veth200i0`.
 *
 * With its own firewall (`firewall=1`) further devices stand between that and the bridge (`fwbr100i0`, `fwln100i0`, `fwpr100p0`):
 * every packet of the guest passes its tap or veth all the same, and that is where it is filtered.
 */
import { isDeviceName } from '../../../core/model/link.ts'
import type { Mac } from '../../../core/net/mac.ts'
import type { Known } from '../source.ts'
import type { GuestConfig } from './guest-config.ts'
import type { GuestKind } from './network-devices.ts'

export interface ConfiguredGuest {
  readonly kind: GuestKind
  /** Tells it from all others of its cluster, virtual machines and containers alike. */
  readonly number: string
  readonly config: GuestConfig
}

export const deviceOf = ({ kind, number }: Pick<ConfiguredGuest, 'kind' | 'number'>, n: number): string =>
  `${kind === 'vm' ? 'tap' : 'veth'}${number}i${n}`

/** As Proxmox calls it where it has no name. */
export const titleOf = ({ kind, number }: Pick<ConfiguredGuest, 'kind' | 'number'>): string =>
  `${kind === 'vm' ? 'VM' : 'CT'} ${number}`

/** Devices that are known, by name. Two that have one MAC are not: nobody can tell which of them is meant. */
export function knownDevices(
  guests: Iterable<ConfiguredGuest>,
  pools: ReadonlyMap<string, string>,
): { readonly known: ReadonlyMap<string, Known>; readonly problems: readonly string[] } {
  const problems: string[] = []
  const byMac = new Map<Mac, Known[]>()
  for (const guest of guests) {
    const { config, number } = guest
    problems.push(...config.problems.map((problem) => `${titleOf(guest)}: ${problem}`))
    if (config.template) continue
    const pool = pools.get(number)
    const labels = { tags: config.tags, ...(pool !== undefined && { pool }) }
    for (const [n, { mac, onHost, addresses }] of config.nics) {
      const device = deviceOf(guest, n)
      if (!onHost) {
        problems.push(`${titleOf(guest)}: net${n} has no bridge: QEMU hands its packets on past every rule`)
      } else if (!isDeviceName(device)) {
        problems.push(`${titleOf(guest)}: net${n}: ${device} is too long for a device`)
      } else {
        const named = { id: number, name: config.name ?? titleOf(guest) }
        const known = { device, mac, guest: named, labels, addresses, index: n + 1 }
        byMac.set(mac, [...(byMac.get(mac) ?? []), known])
      }
    }
  }
  const known = new Map<string, Known>()
  for (const [mac, [first, ...others]] of byMac) {
    if (first === undefined) continue
    if (others.length === 0) known.set(first.device, first)
    else
      problems.push(
        `${mac} is the MAC of ${[first, ...others.slice(0, 4)].map(({ device }) => device).join(', ')}`,
      )
  }
  return { known, problems }
}
