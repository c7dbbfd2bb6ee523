/** Which agent speaks for a host: the newest that has connected, to whichever process. */
export const hostSessions = (): readonly string[] => [
  `CREATE TABLE host_sessions (
    host TEXT NOT NULL PRIMARY KEY,
    session BIGINT NOT NULL,
    agent TEXT NOT NULL,
    since BIGINT NOT NULL,
    left_at BIGINT,
    refused TEXT
  )`,
]
