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
  )
  const controller = new AbortController()
  return {
    ask: (since: number | null) =>
      new Promise<DesiredUpdate>((resolve) => answers.answer(since, controller.signal, resolve)),
    commit() {
      revision++
      wake()
    },
    stop: () => controller.abort(),
  }
}

/** Timers that run too early by a fraction are no failure. */
const nearly = 19

describe('answers', () => {
  test('what follows closely is told together, after a pause', async () => {
    const { ask, commit, stop } = start()
    try {
      await ask(null)
      const told = performance.now()
      const asked = ask(1)
      for (let n = 0; n < 5; n++) {
        commit()
        await new Promise((resolve) => setImmediate(resolve))
      }
      const { from, revision } = await asked
      assert.deepEqual([from, revision], [1, 6])
      assert.ok(performance.now() - told >= nearly)
    } finally {
      stop()
    }
  })

  test('what comes after a while of quiet is told at once', async () => {
    const { ask, commit, stop } = start()
    try {
      await ask(null)
      const asked = ask(1)
      // The agent is waiting, and nothing is to be told.
      await new Promise((resolve) => setTimeout(resolve, 60))
      let told = false
      asked.then(() => {
        told = true
      })
      commit()
      // Without a timer: however busy the machine is, no pause is over by then.
      for (let n = 0; n < 20 && !told; n++) await Promise.resolve()
      assert.ok(told)
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
