/** Writes all that a store keeps as a backup, in one snapshot. */
import { migrations } from '../migrations/migrate.ts'
import { queryOne } from '../statement.ts'
import { createBackupWriter, type End, type Header } from './backup-format.ts'
import { kept, readSchema } from './tables.ts'
import { Untried, type WholeStore } from './whole-store.ts'

export interface Backup {
  readonly header: Header
  readonly end: End
}

/**
 * Yields the text of a backup, and returns what it is of. A store that an older program wrote is kept as it is. `at` is in
 * milliseconds since 1970; `told` hears of each table that is done.
 */
export async function* backup(
  store: WholeStore,
  at: number,
  told: (table: string, rows: number) => void = () => {},
): AsyncGenerator<string, Backup, void> {
  const schema = await store.drive(readSchema(store.engine))
  if (!schema) throw new Untried('there is no store')
  const revision = await store.drive(queryOne('SELECT value FROM revision WHERE id = 1'))
  const header: Header = {
    schema: schema.version,
    migrations: migrations.slice(0, schema.version).map(({ name }) => name),
    ...{ engine: store.engine, revision: Number(revision?.value), at },
  }
  const writer = createBackupWriter()
  yield writer.header(header)
  for (const { name } of kept) {
    const columns = schema.tables.get(name)
    // Older than this table.
    if (!columns) continue
    yield writer.table({ table: name, columns })
    let rows = 0
    for await (const lot of store.scan(`SELECT ${columns.join(', ')} FROM ${name}`)) {
      rows += lot.length
      yield writer.rows(lot.map((row) => columns.map((column) => row[column] ?? null)))
    }
    told(name, rows)
  }
  const { text, end } = writer.end()
  yield text
  return { header, end }
}
