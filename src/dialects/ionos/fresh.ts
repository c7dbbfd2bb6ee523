/** The answer to a create: values that settle with the request are null in it (contract: ionos-more §8). */
import type { JsonObject } from '../../core/json.ts'
import type { Node } from './world.ts'

const withProperties = (node: Node, properties: JsonObject): Node => ({
  ...node,
  properties: { ...node.properties, ...properties },
})

export const freshDatacenter = (node: Node): Node =>
  withProperties(node, { version: null, features: [], secAuthProtection: null, cpuArchitecture: [] })

export function freshServer(node: Node): Node {
  const sizes = node.properties.type === 'CUBE' && { cores: null, ram: null }
  return withProperties(node, { vmState: null, bootVolume: null, bootCdrom: null, ...sizes })
}

/** `given`: the properties of the request; undefined of a volume that was there and is attached. */
export function freshVolume(node: Node, given: JsonObject | undefined, attached: boolean): Node {
  const { bus, availabilityZone, sshKeys } = given ?? {}
  const noKeys = Array.isArray(sshKeys) && sshKeys.length === 0 ? [] : null
  return withProperties(node, {
    ...(given && { bus: bus || null, availabilityZone: availabilityZone || null, sshKeys: noKeys }),
    ...(attached && { deviceNumber: 0, pciSlot: null }),
  })
}

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
