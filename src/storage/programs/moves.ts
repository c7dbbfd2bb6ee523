/**
 * Interfaces that come to a device, change it or leave it: what is written of that, whoever said so.
 *
 * Tenants see in their history that it happened, and not where: hosts and devices are in an event that is nobody's.
 */
import type { JsonObject } from '../../core/json.ts'
import { chunks, marks, query, type Steps } from '../statement.ts'
import type { Actor, BoundBy } from '../storage.ts'
import { type Recorded, recordAll, revisionAfter } from './common.ts'
import { depart } from './departures.ts'

export interface Place {
  readonly host: string
  readonly device: string
}

/** An interface whose place becomes another one; null: nowhere. */
export interface Move {
  readonly id: string
  readonly server: string
  readonly account: string
  readonly before: Place | null
  readonly after: Place | null
}

export const isSamePlace = (a: Place | null, b: Place | null): boolean =>
  a?.host === b?.host && a?.device === b?.device

/** Who was found on any of these devices, as they give it up to who is put there. */
export function* foundOn(places: readonly Place[]): Steps<readonly Move[]> {
  const found: Move[] = []
  for (const chunk of chunks(places)) {
    const pairs = chunk.map(() => '(?, ?)').join(', ')
    const sql = `SELECT i.id, i.server, s.account, i.host, i.device FROM interfaces i JOIN servers s ON s.id = i.server
      WHERE (i.host, i.device) IN (VALUES ${pairs}) AND i.bound_by = 'mac' ORDER BY i.id`
    const rows = yield* query(sql, ...chunk.flatMap(({ host, device }) => [host, device]))
    for (const { id, server, account, host, device } of rows) {
      const before = { host: String(host), device: String(device) }
      found.push({
        ...{ id: String(id), server: String(server), account: String(account) },
        before,
        after: null,
      })
    }
  }
  return found
}

/** Takes interfaces off where they are, so that others can have their devices. */
export function* vacate(ids: readonly string[], revision: number): Steps<void> {
  for (const chunk of chunks(ids)) {
    yield* depart(revision, `id IN (${marks(chunk)})`, ...chunk)
    yield* query(
      `UPDATE interfaces SET host = NULL, device = NULL, bound_by = NULL, bound_at = NULL WHERE id IN (${marks(chunk)})`,
      ...chunk,
    )
  }
}

/** Puts interfaces that are nowhere on devices that are free, and renews the servers of all of them. */
export function* occupy(
  moves: readonly Move[],
  { by, at }: { readonly by: BoundBy; readonly at: number },
  revision: number,
): Steps<void> {
  const placed = moves.flatMap(({ id, after }) => (after ? [[id, after.host, after.device] as const] : []))
  for (const chunk of chunks(placed)) {
    yield* query(
      `WITH place (id, host, device) AS (VALUES ${chunk.map(() => '(?, ?, ?)').join(', ')})
       UPDATE interfaces SET host = place.host, device = place.device, bound_by = ?, bound_at = ?
       FROM place WHERE interfaces.id = place.id`,
      ...chunk.flat(),
      by,
      at,
    )
  }
  yield* renewServers(moves, revision)
}

/** Marks servers of all of these as changed, so that agents and tenants are told. */
export function* renewServers(moves: readonly Move[], revision: number): Steps<void> {
  for (const chunk of chunks([...new Set(moves.map(({ server }) => server))])) {
    yield* query(`UPDATE servers SET revision = ? WHERE id IN (${marks(chunk)})`, revision, ...chunk)
  }
}

/**
 * Of every interface in its own account, in whose words `told` speaks, then where they are in an event of nobody's, by `known`;
 * answers the newest revision.
 */
export function* recordMoves(
  moves: readonly Move[],
  revision: number,
  { told, known }: { readonly told: Actor; readonly known: Actor },
): Steps<number> {
  const newest = yield* revisionAfter(moves.length)
  const [only] = moves
  yield* recordAll([
    ...moves.map(
      ({ id, server, account, before, after }, index): Recorded => ({
        actor: { ...told, account },
        revision: revision + index,
        event: {
          ...{ operation: nameOf(before, after), resource: 'interface', id, server },
          ...{ before: { bound: before !== null }, after: { bound: after !== null } },
        },
      }),
    ),
    {
      actor: { ...known, account: '' },
      revision: newest,
      event: {
        ...{
          operation: 'bindings.update',
          resource: 'binding',
          id: moves.length === 1 ? (only?.id ?? '') : '',
        },
        ...{ before: placesOf(moves, 'before'), after: placesOf(moves, 'after') },
      },
    },
  ])
  return newest
}

const nameOf = (before: Place | null, after: Place | null): string =>
  after === null ? 'binding.release' : before === null ? 'binding.claim' : 'binding.move'

const placesOf = (moves: readonly Move[], side: 'before' | 'after'): JsonObject =>
  Object.fromEntries(
    moves.map((each) => {
      const place = each[side]
      return [each.id, place && { host: place.host, device: place.device }]
    }),
  )
