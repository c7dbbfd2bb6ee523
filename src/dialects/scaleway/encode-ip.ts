/** Flexible IPs → the JSON of their product, and of the servers that have them (contract: scaleway-more §3). */
import type { JsonObject } from '../../core/json.ts'
import { parseAddress } from '../../core/net/address.ts'
import { derivedId } from '../../service/derived-id.ts'
import type { IpRecord } from './find.ts'

export function encodeIp(
  { id, attributes }: IpRecord,
  organization: string,
  holder: { readonly id: string; readonly name: string } | undefined,
): JsonObject {
  const { address, project, zone, type, tags } = attributes
  const routed = type === 'routed_ipv4'
  return {
    ...{ id, address: routed ? address : null, prefix: routed ? null : address, reverse: null },
    server: holder ? { id: holder.id, name: holder.name } : null,
    ...{ organization, project, zone, type, state: holder ? 'attached' : 'detached', tags },
    ipam_id: derivedId('ipam', id),
  }
}

/** An address as its server shows it. */
export function encodeServerIp(
  address: string,
  of: {
    readonly id: string
    readonly dynamic: boolean
    readonly state: string
    readonly tags: readonly string[]
  },
): JsonObject {
  const parsed = parseAddress(address)
  const ipv6 = parsed.ok && parsed.value.family === 'ipv6'
  return {
    ...{ id: of.id, address, dynamic: of.dynamic },
    // The vendor's, the same for all servers.
    gateway: ipv6 ? 'fe80::1' : '62.210.0.1',
    netmask: ipv6 ? '64' : '32',
    family: ipv6 ? 'inet6' : 'inet',
    provisioning_mode: ipv6 ? 'slaac' : 'dhcp',
    ...{ tags: of.tags, state: of.state, ipam_id: derivedId('ipam', of.id) },
  }
}
