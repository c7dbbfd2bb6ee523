/** Events that are no write, and the end of old ones. */
import { ok } from '../../core/result.ts'
import { type Program, query, queryOne } from '../statement.ts'
import type { Actor, Programs } from '../storage.ts'
import { nextRevision, record } from './common.ts'
import { forgetDepartures } from './departures.ts'
import { forgetPast } from './past.ts'

/** Bytes deleted at once: others wait meanwhile. */
const maxBytes = 4 * 1024 * 1024

export function* recordEvent(
  { event }: Programs['recordEvent']['args'],
  actor: Actor,
): Program<Programs['recordEvent']['answer']> {
  const revision = yield* nextRevision()
  yield* record(actor, revision, event)
  return ok({ revision })
}

export function* forgetOnce({
  until,
  most,
}: Programs['forgetOnce']['args']): Program<Programs['forgetOnce']['answer']> {
  const sql = `DELETE FROM idempotency WHERE key IN
    (SELECT key FROM idempotency WHERE until <= ? ORDER BY until LIMIT ?) RETURNING key`
  const removed = (yield* query(sql, until, most)).length
  return ok({ removed, changed: removed > 0 })
}

export function* pruneHistory({
  olderThan,
  bytes,
  most,
}: Programs['pruneHistory']['args']): Program<Programs['pruneHistory']['answer']> {
  const newest = yield* queryOne('SELECT revision, total FROM audit ORDER BY revision DESC LIMIT 1')
  const keepAbove = Number(newest?.total ?? 0) - bytes
  const oldest = yield* query('SELECT revision, at, size, total FROM audit ORDER BY revision LIMIT ?', most)
  let [removed, last, room] = [0, 0, maxBytes]
  for (const { revision, at, size, total } of oldest) {
    const old = Number(at) < olderThan || Number(total) - Number(size) < keepAbove
    room -= Number(size)
    if (!old || revision === newest?.revision || (room < 0 && removed > 0)) break
    removed++
    last = Number(revision)
  }
  if (removed > 0) {
    yield* query('DELETE FROM audit WHERE revision <= ?', last)
    yield* forgetDepartures(last)
    yield* forgetPast(last)
  }
  return ok({ removed, changed: removed > 0 })
}
