/**
 * Credentials of operators and hosts beside those of accounts, with an end and a second secret; who said on which device an
 * interface is; what accounts may have; and requests that are answered once however often they are sent.
 */
import { clustered, type Engine } from './engine.ts'

const before = 'id, account, kind, lookup, hash, scopes, label, attributes'

export const operators = (engine: Engine): readonly string[] => [
  'ALTER TABLE accounts ADD COLUMN quotas TEXT',
  'ALTER TABLE accounts ADD COLUMN created_at BIGINT',
  'ALTER TABLE accounts ADD COLUMN revision BIGINT NOT NULL DEFAULT 0',
  // SQLite cannot take NOT NULL off a column.
  `CREATE TABLE credentials_16 (
    id TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL DEFAULT 'account',
    account TEXT REFERENCES accounts (id),
    host TEXT,
    kind TEXT NOT NULL,
    lookup TEXT NOT NULL,
    hash TEXT NOT NULL,
    previous_lookup TEXT,
    previous_hash TEXT,
    previous_until BIGINT,
    scopes TEXT NOT NULL,
    profiles TEXT,
    servers TEXT,
    label TEXT NOT NULL,
    attributes TEXT NOT NULL,
    origin TEXT NOT NULL DEFAULT 'inventory',
    created_at BIGINT,
    expires_at BIGINT,
    last_used_at BIGINT,
    revision BIGINT NOT NULL DEFAULT 0,
    UNIQUE (kind, lookup)
  )`,
  `INSERT INTO credentials_16 (${before}) SELECT ${before} FROM credentials`,
  'DROP TABLE credentials',
  'ALTER TABLE credentials_16 RENAME TO credentials',
  'CREATE INDEX credentials_account ON credentials (account)',
  'CREATE INDEX credentials_previous ON credentials (kind, previous_lookup)',
  'ALTER TABLE interfaces ADD COLUMN bound_by TEXT',
  'ALTER TABLE interfaces ADD COLUMN bound_at BIGINT',
  "UPDATE interfaces SET bound_by = 'inventory' WHERE host IS NOT NULL",
  `CREATE TABLE idempotency (
    key TEXT NOT NULL PRIMARY KEY,
    request TEXT NOT NULL,
    id TEXT NOT NULL,
    sealed TEXT,
    until BIGINT NOT NULL
  ) ${clustered(engine)}`,
  'CREATE INDEX idempotency_until ON idempotency (until)',
]
