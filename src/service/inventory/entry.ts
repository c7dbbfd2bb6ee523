/**
 * One server, interface or document as a request names it, read by the rules of the inventory file: one rule for both, and a
 * fault names the field.
 */
import { type TSchema, Type } from 'typebox'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { check } from '../config/check.ts'
import { createReport, type Report } from '../config/report.ts'
import type { NamedDocuments, Provider } from './provider.ts'
import { inventoryFile } from './schema.ts'

/** Schemas of the file's parts, by what they describe. */
export interface EntrySchemas {
  readonly account: Part
  readonly server: Part
  readonly interface: Part
  document(of: NamedDocuments): Part
}

interface Part {
  readonly properties: Readonly<Record<string, TSchema>>
}

export function entrySchemas(providers: readonly Provider[]): EntrySchemas {
  const listed = (part: unknown, key: string): Part =>
    (part as { properties: Record<string, { items: Part }> }).properties[key]?.items as Part
  // An API gives the next number.
  const account = listed(inventoryFile(providers, false), 'accounts')
  const server = listed(account, 'servers')
  return {
    ...{ account, server, interface: listed(server, 'interfaces') },
    document: ({ key }) => listed(account, key),
  }
}

/** A part of which no key is needed, and no other known than these. */
export const someOf = ({ properties }: Part, keys: readonly string[]): TSchema =>
  Type.Object(
    Object.fromEntries(
      keys.flatMap((key) => (properties[key] ? [[key, Type.Optional(properties[key])]] : [])),
    ),
    { additionalProperties: false },
  )

/** Reads what a schema describes; `read` reports what a schema cannot say, with places that begin with a dot. */
export function readEntry<T>(
  schema: TSchema | Part,
  given: JsonValue | undefined,
  read: (entry: JsonObject, report: Report) => T,
): Result<T, RequestError> {
  const checked = check(schema as TSchema, given)
  if (!checked.ok) return err(faultOf(checked.error))
  const report = createReport()
  const value = read(checked.value as JsonObject, report)
  return report.fault === undefined ? ok(value) : err(faultOf(report.fault))
}

/** `place: reason` */
function faultOf(line: string): RequestError {
  const end = line.indexOf(': ')
  const [field, reason] = [line.slice(0, end).replace(/^\./, ''), line.slice(end + 2)]
  return field === 'the file' ? { kind: 'malformed', reason } : { kind: 'invalid', field, reason }
}
