/** What agents see of guests' devices, as it is read: all of a host, and what may have to be told otherwise. */
import { departuresSince } from './placements.ts'
import { byPlace, consider, keyOf, nicsOn, sightingsAt } from './programs/found.ts'
import { sightingColumns, toSighting } from './rows.ts'
import { prefixed, query, queryOne, type Row, type Steps } from './statement.ts'
import type { SightingKey, Storage } from './storage.ts'

type SightingReads = {
  readonly [N in 'sightings' | 'sighting' | 'configuredOn' | 'sightingsDue' | 'contestedSightings']: (
    ...args: Parameters<Storage[N]>
  ) => Steps<Awaited<ReturnType<Storage[N]>>>
}

const toKey = ({ host, device }: Row | SightingKey): SightingKey => ({
  ...{ host: String(host), device: String(device) },
})

/** So many are looked at one by one; of more, as when an inventory was applied, all are. */
const mostDue = 10_000

/** Whether an interface that was found on a device has another MAC address by now. */
const another = (nic: string): string =>
  `(${nic}.bound_by = 'mac' AND s.sought IS NOT NULL AND s.sought <> ${nic}.mac AND s.sought <> SUBSTR(${nic}.mac, 4))`

/**
 * Since a revision: those that an interface is on by now, those that an interface that changed could be on, and those that one
 * has left. The order of joins is fixed: engines begin with what has changed.
 */
const due = `
  SELECT s.host, s.device FROM servers v CROSS JOIN interfaces i CROSS JOIN sightings s
    WHERE v.revision > ? AND i.server = v.id AND s.host = i.host AND s.device = i.device
    AND (s.interface IS NULL OR s.interface <> i.id OR ${another('i')})
  UNION SELECT s.host, s.device FROM servers v CROSS JOIN interfaces i CROSS JOIN sightings s
    WHERE v.revision > ? AND i.server = v.id AND s.sought = i.mac
    AND NOT (COALESCE(i.host, '') = s.host AND COALESCE(i.device, '') = s.device)
  UNION SELECT s.host, s.device FROM servers v CROSS JOIN interfaces i CROSS JOIN sightings s
    WHERE v.revision > ? AND i.server = v.id AND s.sought = SUBSTR(i.mac, 4)
    AND NOT (COALESCE(i.host, '') = s.host AND COALESCE(i.device, '') = s.device)
  UNION SELECT s.host, s.device FROM departures d CROSS JOIN sightings s
    WHERE d.revision > ? AND s.interface = d.interface AND s.host = d.host
  LIMIT ?`

export const sightingReads: SightingReads = {
  *sightings(host) {
    const rows = yield* query(
      `SELECT ${prefixed('s', sightingColumns)}, b.id AS bound,
         CASE WHEN b.id IS NULL AND (
           EXISTS (SELECT 1 FROM interfaces i WHERE i.mac = s.sought) OR
           EXISTS (SELECT 1 FROM interfaces i WHERE SUBSTR(i.mac, 4) = s.sought)) THEN 1 WHEN ${another('b')} THEN 1 ELSE 0 END AS wanted
       FROM sightings s LEFT JOIN interfaces b ON b.host = s.host AND b.device = s.device
       WHERE s.host = ? ORDER BY s.device`,
      host,
    )
    const stray = yield* queryOne(
      `SELECT i.id FROM interfaces i WHERE i.host = ? AND i.device IS NOT NULL AND i.bound_by = 'mac'
       AND NOT EXISTS (SELECT 1 FROM sightings s WHERE s.host = i.host AND s.device = i.device) LIMIT 1`,
      host,
    )
    const seen = rows.map((row) => ({
      ...toSighting(row),
      due: row.bound !== row.interface || row.wanted === 1 || row.contested === 1,
    }))
    return { seen, strays: stray !== undefined }
  },
  *sighting(host, device) {
    return (yield* sightingsAt([{ host, device }]))[0]
  },
  *configuredOn(host) {
    const sql = `SELECT id, configured FROM interfaces
      WHERE host = ? AND device IS NOT NULL AND bound_by = 'mac' AND configured IS NOT NULL`
    const rows = yield* query(sql, host)
    return new Map(rows.map((row) => [String(row.id), JSON.parse(String(row.configured)) as string[]]))
  },
  *sightingsDue(since) {
    const revision = Number((yield* queryOne('SELECT value FROM revision WHERE id = 1'))?.value)
    const known = yield* queryOne('SELECT value FROM installation WHERE name = ?', departuresSince)
    if (since < Number(known?.value)) return { revision, devices: null }
    const rows = yield* query(due, since, since, since, since, mostDue + 1)
    return { revision, devices: rows.length > mostDue ? null : rows.map(toKey) }
  },
  *contestedSightings({ awayBefore, after, limit }) {
    const behind = after ? 'AND (host, device) > (?, ?)' : ''
    const rows = yield* query(
      `SELECT ${sightingColumns} FROM sightings WHERE contested = 1 ${behind} ORDER BY host, device LIMIT ?`,
      ...(after ? [after.host, after.device] : []),
      limit,
    )
    const all = rows.map(toSighting)
    const { verdicts } = yield* consider(all, [], byPlace(yield* nicsOn(all)), { speaker: '', awayBefore })
    const due = all.filter((each) => {
      const verdict = verdicts.get(keyOf(each))
      return verdict && (verdict.interface !== each.interface || verdict.why !== each.why)
    })
    const last = all.at(-1)
    return { devices: due.map(toKey), next: all.length === limit && last ? toKey(last) : null }
  },
}
