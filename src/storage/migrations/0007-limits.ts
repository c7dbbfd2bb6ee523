/** Tracked connections of an interface; null means what its host says. */
export const limits = (): readonly string[] => ['ALTER TABLE interfaces ADD COLUMN max_connections INTEGER']
