/** What stands in the lab, of all dialects. */
import { dialects } from '../../src/dialects/dialects.ts'
import { manifest as ionos } from '../../src/dialects/ionos/manifest.ts'
import { manifest as scaleway } from '../../src/dialects/scaleway/manifest.ts'
import { topologyOf } from '../../src/lab/topology.ts'

export const topology = topologyOf(dialects)
export const defaultVms = topology.vms
export const credentials = { ...topology.credentials, ...scaleway.lab.credential }
/** Of the VMs under IONOS Cloud's API. */
export const datacenter = ionos.lab.account.datacenters[0].id
