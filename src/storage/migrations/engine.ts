/** What migrations know of the engines. */

export type Engine = 'sqlite' | 'postgresql'

/** On SQLite small tables are stored in their primary key's order, which makes the rules of a policy one run of pages. */
export const clustered = (engine: Engine) => (engine === 'sqlite' ? 'WITHOUT ROWID' : '')

/**
 * JSON in a column of PostgreSQL as JSON that PostgreSQL can read: it takes none for JSON that has half of a character, which
 * clients can send and which is kept as an escape. `halves` finds it.
 */
export const readable = (column: string) => `regexp_replace(${column}, '${halves}', '\\1\\\\ufffd', 'g')`
export const halves = '(?<!\\\\)((?:\\\\\\\\)*)\\\\u[dD][89a-fA-F][0-9a-fA-F]{2}'
