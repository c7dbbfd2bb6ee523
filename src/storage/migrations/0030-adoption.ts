/** Guests that hosts found and that were adopted by a rule, and into which accounts a host's credential may do that. */
export const adoption = (): readonly string[] => [
  // Ids of accounts; null: all.
  "ALTER TABLE credentials ADD COLUMN adopts TEXT DEFAULT '[]'",
  // The guest whose server it is, as its host names it; null: it was not adopted.
  'ALTER TABLE servers ADD COLUMN guest TEXT',
  'CREATE UNIQUE INDEX servers_guest ON servers (account, profile, guest) WHERE guest IS NOT NULL',
  // Addresses that its hypervisor had for it last; null: they are not followed.
  'ALTER TABLE interfaces ADD COLUMN configured TEXT',
  // What a host asked for in vain, once for each account that it named.
  `CREATE TABLE adoption_refusals (
    host TEXT NOT NULL,
    account TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (host, account)
  )`,
]
