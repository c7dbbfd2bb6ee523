/**
 * Verifies a store, in one snapshot and without writing: what each row says, what rows say of each other, and the engine.
 *
 * It knows no provider: of documents it follows what their dialects say that they name. Memory does not grow with the store.
 */
import type { ProfileSpec } from '../../core/model/profile.ts'
import { migrations } from '../migrations/migrate.ts'
import { query, type Row } from '../statement.ts'
import { Unavailable } from '../unavailable.ts'
import { readSchema } from '../whole/tables.ts'
import { Untried, type WholeStore } from '../whole/whole-store.ts'
import { engineFaults, schemaFaults } from './engine.ts'
import type { Fault, FaultKind } from './fault.ts'
import { namedFaults } from './named.ts'
import { faultOf, questions } from './questions.ts'
import { recordChecks } from './records.ts'

export interface Checked {
  /** Version of the schema. */
  readonly schema: number
  /** Rows that were read, by table. */
  readonly rows: Readonly<Record<string, number>>
  /** How many faults were told. */
  readonly faults: number
  /** Kinds of which there are more in a table than were told. */
  readonly more: readonly { readonly kind: FaultKind; readonly table: string }[]
}

/** Of each kind in each table. */
const mostTold = 20

/**
 * Tells each fault as it is found, 20 of a kind in a table. Rejects with `Untried` when there is no store, or one that an
 * older program wrote; with `Refused` when a newer one did. `profiles`: all that have documents.
 */
export async function check(
  store: WholeStore,
  profiles: readonly ProfileSpec[],
  tell: (fault: Fault) => void,
): Promise<Checked> {
  const { engine } = store
  const schema = await store.drive(readSchema(engine))
  if (!schema) throw new Untried('there is no store')
  if (schema.version < migrations.length) {
    throw new Untried(
      `the store has schema version ${schema.version}, this program checks ${migrations.length}: start the service once, or check it with the program that wrote it`,
    )
  }
  const told = new Map<string, { readonly kind: FaultKind; readonly table: string; times: number }>()
  /** Whether there is room for more of these. */
  function found(fault: Fault): boolean {
    const { kind, table } = fault
    const name = `${kind} ${table}`
    const group = told.get(name) ?? { kind, table, times: 0 }
    told.set(name, group)
    if (++group.times <= mostTold) tell(fault)
    return group.times <= mostTold
  }
  const rows: Record<string, number> = {}
  const looks = [
    () => each(store.drive(engineFaults(engine, mostTold + 1)), found),
    () => each(store.drive(schemaFaults(engine)), found),
    ...questions.map((question) => async () => {
      const lots = store.scan(`SELECT * FROM (${question.sql}) AS faults LIMIT ${mostTold + 1}`)
      for await (const lot of lots) for (const row of lot) found(faultOf(question, row))
    }),
    () => store.drive(namedFaults(profiles, found)),
    ...recordChecks().map(({ table, columns, key, look }) => async () => {
      rows[table] = 0
      const order = table === 'rules' ? ' ORDER BY policy, position' : ''
      for await (const lot of store.scan(`SELECT ${columns} FROM ${table}${order}`)) {
        rows[table] += lot.length
        for (const row of lot) {
          for (const [kind, problem] of problemsOf(look, row)) {
            found({ kind, table, key: key.map((column) => String(row[column])).join(' '), problem })
          }
        }
      }
    }),
  ]
  for (const look of looks) {
    // What fails on PostgreSQL would end the transaction.
    await store.drive(query('SAVEPOINT look'))
    try {
      await look()
    } catch (error) {
      // A damaged page, or a column that is missing: others may be read all the same.
      if (error instanceof Unavailable || error instanceof Untried || isLost(error)) throw error
      const problem = error instanceof Error ? error.message : String(error)
      found({ kind: 'engine', table: '', key: '', problem })
      await store.drive(query('ROLLBACK TO SAVEPOINT look'))
    }
    await store.drive(query('RELEASE SAVEPOINT look'))
  }
  const groups = [...told.values()]
  return {
    schema: schema.version,
    rows,
    faults: groups.reduce((sum, { times }) => sum + Math.min(times, mostTold), 0),
    more: groups.flatMap(({ kind, table, times }) => (times > mostTold ? [{ kind, table }] : [])),
  }
}

async function each(faults: Promise<readonly Fault[]>, found: (fault: Fault) => boolean): Promise<void> {
  for (const fault of await faults) if (!found(fault)) return
}

/** The connection is gone, and everything else would fail as well. */
const isLost = (error: unknown): boolean =>
  /^(08|57P)|^E[A-Z]+$/.test(String((error as { readonly code?: unknown }).code))

function problemsOf(look: (row: Row) => Iterable<readonly [FaultKind, string]>, row: Row) {
  try {
    return [...look(row)]
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return [['codec', `it cannot be read: ${why}`]] as const
  }
}
