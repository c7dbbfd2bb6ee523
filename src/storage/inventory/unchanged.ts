/**
 * Whether what is stored of a server is what its entry would make of it: nearly all of a large inventory is, and is told so
 * by few values of each row. The engine writes what must be the same into one text, and so does this.
 */
import type { JsonObject } from '../../core/json.ts'
import { same } from '../programs/common.ts'
import { query, type Row, type SqlValue, type Steps } from '../statement.ts'
import type { InventoryEntry } from './difference.ts'

// Line by line: none of these values holds a line break, and none that is there is written as one that is not.
const serverText = "concat(account, '\n', profile, '\n', '=' || number)"
const textOfServer = ({ account, profile, number }: InventoryEntry['server']): string =>
  `${account}\n${profile}\n${number === null ? '' : `=${number}`}`

const interfaceText = `concat(id, '\n', number, '\n', mac, '\n', addresses, '\n', allowed_addresses, '\n', sender_check, '\n',
  observe, '\n', '=' || max_connections, '\n', vlan_trunk, '\n', allowed_frames, '\n', type, '\n', '=' || device, '\n', '=' || host,
  CASE WHEN bound_by = 'mac' THEN '\nfound' END)`
const textOfInterface = (nic: InventoryEntry['interfaces'][number]): string =>
  `${nic.id}\n${nic.index}\n${nic.mac}\n${textOfList(nic.addresses)}\n${textOfList(nic.allowedAddresses)}\n${Number(nic.senderCheck)}\n` +
  `${Number(nic.observe)}\n${nic.maxConnections === null ? '' : `=${nic.maxConnections}`}\n${Number(nic.vlanTrunk)}\n` +
  `${textOfList(nic.allowedFrames)}\n${nic.type}\n${nic.device === null ? '' : `=${nic.device}`}\n${nic.host === null ? '' : `=${nic.host}`}`

const textOfList = (list: readonly (string | number)[]): string =>
  list.length === 0 ? '[]' : JSON.stringify(list)

/** So many servers after one, by id, as they are compared. */
export const serverPage = (after: string, most: number): Steps<readonly Row[]> =>
  query(
    `SELECT id, origin, name, zone, attributes, ${serverText} AS said FROM servers WHERE id > ? ORDER BY id LIMIT ?`,
    ...[after, most],
  )

/** Interfaces of servers of a range of ids, both ends inclusive, server by server and in order. */
export const interfacesBetween = (first: string, last: string): Steps<readonly Row[]> =>
  query(
    `SELECT server, attributes, ${interfaceText} AS said FROM interfaces
     WHERE server >= ? AND server <= ? ORDER BY server, number`,
    ...[first, last],
  )

/** False says nothing: what is stored may be more than what is named and stay. */
export function isUnchanged(
  { server, interfaces }: Pick<InventoryEntry, 'server' | 'interfaces'>,
  row: Row,
  stored: readonly Row[],
): boolean {
  return (
    row.origin !== 'left' &&
    row.name === server.name &&
    row.zone === server.zone &&
    row.said === textOfServer(server) &&
    holds(row.attributes, server.attributes) &&
    interfaces.length === stored.length &&
    interfaces.every((nic, index) => {
      const { said, attributes } = stored[index] as Row
      return said === textOfInterface(nic) && holds(attributes, nic.attributes)
    })
  )
}

/** Whether all that is named is stored; what else is stored stays. */
function holds(stored: SqlValue | undefined, named: JsonObject): boolean {
  const keys = Object.keys(named)
  if (keys.length === 0) return true
  const values = JSON.parse(String(stored)) as JsonObject
  return keys.every((key) => values[key] === named[key] || same(values[key], named[key]))
}
