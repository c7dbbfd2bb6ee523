/** Who else commits: events of nf_tables, told once for each transaction. */
import type { Listener } from '../../netlink/events.ts'
import { type Change, tables } from '../kernel.ts'
import { each, familyNames, readChain } from './dump.ts'

const nothing: Change = { ours: false, others: false }

/** What a message about a transaction is about, by the second byte of its type. */
const kinds = { newTable: 0, deleteTable: 2, newChain: 3, deleteChain: 5, generation: 15 } as const

/**
 * `port` is that of the socket that commits for us; `known` says whether base chains of others have been seen in a table,
 * `ip filter`, or under a name, `ip filter forward`.
 */
export function createWatch(
  port: number,
  known: (name: string) => boolean,
  tell: (what: Change) => void,
): Listener {
  let touched = nothing
  return {
    onMessage(message) {
      const kind = message.type & 0xff
      if (kind === kinds.generation) {
        const what = touched
        touched = nothing
        if (what.ours || what.others) tell(what)
        return
      }
      let name = ''
      each(message, (type, value) => {
        if (type === 1) name = value.text()
      })
      const table = `${familyNames[message.payload[0] ?? 0]} ${name}`
      if (tables.includes(table)) {
        if (message.port !== port) touched = { ...touched, ours: true }
      } else if (kind === kinds.newTable || kind === kinds.deleteTable) {
        if (known(table)) touched = { ...touched, others: true }
      } else if (kind === kinds.newChain || kind === kinds.deleteChain) {
        const chain = readChain(message)
        if (chain.base || known(`${table} ${chain.name}`)) touched = { ...touched, others: true }
      }
    },
    onLost: () => tell({ ours: true, others: true }),
  }
}
