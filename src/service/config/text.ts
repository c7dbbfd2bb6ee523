/** The text of a configuration file, YAML or JSON → plain values. */
import { ok, type Result } from '../../core/result.ts'
import { parseJson } from './json.ts'
import { parseYaml } from './yaml.ts'

/**
 * The same value and the same complaint whether it is read as JSON or as YAML, which JSON is part of. Numbers are whole
 * numbers or Numerals. Null for an empty file. The error is one line, with line and column.
 */
export function parseConfig(text: string): Result<unknown> {
  const value = /^\s*[{[]/.test(text) ? parseJson(text) : undefined
  return value === undefined ? parseYaml(text) : ok(value)
}
