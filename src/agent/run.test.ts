/** Programs that are followed: their lines are read, their end is noticed, and they do not outlive us. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Command, follow, ProgramError, run } from './run.ts'

test('a program that cannot be run, one that fails, and one that answers', async () => {
  await assert.rejects(
    run(['/nowhere/program']),
    /^Error: \/nowhere\/program cannot be run: it is not installed$/,
  )
  await assert.rejects(run(['sh', '-c', 'echo first >&2; echo second >&2; exit 3']), (error: Error) => {
    assert.ok(error instanceof ProgramError)
    assert.equal(error.message, 'first')
    return true
  })
  assert.equal(await run(['cat'], { input: 'input' }), 'input')
})

test('a program that is killed has refused nothing, and one that hangs is killed, whoever holds its outputs', async () => {
  const refusedNothing = (message: RegExp) => (error: Error) =>
    !(error instanceof ProgramError) && message.test(error.message)
  await assert.rejects(run(['sh', '-c', 'kill -9 $$']), refusedNothing(/^sh was ended by SIGKILL$/))
  await assert.rejects(
    run(['sh', '-c', 'sleep 5; true'], { patienceMs: 100 }),
    refusedNothing(/^sh has not ended in 0\.1 s, and was killed$/),
  )
})

/** Resolves when `wanted` is true after something was heard. */
function listener() {
  let look = () => {}
  const lines: string[] = []
  let gaps = 0
  return {
    lines,
    gaps: () => gaps,
    onLine: (line: string) => {
      lines.push(line)
      look()
    },
    onGap: () => {
      gaps++
      look()
    },
    until: (wanted: () => boolean) =>
      new Promise<void>((resolve, reject) => {
        const patience = setTimeout(() => reject(new Error(`${gaps} gaps, and only: ${lines}`)), 30_000)
        look = () => {
          if (!wanted()) return
          clearTimeout(patience)
          resolve()
        }
        look()
      }),
  }
}

test('lines of both outputs are read; a program that ends is started again, ever later, and its problem is told', async () => {
  const heard = listener()
  const command: Command = ['sh', '-c', 'echo out; echo err >&2; exit 4']
  const started = performance.now()
  const follower = follow({ ...heard, command, pauses: { first: 20, last: 80 } })
  await heard.until(() => heard.gaps() >= 5)
  const took = performance.now() - started
  follower.stop()
  assert.ok(took >= 20 + 40 + 80 + 80, `${took} ms`)
  assert.deepEqual([...new Set(heard.lines)].sort(), ['err', 'out'])
  assert.match(follower.problem() ?? '', /^sh -c .*: (err|out)$/)
})

test('a program that is slow to listen is not taken to listen: something may have been missed until it does', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'portcullis-follow-'))
  const gate = join(folder, 'gate')
  await run(['mkfifo', gate])
  const heard = listener()
  const slow = ['sh', '-c', 'echo $$; read -r _ <"$0"; exec ip monitor link', gate] as const
  let listened = false
  const follower = follow({
    ...heard,
    command: slow,
    onGap: () => {
      const sockets = readFileSync(`/proc/${heard.lines[0]}/net/netlink`, 'latin1')
      listened = new RegExp(`^\\S+ +0 +${heard.lines[0]} +0*[1-9a-f]`, 'm').test(sockets)
      heard.onGap()
    },
  })
  try {
    // It has run for as long as one that works.
    await heard.until(() => heard.gaps() >= 1)
    assert.equal(listened, false)
    await writeFile(gate, '\n')
    await heard.until(() => listened)
    assert.equal(follower.problem(), null)
  } finally {
    follower.stop()
    await rm(folder, { recursive: true })
  }
})

test('one that has listened and ends is started again within a second, however long others wait', async () => {
  const heard = listener()
  const pauses = { first: 60_000, last: 60_000 }
  const follower = follow({ ...heard, command: ['sh', '-c', 'echo $$; exec ip monitor link'], pauses })
  try {
    await heard.until(() => heard.lines.length === 1 && heard.gaps() === 1)
    process.kill(Number(heard.lines[0]), 'SIGSEGV')
    await heard.until(() => heard.lines.length === 2)
  } finally {
    follower.stop()
  }
})

test('a program that does not exist is a problem, not an exception', async () => {
  const heard = listener()
  const follower = follow({ ...heard, command: ['/nowhere/program'], pauses: { first: 10, last: 10 } })
  await heard.until(() => follower.problem() !== null)
  follower.stop()
  assert.match(follower.problem() ?? '', /\/nowhere\/program/)
})

test('what is followed ends when it is stopped, and when we are killed', async () => {
  const running = async (pid: number): Promise<boolean> => {
    const state = await run(['sh', '-c', `cat /proc/${pid}/stat 2>/dev/null || true`])
    return state !== '' && !/\) Z /.test(state)
  }
  const ends = async (pid: number): Promise<void> => {
    const deadline = Date.now() + 10_000
    while (await running(pid)) {
      assert.ok(Date.now() < deadline, 'it still runs')
      await delay(5)
    }
  }
  const command: Command = ['sh', '-c', 'echo $$; exec sleep 1000']
  const heard = listener()
  const follower = follow({ ...heard, command })
  await heard.until(() => heard.lines.length > 0)
  assert.equal(await running(Number(heard.lines[0])), true)
  follower.stop()
  await ends(Number(heard.lines[0]))

  const program = `
    import { follow } from ${JSON.stringify(new URL('./run.ts', import.meta.url).href)}
    follow({ command: ${JSON.stringify(command)}, onLine: (line) => console.log(line), onGap() {} })
    setInterval(() => {}, 1000)
  `
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  parent.kill('SIGKILL')
  await ends(Number(line.toString()))
})
