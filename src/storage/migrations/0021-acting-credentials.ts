/** Which credential an event is by, and what it was called then: it stays known when the credential is gone. */
export const actingCredentials = (): readonly string[] => [
  // Null: the system did it, or it is older than these columns.
  'ALTER TABLE audit ADD COLUMN credential TEXT',
  'ALTER TABLE audit ADD COLUMN credential_label TEXT',
  'CREATE INDEX audit_credential ON audit (account, credential, revision)',
]
