/** Servers are found by name without reading all of an account. */
export const names = (): readonly string[] => ['CREATE INDEX servers_name ON servers (account, name)']
