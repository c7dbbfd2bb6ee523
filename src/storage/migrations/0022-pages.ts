/** Pages of servers over all accounts and profiles, servers by name, and interfaces by MAC address. */
export const pages = (): readonly string[] => [
  'CREATE INDEX servers_page ON servers (account, created_at, id)',
  'CREATE INDEX servers_called ON servers (name)',
  'CREATE INDEX interfaces_mac ON interfaces (mac)',
]
