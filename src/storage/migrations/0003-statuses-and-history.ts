/** Indexes for what is deleted or looked up by interface. */
export const statusesAndHistory = (): readonly string[] => [
  'CREATE INDEX attachments_interface ON attachments (interface)',
  'CREATE INDEX policies_interface ON policies (interface)',
]
