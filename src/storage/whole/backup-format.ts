/**
 * The form of a backup, whichever engine it is of: lines of JSON.
 *
 * First what it is (`Header`); then for each table a line with its name and columns, and a line for each row, a list of
 * values in the order of the columns; last how many rows each table has, and the SHA-256 of all lines before. A backup that
 * was cut or altered by accident is known by that; nothing is signed.
 */
import { createHash } from 'node:crypto'
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { SqlValue } from '../statement.ts'
import { Refused } from './whole-store.ts'

/** Another number whenever a line means something else. */
export const formatVersion = 1
const formatName = 'portcullis-backup'

export interface Header {
  /** Version of the schema, and the names of the migrations that made it. */
  readonly schema: number
  readonly migrations: readonly string[]
  /** Of the store it was made from; any engine restores it. */
  readonly engine: string
  /** Newest in it. */
  readonly revision: number
  /** When it was made, milliseconds since 1970. */
  readonly at: number
}

export interface TableLine {
  readonly table: string
  readonly columns: readonly string[]
}

export type RowLine = readonly SqlValue[]

export interface End {
  /** By table. */
  readonly rows: Readonly<Record<string, number>>
  readonly sha256: string
}

/** Bytes of a line: what is longer than any row can be is none of ours, and is not kept in memory. */
const maxLine = 256 * 1024 * 1024

/** Makes lines; `end` after all others. */
export function createBackupWriter() {
  const hash = createHash('sha256')
  const rows: Record<string, number> = {}
  let table = ''
  function add(lines: readonly JsonValue[]): string {
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
    hash.update(text)
    return text
  }
  return {
    header: ({ at, ...rest }: Header): string =>
      add([{ format: formatName, version: formatVersion, ...rest, at: new Date(at).toISOString() }]),
    table({ table: name, columns }: TableLine): string {
      table = name
      rows[table] = 0
      return add([{ table, columns }])
    },
    rows(lot: readonly RowLine[]): string {
      rows[table] = (rows[table] ?? 0) + lot.length
      return add(lot)
    },
    end(): { readonly text: string; readonly end: End } {
      const end = { rows, sha256: hash.digest('hex') }
      return { text: `${JSON.stringify({ end })}\n`, end }
    },
  }
}

export type Part =
  | { readonly kind: 'header'; readonly header: Header }
  | ({ readonly kind: 'table' } & TableLine)
  /** Of the table that was named last. */
  | { readonly kind: 'row'; readonly row: RowLine }
  /** The last one: all before it is as it was written. */
  | { readonly kind: 'end'; readonly end: End }

/** Reads what a writer made; throws with `Refused` on anything else, and where it was cut or altered. */
export async function* readBackup(bytes: AsyncIterable<Buffer>): AsyncGenerator<Part, void, void> {
  const hash = createHash('sha256')
  const rows: Record<string, number> = {}
  let at: 'start' | 'tables' | 'end' = 'start'
  let columns: number | undefined
  let table = ''
  for await (const line of linesOf(bytes)) {
    if (at === 'end') throw altered('something follows its end')
    const value = parse(line)
    if (at === 'start') {
      const header = readHeader(value)
      at = 'tables'
      hash.update(line).update('\n')
      yield { kind: 'header', header }
    } else if (Array.isArray(value)) {
      if (columns === undefined || value.length !== columns || !value.every(isSqlValue)) {
        throw altered(`a row of ${table === '' ? 'no table' : table} cannot be read`)
      }
      rows[table] = (rows[table] ?? 0) + 1
      hash.update(line).update('\n')
      yield { kind: 'row', row: value as unknown as RowLine }
    } else if (isObject(value) && isObject(value.end)) {
      const end = value.end as unknown as End
      const counted = isObject(end.rows) && sameCounts(end.rows, rows)
      if (!counted || end.sha256 !== hash.digest('hex')) throw altered('its checksum or counts are others')
      at = 'end'
      yield { kind: 'end', end }
    } else {
      const named = readTable(value)
      if (named.table in rows) throw altered(`it has ${named.table} twice`)
      table = named.table
      columns = named.columns.length
      rows[table] = 0
      hash.update(line).update('\n')
      yield { kind: 'table', ...named }
    }
  }
  if (at === 'start') throw new Refused('the backup is empty')
  if (at !== 'end') throw new Refused('the backup was cut: its end is missing')
}

const altered = (how: string): Refused => new Refused(`the backup was altered: ${how}`)

function readHeader(value: JsonValue): Header {
  if (!isObject(value) || value.format !== formatName) throw new Refused('this is no backup of a store')
  if (value.version !== formatVersion) {
    throw new Refused(
      `the backup has version ${JSON.stringify(value.version)} of the format, this program reads ${formatVersion}: run a newer version`,
    )
  }
  const { schema, migrations, engine, revision } = value
  const at = Date.parse(String(value.at))
  const whole = (number: JsonValue | undefined, least: number): number is number =>
    typeof number === 'number' && Number.isSafeInteger(number) && number >= least
  if (
    !whole(schema, 1) ||
    !whole(revision, 0) ||
    !whole(at, 0) ||
    !isTexts(migrations) ||
    migrations.length !== schema ||
    typeof engine !== 'string'
  ) {
    throw altered('its header cannot be read')
  }
  return { schema, migrations, engine, revision, at }
}

function readTable(value: JsonValue): TableLine {
  const { table, columns } = isObject(value) ? value : ({} as JsonObject)
  if (typeof table !== 'string' || !isTexts(columns) || new Set(columns).size !== columns.length) {
    throw altered('a line cannot be read')
  }
  return { table, columns }
}

const isTexts = (value: JsonValue | undefined): value is readonly string[] =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')

const isSqlValue = (value: JsonValue): boolean =>
  value === null || typeof value === 'string' || Number.isSafeInteger(value)

const sameCounts = (a: JsonObject, b: Readonly<Record<string, number>>): boolean =>
  Object.keys(a).length === Object.keys(b).length && Object.entries(b).every(([key, n]) => a[key] === n)

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function parse(line: Buffer): JsonValue {
  try {
    return JSON.parse(utf8.decode(line))
  } catch {
    throw line.length > 0 && line[0] === 0x5b
      ? altered('a row cannot be read')
      : altered('a line cannot be read')
  }
}

/** Without their ends; what follows the last end of a line is left out: it is a line that was cut. */
async function* linesOf(bytes: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void, void> {
  let held: Buffer[] = []
  let length = 0
  for await (const chunk of bytes) {
    let from = 0
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      held.push(chunk.subarray(from, at))
      yield held.length === 1 ? (held[0] as Buffer) : Buffer.concat(held)
      held = []
      length = 0
      from = at + 1
    }
    if (from === chunk.length) continue
    held.push(chunk.subarray(from))
    length += chunk.length - from
    if (length > maxLine) throw altered(`a line has more than ${maxLine} bytes`)
  }
  if (length > 0) throw new Refused('the backup was cut: its last line has no end')
}
