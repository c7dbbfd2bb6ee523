/** The operator's files beside the inventory: the catalogue of the dialects, the pools of addresses, the token of /metrics. */
import { err, ok, type Result } from '../../core/result.ts'
import { configureCatalogues } from '../../dialects/catalogue.ts'
import type { Dialects } from '../../dialects/dialect.ts'
import { dialects as builtIn } from '../../dialects/dialects.ts'
import { takersOf } from '../../dialects/manifest.ts'
import { type AddressConfig, defaultAddresses, readAddresses } from '../../service/addresses-file.ts'
import { readText } from '../text-file.ts'
import type { ServeOptions } from './options.ts'

/** With the catalogues that are in force. The error is one line. */
export async function dialectsOf({ catalogue }: Pick<ServeOptions, 'catalogue'>): Promise<Result<Dialects>> {
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

/** The file's first line; undefined when nobody has to present one. */
export async function metricsTokenOf({
  metricsTokenFile,
}: ServeOptions): Promise<Result<string | undefined>> {
  if (metricsTokenFile === undefined) return ok(undefined)
  const text = await readText(metricsTokenFile)
  const [line = ''] = text.ok ? text.value.split(/\r?\n/) : []
  if (/^[\x21-\x7e]{1,1024}$/.test(line)) return ok(line)
  const why = text.ok
    ? 'its first line is no token: 1 to 1024 printable characters without spaces'
    : text.error
  return err(`--metrics-token-file ${metricsTokenFile}: ${why}`)
}
