/** Certificates made by openssl for a test: of an authority of its own, and such as nobody should trust. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './postgresql.ts'

/** For `test({ skip })`: why there are none here, or false. */
export const noOpenssl: string | false =
  spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed (Debian package openssl)'

export interface Pair {
  /** Paths of PEM files. */
  readonly cert: string
  readonly key: string
}

interface Wanted {
  /** Of subjectAltName; empty: none is in it. */
  readonly names?: string
  /** Signs it; absent: itself. */
  readonly by?: Pair
  readonly authority?: boolean
  /** As `openssl x509` takes them: `-days 2`, `-not_after 20200101000000Z`. */
  readonly valid?: readonly string[]
}

/** Makes pairs in a directory that the caller removes. */
export function certificatesIn(directory: string) {
  mkdirSync(directory, { recursive: true })
  const at = (name: string) => join(directory, name)
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout']

  function make(name: string, { names = '', by, authority = false, valid = ['-days', '2'] }: Wanted): Pair {
    const pair = { cert: at(`${name}.pem`), key: at(`${name}.key`) }
    const request = at(`${name}.csr`)
    run('openssl', ['req', ...newKey, pair.key, '-subj', `/CN=${name}`, '-out', request], directory)
    const extensions = at(`${name}.ext`)
    writeFileSync(
      extensions,
      `basicConstraints=critical,CA:${authority ? 'TRUE' : 'FALSE'}\n${names && `subjectAltName=${names}\n`}`,
    )
    const signer = by ? ['-CA', by.cert, '-CAkey', by.key, '-CAcreateserial'] : ['-key', pair.key]
    const what = ['-in', request, '-extfile', extensions, ...valid, '-out', pair.cert]
    run('openssl', ['x509', '-req', ...signer, ...what], directory)
    return pair
  }

  return {
    at,
    authority: (name: string, by?: Pair) => make(name, { authority: true, ...(by && { by }) }),
    make,
    /** A file of these files, one after the other. */
    joined(name: string, ...files: readonly string[]): string {
      writeFileSync(at(name), files.map((file) => readFileSync(file, 'utf8')).join(''))
      return at(name)
    },
  }
}
