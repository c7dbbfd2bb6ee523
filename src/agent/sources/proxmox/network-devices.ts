/**
 * Network devices of a guest, as `netN` and `ipconfigN` of its configuration describe them.
 *
 * Formats: qemu-server src/PVE/QemuServer/Network.pm at 20c91f7f3a21 for virtual machines, pve-container src/PVE/LXC/Config.pm
 * at 896cd7622108 for containers. Whatever could be understood in two ways is refused: the device then stays closed.
 */
import { formatAddress, parseAddress } from '../../../core/net/address.ts'
import type { Mac } from '../../../core/net/mac.ts'
import { parsePrefix } from '../../../core/net/prefix.ts'
import { err, ok, type Result } from '../../../core/result.ts'
import { parseProperties } from './properties.ts'

export type GuestKind = 'vm' | 'container'

export interface Nic {
  readonly mac: Mac
  /** False: QEMU itself translates its packets, and no device of the host carries them. Containers always have a device. */
  readonly onHost: boolean
}

/** Reads `netN`. */
export function parseNic(kind: GuestKind, text: string): Result<Nic> {
  const parsed = parseProperties(text)
  if (!parsed.ok) return parsed
  const properties = parsed.value
  const values = kind === 'vm' ? vmMacs(properties) : [properties.get('hwaddr')]
  const [value, ...more] = values.filter((each) => each !== undefined)
  // Proxmox makes one up at each start then, which nobody can know before.
  if (value === undefined) return err('it has no MAC address')
  if (more.length > 0) return err('it has two MAC addresses')
  const mac = parseUnicast(value)
  return mac.ok ? ok({ mac: mac.value, onHost: kind === 'container' || properties.has('bridge') }) : mac
}

/** `virtio=MAC`, or `model=virtio,macaddr=MAC`, or `virtio,macaddr=MAC`. Models are not listed: later releases have more. */
function vmMacs(properties: ReadonlyMap<string, string>): readonly string[] {
  return [...properties].flatMap(([key, value]) =>
    key === 'macaddr' || (!others.has(key) && value.includes(':')) ? [value] : [],
  )
}

const others = new Set([
  '',
  'model',
  'bridge',
  'queues',
  'rate',
  'tag',
  'trunks',
  'firewall',
  'link_down',
  'mtu',
])

/** Of one station: pairs with colons, whose first is even. */
function parseUnicast(text: string): Result<Mac> {
  if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(text))
    return err('its MAC address is none of one station')
  const mac = text.toLowerCase()
  return mac === '00:00:00:00:00:00' ? err('its MAC address is zero') : ok(mac)
}

/**
 * Addresses that `ip` and `ip6` give a guest, in canonical text: of `ipconfigN` for virtual machines, of `netN` itself for
 * containers. `dhcp`, `auto` and `manual` are none.
 */
export function parseAddresses(text: string): Result<readonly string[]> {
  const parsed = parseProperties(text)
  if (!parsed.ok) return parsed
  const addresses: string[] = []
  for (const [key, family] of [
    ['ip', 'ipv4'],
    ['ip6', 'ipv6'],
  ] as const) {
    const value = parsed.value.get(key)
    if (value === undefined || words.has(value)) continue
    const address = parseAddress(value.slice(0, value.indexOf('/')))
    if (!parsePrefix(value, { hostBits: 'mask' }).ok || !address.ok || address.value.family !== family)
      return err(`${key} is no address with the length of its prefix`)
    addresses.push(formatAddress(family, address.value.value))
  }
  return ok(addresses)
}

const words = new Set(['dhcp', 'auto', 'manual'])
