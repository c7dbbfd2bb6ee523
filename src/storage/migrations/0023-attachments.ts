/**
 * Policies that do not leave open what they do not filter; and the revision of the last change to what a policy is attached
 * to, which is none of its own.
 */
export const attachments = (): readonly string[] => [
  'ALTER TABLE policies ADD COLUMN closes INTEGER NOT NULL DEFAULT 0',
  'ALTER TABLE policies ADD COLUMN attached_revision BIGINT NOT NULL DEFAULT 0',
]
