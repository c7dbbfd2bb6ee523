/** Resources in the answer to their creation: values that the service sets later are null (contract: ionos-more §8). */
import type { JsonObject } from '../../core/json.ts'
import type { Resource } from './resource.ts'

const withProperties = (resource: Resource, properties: JsonObject): Resource => ({
  ...resource,
  properties: { ...resource.properties, ...properties },
})

export const createdDatacenter = (resource: Resource): Resource =>
  withProperties(resource, { version: null, features: [], secAuthProtection: null, cpuArchitecture: [] })

export function createdServer(resource: Resource): Resource {
  const sizes = resource.properties.type === 'CUBE' && { cores: null, ram: null }
  return withProperties(resource, { vmState: null, bootVolume: null, bootCdrom: null, ...sizes })
}

/** `given`: the properties of the request; undefined for a present volume that is attached. */
export function createdVolume(
  resource: Resource,
  given: JsonObject | undefined,
  attached: boolean,
): Resource {
  const { bus, availabilityZone, sshKeys } = given ?? {}
  const noKeys = Array.isArray(sshKeys) && sshKeys.length === 0 ? [] : null
  return withProperties(resource, {
    ...(given && { bus: bus || null, availabilityZone: availabilityZone || null, sshKeys: noKeys }),
    ...(attached && { deviceNumber: 0, pciSlot: null }),
  })
}

/** `given`: the properties of the request, which are echoed. */
export const createdLan = (resource: Resource, given: JsonObject): Resource => ({
  ...withProperties(resource, { ipFailover: given.ipFailover ?? null }),
  bare: true,
})

/** As `createdLan`. */
export function createdNic(resource: Resource, given: JsonObject): Resource {
  const { mac = null, ips, firewallType = null } = given
  return withProperties(resource, { mac, ips: ips ?? [], firewallType, pciSlot: null })
}

export const createdPcc = (resource: Resource): Resource =>
  withProperties(resource, { peers: [], connectableDatacenters: [] })
