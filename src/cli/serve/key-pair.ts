/** Reads the certificate and the key that `serve` presents, and tells why they cannot be. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { err, ok, type Result } from '../../core/result.ts'
import type { KeyPair } from '../../server/tls.ts'
import { readText } from '../text-file.ts'

export interface KeyPairFiles {
  readonly cert: string
  readonly key: string
}

export interface ReadKeyPair extends KeyPair {
  /** Milliseconds since 1970, both inclusive. */
  readonly notBefore: number
  readonly notAfter: number
  /** As the certificate spells the names that it is for: `DNS:api.example.com`; empty: none. */
  readonly names: string
  /** What clients may object to, in one line each. */
  readonly warnings: readonly string[]
}

/** The error is one line, and names the option and its file. That it has expired, or is not valid yet, is none. */
export async function readKeyPair(files: KeyPairFiles): Promise<Result<ReadKeyPair>> {
  const wrong = (option: keyof KeyPairFiles, why: string) => err(`--tls-${option} ${files[option]}: ${why}`)
  const [cert, key] = await Promise.all([readText(files.cert), readText(files.key)])
  if (!cert.ok) return wrong('cert', cert.error)
  if (!key.ok) return wrong('key', key.error)
  const chain = chainOf(cert.value)
  if (!chain.ok) return wrong('cert', chain.error)
  const own = keyOf(key.value)
  if (!own.ok) return wrong('key', own.error)
  const [leaf, ...others] = chain.value
  if (!leaf.checkPrivateKey(own.value)) {
    const belongs = others.some((each) => each.checkPrivateKey(own.value))
    return belongs
      ? wrong('cert', 'the certificate of the key has to be the first one in it')
      : wrong('key', `it is the key of another certificate than the first one of ${files.cert}`)
  }
  const pair = { cert: chain.value.map(String).join(''), key: key.value }
  try {
    createSecureContext({ ...pair, minVersion: 'TLSv1.2' })
  } catch (error) {
    const { reason, message } = error as Error & { reason?: string }
    return wrong('cert', `OpenSSL does not take it: ${reason ?? message}`)
  }
  return ok({
    ...pair,
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
    names: leaf.subjectAltName ?? '',
    warnings: [
      ...(leaf.subjectAltName === undefined
        ? ['it names no host (subjectAltName), and clients refuse it']
        : []),
      ...others.flatMap((each, index) =>
        chain.value[index]?.checkIssued(each)
          ? []
          : [`certificate ${index + 2} in it did not issue the one before`],
      ),
    ],
  })
}

type Chain = readonly [X509Certificate, ...X509Certificate[]]

function chainOf(text: string): Result<Chain> {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? []
  try {
    const [leaf, ...others] = blocks.map((block) => new X509Certificate(block))
    return leaf ? ok([leaf, ...others]) : err('there is no certificate in it: PEM is expected')
  } catch {
    return err('a certificate in it cannot be read')
  }
}

function keyOf(text: string): Result<KeyObject> {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    return err('there is no private key in it: PEM is expected')
  }
  // Old keys say so in a header, new ones in the name of the block.
  if (/ENCRYPTED/.test(text)) {
    return err('the key is encrypted, and nobody is there to be asked: openssl pkey -in FILE -out PLAIN')
  }
  try {
    return ok(createPrivateKey(text))
  } catch {
    return err('the key in it cannot be read')
  }
}
