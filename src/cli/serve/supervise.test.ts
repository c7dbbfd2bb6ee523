/** One process at a time: started again when it ends, ended when it hangs, and left alone once it is to stop. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { AgentLife } from './agent-life.ts'
import { supervise } from './supervise.ts'

interface FakeLife extends AgentLife {
  end(how: string): void
  /** Whether it says something when it is asked. */
  answers: boolean
  killed?: string
  asked: number
  stopped: boolean
  ended: boolean
}

function createLife(): FakeLife {
  const { promise: over, resolve } = Promise.withResolvers<string>()
  let heard = false
  const life: FakeLife = {
    agent: {
      welcome() {},
      update() {},
      count() {},
      claims() {},
      ping() {
        life.asked++
        heard = life.answers
      },
      stop() {
        life.stopped = true
      },
    },
    over,
    wasHeard: () => heard,
    kill(why) {
      life.killed = why
      life.end(why)
    },
    end(how) {
      life.ended = true
      resolve(how)
    },
    ...{ answers: true, asked: 0, stopped: false, ended: false },
  }
  return life
}

const patienceMs = 1000

function begin({ mock: { timers } }: TestContext) {
  timers.enable({ apis: ['setTimeout', 'setInterval'] })
  const lives: FakeLife[] = []
  const ends: [how: string, pauseMs: number][] = []
  const last = () => lives.at(-1) as FakeLife
  let now = 0
  const supervisor = supervise({
    start() {
      assert.ok(
        lives.every((each) => each.ended),
        'there are two at once',
      )
      lives.push(createLife())
      return last()
    },
    onEnd: (how, pauseMs) => void ends.push([how, pauseMs]),
    patienceMs,
    now: () => now,
  })
  /** Lets time pass, and then everything happen that is due. */
  async function pass(ms: number): Promise<void> {
    now += ms
    timers.tick(ms)
    for (let n = 0; n < 5; n++) await turn()
  }
  return { lives, ends, supervisor, last, pass }
}

test('it is started again at once, then after pauses that grow, and at once again when one has lived well', async (t) => {
  const { lives, ends, last, pass, supervisor } = begin(t)
  for (const pause of [0, 200, 400, 800]) {
    const count = lives.length
    last().end('it fell')
    await pass(0)
    assert.deepEqual(ends.at(-1), ['it fell', pause])
    if (pause > 0) {
      await pass(pause - 1)
      assert.equal(lives.length, count, 'it was started before its time')
    }
    await pass(1)
    assert.equal(lives.length, count + 1)
  }
  for (let n = 0; n < 12; n++) {
    last().end('it fell')
    await pass(0)
    await pass(30_000)
  }
  assert.deepEqual(ends.at(-1), ['it fell', 30_000])
  await pass(60_000)
  last().end('it fell late')
  await pass(0)
  await pass(1)
  assert.deepEqual(ends.at(-1), ['it fell late', 0])
  const stopped = supervisor.stop()
  last().end('')
  await stopped
})

test('one that says nothing is killed, and one that answers is not', async (t) => {
  const { ends, last, pass, lives, supervisor } = begin(t)
  for (let n = 0; n < 100; n++) await pass(100)
  assert.ok(last().asked > 50)
  assert.deepEqual(ends, [])
  last().answers = false
  const killed = () => lives[0]?.killed
  for (let n = 0; n < 30 && killed() === undefined; n++) await pass(100)
  assert.equal(killed(), 'it said nothing for 1 s')
  await pass(1)
  assert.equal(lives.length, 2)
  const stopped = supervisor.stop()
  last().end('')
  await stopped
})

test('one that is to stop is not started again, whatever it ended of', async (t) => {
  const { lives, ends, last, pass, supervisor } = begin(t)
  const stopped = supervisor.stop()
  assert.ok(last().stopped)
  last().end('it fell on the way')
  await stopped
  await pass(100_000)
  assert.deepEqual([lives.length, ends], [1, []])
})

test('stopping in a pause starts none', async (t) => {
  const { lives, last, pass, supervisor } = begin(t)
  for (const _ of [1, 2]) {
    last().end('it fell')
    await pass(0)
    await pass(1)
  }
  last().end('it fell')
  await pass(0)
  const count = lives.length
  await supervisor.stop()
  await pass(100_000)
  assert.equal(lives.length, count)
})

test('one that does not stop is killed', async (t) => {
  const { last, pass, supervisor } = begin(t)
  const stopped = supervisor.stop()
  await pass(7999)
  assert.equal(last().killed, undefined)
  await pass(1)
  assert.equal(last().killed, 'it did not end')
  await stopped
})
