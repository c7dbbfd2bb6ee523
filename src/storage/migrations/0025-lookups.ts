/**
 * What is looked for without reading all that an account, or the installation, has: documents by what they name, accounts by
 * their attributes, pages of lists in their order, and events of a server, policy or credential over all accounts.
 */
import { clustered, type Engine, readable } from './engine.ts'

/** Every text in the bodies of documents. A NUL, which JSON may escape, is in no text that could be looked for. */
const namesIn: Readonly<Record<Engine, string>> = {
  sqlite: `SELECT DISTINCT d.account, d.profile, t.atom, d.kind, d.id FROM documents d, json_tree(d.body) t
    WHERE t.type = 'text' AND LENGTH(t.atom) BETWEEN 1 AND 255 AND INSTR(t.atom, CHAR(0)) = 0`,
  postgresql: `SELECT DISTINCT d.account, d.profile, t.value #>> '{}', d.kind, d.id FROM documents d,
    jsonb_path_query(regexp_replace(${readable('d.body')}, '(?<!\\\\)((?:\\\\\\\\)*)\\\\u0000', '\\1', 'g')::jsonb, 'strict $.**') AS t(value)
    WHERE jsonb_typeof(t.value) = 'string' AND LENGTH(t.value #>> '{}') BETWEEN 1 AND 255`,
}

const attributesOf: Readonly<Record<Engine, string>> = {
  sqlite: `SELECT t.key, CASE WHEN t.type IN ('true', 'false', 'null') THEN t.type ELSE json_quote(t.atom) END, a.id FROM accounts a, json_each(a.attributes) t
    WHERE t.type NOT IN ('array', 'object')`,
  postgresql: `SELECT t.key, t.value::text, a.id FROM accounts a,
    jsonb_each(${readable('a.attributes')}::jsonb) AS t(key, value) WHERE jsonb_typeof(t.value) NOT IN ('array', 'object')`,
}

export const lookups = (engine: Engine): readonly string[] => [
  `CREATE TABLE document_names (
    account TEXT NOT NULL,
    profile TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (account, profile, name, kind, id),
    FOREIGN KEY (profile, kind, id) REFERENCES documents (profile, kind, id) ON DELETE CASCADE
  ) ${clustered(engine)}`,
  'CREATE INDEX document_names_document ON document_names (profile, kind, id)',
  `INSERT INTO document_names (account, profile, name, kind, id) ${namesIn[engine]}`,
  // Values as JSON.
  `CREATE TABLE account_attributes (
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    account TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (key, value, account)
  ) ${clustered(engine)}`,
  'CREATE INDEX account_attributes_account ON account_attributes (account)',
  `INSERT INTO account_attributes (key, value, account) ${attributesOf[engine]}`,
  'CREATE INDEX servers_zone ON servers (account, profile, zone)',
  'CREATE INDEX policies_zone ON policies (account, profile, zone)',
  'CREATE INDEX policies_page ON policies (account, id)',
  'CREATE INDEX policies_called ON policies (name, id)',
  'DROP INDEX credentials_account',
  'CREATE INDEX credentials_page ON credentials (account, id)',
  'CREATE INDEX credentials_host ON credentials (host, id)',
  'CREATE INDEX credentials_holder ON credentials (holder, id)',
  'DROP INDEX documents_account',
  'CREATE INDEX documents_page ON documents (account, profile, kind, id)',
  "CREATE INDEX accounts_left ON accounts (name) WHERE origin = 'left'",
  ...['server', 'policy', 'credential'].flatMap((column) => [
    `DROP INDEX audit_${column}`,
    `CREATE INDEX audit_${column} ON audit (${column}, revision)`,
  ]),
]
