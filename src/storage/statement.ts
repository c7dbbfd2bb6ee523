/** Statements, and transactions written as generators of them, so that a synchronous and an asynchronous engine run the same code. */
import type { RequestError } from '../core/model/error.ts'
import type { Result } from '../core/result.ts'
import type { QuotaName, RevisionRecord } from './storage.ts'

export type SqlValue = string | number | null

export interface Statement {
  /** In the subset both engines accept, `?` for parameters. */
  readonly sql: string
  readonly params: readonly SqlValue[]
  /** Changes that it records, for whoever is told of commits. */
  readonly changes?: readonly RevisionRecord[]
  /** What accounts have more or less of by it. */
  readonly counts?: readonly Count[]
  /** An INSERT of one row that is run for each of these, with them as parameters; it answers nothing. */
  readonly rows?: readonly (readonly SqlValue[])[]
}

/** So many more, or fewer where negative, of an account; rules may be of a policy, whose account has them. */
export interface Count {
  readonly of: { readonly account: string } | { readonly policy: string }
  readonly name: QuotaName
  readonly by: number
}

export type Row = Readonly<Record<string, SqlValue>>

/** Yields statements, is resumed with their rows. */
export type Steps<T> = Generator<Statement, T, readonly Row[]>

/** A whole transaction: an error answer rolls it back. */
export type Program<A> = Steps<Result<A, RequestError>>

/** Whether a transaction that ended so is kept: failures are undone, and so is one that says it changed nothing. */
export function keeps(result: Result<unknown, RequestError>): boolean {
  return result.ok && (result.value as { changed?: boolean }).changed !== false
}

/** The same steps; `see` is shown each statement before it is driven. */
export function* watched<T>(steps: Steps<T>, see: (statement: Statement) => void): Steps<T> {
  let step = steps.next()
  while (!step.done) {
    see(step.value)
    step = steps.next(yield step.value)
  }
  return step.value
}

export function* query(sql: string, ...params: SqlValue[]): Steps<readonly Row[]> {
  return yield { sql, params }
}

export function* queryOne(sql: string, ...params: SqlValue[]): Steps<Row | undefined> {
  return (yield { sql, params })[0]
}

/** A statement that makes, or takes away, what can be limited. */
export function* counted(
  counts: Count | readonly Count[],
  sql: string,
  ...params: SqlValue[]
): Steps<readonly Row[]> {
  return yield { sql, params, counts: [counts].flat() }
}

/** Inserts rows, as fast as the engine can take very many. `otherwise` says what becomes of rows that are there, `counts` what of all of them counts. */
export function* insertRows(
  into: string,
  width: number,
  rows: readonly (readonly SqlValue[])[],
  otherwise = '',
  counts: readonly Count[] = [],
): Steps<void> {
  if (rows.length === 0) return
  const sql = `INSERT INTO ${into} VALUES ${tupleOf(width)} ${otherwise}`
  yield { sql, params: [], rows, ...(counts.length > 0 && { counts }) }
}

export const tupleOf = (width: number): string => `(${new Array(width).fill('?').join(', ')})`

/** Rows in one statement: engines bound the number of parameters. */
const perStatement = 200

/** The same INSERT with many rows in each statement, for engines where each costs a round trip. */
export function* inBulk({ sql, rows = [] }: Statement): Iterable<Pick<Statement, 'sql' | 'params'>> {
  const tuple = tupleOf(rows[0]?.length ?? 0)
  for (let from = 0; from < rows.length; from += perStatement) {
    const chunk = rows.slice(from, from + perStatement)
    const tuples = chunk.map(() => tuple).join(', ')
    yield { sql: sql.replace(`VALUES ${tuple}`, `VALUES ${tuples}`), params: chunk.flat() }
  }
}

/** A pattern of `LIKE … ESCAPE '\\'` for what has this text in it. SQLite's takes capital letters for small ones, too. */
export const containing = (text: string): string => `%${text.replace(/[\\%_]/g, '\\$&')}%`

export const marks = (values: readonly unknown[]): string => values.map(() => '?').join(', ')

/** Lists of a few fixed lengths, the last value repeated: so that there are few statements to prepare. */
export function* chunks<T = string>(values: readonly T[]): Iterable<readonly T[]> {
  const most = 512
  for (let from = 0; from < values.length; from += most) {
    const chunk = values.slice(from, from + most)
    const length = [1, 8, 64, most].find((size) => size >= chunk.length) ?? most
    yield [...chunk, ...new Array<T>(length - chunk.length).fill(chunk[0] as T)]
  }
}

/** Columns of one table among several. */
export const prefixed = (alias: string, columns: string): string =>
  columns
    .split(', ')
    .map((column) => `${alias}.${column}`)
    .join(', ')
