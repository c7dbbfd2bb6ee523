/**
 * What agents say of hosts and interfaces; what events are about, and how large they are; and indexes for what is looked up
 * by interface or by what changed.
 */
import { clustered, type Engine } from './engine.ts'

export const statusesAndHistory = (engine: Engine): readonly string[] => [
  'CREATE INDEX attachments_interface ON attachments (interface)',
  'CREATE INDEX policies_interface ON policies (interface)',
  'CREATE INDEX policies_changed ON policies (account, revision)',
  'CREATE INDEX servers_changed ON servers (account, revision)',
  `CREATE TABLE hosts (
    host TEXT NOT NULL PRIMARY KEY,
    seen_at BIGINT NOT NULL,
    status TEXT NOT NULL
  )`,
  // `settled` repeats what is in `status`, for queries.
  `CREATE TABLE outcomes (
    host TEXT NOT NULL,
    interface TEXT NOT NULL,
    settled INTEGER NOT NULL,
    status TEXT NOT NULL,
    PRIMARY KEY (host, interface)
  ) ${clustered(engine)}`,
  'CREATE INDEX outcomes_interface ON outcomes (interface)',
  'CREATE INDEX outcomes_settled ON outcomes (settled)',
  'ALTER TABLE audit ADD COLUMN server TEXT',
  'ALTER TABLE audit ADD COLUMN policy TEXT',
  // Bytes of this event, and of all events up to it: what there is altogether is known without reading it.
  'ALTER TABLE audit ADD COLUMN size BIGINT NOT NULL DEFAULT 0',
  'ALTER TABLE audit ADD COLUMN total BIGINT NOT NULL DEFAULT 0',
  `UPDATE audit SET server = CASE WHEN resource = 'server' THEN id END,
    policy = CASE WHEN resource = 'policy' THEN id END,
    size = octet_length(before) + octet_length(after) + COALESCE(octet_length(request), 0)`,
  `UPDATE audit SET total = sums.total FROM (SELECT revision, SUM(size) OVER (ORDER BY revision) AS total FROM audit) AS sums
    WHERE sums.revision = audit.revision`,
]
