/**
 * Log levels that were kept as text decide what is told of packets: those of rules beside their text, those of default
 * policies with the policy, and no longer with the server.
 */
import { type Engine, readable } from './engine.ts'

const levels = "'emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'"

export function logLevels(engine: Engine): readonly string[] {
  const member = (column: string, key: string) =>
    engine === 'sqlite' ? `json_extract(${column}, '$.${key}')` : `(${readable(column)}::jsonb ->> '${key}')`
  const [inward, outward] = [
    member('s.attributes', 'log_level_in'),
    member('s.attributes', 'log_level_out'),
  ] as const
  const without =
    engine === 'sqlite'
      ? "json_remove(attributes, '$.log_level_in', '$.log_level_out')"
      : `(${readable('attributes')}::jsonb - 'log_level_in' - 'log_level_out')::text`
  return [
    // What no text of a level is in is not parsed.
    `UPDATE rules SET log = ${member('spec', 'log')} WHERE spec LIKE '%"log"%'
      AND ${member('spec', 'log')} IN (${levels}) AND ${member('spec', 'type')} IN ('in', 'out')`,
    // As it is written since then.
    `UPDATE policies SET log = (SELECT '{' || COALESCE('"ingress":"' || ${inward} || '"', '')
        || CASE WHEN ${inward} IS NULL OR ${outward} IS NULL THEN '' ELSE ',' END
        || COALESCE('"egress":"' || ${outward} || '"', '') || '}'
        FROM servers s WHERE s.id = policies.server)
      WHERE interface IS NULL AND server IN (SELECT id FROM servers WHERE attributes LIKE '%"log\\_level\\_%' ESCAPE '\\')
        AND EXISTS (SELECT 1 FROM servers s
          WHERE s.id = policies.server AND (${inward} IS NOT NULL OR ${outward} IS NOT NULL))`,
    `UPDATE servers SET attributes = ${without} WHERE attributes LIKE '%"log\\_level\\_%' ESCAPE '\\'
      AND (${member('attributes', 'log_level_in')} IS NOT NULL OR ${member('attributes', 'log_level_out')} IS NOT NULL)`,
  ]
}
