/**
 * New servers of an inventory as the rows that are stored of them. They are made where the inventory is compared, so that
 * whoever writes has nothing to do but to insert them.
 */
import type { Interface } from '../../core/model/interface.ts'
import { interfacePolicy } from '../../core/model/profile.ts'
import { chosen } from '../programs/common.ts'
import { fromInterface, fromPolicy, fromServer } from '../rows.ts'
import type { SqlValue } from '../statement.ts'
import type { NewPolicyRecord, ServerRecord } from '../storage.ts'
import type { InventoryEntry, StoredInterface } from './difference.ts'

type Rows = readonly (readonly SqlValue[])[]
type Owner = Pick<ServerRecord, 'account' | 'profile'>

/** Plain data. Each list is in the order of its table's columns below. */
export interface NewServers {
  readonly servers: Rows
  readonly interfaces: Rows
  readonly policies: Rows
  readonly attachments: Rows
  /** Ids of servers that get the same policy, which is made with the first of them. */
  readonly defaults: readonly {
    readonly of: Owner
    readonly policy: NonNullable<InventoryEntry['attachDefault']>
    readonly servers: readonly string[]
  }[]
  /** Addresses that they come with. */
  readonly given: readonly {
    readonly of: Owner
    readonly interfaces: readonly Pick<Interface, 'id' | 'addresses'>[]
  }[]
}

/** `revision` is the one that makes them; `now` is milliseconds since 1970. */
export function newServers(entries: readonly InventoryEntry[], revision: number, now: number): NewServers {
  const defaults = new Map<
    string,
    { of: Owner; policy: NewServers['defaults'][number]['policy']; servers: string[] }
  >()
  const given = new Map<string, { of: Owner; interfaces: Pick<Interface, 'id' | 'addresses'>[] }>()
  const servers: SqlValue[][] = []
  const interfaces: SqlValue[][] = []
  const policies: SqlValue[][] = []
  const attachments: SqlValue[][] = []
  const addPolicy = (policy: NewPolicyRecord) =>
    policies.push([...fromPolicy({ ...policy, revision }), revision])
  for (const entry of entries) {
    const { server, initial, attachDefault, interfacePolicies, choices = {} } = entry
    const { id, account, profile } = server
    const of = { account, profile }
    servers.push([
      ...fromServer({ ...server, attributes: { ...initial, ...server.attributes }, revision }),
      'inventory',
    ])
    for (const nic of entry.interfaces) interfaces.push(rowOfInterface(fresh(nic, now)))
    for (const policy of entry.policies ?? []) addPolicy(chosen({ ...policy, revision }, choices))
    // One for each server or interface: all are the first there.
    for (const { server, interface: nic, policy } of entry.attachments ?? []) {
      attachments.push([server, nic ?? '', policy, 0])
    }
    if (interfacePolicies) {
      for (const { id: nic, attributes } of entry.interfaces) {
        addPolicy({
          ...interfacePolicy(interfacePolicies, attributes),
          ...{ id: nic, account, profile, name: '', server: id, interface: nic, zone: '', defaultFor: null },
          ...{ createdAt: now, modifiedAt: now, attributes: {} },
        })
        attachments.push([id, nic, nic, 0])
      }
    }
    const owner = JSON.stringify([account, profile])
    if (attachDefault) {
      const key = `${owner} ${attachDefault.for}`
      const same = defaults.get(key)
      if (same) same.servers.push(id)
      else defaults.set(key, { of, policy: attachDefault, servers: [id] })
    }
    const addressed = entry.interfaces.filter(({ addresses }) => addresses.length > 0)
    const others = given.get(owner) ?? { of, interfaces: [] }
    if (addressed.length > 0) given.set(owner, others)
    for (const { id: nic, addresses } of addressed) others.interfaces.push({ id: nic, addresses })
  }
  return {
    ...{ servers, interfaces, policies, attachments },
    ...{ defaults: [...defaults.values()], given: [...given.values()] },
  }
}

export const rowOfInterface = (nic: StoredInterface): SqlValue[] => [
  ...fromInterface(nic),
  ...[nic.origin, nic.boundBy, nic.boundAt],
]

export const fresh = (nic: Interface, now: number): StoredInterface => ({
  ...nic,
  origin: 'inventory',
  ...(nic.host === null ? { boundBy: null, boundAt: null } : { boundBy: 'inventory', boundAt: now }),
})
