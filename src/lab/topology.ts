/**
 * What stands in the lab: one table of VMs, from which the network and the inventory are both made.
 *
 * The rows are those of the dialects' manifests; `inventory` holds the fields that only one profile has.
 */
import type { JsonObject } from '../core/json.ts'
import type { InterfaceType } from '../core/model/interface.ts'
import type { Profile } from '../core/model/profile.ts'

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

/** Of every lab. */
const general = {
  username: 'lab',
  password: 'lab-password',
  token: 'lab-token',
  readOnlyToken: 'lab-read-token',
} as const

/** With those that clients of one provider have, by key. */
export type LabCredentials = typeof general & Readonly<Record<string, string>>

/** The world: a machine that is no VM and that nobody filters. */
export const outside = { name: 'outside', ipv4: '198.51.100.10', ipv6: '2001:db8:ffff::10' } as const

/** What one provider has in the lab. */
export interface LabPart {
  /** Keys of the lab's account. */
  readonly account: JsonObject
  /** A credential beside a password and a token. */
  readonly credential?: Readonly<Record<string, string>>
  readonly servers: readonly {
    /** Unique, 1 to 255: devices and MAC addresses are numbered by it. */
    readonly number: number
    readonly name: string
    readonly id: string
    readonly nics: readonly Pick<LabNic, 'type' | 'addresses'>[]
    readonly inventory: JsonObject
  }[]
}

export interface Topology {
  /** Each provider's together. */
  readonly vms: readonly LabVm[]
  readonly credentials: LabCredentials
  /** The inventory's account, without its servers. */
  readonly account: JsonObject
}

/** The lab of these providers. */
export function topologyOf(
  providers: readonly { readonly profile: Profile; readonly lab?: LabPart }[],
): Topology {
  const parts = providers.flatMap(({ lab }) => lab ?? [])
  const own = parts.flatMap(({ credential }) => (credential ? [credential] : []))
  // Each provider's together, in the order of their lowest numbers.
  const lowest = ({ servers }: LabPart) => Math.min(...servers.map(({ number }) => number))
  const ordered = providers
    .flatMap(({ profile, lab }) => (lab ? [{ profile, lab }] : []))
    .sort((a, b) => lowest(a.lab) - lowest(b.lab))
  return {
    vms: ordered.flatMap(({ profile, lab }) =>
      lab.servers.map(({ number, name, id, nics, inventory }) => ({
        ...{ name, profile, server: id, inventory },
        nics: nics.map(({ type, addresses }, index) => nicOf(number, index, type, addresses)),
      })),
    ),
    credentials: Object.assign({}, general, ...own),
    account: {
      name: 'lab',
      credentials: [
        { username: general.username, password: general.password },
        { token: general.token, scopes: ['read', 'write'] },
        { token: general.readOnlyToken, scopes: ['read'] },
        ...own,
      ],
      ...Object.assign({}, ...parts.map(({ account }) => account)),
    },
  }
}

function nicOf(vm: number, index: number, type: InterfaceType, addresses: readonly string[]): LabNic {
  const [number, place] = [vm, index].map((value) => value.toString(16).padStart(2, '0'))
  return {
    id: `1ab00000-0000-4000-8000-000000${number}00${place}`,
    type,
    device: `tap${vm}i${index}`,
    mac: `52:54:00:00:${number}:${place}`,
    addresses,
  }
}

/** The inventory file of the lab. JSON is YAML. */
export function inventoryFile({ vms, account }: Pick<Topology, 'vms' | 'account'>): string {
  const servers = vms.map((vm) => ({
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
  }))
  return `${JSON.stringify({ accounts: [{ ...account, servers }] }, null, 2)}\n`
}
