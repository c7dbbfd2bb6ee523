/**
 * What a dialect offers: zones, plans, images and the like, as data that an operator's file may replace.
 *
 * Each dialect has the data in `catalogue.json` and, in `catalogue.ts`, their schema and what handlers read. A top-level
 * key of a catalogue is a section; a file that gives a section replaces that section and no other.
 */
import { type Static, type TObject, type TSchema, Type } from 'typebox'
import type { JsonObject } from '../core/json.ts'
import { err, ok, type Result } from '../core/result.ts'
import { check } from '../service/config/check.ts'
import { closed } from '../service/config/fields.ts'
import { createReport, type Report } from '../service/config/report.ts'
import { parseConfig } from '../service/config/text.ts'
import type { Offers, Provider } from '../service/inventory/provider.ts'
import type { Dialect, DialectRequest, Dialects } from './dialect.ts'

export interface Catalogue<T = unknown> {
  readonly schema: TObject
  /** What handlers read. */
  readonly value: T
  /** What an inventory may name. */
  readonly offers: Offers
  /** The catalogue with these sections in place of its own. They fit the schema; the error names a place in them. */
  replace(sections: JsonObject): Result<Catalogue<T>>
}

/**
 * A catalogue of these sections. `data` is the content of `catalogue.json`: what does not fit the schema is a bug, and
 * throws. `read` makes what handlers use, and reports what a schema cannot say: `zones[1].id: … is there twice`.
 */
export function createCatalogue<S extends TObject, T>(options: {
  readonly schema: S
  readonly data: unknown
  readonly read: (sections: Static<S>, report: Report) => T
  readonly offers?: (value: T) => Catalogue['offers']
}): Catalogue<T> {
  const { schema, read, offers = () => ({}) } = options
  function of(sections: Static<S>): Result<Catalogue<T>> {
    const report = createReport()
    const value = read(sections, report)
    if (report.fault !== undefined) return err(report.fault)
    return ok({
      ...{ schema, value, offers: offers(value) },
      replace: (given) => of({ ...sections, ...given }),
    })
  }
  const data = check(schema, options.data)
  const catalogue = data.ok ? of(data.value) : data
  if (!catalogue.ok) throw new Error(`catalogue.json: ${catalogue.error}`)
  return catalogue.value
}

/** Reads the catalogue that is in force where the request arrived; `own` is the dialect's and says of which type it is. */
export const readerOf =
  <T>(_own: Catalogue<T>) =>
  ({ catalogue }: Pick<DialectRequest, 'catalogue'>): T =>
    catalogue as T

/** The dialects as an inventory knows them, with what their catalogues offer. */
export const providersOf = (dialects: readonly Dialect[]): readonly Provider[] =>
  dialects.map((dialect) => ({ ...dialect, offers: dialect.catalogue?.offers ?? {} }))

/**
 * The dialects with the sections that a file replaces, YAML or JSON: `upcloud: { zones: […] }`. The error is one line
 * with the place in the file.
 */
export function configureCatalogues(dialects: Dialects, text: string): Result<Dialects> {
  const parsed = parseConfig(text)
  if (!parsed.ok) return parsed
  const schemas = dialects.flatMap(({ profile, catalogue }): [string, TSchema][] =>
    catalogue ? [[profile, Type.Optional(Type.Partial(catalogue.schema, closed))]] : [],
  )
  const file = check(Type.Object(Object.fromEntries(schemas), closed), parsed.value)
  if (!file.ok) return file
  const configured: [Dialect, ...Dialect[]] = [...dialects]
  for (const [index, dialect] of dialects.entries()) {
    const sections = file.value[dialect.profile] as JsonObject | undefined
    const catalogue = sections && dialect.catalogue?.replace(sections)
    if (catalogue?.ok === false) return err(`${dialect.profile}.${catalogue.error}`)
    if (catalogue) configured[index] = { ...dialect, catalogue: catalogue.value }
  }
  return ok(configured)
}
