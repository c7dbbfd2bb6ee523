import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { bare } from '../../test/support/environment.ts'
import { table } from './resource.ts'

const module = new URL('./resource.ts', import.meta.url).href

/** Runs a verb in a process of its own, with `script` as what it does; status, stdout and stderr. */
async function run(script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const source = `
    import { call, ifRevisionOption, list, remove, show, table, verb } from ${JSON.stringify(module)}
    await verb('thing', 'a thing', 'portcullis thing').addOption(ifRevisionOption())
      .action(async (flags, command) => { ${script} }).parseAsync(process.argv)`
  return promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', source, '--', 'thing', ...args],
    { env: { ...bare, PORTCULLIS_TOKEN: 't', ...env }, timeout: 60_000 },
  ).then(
    ({ stdout, stderr }) => ({ status: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ status: Number(code), stdout: String(stdout), stderr: String(stderr) }),
  )
}

async function serving(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  ask: (url: string) => Promise<void>,
): Promise<void> {
  const server = createServer(answer).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    await ask(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('a list is asked for page by page, in the account that is meant', async () => {
  const asked: string[] = []
  await serving(
    (request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers['on-behalf-of']}`)
      const last = request.url?.includes('cursor=two')
      response.end(
        JSON.stringify(last ? { things: [{ id: 2 }], next: null } : { things: [{ id: 1 }], next: 'two' }),
      )
    },
    async (url) => {
      const script =
        "show(flags, await list(command, 'v1/things', 'things', { kind: 'a b' }), JSON.stringify)"
      const { stdout, status } = await run(script, ['--url', url, '--on-behalf-of', 'acme'])
      assert.deepEqual([stdout, status], ['[{"id":1},{"id":2}]\n', 0])
    },
  )
  assert.deepEqual(asked, [
    'GET /v1/things?limit=1000&kind=a+b acme',
    'GET /v1/things?limit=1000&kind=a+b&cursor=two acme',
  ])
})

test('a change says which revision it is of, and a refusal is status 1 with its reason', async () => {
  const asked: string[] = []
  await serving(
    (request, response) => {
      asked.push(`${request.method} ${request.headers['if-match']} ${request.headers['on-behalf-of']}`)
      response.writeHead(412).end(JSON.stringify({ detail: 'changed\u001b[2J meanwhile' }))
    },
    async (url) => {
      const change = "await call(command, 'v1/things/1', 'id', { method: 'PATCH', body: {}, ...flags })"
      const changed = await run(change, ['--url', url, '--if-revision', '7'])
      assert.deepEqual(changed, {
        status: 1,
        stdout: '',
        stderr: 'portcullis: changed?[2J meanwhile (--if-revision is not its revision any more)\n',
      })
      const removed = await run("await remove(command, 'v1/things/1')", ['--url', url])
      assert.equal(removed.status, 1)
    },
  )
  assert.deepEqual(asked, ['PATCH "7" undefined', 'DELETE undefined undefined'])
})

test('where nobody answers, or something else does, it could not be tried', async () => {
  const script = "show(flags, await call(command, 'v1/things/1', 'id'), JSON.stringify)"
  let gone = ''
  await serving(
    (_request, response) => void response.end('<html>'),
    async (url) => {
      gone = url
      const { status, stderr } = await run(script, ['--url', url])
      assert.equal(status, 2)
      assert.match(stderr, /does not answer as the service does/)
    },
  )
  assert.equal((await run(script, ['--url', gone])).status, 2)
  assert.equal((await run(script, ['--url', gone], { PORTCULLIS_TOKEN: '' })).status, 2)
})

test('columns are as wide as their widest cell', () => {
  assert.equal(
    table([
      ['id', 'name'],
      ['1', 'a'],
      ['long one', 'b'],
    ]),
    'id        name\n1         a\nlong one  b',
  )
})

test('an id that would lead to something else is not asked for', async () => {
  const asked: string[] = []
  await serving(
    (request, response) => {
      asked.push(`${request.method} ${request.url}`)
      response.end()
    },
    async (url) => {
      for (const id of ['..', '.', '']) {
        // Of a rule it would be the policy that has it.
        const script = `await remove(command, 'v1/policies/p/rules/' + encodeURIComponent('${id}'))`
        const { status, stderr } = await run(script, ['--url', url])
        assert.deepEqual([status, stderr], [2, `portcullis: nothing has the id '${id}'\n`])
      }
      assert.equal((await run("await remove(command, 'v1/policies/...')", ['--url', url])).status, 0)
    },
  )
  assert.deepEqual(asked, ['DELETE /v1/policies/...'])
})

test('an account is named in UTF-8, and a secret that no header may have is not repeated', async () => {
  const asked: string[] = []
  await serving(
    (request, response) => {
      asked.push(Buffer.from(String(request.headers['on-behalf-of']), 'latin1').toString())
      response.end()
    },
    async (url) => {
      const script = "await remove(command, 'v1/things/1')"
      for (const name of ['Zürich', '日本 😀']) {
        assert.equal((await run(script, ['--url', url, '--on-behalf-of', name])).status, 0, name)
      }
      for (const token of ['hidden\nsecret', 'hidden-secret-€']) {
        const { status, stderr } = await run(script, ['--url', url], { PORTCULLIS_TOKEN: token })
        assert.deepEqual(
          [status, stderr],
          [2, 'portcullis: no header may have what is given for authorization\n'],
        )
      }
    },
  )
  assert.deepEqual(asked, ['Zürich', '日本 😀'])
})
