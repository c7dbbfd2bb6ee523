/** What agents say of hosts and interfaces, and indexes for what is looked up by interface or by what changed. */
import { clustered } from './0001-initial.ts'
import type { Engine } from './migrate.ts'

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
]
