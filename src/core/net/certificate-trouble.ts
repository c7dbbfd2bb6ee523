/** Why a TLS connection could not be made, in words that say what helps. Codes are OpenSSL's and Node's; sockets are not known here. */

/** What is read of an error, whatever it is. */
interface TlsError {
  readonly code?: unknown
  /** The server's certificate, where Node has it. */
  readonly cert?: { readonly subjectaltname?: unknown }
}

const unknownAuthority = 'the server’s certificate is from an authority that is not trusted'
const notTls = 'what listens there does not speak TLS'

const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the server’s certificate has expired: it has to be renewed there',
  CERT_NOT_YET_VALID: 'the server’s certificate is not valid yet: is the clock right, here and there?',
  CERT_SIGNATURE_FAILURE: 'the server’s certificate is forged, or another authority has the same name',
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'the server speaks no TLS of version 1.2 or newer',
  ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION: 'the server speaks no TLS of version 1.2 or newer',
}

/** Codes that name what `trust` helps against. */
const untrusted: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the server’s certificate is self-signed, and not trusted',
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  INVALID_CA: unknownAuthority,
}

/**
 * One line without a full stop, undefined for errors of another kind. `trust` says how an authority is trusted:
 * `name it with --ca`.
 */
export function certificateTrouble(error: Error, trust: string): string | undefined {
  const { code, cert } = error as Error & TlsError
  if (typeof code !== 'string') return undefined
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const names = cert?.subjectaltname
    const others = typeof names === 'string' && names !== '' ? `: it is for ${names}` : ''
    return `the server’s certificate is for another host${others}`
  }
  const untrustedBy = Object.hasOwn(untrusted, code) ? untrusted[code] : undefined
  if (untrustedBy !== undefined) return `${untrustedBy}: ${trust}`
  return Object.hasOwn(words, code) ? words[code] : undefined
}
