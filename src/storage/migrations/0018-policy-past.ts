/** Steps back from what policies are to what they were, and indexes for what history is filtered by. */
import { clustered, type Engine } from './engine.ts'

/** Name under which the installation keeps the revision that steps back reach to. */
export const policiesSince = 'policies-since'

export const policyPast = (engine: Engine): readonly string[] => [
  // Revision that made it; 0: an earlier one than steps reach back to.
  'ALTER TABLE policies ADD COLUMN made BIGINT NOT NULL DEFAULT 0',
  'CREATE INDEX policies_made ON policies (made)',
  `CREATE TABLE policy_past (
    revision BIGINT NOT NULL,
    part INTEGER NOT NULL,
    policy TEXT NOT NULL,
    step TEXT NOT NULL,
    PRIMARY KEY (revision, part)
  ) ${clustered(engine)}`,
  'CREATE INDEX policy_past_policy ON policy_past (policy, revision, part)',
  // A store that is being restored has its events before its revision.
  `INSERT INTO installation (name, value) SELECT '${policiesSince}', CAST(MAX(known.value) AS TEXT)
    FROM (SELECT value FROM revision UNION ALL SELECT MAX(revision) FROM audit) AS known`,
  // The latest moment of any event up to it: it never falls, so that a moment cuts the list of revisions in two.
  'ALTER TABLE audit ADD COLUMN reached BIGINT NOT NULL DEFAULT 0',
  `UPDATE audit SET reached = latest.at
    FROM (SELECT revision, MAX(at) OVER (ORDER BY revision) AS at FROM audit) AS latest
    WHERE latest.revision = audit.revision`,
  'CREATE INDEX audit_reached ON audit (reached, revision)',
  ...['server', 'policy', 'actor', 'dialect', 'operation'].map(
    (column) => `CREATE INDEX audit_${column} ON audit (account, ${column}, revision)`,
  ),
]
