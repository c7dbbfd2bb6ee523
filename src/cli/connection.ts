/** How clients reach the service: in plain HTTP on this machine alone, else by TLS that is verified. Nothing turns that off. */
import { X509Certificate } from 'node:crypto'
import { getCACertificates } from 'node:tls'
import { Option } from 'commander'
import { isLocalHost } from '../core/net/loopback.ts'
import { err, ok, type Result } from '../core/result.ts'
import { isOn } from './options.ts'
import { readText } from './text-file.ts'

export const caOption = () =>
  new Option(
    '--ca <file>',
    'PEM of the authorities that certificates of the service may be from, in place of the system’s',
  ).env('PORTCULLIS_CA')

export const insecureOption = () =>
  new Option(
    '--insecure',
    'speak plain HTTP to another machine, for all on the way to read (env: PORTCULLIS_INSECURE)',
  ).default(false)

export interface ConnectionOptions {
  readonly ca?: string
  readonly insecure: boolean
}

/** How an authority is trusted, for those who are told that one is not. */
export const howToTrust = 'name its file with --ca'

/**
 * The authorities to verify the service at `url` by, as PEM; undefined: it is spoken to in plain HTTP. The error is one
 * line: it must not be, or `--ca` cannot be read.
 */
export async function authoritiesFor(
  { protocol, hostname }: URL,
  { ca, insecure }: ConnectionOptions,
): Promise<Result<readonly string[] | undefined>> {
  if (protocol === 'http:') {
    const refusal = refusedPlain({ hostname }, insecure)
    return refusal === undefined ? ok(undefined) : err(refusal)
  }
  if (protocol !== 'https:') return err(`expected a URL that begins with https:// or http://`)
  // Node's own list, what the environment adds to it (NODE_EXTRA_CA_CERTS), and the system's.
  if (ca === undefined || ca === '')
    return ok([...getCACertificates('default'), ...getCACertificates('system')])
  const text = await readText(ca)
  if (!text.ok) return err(`--ca ${ca}: ${text.error}`)
  const found = text.value.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  if (found.length === 0) return err(`--ca ${ca}: there is no certificate in it: PEM is expected`)
  try {
    for (const each of found) new X509Certificate(each)
    return ok(found)
  } catch {
    return err(`--ca ${ca}: a certificate in it cannot be read`)
  }
}

/** Why a machine is not spoken to in plain HTTP; undefined: it is. */
export function refusedPlain({ hostname }: Pick<URL, 'hostname'>, insecure: boolean): string | undefined {
  if (isLocalHost(hostname)) return undefined
  try {
    if (isOn(insecure, 'PORTCULLIS_INSECURE')) return undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return `${hostname} is another machine, and plain HTTP shows the credential on the way: call https://, or add --insecure`
}
