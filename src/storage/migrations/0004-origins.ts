/**
 * What the inventory made, so that it can end when the inventory no longer names it, and which interfaces are observed.
 *
 * `origin` is `inventory`; `left` when the inventory made it and no longer names it, so that it answers to nobody and has
 * no device; or `api`. Older stores do not say, but every creation through an API left an audit event.
 */
export const origins = (): readonly string[] => [
  "ALTER TABLE accounts ADD COLUMN origin TEXT NOT NULL DEFAULT 'inventory'",
  ...['servers', 'interfaces', 'documents'].map(
    (table) => `ALTER TABLE ${table} ADD COLUMN origin TEXT NOT NULL DEFAULT 'api'`,
  ),
  `UPDATE servers SET origin = 'inventory' WHERE id NOT IN (SELECT id FROM audit WHERE operation = 'server.create')`,
  `UPDATE interfaces SET origin = 'inventory' WHERE host IS NOT NULL
   OR (server IN (SELECT id FROM servers WHERE origin = 'inventory')
     AND id NOT IN (SELECT id FROM audit WHERE operation = 'interface.create'))`,
  `UPDATE documents SET origin = 'inventory' WHERE kind IN ('datacenter', 'project') AND id NOT IN
   (SELECT id FROM audit WHERE operation IN ('datacenter.put', 'project.put') AND before = 'null')`,
  'ALTER TABLE interfaces ADD COLUMN observe INTEGER NOT NULL DEFAULT 0',
]
