/** An agent is told of a lone change at once, and of many at a time where they follow each other closely. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DesiredUpdate } from '../../core/model/desired-update.ts'
import { createAnswers } from './answers.ts'

const update = (from: number | null, revision: number): DesiredUpdate => ({
  ...{ from, revision, policies: [], interfaces: { put: [], remove: [] } },
})

/** A store whose revision is what `commit` says, and an agent that asks for what is newer. */
function start() {
  let revision = 1
  let wake = () => {}
  // Time stands still until somebody lets it pass.
  let time = 1000
  let pass = (more: number) => {
    time += more
  }
  const poll = async (since: number | null) => (since === revision ? null : update(since, revision))
  const answers = createAnswers(
    {
      poll,
      async next(since, signal) {
        for (;;) {
          const found = await poll(since)
          if (found) return found
          await new Promise<void>((resolve) => {
            wake = resolve
            signal?.addEventListener('abort', () => resolve(), { once: true })
          })
          signal?.throwIfAborted()
        }
      },
    },
    (error) => assert.equal(error, null),
    {
      now: () => time,
      sleep: (milliseconds) =>
        new Promise((resolve) => {
          const end = time + milliseconds
          pass = (more) => {
            time += more
            if (time >= end) resolve()
          }
        }),
    },
  )
  const controller = new AbortController()
  return {
    ask: (since: number | null) =>
      new Promise<DesiredUpdate>((resolve) => answers.answer(since, controller.signal, resolve)),
    commit() {
      revision++
      wake()
    },
    pass: (milliseconds: number) => pass(milliseconds),
    stop: () => controller.abort(),
  }
}

describe('answers', () => {
  test('what follows closely is told together, after a pause', async () => {
    const { ask, commit, pass, stop } = start()
    try {
      await ask(null)
      let told = false
      const asked = ask(1).then((update) => {
        told = true
        return update
      })
      for (let n = 0; n < 5; n++) {
        pass(3)
        commit()
        await new Promise((resolve) => setImmediate(resolve))
      }
      assert.ok(!told, 'after 15 of 20 ms')
      pass(5)
      const { from, revision } = await asked
      assert.deepEqual([from, revision], [1, 6])
    } finally {
      stop()
    }
  })

  test('what comes after a while of quiet is told at once', async () => {
    const { ask, commit, pass, stop } = start()
    try {
      await ask(null)
      pass(60)
      const asked = ask(1)
      // The agent is waiting, and nothing is to be told.
      await new Promise((resolve) => setImmediate(resolve))
      commit()
      // No time passes any more.
      assert.equal((await asked).revision, 2)
    } finally {
      stop()
    }
  })

  test('who knows nothing is told without a pause', async () => {
    const { ask, stop } = start()
    try {
      await ask(null)
      let told = false
      ask(null).then(() => {
        told = true
      })
      for (let n = 0; n < 20 && !told; n++) await Promise.resolve()
      assert.ok(told)
    } finally {
      stop()
    }
  })
})
