/**
 * What stands in the lab: one table of VMs, from which the network and the inventory are both made.
 *
 * A profile adds its VMs by adding rows; `inventory` holds the fields only that profile has.
 */
import type { JsonObject } from '../core/json.ts'
import type { InterfaceType, Profile } from '../core/model/inventory.ts'

export interface LabNic {
  readonly id: string
  readonly type: InterfaceType
  /** The router's end of the cable: the device that is filtered. At most 15 characters. */
  readonly device: string
  readonly mac: string
  /** IPv4 and IPv6, without prefix length. */
  readonly addresses: readonly string[]
}

export interface LabVm {
  readonly name: string
  readonly profile: Profile
  /** Id of the server in the API. */
  readonly server: string
  readonly nics: readonly LabNic[]
  /** What else the inventory says of the server. */
  readonly inventory: JsonObject
}

/** Devices that the dataplane keeps closed until their policy is known. */
export const guard = 'tap*'
/** The hypervisor's name in the inventory. */
export const host = 'lab'

export const credentials = {
  username: 'lab',
  password: 'lab-password',
  token: 'lab-token',
  readOnlyToken: 'lab-read-token',
  accessKey: 'SCWLAB00000000000000',
  secretKey: '1ab00000-0000-4000-8000-00000000c0de',
  project: '1ab00000-0000-4000-8000-0000000000aa',
} as const

/** The world: a machine that is no VM and that nobody filters. */
export const outside = { name: 'outside', ipv4: '198.51.100.10', ipv6: '2001:db8:ffff::10' } as const

/** Of the VMs under IONOS Cloud's API. */
export const datacenter = '0dc00000-0000-4000-8000-000000000001'

const nic = (vm: number, index: number, type: InterfaceType, ...addresses: string[]): LabNic => {
  const [number, place] = [vm, index].map((value) => value.toString(16).padStart(2, '0'))
  return {
    id: `1ab00000-0000-4000-8000-000000${number}00${place}`,
    type,
    device: `tap${vm}i${index}`,
    mac: `52:54:00:00:${number}:${place}`,
    addresses,
  }
}

export const defaultVms: readonly LabVm[] = [
  {
    name: 'web1',
    profile: 'upcloud',
    server: '00798b85-efdc-41ca-8021-f6ef457b8531',
    nics: [nic(1, 0, 'public', '192.0.2.10', '2001:db8::10')],
    inventory: { zone: 'fi-hel1', firewall: true },
  },
  {
    name: 'web2',
    profile: 'upcloud',
    server: '0077fa3d-32db-4b09-9f5f-30d9e9afb565',
    nics: [nic(2, 0, 'public', '192.0.2.11', '2001:db8::11'), nic(2, 1, 'private', '10.0.0.11')],
    inventory: { zone: 'fi-hel1', firewall: false },
  },
  {
    name: 'db1',
    profile: 'upcloud',
    server: '009d64ef-31d1-4684-a26b-c86c955cbf46',
    nics: [nic(3, 0, 'public', '192.0.2.12', '2001:db8::12'), nic(3, 1, 'private', '10.0.0.12')],
    inventory: { zone: 'fi-hel1', firewall: true },
  },
  {
    name: 'vps1',
    profile: 'hostup',
    server: '00a1c2d3-0001-4000-8000-000000010000',
    nics: [nic(4, 0, 'public', '192.0.2.13', '2001:db8::13')],
    inventory: { vmid: 10000 },
  },
  {
    name: 'vps2',
    profile: 'hostup',
    server: '00a1c2d3-0001-4000-8000-000000010001',
    nics: [nic(5, 0, 'public', '192.0.2.14', '2001:db8::14')],
    inventory: { vmid: 10001 },
  },
  {
    name: 'scw1',
    profile: 'scaleway',
    server: '00b1c2d3-0001-4000-8000-000000000001',
    nics: [nic(6, 0, 'public', '192.0.2.15', '2001:db8::15'), nic(6, 1, 'private', '10.0.0.15')],
    inventory: { zone: 'fr-par-1' },
  },
  {
    name: 'scw2',
    profile: 'scaleway',
    server: '00b1c2d3-0001-4000-8000-000000000002',
    nics: [nic(7, 0, 'public', '192.0.2.16', '2001:db8::16'), nic(7, 1, 'private', '10.0.0.16')],
    inventory: { zone: 'fr-par-1' },
  },
  {
    name: 'scw3',
    profile: 'scaleway',
    server: '00b1c2d3-0001-4000-8000-000000000003',
    nics: [nic(10, 0, 'public', '192.0.2.19', '2001:db8::19')],
    inventory: { zone: 'fr-par-1' },
  },
  {
    name: 'cube1',
    profile: 'ionos',
    server: '00c0be00-0001-4000-8000-000000000001',
    nics: [nic(8, 0, 'public', '192.0.2.17', '2001:db8::17')],
    inventory: { datacenter },
  },
  {
    name: 'cube2',
    profile: 'ionos',
    server: '00c0be00-0002-4000-8000-000000000002',
    nics: [nic(9, 0, 'public', '192.0.2.18', '2001:db8::18')],
    inventory: { datacenter },
  },
]

/** The inventory file of the lab. JSON is YAML. */
export function inventoryFile(vms: readonly LabVm[]): string {
  const account = {
    name: 'lab',
    credentials: [
      { username: credentials.username, password: credentials.password },
      { token: credentials.token, scopes: ['read', 'write'] },
      { token: credentials.readOnlyToken, scopes: ['read'] },
      { accessKey: credentials.accessKey, secretKey: credentials.secretKey, project: credentials.project },
    ],
    projects: [{ id: credentials.project, name: 'default' }],
    datacenters: [{ id: datacenter, name: 'lab', location: 'de/txl' }],
    servers: vms.map((vm) => ({
      profile: vm.profile,
      id: vm.server,
      name: vm.name,
      ...vm.inventory,
      interfaces: vm.nics.map(({ id, type, device, mac, addresses }) => ({
        id,
        type,
        mac,
        addresses,
        host,
        device,
      })),
    })),
  }
  return `${JSON.stringify({ accounts: [account] }, null, 2)}\n`
}
