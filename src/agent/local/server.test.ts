/** The agent's socket: who may open it, whose place it takes, and what a client that means harm gets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { lstat, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '../../../test/support/eventually.ts'
import { askAgent } from '../../cli/local.ts'
import type { JsonValue } from '../../core/json.ts'
import { type LocalAnswer, maxDomainLength } from '../../core/model/local.ts'
import { type Bounds, handler } from './conversations.ts'
import { openLocalServer } from './server.ts'
import { socketPath } from './socket.ts'

const done: LocalAnswer = { answer: 'done', devices: [] }

/** Resolves when it is, however it was ended. */
const isClosed = (socket: Socket) =>
  new Promise<void>((resolve) => socket.resume().on('close', () => resolve()))

/** A server in a directory of its own, until the test is over. */
async function world(bounds: Partial<Bounds> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'pcl-local-'))
  const path = join(folder, 'agent.sock')
  const seen: JsonValue[] = []
  const open = () =>
    openLocalServer({
      path,
      bounds,
      everyMs: 20,
      handlers: {
        echo: async (body) => {
          seen.push(body)
          return done
        },
        strict: handler(
          () => {
            throw new Error('corrupt strict: it has no device')
          },
          async () => done,
        ),
        fault: async () => {
          throw new Error('the kernel is upset')
        },
        never: () => new Promise<LocalAnswer>(() => {}),
      },
    })
  const server = await open()
  const sockets: Socket[] = []
  return {
    ...{ folder, path, seen, open, server },
    /** What comes back until the connection ends. */
    async raw(text: string | Buffer): Promise<string> {
      const socket = connect({ path })
      sockets.push(socket)
      let said = ''
      socket.setEncoding('utf8').on('data', (more) => {
        said += more
      })
      // What is refused early is not read to its end.
      socket.on('error', () => {})
      socket.write(text)
      await isClosed(socket)
      return said
    },
    hold(text: string): Socket {
      const socket = connect({ path })
      socket.on('error', () => {})
      sockets.push(socket)
      socket.write(text)
      return socket
    },
    async close() {
      for (const socket of sockets) socket.destroy()
      await server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

describe('the agent’s socket', () => {
  test('is its owner’s alone, leaves nothing beside it, and goes with the agent', async () => {
    const { path, folder, server, close } = await world()
    try {
      const { mode } = await stat(path)
      assert.equal(mode & 0o777, 0o600)
      assert.deepEqual(await readdir(folder), ['agent.sock'])
      assert.equal(server.problem(), null)
      assert.deepEqual(await askAgent('echo', { a: 1 }, { socket: path }), { ok: true, value: done })
      await server.close()
      assert.deepEqual(await readdir(folder), [])
    } finally {
      await close()
    }
  })

  test('of an agent that was killed is replaced; of one that lives it is not', async () => {
    const { path, open, server, close } = await world()
    try {
      const second = await open()
      assert.match(second.problem() ?? '', /another agent listens there/)
      assert.deepEqual(await askAgent('echo', {}, { socket: path }), { ok: true, value: done })
      await server.close()
      await eventually('the second one takes the place', () => second.problem() === null || undefined)
      assert.deepEqual(await askAgent('echo', {}, { socket: path }), { ok: true, value: done })
      await second.close()
      // As a kill leaves it: a file that nobody listens at.
      const killed = createServer().listen(`${path}.draft`)
      await once(killed, 'listening')
      await import('node:fs/promises').then(({ link }) => link(`${path}.draft`, path))
      killed.close()
      assert.ok((await lstat(path)).isSocket())
      const third = await open()
      assert.equal(third.problem(), null)
      assert.deepEqual(await askAgent('echo', {}, { socket: path }), { ok: true, value: done })
      await third.close()
    } finally {
      await close()
    }
  })

  test('comes again where somebody removed it', async () => {
    const { path, close } = await world()
    try {
      await rm(path)
      await eventually('it is there again', async () => (await stat(path).catch(() => undefined)) && true)
      assert.deepEqual(await askAgent('echo', {}, { socket: path }), { ok: true, value: done })
    } finally {
      await close()
    }
  })

  test('something else in its place stays, and is said', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pcl-local-'))
    try {
      const path = join(folder, 'agent.sock')
      await writeFile(path, 'precious')
      const server = await openLocalServer({ path, handlers: {} })
      assert.match(server.problem() ?? '', /no socket/)
      assert.ok((await stat(path)).isFile())
      await server.close()
      assert.ok((await stat(path)).isFile())
      const far = join(folder, 'a'.repeat(100), 'agent.sock')
      const distant = await openLocalServer({ path: far, handlers: {} })
      assert.match(distant.problem() ?? '', /path is too long/)
      await distant.close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('is where the init system has made a directory for it', async () => {
    assert.equal(await socketPath('/s', { RUNTIME_DIRECTORY: '/run/own:/run/other' }), '/run/own/agent.sock')
    const own = await stat('/run/portcullis').catch(() => undefined)
    assert.equal(await socketPath('/s', {}), own ? '/run/portcullis/agent.sock' : '/s/agent.sock')
  })
})

describe('what is said over it', () => {
  test('one line is answered by one line, and the connection ends', async () => {
    const { raw, seen, close } = await world()
    try {
      assert.equal(await raw('{"echo":{"a":1}}\n'), `${JSON.stringify(done)}\n`)
      assert.equal(await raw('{"echo":1}\n{"echo":2}\n'), `${JSON.stringify(done)}\n`)
      assert.deepEqual(seen, [{ a: 1 }, 1])
    } finally {
      await close()
    }
  })

  test('the longest description of a domain is heard, whatever is in it', async () => {
    const { raw, seen, close } = await world()
    try {
      const xml = '"\n'.repeat(maxDomainLength / 2)
      const line = JSON.stringify({ echo: { operation: 'start', xml } })
      assert.equal(await raw(`${line}\n`), `${JSON.stringify(done)}\n`)
      assert.deepEqual(seen, [{ operation: 'start', xml }])
    } finally {
      await close()
    }
  })

  test('what is no request is refused, and says why', async () => {
    const { raw, close } = await world({ line: 1000, patienceMs: 200 })
    try {
      for (const [text, why] of [
        ['\n', /expected one line of JSON/],
        ['[]\n', /expected one line of JSON/],
        ['{}\n', /expected one line of JSON/],
        ['{"echo":1,"never":2}\n', /one verb/],
        ['nonsense\n', /expected one line of JSON/],
        [Buffer.from([0x22, 0xff, 0xfe, 0x22, 10]), /expected one line of JSON/],
        ['{"toString":1}\n', /does not know/],
        ['{"__proto__":1}\n', /does not know/],
        [`{"${'x'.repeat(500)}":1}\n`, /does not know/],
        ['{"strict":{}}\n', /it has no device/],
        [`${' '.repeat(1001)}\n`, /at most 1000 bytes/],
        ['['.repeat(999), /no whole request|ends before/],
      ] as const) {
        const said = JSON.parse(await raw(text))
        assert.equal(said.answer, 'invalid', String(text))
        assert.match(said.why, why)
        assert.ok(said.why.length < 200)
      }
      assert.deepEqual(JSON.parse(await raw('{"fault":1}\n')), {
        answer: 'unable',
        why: 'the kernel is upset',
      })
    } finally {
      await close()
    }
  })

  test('who does not speak, speaks without end or asks too much at once is let go; others are answered', async () => {
    const { raw, hold, path, close } = await world({
      patienceMs: 100,
      connections: 4,
      line: 100,
      held: 250,
      answerMs: 500,
    })
    try {
      const silent = hold('')
      await isClosed(silent)
      const many = Array.from({ length: 4 }, () => hold('{"never":1}\n'))
      await delay(20)
      assert.match(await raw('{"echo":1}\n'), /too many ask at once/)
      for (const each of many) each.destroy()
      await eventually('there is room again', async () => {
        const said = await askAgent('echo', {}, { socket: path })
        return (said.ok && said.value.answer === 'done') || undefined
      })
    } finally {
      await close()
    }
  })

  test('all that is not whole yet is bounded, too', async () => {
    const { raw, hold, close } = await world({ line: 100, held: 250, patienceMs: 30_000 })
    try {
      for (const each of ['a', 'b']) hold(each.repeat(99))
      const third = `${' '.repeat(98)}\n`
      const isFull = async () => (await raw(third)).includes('too much is asked at once') || undefined
      await eventually('there is no room', isFull)
    } finally {
      await close()
    }
  })

  test('nobody waits for ever, and not past the agent’s end', async () => {
    const { raw, hold, server, close } = await world({ answerMs: 50 })
    try {
      assert.match(await raw('{"never":1}\n'), /no answer within 0.05 s/)
      const left = hold('{"never":1}\n')
      await Promise.all([isClosed(left), server.close()])
    } finally {
      await close()
    }
  })
})

describe('a client', () => {
  test('tells an agent that is not there from one that does not answer', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'pcl-local-'))
    const listeners = [
      createServer((socket) => socket.on('error', () => {}).resume()),
      createServer((socket) => socket.on('error', () => {}).end('hello\n')),
      createServer((socket) => socket.on('error', () => {}).end()),
    ]
    try {
      const ask = (name: string) => askAgent('wait', {}, { socket: join(folder, name), patienceMs: 200 })
      const none = await ask('none')
      assert.ok(!none.ok && none.error.absent, JSON.stringify(none))
      assert.match(none.error.text, /no agent runs on this host: nothing listens at .*none/)
      await mkdir(join(folder, 'directory'))
      for (const [at, server] of listeners.entries()) {
        server.listen(join(folder, `s${at}`))
        await once(server, 'listening')
      }
      for (const [name, why] of [
        ['s0', /has not answered for 0.2 s/],
        ['s1', /does not answer as an agent does/],
        ['s2', /ended before it answered/],
      ] as const) {
        const said = await ask(name)
        assert.ok(!said.ok && !said.error.absent, JSON.stringify(said))
        assert.match(said.error.text, why)
      }
    } finally {
      for (const server of listeners) server.close()
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
