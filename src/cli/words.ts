/** Why a start failed, in plain words: what the system and PostgreSQL call by codes and quote over several lines. */

/** Codes of errno(3), getaddrinfo(3), SQLSTATE (PostgreSQL 15, appendix A) and OpenSSL's certificate checks. */
const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'it is a directory, and a file is expected',
  EEXIST: 'it is a file, and a directory is expected',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  ENAMETOOLONG: 'the path is too long',
  ELOOP: 'it is a link that leads nowhere',
  EMFILE: 'too many files are open',
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAFNOSUPPORT: 'this machine has no such kind of address',
  ENOTFOUND: 'no such host is known',
  EAI_AGAIN: 'the host’s name cannot be looked up now',
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'the connection was cut',
  EHOSTUNREACH: 'the host cannot be reached',
  ENETUNREACH: 'the network cannot be reached',
  ETIMEDOUT: 'there was no answer in time',
  '08P01': 'the peer does not speak PostgreSQL’s protocol',
  '28000': 'the database does not let this user in from here',
  '28P01': 'the database refused the password or the user',
  '3D000': 'there is no such database',
  '42501': 'the user may not do this in the database',
  '53300': 'the database has too many connections',
  '57P03': 'the database is starting or stopping',
  CERT_HAS_EXPIRED: 'the server’s certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'the server’s certificate is self-made, and not the CA that sslrootcert names',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the server’s certificate is for another host',
  SELF_SIGNED_CERT_IN_CHAIN:
    'the server’s certificate is from a CA that is not trusted: name it with sslrootcert',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    'the server’s certificate is from a CA that is not trusted: name it with sslrootcert',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'the server’s certificate is from a CA that is not trusted: name it with sslrootcert',
}

/** One line, without a full stop. What is not known here is the error's own first line. */
export function inWords(error: unknown): string {
  const all = causes(error)
  for (const { code, syscall } of all) {
    // A socket in the file system that is not there.
    if (code === 'ENOENT' && syscall === 'connect') return words.ECONNREFUSED ?? ''
    if (typeof code === 'string' && Object.hasOwn(words, code)) return words[code] ?? ''
  }
  // The store's own wrapper says no more than that it cannot be reached.
  const told = all.find(({ name }) => name !== 'Unavailable')
  const [first] = (told?.message ?? String(error)).split('\n')
  if (first?.startsWith('SASL:')) return 'the database asks for a password, and none that it takes is given'
  return first || 'no reason was given'
}

/** The same, and the file it is about. */
export function inWordsWithPath(error: unknown): string {
  const file = causes(error).find(({ path, syscall }) => path !== undefined && syscall !== 'connect')
  return file ? `${file.path}: ${inWords(error)}` : inWords(error)
}

/** The error, what it is made of, and what caused it, outermost first. */
function causes(error: unknown, depth = 0): NodeJS.ErrnoException[] {
  if (!(error instanceof Error) || depth > 5) return []
  const parts = error instanceof AggregateError ? error.errors : []
  return [error, ...[...parts, error.cause].flatMap((each) => causes(each, depth + 1))]
}
