/** A PostgreSQL that lets people in over TLS and with a password only, with a certificate made for it. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, chownSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { admin, noCluster, run, startCluster } from './postgresql.ts'

/** For `test({ skip })`: why there is none here, or false. */
export const noTls: string | false =
  noCluster ||
  (spawnSync('openssl', ['version']).status === 0
    ? false
    : 'openssl is not installed (Debian package openssl)')

export interface TlsServer {
  readonly port: number
  /** Of the user `portcullis`. */
  readonly password: string
  /** Path of the certificate of the authority that signed the server's, which is for `localhost`. */
  readonly ca: string
  /** Of an authority that did not sign it. */
  readonly otherCa: string
  remove(): void
}

export async function startTlsServer(): Promise<TlsServer> {
  const password = `p&/?#%${randomBytes(9).toString('hex')}`
  const port = await freePort()
  let [ca, otherCa] = ['', '']
  const prepare = (folder: string, data: string) => {
    ca = authority(folder, 'ca')
    otherCa = authority(folder, 'other')
    writeFileSync(
      join(data, 'pg_hba.conf'),
      'local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n',
    )
    const { certificate, key } = signed(folder, data)
    const tls = `-c ssl=on -c ssl_cert_file='${certificate}' -c ssl_key_file='${key}'`
    return `-c listen_addresses=127.0.0.1 -c port=${port} ${tls}`
  }
  const cluster = startCluster({ prepare })
  await admin(`${cluster.url}&port=${port}`, `ALTER ROLE portcullis PASSWORD '${password}'`)
  return { port, password, ca, otherCa, remove: cluster.remove }
}

const newKey = ['-newkey', 'rsa:2048', '-nodes', '-keyout']

function authority(folder: string, name: string): string {
  const certificate = join(folder, `${name}.pem`)
  const about = ['-subj', `/CN=${name}`, '-days', '2', '-out', certificate]
  run('openssl', ['req', '-x509', ...newKey, join(folder, `${name}.key`), ...about], folder)
  return certificate
}

function signed(folder: string, data: string): { certificate: string; key: string } {
  const at = (name: string) => join(folder, name)
  const [key, request, certificate] = [at('server.key'), at('server.csr'), at('server.pem')]
  const about = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost']
  run('openssl', ['req', ...newKey, key, ...about, '-out', request], folder)
  const by = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-copy_extensions', 'copy']
  run('openssl', ['x509', '-req', '-in', request, ...by, '-days', '2', '-out', certificate], folder)
  const { uid, gid } = statSync(data)
  chownSync(key, uid, gid)
  chmodSync(key, 0o600)
  return { certificate, key }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
