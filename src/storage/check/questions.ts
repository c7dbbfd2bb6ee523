/** Faults that a statement finds: between rows, and of many rows together. Both engines take the statements. */
import type { Row } from '../statement.ts'
import { longestOnce } from '../storage.ts'
import { realMiscountsSql } from '../usage.ts'
import { kept } from '../whole/tables.ts'
import type { Fault, FaultKind } from './fault.ts'

export interface Question {
  readonly kind: FaultKind
  readonly table: string
  /** Columns of the answer that are the key. */
  readonly key: readonly string[]
  /** Answers a row for each fault. */
  readonly sql: string
  readonly problem: (row: Row) => string
}

export const faultOf = ({ kind, table, key, problem }: Question, row: Row): Fault => ({
  ...{ kind, table, key: key.map((column) => String(row[column])).join(' '), problem: problem(row) },
})

const keys: Readonly<Record<string, readonly string[]>> = {
  documents: ['profile', 'kind', 'id'],
  departures: ['interface', 'host'],
  audit: ['revision'],
  policy_past: ['revision', 'part'],
  rules: ['policy', 'position'],
  attachments: ['server', 'interface', 'policy'],
  hits: ['interface', 'direction', 'decider'],
  hit_sums: ['account', 'policy', 'decider'],
  counted: ['interface'],
  leases: ['address'],
  idempotency: ['key'],
  usage: ['account', 'name'],
}
export const keyOf = (table: string): readonly string[] => keys[table] ?? ['id']

/** Columns that name a row of another table by its id; null names none. */
const references: readonly { readonly table: string; readonly column: string; readonly of: string }[] = [
  ...['servers', 'policies', 'documents', 'credentials', 'hit_sums', 'usage', 'leases'].map((table) => ({
    ...{ table, column: 'account', of: 'accounts' },
  })),
  ...['interfaces', 'policies', 'attachments'].map((table) => ({ table, column: 'server', of: 'servers' })),
  ...['policies', 'hits', 'counted'].map((table) => ({ table, column: 'interface', of: 'interfaces' })),
  ...['rules', 'attachments'].map((table) => ({ table, column: 'policy', of: 'policies' })),
  { table: 'rules', column: 'include', of: 'policies' },
]

const refer = ({ table, column, of }: (typeof references)[number]): Question => ({
  ...{ kind: 'reference', table, key: keyOf(table) },
  sql: `SELECT ${[...new Set([...keyOf(table), column])].join(', ')} FROM ${table} WHERE ${column} IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM ${of} other WHERE other.id = ${table}.${column})`,
  problem: (row) => `${column} is ${row[column]}, and ${of} has none of that id`,
})

/** What only one may have; null is had by none. */
const uniques: readonly { readonly table: string; readonly columns: readonly string[] }[] = [
  { table: 'accounts', columns: ['name'] },
  { table: 'credentials', columns: ['kind', 'lookup'] },
  { table: 'servers', columns: ['profile', 'number'] },
  { table: 'interfaces', columns: ['server', 'number'] },
  { table: 'interfaces', columns: ['host', 'device'] },
  { table: 'policies', columns: ['account', 'profile', 'default_for'] },
  { table: 'leases', columns: ['last'] },
]

const unique = ({ table, columns }: (typeof uniques)[number]): Question => ({
  ...{ kind: 'unique', table, key: columns },
  sql: `SELECT ${columns.join(', ')}, COUNT(*) AS times FROM ${table}
    WHERE ${columns.map((column) => `${column} IS NOT NULL`).join(' AND ')}
    GROUP BY ${columns.join(', ')} HAVING COUNT(*) > 1`,
  // Of a secret its digest is of no use to anybody.
  problem: ({ times }) => `${times} have the same ${columns.join(' and ')}`,
})

const newest = '(SELECT value FROM revision)'
const revisions: readonly Question[] = [
  ...kept.flatMap(({ name, revision }) => (revision === undefined ? [] : [name])),
  'departures',
].map((table) => ({
  ...{ kind: 'revision', table, key: keyOf(table) },
  sql: `SELECT ${[...new Set([...keyOf(table), 'revision'])].join(', ')} FROM ${table}
    WHERE revision < 0 OR revision > ${newest}`,
  problem: ({ revision }) => `it is of revision ${revision}, which the store has not come to`,
}))

