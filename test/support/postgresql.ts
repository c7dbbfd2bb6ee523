/** A database for a test: in the server that PORTCULLIS_TEST_DATABASE names, else in a throw-away cluster of our own. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'

const installed = '/usr/lib/postgresql'
const versions = existsSync(installed) ? readdirSync(installed).sort((a, b) => Number(a) - Number(b)) : []
const programs = join(installed, versions.at(-1) ?? '', 'bin')
const given = process.env.PORTCULLIS_TEST_DATABASE

/** For `test({ skip })`: why there is no PostgreSQL here, or false. */
export const noCluster: string | false = existsSync(join(programs, 'initdb'))
  ? false
  : 'PostgreSQL is not installed (Debian package postgresql)'

/** As `noCluster`, where a server that is given will do. */
export const noPostgresql: string | false = given === undefined ? noCluster : false

export interface TestDatabase {
  readonly url: string
  /** Statements, separated by semicolons. */
  run(sql: string): Promise<void>
  drop(): Promise<void>
}

let server: string | undefined

/** A new, empty database. */
export async function createDatabase(): Promise<TestDatabase> {
  server ??= given ?? startCluster().url
  const name = `portcullis_${randomBytes(6).toString('hex')}`
  await admin(server, `CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    url: String(url),
    run: (sql) => admin(String(url), sql),
    drop: () => admin(server ?? '', `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
}

export async function admin(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql)
  await client.end()
}

export interface Cluster {
  /** Of its database `postgres`. */
  readonly url: string
  /** Where its disk of its own is seen from outside, while it runs. */
  disk(): string
  /** At once, as in a crash. */
  stop(): void
  start(): void
  /** Stopped for good, with all it held. */
  remove(): void
}

/**
 * Ends with this process. PostgreSQL refuses to run as root, so that root becomes its own user for it. With `disk` it sees a
 * disk of so many MiB of its own, in the directory `disk` of its folder; that needs root. `prepare` answers settings in
 * place of those that make it listen on a socket in its folder only.
 */
export function startCluster({
  disk,
  prepare = () => "-c listen_addresses=''",
}: {
  readonly disk?: number
  readonly prepare?: (folder: string, data: string) => string
} = {}): Cluster {
  const folder = mkdtempSync(join(tmpdir(), 'portcullis-postgresql-'))
  const root = process.getuid?.() === 0
  const owner = root ? Number(run('id', ['-u', 'postgres'], folder)) : 0
  if (root) chownSync(folder, owner, Number(run('id', ['-g', 'postgres'], folder)))
  const asOwner = (program: string, args: readonly string[]) =>
    root
      ? run('runuser', ['-u', 'postgres', '--', join(programs, program), ...args], folder)
      : run(join(programs, program), args, folder)
  const data = join(folder, 'data')
  const small = join(folder, 'disk')
  mkdirSync(small)
  asOwner('initdb', ['-D', data, '-U', 'portcullis', '-A', 'trust', '--no-instructions'])
  const options = `${prepare(folder, data)} -c unix_socket_directories='${folder}'`
  const started = ['-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start']
  function start(): void {
    if (disk === undefined) asOwner('pg_ctl', started)
    else {
      const mount = `mount -t tmpfs -o size=${disk}m,uid=${owner} none ${small} && exec "$@"`
      const command = ['runuser', '-u', 'postgres', '--', join(programs, 'pg_ctl'), ...started]
      run('unshare', ['--mount', 'sh', '-c', mount, 'sh', ...command], folder)
    }
  }
  const stop = () => asOwner('pg_ctl', ['-D', data, '-m', 'immediate', 'stop'])
  start()
  let there = true
  const remove = () => {
    if (!there) return
    there = false
    if (existsSync(join(data, 'postmaster.pid'))) stop()
    rmSync(folder, { recursive: true, force: true })
  }
  process.on('exit', remove)
  return {
    url: `postgres:///postgres?user=portcullis&host=${encodeURIComponent(folder)}`,
    disk: () =>
      join('/proc', readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0] ?? '', 'root', small),
    start,
    stop,
    remove,
  }
}

export function run(program: string, args: readonly string[], cwd: string): string {
  // Not piped: the server would inherit the pipe, and keep us waiting for its end.
  const quiet = program.endsWith('pg_ctl') || args.some((arg) => arg.endsWith('pg_ctl'))
  const ran = spawnSync(program, args, { cwd, encoding: 'utf8', stdio: quiet ? 'ignore' : 'pipe' })
  if (ran.status !== 0)
    throw new Error(`${program} ${args.join(' ')}: ${ran.stderr ?? ran.error ?? ran.status}`)
  return (ran.stdout ?? '').trim()
}
