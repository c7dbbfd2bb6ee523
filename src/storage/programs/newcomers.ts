/** Interfaces that are new: what others have that they want, and who bound them. */
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { query, queryOne, type Steps } from '../statement.ts'
import type { Actor } from '../storage.ts'
import { takenDevice } from './bindings.ts'

/** What keeps new interfaces from being there: a device or a MAC address that another has. */
export function* newcomerFault(
  nics: readonly Interface[],
  ownMacs: readonly string[] | undefined,
): Steps<RequestError | undefined> {
  for (const { id, host, device } of nics) {
    if (yield* queryOne('SELECT id FROM interfaces WHERE id = ?', id)) return takenId(id)
    // Its policy would have that id.
    if (yield* queryOne('SELECT id FROM policies WHERE id = ?', id)) return takenId(id)
    const taken = host !== null && device !== null && (yield* takenDevice({ host, device }))
    if (taken) return taken
  }
  return yield* takenMac(ownMacs, '')
}

const takenId = (id: string): RequestError => ({
  ...{ kind: 'conflict', resource: 'interface', id },
  reason: `the id ${id} is taken`,
})

/** The conflict of MAC addresses that an interface other than `except` has; undefined when they are free. */
export function* takenMac(macs: readonly string[] = [], except: string): Steps<RequestError | undefined> {
  for (const mac of macs) {
    const row = yield* queryOne('SELECT id FROM interfaces WHERE mac = ? AND id <> ?', mac, except)
    if (row)
      return { kind: 'conflict', resource: 'interface', reason: `the MAC address ${mac} is taken`, id: mac }
  }
  return undefined
}

/** Notes down who bound interfaces that are new. */
export function* markBound(nics: readonly Interface[], actor: Actor): Steps<void> {
  for (const { id, host, device } of nics) {
    if (host === null || device === null) continue
    yield* query("UPDATE interfaces SET bound_by = 'api', bound_at = ? WHERE id = ?", actor.at, id)
  }
}
