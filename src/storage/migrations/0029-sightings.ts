/**
 * Devices of guests as the agents of their hosts see them, and what was made of each; and interfaces by the last five octets of
 * their MAC addresses, which is all that some devices tell of their guest's.
 */
import { clustered, type Engine } from './engine.ts'

export const sightings = (engine: Engine): readonly string[] => [
  // `sought`: the MAC address of an interface, or its last five octets. `interface`: what the agent was told last.
  `CREATE TABLE sightings (
    host TEXT NOT NULL,
    device TEXT NOT NULL,
    present INTEGER NOT NULL,
    mac TEXT,
    address TEXT,
    sought TEXT,
    source TEXT NOT NULL,
    guarded INTEGER NOT NULL,
    guest TEXT,
    adoption TEXT,
    since BIGINT NOT NULL,
    interface TEXT,
    why TEXT,
    contested INTEGER NOT NULL,
    PRIMARY KEY (host, device)
  ) ${clustered(engine)}`,
  'CREATE INDEX sightings_sought ON sightings (sought) WHERE sought IS NOT NULL',
  'CREATE INDEX sightings_interface ON sightings (interface) WHERE interface IS NOT NULL',
  'CREATE INDEX sightings_contested ON sightings (host, device) WHERE contested = 1',
  'CREATE INDEX interfaces_mac_end ON interfaces (SUBSTR(mac, 4))',
]
