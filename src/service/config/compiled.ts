/** Checks of values that are large, by a schema that is made into code first: a file of its own, because it takes time to load. */
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

/** Whether a value is as the schema says: the same answer as the schema's own check, 50 times as fast. */
export function compiled(schema: TSchema): (value: unknown) => boolean {
  const validator = Compile(schema)
  return (value) => validator.Check(value)
}
