/**
 * Which interfaces left which host, for agents that ask what has changed: everything else that changes says so by its
 * revision. They are kept for as long as the history of changes.
 */
import { clustered, type Engine } from './engine.ts'

export const departures = (engine: Engine): readonly string[] => [
  // Not by host first: what is asked for is what is new.
  `CREATE TABLE departures (
    interface TEXT NOT NULL,
    host TEXT NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (interface, host)
  ) ${clustered(engine)}`,
  'CREATE INDEX departures_revision ON departures (revision)',
  'CREATE INDEX servers_revision ON servers (revision)',
  // The revision after which all are known.
  "INSERT INTO installation (name, value) SELECT 'departures-since', CAST(value AS TEXT) FROM revision",
]