/** The server’s own policy, or one of its interfaces’. */
const ownPolicy = `SELECT p.id, p.server, COALESCE(p.interface, '') AS interface FROM policies p WHERE p.server IS NOT NULL`

export const questions: readonly Question[] = [
  {
    ...{ kind: 'revision', table: 'revision', key: ['id'] },
    sql: `SELECT 1 AS id, COUNT(*) AS times, MIN(value) AS least FROM revision HAVING COUNT(*) <> 1 OR MIN(value) < 0`,
    problem: ({ times, least }) => `the newest revision is noted ${times} times, as ${least}`,
  },
  {
    ...{ kind: 'revision', table: 'installation', key: ['name'] },
    sql: `SELECT name, value FROM installation WHERE name = 'departures-since' AND (value = '' OR CAST(value AS BIGINT) > ${newest})`,
    problem: ({ value }) => `departures are known since revision ${value}, which the store has not come to`,
  },
  ...revisions,
  {
    ...{ kind: 'position', table: 'rules', key: ['policy'] },
    sql: `SELECT policy, MIN(position) AS least, MAX(position) AS most, COUNT(*) AS times FROM rules
      GROUP BY policy HAVING MIN(position) <> 1 OR MAX(position) <> COUNT(*)`,
    problem: ({ least, most, times }) => `${times} rules have positions from ${least} to ${most}`,
  },
  ...references.map(refer),
  {
    ...{ kind: 'reference', table: 'attachments', key: keyOf('attachments') },
    sql: `SELECT a.server, a.interface, a.policy FROM attachments a WHERE a.interface <> '' AND NOT EXISTS (
      SELECT 1 FROM interfaces i WHERE i.id = a.interface AND i.server = a.server)`,
    problem: () => 'the server has no such interface',
  },
  {
    ...{ kind: 'reference', table: 'leases', key: ['address'] },
    sql: `SELECT l.address, l.kind, l.id FROM leases l WHERE l.state = 'held' AND NOT EXISTS (
        SELECT 1 FROM interfaces i WHERE l.kind = 'interface' AND i.id = l.id)
      AND NOT EXISTS (SELECT 1 FROM documents d WHERE d.profile = l.profile AND d.kind = l.kind AND d.id = l.id)`,
    problem: ({ kind, id }) => `it is held by ${kind} ${id}, which is not there`,
  },
  {
    ...{ kind: 'reference', table: 'hits', key: keyOf('hits') },
    sql: `SELECT h.interface, h.direction, h.decider FROM hits h WHERE (h.decider LIKE 'rule %' OR h.decider LIKE 'list %')
      AND NOT EXISTS (SELECT 1 FROM hit_sums s JOIN interfaces i ON i.id = h.interface JOIN servers v ON v.id = i.server
        WHERE s.account = v.account AND s.decider = h.decider)`,
    problem: () => 'no sum has what it counted',
  },
  {
    ...{ kind: 'owner', table: 'attachments', key: keyOf('attachments') },
    sql: `SELECT a.server, a.interface, a.policy FROM attachments a JOIN servers s ON s.id = a.server
      JOIN policies p ON p.id = a.policy WHERE p.account <> s.account OR p.profile <> s.profile
      OR (p.server IS NOT NULL AND p.server <> a.server)`,
    problem: () => 'the policy is another account’s, profile’s or server’s',
  },
  {
    ...{ kind: 'owner', table: 'policies', key: ['id'] },
    sql: `SELECT p.id FROM policies p JOIN servers s ON s.id = p.server
      WHERE p.account <> s.account OR p.profile <> s.profile OR (p.interface IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM interfaces i WHERE i.id = p.interface AND i.server = p.server))`,
    problem: () => 'its server or interface is another’s',
  },
  {
    ...{ kind: 'owner', table: 'rules', key: keyOf('rules') },
    sql: `SELECT r.policy, r.position FROM rules r JOIN policies p ON p.id = r.policy JOIN policies g ON g.id = r.include
      WHERE g.account <> p.account OR g.profile <> p.profile OR g.server IS NOT NULL`,
    problem: () => 'it includes a policy of another account, profile or server',
  },
  {
    ...{ kind: 'attachment', table: 'policies', key: ['id'] },
    sql: `SELECT o.id FROM (${ownPolicy}) o WHERE NOT EXISTS (
      SELECT 1 FROM attachments a WHERE a.server = o.server AND a.interface = o.interface AND a.policy = o.id)`,
    problem: () => 'it is not attached to its server or interface, and not in force',
  },
  {
    ...{ kind: 'attachment', table: 'rules', key: keyOf('rules') },
    sql: `SELECT r.policy, r.position FROM rules r JOIN policies p ON p.id = r.policy
      WHERE r.include IS NOT NULL AND p.server IS NOT NULL AND p.interface IS NULL AND NOT EXISTS (
        SELECT 1 FROM attachments a WHERE a.server = p.server AND a.interface = '' AND a.policy = r.include)`,
    problem: () => 'the policy that it includes is not attached to the server, and not in force',
  },
  ...uniques.map(unique),
  {
    ...{ kind: 'unique', table: 'policies', key: ['server', 'interface'] },
    sql: `SELECT o.server, o.interface, COUNT(*) AS times FROM (${ownPolicy}) o
      GROUP BY o.server, o.interface HAVING COUNT(*) > 1`,
    problem: ({ times }) => `it has ${times} policies of its own`,
  },
  {
    ...{ kind: 'default', table: 'policies', key: ['id'] },
    sql: 'SELECT id, default_for FROM policies WHERE default_for IS NOT NULL AND server IS NOT NULL',
    problem: (row) => `it is the default of ${row.default_for}, and belongs to a server`,
  },
  {
    ...{ kind: 'audit', table: 'audit', key: ['revision'] },
    sql: `SELECT revision, total, earlier, size FROM (
        SELECT revision, size, total, LAG(total) OVER (ORDER BY revision) AS earlier FROM audit) AS sums
      WHERE total < size OR total <> COALESCE(earlier, total - size) + size`,
    problem: ({ total, earlier, size }) =>
      `its sum is ${total}, after ${earlier} and an event of ${size} bytes`,
  },
  {
    ...{ kind: 'audit', table: 'audit', key: ['revision'] },
    sql: `SELECT revision, size FROM audit
      WHERE size <> octet_length(before) + octet_length(after) + COALESCE(octet_length(request), 0) + COALESCE(
        (SELECT SUM(octet_length(p.step)) FROM policy_past p WHERE p.revision = audit.revision), 0)`,
    problem: ({ size }) => `it has another size than ${size} bytes`,
  },
  {
    ...{ kind: 'count', table: 'usage', key: ['account', 'name'] },
    sql: realMiscountsSql,
    problem: ({ used, n, name }) => `${used} ${name} are counted, and ${n} are there`,
  },
  {
    ...{ kind: 'repeat', table: 'idempotency', key: ['key'] },
    // A clock that goes back makes no earlier event newer than this.
    sql: `SELECT key, until FROM idempotency WHERE until > ${longestOnce} + (SELECT COALESCE(MAX(reached), 0) FROM audit)`,
    problem: ({ until }) => `it is remembered until ${until}, longer than any request is`,
  },
  {
    ...{ kind: 'count', table: 'hit_sums', key: keyOf('hit_sums') },
    // What stopped growing has less than what it is of.
    sql: `SELECT s.account, s.policy, s.decider FROM hit_sums s LEFT JOIN (
        SELECT v.account, h.decider, SUM(h.packets) AS packets, SUM(h.bytes) AS bytes FROM hits h
        JOIN interfaces i ON i.id = h.interface JOIN servers v ON v.id = i.server GROUP BY v.account, h.decider
      ) AS counted ON counted.account = s.account AND counted.decider = s.decider
      WHERE (s.packets <> COALESCE(counted.packets, 0) AND COALESCE(counted.packets, 0) < ${Number.MAX_SAFE_INTEGER})
        OR (s.bytes <> COALESCE(counted.bytes, 0) AND COALESCE(counted.bytes, 0) < ${Number.MAX_SAFE_INTEGER})`,
    problem: () => 'it is not the sum of what interfaces have counted',
  },
  {
    ...{ kind: 'lease', table: 'leases', key: ['address'] },
    sql: `SELECT address, state FROM leases WHERE (state = 'held') <> (until IS NULL)
      OR state NOT IN ('held', 'pending', 'quarantined')`,
    problem: ({ state }) => `its state is ${state}, and its end contradicts that`,
  },
]
