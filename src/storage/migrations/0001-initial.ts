/** The first schema. JSON is kept as text: nothing queries inside it, and both engines read it back byte for byte. */
import type { Engine } from './migrate.ts'

/** On SQLite small tables are stored in their primary key's order, which makes the rules of a policy one run of pages. */
export const clustered = (engine: Engine) => (engine === 'sqlite' ? 'WITHOUT ROWID' : '')

export const initial = (engine: Engine): readonly string[] => [
  'CREATE TABLE revision (id INTEGER PRIMARY KEY CHECK (id = 1), value BIGINT NOT NULL)',
  'INSERT INTO revision (id, value) VALUES (1, 0)',
  `CREATE TABLE accounts (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    attributes TEXT NOT NULL
  )`,
  `CREATE TABLE credentials (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    lookup TEXT NOT NULL,
    hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    label TEXT NOT NULL,
    attributes TEXT NOT NULL,
    UNIQUE (kind, lookup)
  )`,
  'CREATE INDEX credentials_account ON credentials (account)',
  `CREATE TABLE servers (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    profile TEXT NOT NULL,
    name TEXT NOT NULL,
    number BIGINT,
    zone TEXT NOT NULL,
    state TEXT NOT NULL,
    next_state TEXT,
    next_state_at BIGINT,
    created_at BIGINT NOT NULL,
    attributes TEXT NOT NULL,
    revision BIGINT NOT NULL
  )`,
  'CREATE UNIQUE INDEX servers_number ON servers (profile, number)',
  'CREATE INDEX servers_account ON servers (account, profile, created_at)',
  `CREATE TABLE interfaces (
    id TEXT NOT NULL PRIMARY KEY,
    server TEXT NOT NULL REFERENCES servers (id),
    number INTEGER NOT NULL,
    mac TEXT NOT NULL,
    addresses TEXT NOT NULL,
    type TEXT NOT NULL,
    host TEXT,
    device TEXT,
    attributes TEXT NOT NULL,
    UNIQUE (server, number),
    UNIQUE (host, device)
  )`,
  `CREATE TABLE policies (
    id TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL REFERENCES accounts (id),
    profile TEXT NOT NULL,
    name TEXT NOT NULL,
    server TEXT REFERENCES servers (id),
    interface TEXT,
    zone TEXT NOT NULL,
    default_for TEXT,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    enabled INTEGER NOT NULL,
    rule_order TEXT NOT NULL,
    default_ingress TEXT NOT NULL,
    default_egress TEXT NOT NULL,
    stateful INTEGER NOT NULL,
    filters TEXT NOT NULL,
    applies_to TEXT NOT NULL,
    guards TEXT NOT NULL,
    built_in TEXT,
    attributes TEXT NOT NULL,
    revision BIGINT NOT NULL
  )`,
  'CREATE INDEX policies_server ON policies (server)',
  'CREATE INDEX policies_account ON policies (account, profile, created_at)',
  'CREATE UNIQUE INDEX policies_default ON policies (account, profile, default_for)',
  'CREATE INDEX policies_revision ON policies (revision)',
  `CREATE TABLE rules (
    policy TEXT NOT NULL REFERENCES policies (id),
    position INTEGER NOT NULL,
    id TEXT NOT NULL,
    direction TEXT NOT NULL,
    action TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    matches TEXT NOT NULL,
    include TEXT,
    interface INTEGER,
    spec TEXT NOT NULL,
    PRIMARY KEY (policy, position)
  ) ${clustered(engine)}`,
  // An empty interface stands for all of the server: NULL would not be compared by the key.
  `CREATE TABLE attachments (
    server TEXT NOT NULL REFERENCES servers (id),
    interface TEXT NOT NULL,
    policy TEXT NOT NULL REFERENCES policies (id),
    rank INTEGER NOT NULL,
    PRIMARY KEY (server, interface, policy)
  ) ${clustered(engine)}`,
  'CREATE INDEX attachments_policy ON attachments (policy)',
  `CREATE TABLE documents (
    account TEXT NOT NULL REFERENCES accounts (id),
    profile TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    body TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (profile, kind, id)
  )`,
  'CREATE INDEX documents_account ON documents (account, profile, kind)',
  'CREATE TABLE sequences (name TEXT NOT NULL PRIMARY KEY, next BIGINT NOT NULL)',
  `CREATE TABLE audit (
    revision BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    account TEXT NOT NULL,
    actor TEXT NOT NULL,
    dialect TEXT NOT NULL,
    request_id TEXT NOT NULL,
    request TEXT,
    operation TEXT NOT NULL,
    resource TEXT NOT NULL,
    id TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL
  )`,
  'CREATE INDEX audit_account ON audit (account, revision)',
  'CREATE INDEX audit_request ON audit (request_id)',
]
