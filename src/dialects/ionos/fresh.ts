/** The answer to a create: values that settle with the request are null in it (contract: ionos-more §8). */
import type { JsonObject } from '../../core/json.ts'
import type { Node } from './world.ts'

const withProperties = (node: Node, properties: JsonObject): Node => ({
  ...node,
  properties: { ...node.properties, ...properties },
})

export const freshDatacenter = (node: Node): Node =>
  withProperties(node, { version: null, features: [], secAuthProtection: null, cpuArchitecture: [] })

export const freshServer = (node: Node): Node =>
  withProperties(node, { vmState: null, bootVolume: null, bootCdrom: null })

/** `given`: the properties of the request, which are echoed. */
export const freshLan = (node: Node, given: JsonObject): Node => ({
  ...withProperties(node, { ipFailover: given.ipFailover ?? null }),
  bare: true,
})

/** As `freshLan`. */
export function freshNic(node: Node, given: JsonObject): Node {
  const { mac = null, ips, firewallType = null } = given
  return withProperties(node, { mac, ips: ips ?? [], firewallType, pciSlot: null })
}

export const freshPcc = (node: Node): Node => withProperties(node, { peers: [], connectableDatacenters: [] })
