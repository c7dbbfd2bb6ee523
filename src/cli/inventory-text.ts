/** The text of the inventory that a start applies: the file's, or the demonstration's. */
import { err, ok, type Result } from '../core/result.ts'
import { type Demonstration, type Inventoried, mayDemonstrate } from './demonstration.ts'
import { readText } from './text-file.ts'

/** The error is one line. Without a file it is the demonstration, unless the store holds what another inventory made. */
export async function inventoryText(
  file: string | undefined,
  store: Inventoried,
  demonstration: Demonstration,
): Promise<Result<string>> {
  if (file !== undefined) return readText(file)
  if (await mayDemonstrate(store, demonstration)) return ok(demonstration.text)
  return err(
    'the store is in use, and the demonstration would end what is in it: name the file with --inventory, or --inventory none where the API alone manages it',
  )
}
