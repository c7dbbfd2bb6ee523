/** Interfaces of a server, one at a time: added, changed, taken away. Where they are is not theirs to say (bindings.ts). */
import type { JsonObject } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Interface } from '../../core/model/interface.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { fromInterface, interfaceColumns, toInterface } from '../rows.ts'
import { type Program, query, queryOne, type Steps } from '../statement.ts'
import type { Actor, InterfaceTarget, Programs, ServerRecord } from '../storage.ts'
import { attachedAddress, namedInDocument } from './belongings.ts'
import {
  checkEnclosing,
  isNoChange,
  merged,
  nextRevision,
  notFound,
  record,
  unchangedServer,
  writableServer,
} from './common.ts'
import { dismissInterface } from './dismissals.ts'
import { applyHoldings, gone } from './leases.ts'
import { markBound, newcomerFault, takenMac } from './newcomers.ts'
import { deleteInterfaces, insertInterfaces, syncInterfacePolicies } from './servers.ts'

export function* addInterface(
  { interface: given, ...target }: Programs['addInterface']['args'],
  actor: Actor,
): Program<Programs['addInterface']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* ownerOf(target, actor)
  if (!found.ok) return found
  const server = found.value
  const nic = { ...given, server: server.id, index: yield* indexIn(server, target.index) }
  const fault = yield* newcomerFault([nic], target.ownMacs)
  if (fault) return err(fault)
  yield* insertInterfaces([nic])
  yield* markBound([nic], actor)
  yield* syncInterfacePolicies(server, [nic], target.interfacePolicies, revision, actor.at)
  const held = yield* applyHoldings(server, { interfaces: [nic] }, actor.at)
  if (!held.ok) return held
  yield* touch(server, revision)
  yield* record(actor, revision, {
    ...{ operation: 'interface.create', resource: 'interface', id: nic.id, server: server.id },
    ...{ before: null, after: audited(nic) },
  })
  return ok({ revision })
}

/** What is asked for where that is free, else the next one. */
function* indexIn({ id }: ServerRecord, wanted: number | undefined): Steps<number> {
  if (wanted !== undefined) {
    const sql = 'SELECT id FROM interfaces WHERE server = ? AND number = ?'
    if (!(yield* queryOne(sql, id, wanted))) return wanted
  }
  const last = yield* queryOne('SELECT MAX(number) AS last FROM interfaces WHERE server = ?', id)
  return Number(last?.last ?? 0) + 1
}

export function* updateInterface(
  { interface: id, change, ...target }: Programs['updateInterface']['args'],
  actor: Actor,
): Program<Programs['updateInterface']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* ownerOf(target, actor)
  if (!found.ok) return found
  const server = found.value
  const old = yield* interfaceOf(server, id)
  if (!old) return err(notFound('interface', id))
  const nic = { ...old, ...change, attributes: merged(old.attributes, change.attributes ?? {}) }
  if (isNoChange(actor, fromInterface(old), fromInterface(nic)))
    return ok({ revision: server.revision, changed: false })
  const taken = yield* takenMac(target.ownMacs, id)
  if (taken) return err(taken)
  const dropped = old.addresses.filter((address) => !nic.addresses.includes(address))
  const attached = yield* attachedAddress(server, dropped)
  if (attached) return err(attached)
  const columns = interfaceColumns.split(', ').map((column) => `${column} = ?`)
  yield* query(`UPDATE interfaces SET ${columns.join(', ')} WHERE id = ?`, ...fromInterface(nic), id)
  yield* syncInterfacePolicies(server, [nic], target.interfacePolicies, revision, actor.at)
  const held = yield* applyHoldings(
    server,
    { interfaces: [nic], before: new Map([[id, old.addresses]]) },
    actor.at,
  )
  if (!held.ok) return held
  yield* touch(server, revision)
  const [before, after] = [audited(old), audited(nic)]
  const changed = Object.keys(after).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  )
  const only = (of: JsonObject) => Object.fromEntries(changed.map((key) => [key, of[key] ?? null]))
  yield* record(actor, revision, {
    ...{ operation: 'interface.update', resource: 'interface', id, server: server.id },
    ...{ before: only(before), after: only(after) },
  })
  return ok({ revision })
}

export function* removeInterface(
  { interface: id, ...target }: Programs['removeInterface']['args'],
  actor: Actor,
): Program<Programs['removeInterface']['answer']> {
  const revision = yield* nextRevision()
  const found = yield* ownerOf(target, actor)
  if (!found.ok) return found
  const server = found.value
  const old = yield* interfaceOf(server, id)
  if (!old) return err(notFound('interface', id))
  const attached =
    (yield* attachedAddress(server, old.addresses)) ?? (yield* namedInDocument(server, 'interface', id))
  if (attached) return err(attached)
  yield* dismissInterface(id, actor.at)
  yield* deleteInterfaces([id], revision)
  const held = yield* applyHoldings(server, { gone: gone('interface', [id]) }, actor.at)
  if (!held.ok) return held
  yield* touch(server, revision)
  yield* record(actor, revision, {
    ...{ operation: 'interface.delete', resource: 'interface', id, server: server.id },
    ...{ before: audited(old), after: null },
  })
  return ok({ revision })
}

function* ownerOf(
  { account, profile, server, ifRevision }: InterfaceTarget,
  actor: Actor,
): Steps<Result<ServerRecord, RequestError>> {
  const enclosing = yield* checkEnclosing(actor)
  if (!enclosing.ok) return enclosing
  const found = yield* writableServer({ account, profile, server, refuseStates: [] }, actor)
  return found.ok ? unchangedServer(found.value, ifRevision) : found
}

function* interfaceOf(server: ServerRecord, id: string): Steps<Interface | undefined> {
  const sql = `SELECT ${interfaceColumns} FROM interfaces WHERE id = ? AND server = ?`
  const row = yield* queryOne(sql, id, server.id)
  return row && toInterface(row)
}

function* touch({ id }: ServerRecord, revision: number): Steps<void> {
  yield* query('UPDATE servers SET revision = ? WHERE id = ?', revision, id)
}

/** Its owner reads it: nothing of where it is. */
function audited({ id: _, server: __, host: ___, device: ____, ...nic }: Interface): JsonObject {
  return { ...nic }
}
