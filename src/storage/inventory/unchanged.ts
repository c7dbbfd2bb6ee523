/**
 * Whether what is stored of a server is what its entry would make of it, value for value as columns hold them: nearly all
 * of a large inventory is, and is told so without making records of it.
 */
import type { JsonObject } from '../../core/json.ts'
import { same } from '../programs/common.ts'
import type { Row, SqlValue } from '../statement.ts'
import type { InventoryEntry } from './difference.ts'

/** False says nothing: what is stored may be more than what is named and stay. `stored`: its interfaces, in order. */
export function isUnchanged(
  { server, interfaces }: Pick<InventoryEntry, 'server' | 'interfaces'>,
  row: Row,
  stored: readonly Row[],
): boolean {
  return (
    row.account === server.account &&
    row.profile === server.profile &&
    row.origin !== 'left' &&
    row.name === server.name &&
    row.number === server.number &&
    row.zone === server.zone &&
    holds(row.attributes, server.attributes) &&
    interfaces.length === stored.length &&
    interfaces.every((nic, index) => isSameInterface(nic, stored[index] as Row))
  )
}

type Nic = InventoryEntry['interfaces'][number]

const isSameInterface = (nic: Nic, row: Row): boolean =>
  row.id === nic.id &&
  row.number === nic.index &&
  row.mac === nic.mac &&
  isList(row.addresses, nic.addresses) &&
  isList(row.allowed_addresses, nic.allowedAddresses) &&
  row.sender_check === Number(nic.senderCheck) &&
  row.observe === Number(nic.observe) &&
  row.max_connections === nic.maxConnections &&
  row.vlan_trunk === Number(nic.vlanTrunk) &&
  isList(row.allowed_frames, nic.allowedFrames) &&
  row.type === nic.type &&
  row.host === nic.host &&
  row.device === nic.device &&
  holds(row.attributes, nic.attributes)

const isList = (stored: SqlValue | undefined, list: readonly (string | number)[]): boolean =>
  list.length === 0 ? stored === '[]' : stored === JSON.stringify(list)

/** Whether all that is named is stored; what else is stored stays. */
function holds(stored: SqlValue | undefined, named: JsonObject): boolean {
  const keys = Object.keys(named)
  if (keys.length === 0) return true
  const values = JSON.parse(String(stored)) as JsonObject
  return keys.every((key) => values[key] === named[key] || same(values[key], named[key]))
}
