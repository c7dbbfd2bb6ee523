/** Frames beside IP and ARP that an interface may exchange where it is a port of a bridge. */
export const frames = (): readonly string[] => [
  'ALTER TABLE interfaces ADD COLUMN vlan_trunk INTEGER NOT NULL DEFAULT 0',
  "ALTER TABLE interfaces ADD COLUMN allowed_frames TEXT NOT NULL DEFAULT '[]'",
]
