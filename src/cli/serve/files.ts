/** The operator's files that say what is offered: the catalogue of the dialects, and the pools of addresses. */
import { err, ok, type Result } from '../../core/result.ts'
import { configureCatalogues } from '../../dialects/catalogue.ts'
import type { Dialects } from '../../dialects/dialect.ts'
import { dialects as builtIn } from '../../dialects/dialects.ts'
import { takersOf } from '../../dialects/manifest.ts'
import { type AddressConfig, defaultAddresses, readAddresses } from '../../service/addresses-file.ts'
import { readText } from '../text-file.ts'
import type { ServeOptions } from './options.ts'

/** With the catalogues that are in force. The error is one line. */
export async function dialectsOf({ catalogue }: ServeOptions): Promise<Result<Dialects>> {
  if (catalogue === undefined) return ok(builtIn)
  const text = await readText(catalogue)
  const configured = text.ok ? configureCatalogues(builtIn, text.value) : text
  return configured.ok ? configured : err(`--catalogue ${catalogue}: ${configured.error}`)
}

export async function addressesOf({ addresses }: ServeOptions): Promise<Result<AddressConfig>> {
  if (addresses === undefined) return ok(defaultAddresses)
  const text = await readText(addresses)
  const read = text.ok ? readAddresses(text.value, takersOf(builtIn)) : text
  return read.ok ? read : err(`--addresses ${addresses}: ${read.error}`)
}
