/** What a service manager is told, on a socket of its own kind. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { loadLibc } from './netlink/libc.ts'
import { findServiceManager } from './service-manager.ts'

const folder = mkdtempSync(join(tmpdir(), 'portcullis-manager-'))
const listeners: ChildProcess[] = []
after(() => {
  for (const each of listeners) each.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const skip = (await loadLibc().then(
  () => false,
  (error: Error) => error.message,
)) as string | false

/** Node cannot hear datagrams of that kind: Python does. */
const listen = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace("@", "\\0", 1) if sys.argv[1].startswith("@") else sys.argv[1])
print("listening", flush=True)
while True: print(repr(s.recv(4096).decode()), flush=True)
`

async function manager(path: string) {
  const child = spawn('python3', ['-c', listen, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  listeners.push(child)
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    said += text
  })
  const lines = () => said.split('\n').slice(1, -1)
  async function hears(pattern: RegExp): Promise<void> {
    const signal = AbortSignal.timeout(10_000)
    while (!lines().some((line) => pattern.test(line))) await once(child.stdout, 'data', { signal })
  }
  while (!said.includes('listening')) await once(child.stdout, 'data')
  return { lines, hears }
}

const silent = { warn: () => assert.fail('something was said') }

for (const path of [join(folder, 'socket'), `@portcullis-${process.pid}`])
  test(`ready, reloading, stopping, on ${path.startsWith('@') ? 'an abstract name' : 'a path'}`, {
    skip,
  }, async () => {
    const { lines, hears } = await manager(path)
    const env: NodeJS.ProcessEnv = { NOTIFY_SOCKET: path, WATCHDOG_USEC: '40000', OTHER: 'x' }
    const told = await findServiceManager(env, silent)
    assert.deepEqual(env, { OTHER: 'x' }, 'programs that it starts do not speak for it')
    const { promise, resolve } = Promise.withResolvers<void>()
    told.readyWhen(promise, 'enforcing')
    told.reloading()
    await hears(/RELOADING/)
    assert.match(lines()[0] ?? '', /^'RELOADING=1\\nMONOTONIC_USEC=\d+'$/, 'not ready before it is')
    told.reloaded()
    resolve()
    await hears(/STATUS/)
    assert.deepEqual(lines().slice(1, 3), ["'READY=1'", "'READY=1\\nSTATUS=enforcing'"])
    await hears(/WATCHDOG=1/)
    told.stopping()
    await hears(/STOPPING=1/)
  })

test('one that waits for what nobody knows is ready all the same, and says so', { skip }, async (context) => {
  const path = join(folder, 'patient')
  const { hears } = await manager(path)
  context.mock.timers.enable({ apis: ['setTimeout'] })
  const told = await findServiceManager({ NOTIFY_SOCKET: path }, silent)
  const { promise, resolve } = Promise.withResolvers<void>()
  told.readyWhen(promise, 'enforcing')
  context.mock.timers.tick(15_000)
  context.mock.timers.reset()
  await hears(/^'READY=1\\nSTATUS=closed: what to enforce is not known yet'$/)
  resolve()
  await hears(/^'STATUS=enforcing'$/)
})

test('where nobody asks, or nobody listens, it goes on', { skip }, async () => {
  const nobody = await findServiceManager({}, silent)
  nobody.readyWhen(Promise.resolve(), 'x')
  const said: string[] = []
  for (const path of [join(folder, 'none'), 'no-path', `/${'x'.repeat(200)}`]) {
    const told = await findServiceManager(
      { NOTIFY_SOCKET: path },
      { warn: (_: object, text: string) => void said.push(text) },
    )
    told.stopping()
  }
  assert.deepEqual(said, Array(3).fill('the service manager cannot be told that this is ready'))
})
