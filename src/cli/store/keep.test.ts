/** `portcullis backup` and `restore` as processes: what they leave behind, what they say, and how they end. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { buffer, text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { bare } from '../../../test/support/environment.ts'
import { engines, type TestStore } from '../../../test/support/stores.ts'
import { rowsOf } from '../../../test/support/whole.ts'

const program = new URL('../main.ts', import.meta.url).pathname
const fixture = readFileSync(new URL('../../storage/testdata/schema-13-sqlite.sql', import.meta.url), 'utf8')

/** Its status, standard output and error. */
async function run(
  args: readonly string[],
  input: Buffer = Buffer.alloc(0),
  env: Record<string, string> = {},
) {
  const child = spawn(process.execPath, [program, ...args], { env: { ...bare, ...env } })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const [stdout, stderr] = [buffer(child.stdout), text(child.stderr)]
  const [status] = await once(child, 'close')
  return { status, bytes: await stdout, stdout: (await stdout).toString(), stderr: await stderr }
}

describe('a store that is kept and restored', { timeout: 120_000 }, () => {
  let folder = ''
  let store: TestStore
  let file = ''
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'portcullis-keep-'))
    store = await engines.sqlite.create(fixture)
    file = join(folder, 'kept')
    const kept = await run(['backup', ...store.flags, file])
    assert.equal(kept.status, 0, kept.stderr)
    assert.match(kept.stdout, /^revision 43, 172 rows, \d+ bytes\n$/)
    assert.match(kept.stderr, /^portcullis: servers: 14 rows$/m)
  })
  after(async () => {
    rmSync(folder, { recursive: true, force: true })
    await store.remove()
  })
  const directory = (name: string) => join(folder, name)

  test('the file is its owner’s alone, and takes the place of another when it is whole', async () => {
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const target = directory('target')
    writeFileSync(target, 'before', { mode: 0o644 })
    const { status, stdout } = await run(['backup', ...store.flags, '--json', target])
    assert.equal(status, 0)
    const about = JSON.parse(stdout)
    assert.deepEqual([about.file, about.engine, about.revision, about.rows.rules], [target, 'sqlite', 43, 12])
    assert.equal(about.bytes, statSync(target).size)
    assert.equal(statSync(target).mode & 0o777, 0o600)
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('partial')),
      [],
    )
  })

  test('a backup that fails leaves what was there, and nothing else', async () => {
    const broken =
      await engines.sqlite.create(`${fixture};\nDROP TABLE hosts;\nCREATE TABLE hosts (host INTEGER);
      INSERT INTO hosts VALUES (9007199254740993);`)
    const target = directory('failing')
    writeFileSync(target, 'before')
    try {
      const { status, stdout } = await run(['backup', ...broken.flags, target])
      assert.deepEqual([status, stdout], [1, ''])
      assert.equal(readFileSync(target, 'utf8'), 'before')
      assert.deepEqual(
        readdirSync(folder).filter((name) => name.includes('partial')),
        [],
      )
    } finally {
      await broken.remove()
    }
  })

  test('what a killed backup has left is removed by the next to that file, and nothing that may go on', async () => {
    const target = directory('again')
    const long = new Date(Date.now() - 2 * 60 * 60_000)
    const left = ['.again.0123abcd.partial', '.again.89abcdef.partial']
    const others = ['.against.0123abcd.partial', '.again.0123abcd.partial.old', 'again.0123abcd.partial']
    const [abandoned = '', underWay = ''] = left
    for (const name of [...left, ...others]) {
      writeFileSync(directory(name), 'half')
      if (name !== underWay) utimesSync(directory(name), long, long)
    }
    const { status, stderr } = await run(['backup', ...store.flags, target])
    assert.equal(status, 0, stderr)
    const there = readdirSync(folder)
    for (const name of [underWay, ...others]) {
      assert.ok(there.includes(name), name)
      rmSync(directory(name))
    }
    assert.equal(there.includes(abandoned), false)
  })

  test('through pipes, from a store in one directory to one in another', async () => {
    const piped = await run(['backup', ...store.flags, '-'])
    assert.equal(piped.status, 0, piped.stderr)
    assert.match(piped.stderr, /^portcullis: revision 43, 172 rows/m)
    const to = directory('piped')
    const restored = await run(['restore', '--data', to, '--json', '-'], piped.bytes)
    assert.equal(restored.status, 0, restored.stderr)
    const about = JSON.parse(restored.stdout)
    assert.deepEqual([about.replaced, about.backup.revision, about.rows.servers], [false, 43, 14])
    assert.equal(statSync(join(to, 'portcullis.db')).mode & 0o777, 0o600)
    assert.equal(statSync(to).mode & 0o777, 0o700)
    assert.equal((await rowsOf({ directory: to })).servers?.length, 14)
    assert.equal((await run(['backup', ...store.flags, '--json', '-'])).status, 2)
  })

  test('what is refused changes nothing, and says why', async () => {
    const to = directory('refused')
    const [cut, other] = [directory('cut'), directory('other')]
    writeFileSync(cut, readFileSync(file).subarray(0, 5000))
    writeFileSync(other, 'no backup')
    for (const each of [cut, other]) {
      const { status, stderr } = await run(['restore', '--data', to, each])
      assert.deepEqual([status, stderr], [1, 'portcullis: the backup was cut or altered, or is none\n'])
    }
    assert.ok(!readdirSync(folder).includes('refused'), 'not even a directory is made')
    assert.equal((await run(['restore', '--data', to, file])).status, 0)
    const rows = await rowsOf({ directory: to })
    const full = await run(['restore', '--data', to, file])
    assert.equal(full.status, 1)
    assert.match(full.stderr, /not empty: --replace/)
    assert.deepEqual(await rowsOf({ directory: to }), rows)
    const replaced = await run(['restore', '--data', to, '--replace', file])
    assert.equal(replaced.status, 0)
    assert.match(replaced.stdout, /^revision 1\d{6,}, of a backup of revision 43 made 20\S+Z\n$/)
  })

  test('a store is checked: sound, with faults, or not at all', async () => {
    const unstarted = await run(['check', ...store.flags])
    // A fixture is of an older version.
    assert.equal(unstarted.status, 2)
    assert.match(unstarted.stderr, /schema version 13, this program checks \d+: start the service once/)
    const to = directory('checked')
    assert.equal((await run(['restore', '--data', to, file])).status, 0)
    const sound = await run(['check', '--data', to])
    assert.deepEqual([sound.status, sound.stderr], [0, ''])
    assert.match(sound.stdout, /^sound: \d+ rows\n$/)
    const database = new DatabaseSync(join(to, 'portcullis.db'))
    database.exec("UPDATE servers SET attributes = '' WHERE id = (SELECT MIN(id) FROM servers)")
    const { id } = database.prepare('SELECT MIN(id) AS id FROM servers').get() ?? {}
    database.close()
    const faulty = await run(['check', '--data', to])
    assert.equal(faulty.status, 1)
    assert.match(
      faulty.stdout,
      new RegExp(
        `^servers ${id}: codec: it cannot be read: .*\\nwhat to do \\(codec\\): write what is named anew .*\\n1 fault in \\d+ rows\\n$`,
      ),
    )
    const json = await run(['check', '--data', to, '--json'])
    const { sound: isSound, faults, more, remedies: told } = JSON.parse(json.stdout)
    assert.deepEqual([json.status, isSound, faults.length, faults[0].key, more], [1, false, 1, id, []])
    assert.deepEqual(Object.keys(told), ['codec'])
    assert.equal((await run(['check', '--data', directory('none')])).status, 2)
  })

  test('what cannot be tried has status 2', async () => {
    mkdirSync(directory('empty'))
    const tries: [readonly string[], RegExp][] = [
      [['backup', '--data', directory('empty'), directory('x')], /there is no store in/],
      [['backup', ...store.flags, directory('none/x')], /cannot be opened: .*there is no such file/],
      [['backup', ...store.flags, directory('empty')], /a file is expected/],
      [['backup', ...store.flags], /missing required argument/],
      [['restore', '--data', directory('empty'), directory('none')], /cannot be opened: .*no such file/],
      [['restore', '--data', directory('empty'), folder], /a file is expected/],
      [['restore', '--data', join(file, 'x'), file], /cannot be made/],
      [['restore', '--data', '', file], /--data: expected a directory/],
      [['restore', '--database', 'mysql://x', file], /--database: expected postgres/],
      [
        ['backup', '--database', 'postgres://127.0.0.1:1/x', directory('x')],
        /cannot be reached: nothing listens/,
      ],
    ]
    for (const [args, why] of tries) {
      const { status, stderr, stdout } = await run(args)
      assert.equal(status, 2, `${args.join(' ')}: ${stderr}`)
      assert.match(stderr, why)
      assert.equal(stdout, '')
    }
  })
})

test('a database is kept and restored with its password beside it', {
  skip: engines.postgresql.skip,
  timeout: 120_000,
}, async () => {
  const [from, to] = [await engines.sqlite.create(fixture), await engines.postgresql.create()]
  try {
    const { bytes } = await run(['backup', ...from.flags, '-'])
    const [flag = '', url = ''] = to.flags
    const env = { PORTCULLIS_DATABASE_PASSWORD: 'not asked for here' }
    const restored = await run(['restore', flag, url, '-'], bytes, env)
    assert.equal(restored.status, 0, restored.stderr)
    const storage = await to.open()
    const used = await run(['restore', flag, url, '--replace', '-'], bytes)
    assert.equal(used.status, 1)
    assert.match(used.stderr, /a service uses the database \(.*\): stop it first/)
    // While the service runs.
    const again = await run(['backup', '-'], undefined, { PORTCULLIS_DATABASE: url })
    assert.equal(again.status, 0, again.stderr)
    await storage.close()
  } finally {
    await from.remove()
    await to.remove()
  }
})
