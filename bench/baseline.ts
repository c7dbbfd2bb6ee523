/** The least that could be done: bare `node:http`, and for writes the same durable insert, a transaction per request. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

const [directory = '', listFile = ''] = process.argv.slice(2)
const database = new DatabaseSync(join(directory, 'baseline.db'))
database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL')
database.exec(`CREATE TABLE rules (policy TEXT NOT NULL, position INTEGER NOT NULL, id TEXT NOT NULL, direction TEXT NOT NULL,
  action TEXT NOT NULL, enabled INTEGER NOT NULL, matches TEXT NOT NULL, spec TEXT NOT NULL, PRIMARY KEY (policy, position)) WITHOUT ROWID`)
const insert = database.prepare('INSERT INTO rules VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
const clear = database.prepare('DELETE FROM rules WHERE policy = ?')
const list = listFile === '' ? Buffer.alloc(0) : readFileSync(listFile)
let position = 0

function add(policy: string, place: number, rule: Record<string, string>): void {
  insert.run(
    policy,
    place,
    `rule-${place}`,
    rule.direction ?? '',
    rule.action ?? '',
    1,
    '[{}]',
    JSON.stringify(rule),
  )
}

const server = createServer((request, answer) => {
  if (request.method === 'GET') {
    answer.setHeader('content-type', 'application/json')
    answer.end(list)
    return
  }
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(chunks).toString()) as {
      firewall_rule?: Record<string, string>
      firewall_rules?: { firewall_rule: Record<string, string>[] }
    }
    database.exec('BEGIN IMMEDIATE')
    if (body.firewall_rules) {
      clear.run('replaced')
      for (const [i, rule] of body.firewall_rules.firewall_rule.entries()) add('replaced', i + 1, rule)
    } else if (body.firewall_rule) add('created', ++position, body.firewall_rule)
    database.exec('COMMIT')
    answer.statusCode = body.firewall_rules ? 204 : 201
    answer.end(body.firewall_rules ? undefined : JSON.stringify(body))
  })
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.stdout.write(`listening on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}\n`)
})
