/** What an interface may send from. Interfaces of older stores are checked too, and may send from their own addresses only. */
export const senders = (): readonly string[] => [
  "ALTER TABLE interfaces ADD COLUMN allowed_addresses TEXT NOT NULL DEFAULT '[]'",
  'ALTER TABLE interfaces ADD COLUMN sender_check INTEGER NOT NULL DEFAULT 1',
]
