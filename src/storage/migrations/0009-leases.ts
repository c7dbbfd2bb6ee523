/** Addresses that pools hand out: who holds each, and until when it is kept from others. */
import { clustered, type Engine } from './engine.ts'

/** Fixed-width keys are compared byte by byte on both engines. */
const key = (engine: Engine) => (engine === 'postgresql' ? 'TEXT COLLATE "C"' : 'TEXT')

export const leases = (engine: Engine): readonly string[] => [
  `CREATE TABLE pools (
    name TEXT NOT NULL PRIMARY KEY,
    body TEXT NOT NULL,
    next ${key(engine)} NOT NULL
  )`,
  `CREATE TABLE leases (
    first ${key(engine)} NOT NULL PRIMARY KEY,
    last ${key(engine)} NOT NULL UNIQUE,
    address TEXT NOT NULL,
    account TEXT NOT NULL,
    profile TEXT NOT NULL,
    state TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    until BIGINT
  ) ${clustered(engine)}`,
  'CREATE INDEX leases_holder ON leases (kind, id)',
  'CREATE INDEX leases_account ON leases (account, profile, kind)',
  'CREATE INDEX leases_until ON leases (until)',
  'CREATE TABLE installation (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)',
  // Addresses came from counters until now, and none came back.
  'DROP TABLE sequences',
]
