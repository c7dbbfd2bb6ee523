/** A program that is kept open, answers late, dies or hangs: no answer is another line's, and the next line is taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RefusedError } from './kernel.ts'
import { createNftSession, type NftSession } from './nft-session.ts'

/** What stands for nft, as a shell has it: reads lines into `line`. */
async function withProgram(
  body: string,
  work: (session: NftSession, pids: number[]) => Promise<void>,
  options: { patienceMs?: number; lines?: number } = {},
): Promise<void> {
  const pids: number[] = []
  const loop = `while read -r line; do case $line in\n${body}\nend-of-*) echo "Error: syntax error\n$line\n    ^" >&2;; esac; done`
  const session = createNftSession({
    command: ['sh', '-c', loop],
    commits: (pid) => pids.push(pid),
    patienceMs: 10_000,
    ...options,
  })
  try {
    await work(session, pids)
  } finally {
    session.close()
  }
}
const isRefused = (message: RegExp) => (error: unknown) =>
  error instanceof RefusedError && message.test(error.message)
const isUnknown = (message: RegExp) => (error: unknown) =>
  error instanceof Error && !(error instanceof RefusedError) && message.test(error.message)

test('one process takes all lines, and each has its own answer', () =>
  withProgram('*bad*) echo "Error: No such thing\n$line\n       ^^^" >&2;;', async (session, pids) => {
    await session.commit('add a')
    await assert.rejects(session.commit('add a; bad b; add c'), isRefused(/^No such thing: bad b$/))
    await session.commit('add d')
    assert.equal(pids.length, 3)
    assert.equal(new Set(pids).size, 1)
  }))

test('a warning is no refusal', () =>
  withProgram('add*) echo "Warning: Error-prone" >&2;;', (session) => session.commit('add a')))

test('a process that ends before it has answered leaves it open what it did; the next is asked anew', () =>
  withProgram('die) echo last words >&2; exit 1;;', async (session, pids) => {
    await session.commit('add a')
    await assert.rejects(session.commit('die'), isUnknown(/ended while it was asked: last words/))
    await session.commit('add b')
    assert.equal(new Set(pids).size, 2)
  }))

test('a process that is killed between two lines is replaced', () =>
  withProgram('', async (session, pids) => {
    await session.commit('add a')
    process.kill(pids[0] as number)
    // It may be asked before its end is known.
    await session.commit('add b').catch((error) => assert.ok(isUnknown(/ended/)(error), String(error)))
    await session.commit('add c')
    assert.equal(new Set(pids).size, 2)
  }))

test('a process that does not answer is killed', () =>
  withProgram(
    'hang) exec sleep 1000;;',
    async (session) => {
      await assert.rejects(session.commit('hang'), isUnknown(/not answered in 0\.5 s, and was killed/))
      await session.commit('add a')
    },
    { patienceMs: 500 },
  ))

test('an answer that is lost is no refusal', () =>
  withProgram('add*) echo "Error: Could not process rule: No buffer space available" >&2;;', (session) =>
    assert.rejects(session.commit('add a'), isUnknown(/No buffer space/)),
  ))

test('a process is given so many lines, and the next goes on', () =>
  withProgram(
    '',
    async (session, pids) => {
      for (let n = 0; n < 7; n++) await session.commit(`add ${n}`)
      assert.deepEqual(
        [...new Set(pids)].map((pid) => pids.filter((each) => each === pid).length),
        [3, 3, 1],
      )
    },
    { lines: 3 },
  ))

test('a program that is not installed', async () => {
  const session = createNftSession({ command: ['/nonexistent/nft'], commits: () => {}, patienceMs: 10_000 })
  await assert.rejects(session.commit('add a'), isUnknown(/cannot be run: it is not installed/))
})
