/** Servers of guests that end with their guest's device, and guests whose server somebody deleted, so that no host has it made again. */
export const endedGuests = (): readonly string[] => [
  // Revision as its host left it: somebody else has changed it since where its own is another. Null: it does not end by itself.
  'ALTER TABLE servers ADD COLUMN ephemeral BIGINT',
  // `mac`: of an interface of it that was deleted; empty: the server was.
  `CREATE TABLE dismissals (
    account TEXT NOT NULL,
    profile TEXT NOT NULL,
    guest TEXT NOT NULL,
    mac TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (account, profile, guest, mac)
  )`,
]
