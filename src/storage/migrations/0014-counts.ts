/**
 * What is told of packets, what becomes of connections when rules change, since when rules have been there, and what
 * everything that decides has counted.
 */
import { clustered, type Engine } from './engine.ts'

export const counts = (engine: Engine): readonly string[] => [
  'ALTER TABLE policies ADD COLUMN log TEXT',
  'ALTER TABLE policies ADD COLUMN log_allowed TEXT',
  'ALTER TABLE policies ADD COLUMN cut_flows TEXT',
  'ALTER TABLE rules ADD COLUMN log TEXT',
  // Null: since before it was noted down.
  'ALTER TABLE rules ADD COLUMN since BIGINT',
  // What is in the store of a host's counters was read then.
  'ALTER TABLE hosts ADD COLUMN counted_at BIGINT',
  'CREATE TABLE counted (interface TEXT NOT NULL PRIMARY KEY, since BIGINT NOT NULL)',
  // No references: rows of interfaces are written anew while their counts stay.
  `CREATE TABLE hits (
    interface TEXT NOT NULL,
    direction TEXT NOT NULL,
    decider TEXT NOT NULL,
    packets BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    last_hit BIGINT,
    epochs TEXT NOT NULL,
    PRIMARY KEY (interface, direction, decider)
  ) ${clustered(engine)}`,
  'CREATE INDEX hits_decider ON hits (decider)',
  // Of what belongs to a policy, over all interfaces of an account: nobody adds up thousands of rows to answer.
  `CREATE TABLE hit_sums (
    account TEXT NOT NULL,
    policy TEXT NOT NULL,
    decider TEXT NOT NULL,
    packets BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    last_hit BIGINT,
    PRIMARY KEY (account, policy, decider)
  ) ${clustered(engine)}`,
]
