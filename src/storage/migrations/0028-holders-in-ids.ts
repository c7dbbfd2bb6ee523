/**
 * Ids of documents that begin with the id of what they belong to, among what documents name; and no entries in indexes for
 * what nearly every row has none of.
 */
import type { Engine } from './engine.ts'

const firstPart: Readonly<Record<Engine, string>> = {
  sqlite: "SUBSTR(id, 1, INSTR(id, '/') - 1)",
  postgresql: "SPLIT_PART(id, '/', 1)",
}

export const holdersInIds = (engine: Engine): readonly string[] => [
  `INSERT INTO document_names (account, profile, name, kind, id)
    SELECT account, profile, ${firstPart[engine]}, kind, id FROM documents
    WHERE id LIKE '_%/%' AND LENGTH(${firstPart[engine]}) BETWEEN 1 AND 255 ON CONFLICT DO NOTHING`,
  'DROP INDEX servers_number',
  'CREATE UNIQUE INDEX servers_number ON servers (profile, number) WHERE number IS NOT NULL',
  'DROP INDEX policies_default',
  'CREATE UNIQUE INDEX policies_default ON policies (account, profile, default_for) WHERE default_for IS NOT NULL',
  'DROP INDEX policies_interface',
  'CREATE INDEX policies_interface ON policies (interface) WHERE interface IS NOT NULL',
]
