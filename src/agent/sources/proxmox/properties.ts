/**
 * Values that hold several: `virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1`.
 *
 * The grammar is that of pve-common (PVE::JSONSchema, parse_property_string): parts between commas, blank ones left out, each a
 * key and a value, or one value of which the format knows the key; no key twice.
 */
import { err, ok, type Result } from '../../../core/result.ts'

/** By key; what has no key is under the empty one. Keys that nobody knows are kept: later releases have more of them. */
export function parseProperties(text: string): Result<ReadonlyMap<string, string>> {
  const properties = new Map<string, string>()
  for (const part of text.split(',')) {
    if (part.trim() === '') continue
    const equals = part.indexOf('=')
    const key = equals < 0 ? '' : part.slice(0, equals)
    const value = part.slice(equals + 1)
    if (equals >= 0 && !/^[A-Za-z0-9_-]+$/.test(key)) return err('a key has characters that keys do not have')
    if (value === '') return err(`${key} has no value`)
    if (properties.has(key)) return err(key === '' ? 'two values have no key' : `${key} is there twice`)
    properties.set(key, value)
  }
  return ok(properties)
}
