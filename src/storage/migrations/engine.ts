/** What migrations know of the engines. */

export type Engine = 'sqlite' | 'postgresql'

/** On SQLite small tables are stored in their primary key's order, which makes the rules of a policy one run of pages. */
export const clustered = (engine: Engine) => (engine === 'sqlite' ? 'WITHOUT ROWID' : '')
