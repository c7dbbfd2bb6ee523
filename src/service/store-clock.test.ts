/** The time of the store, of a process whose own clock is wrong and jumps. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStoreClock } from './store-clock.ts'

test('it goes on from what was read last, whatever becomes of the clock of the process', async () => {
  let [own, steady, stored] = [5000, 10, 1_000_000]
  let away = false
  const store = {
    async clock() {
      if (away) throw new Error('away')
      return stored
    },
  }
  const clock = createStoreClock(
    store,
    () => own,
    () => steady,
  )
  const time = () => own + clock.ahead()
  assert.equal(time(), 5000, 'its own, while nothing is known')
  await clock.read()
  assert.equal(time(), 1_000_000)
  steady += 250
  assert.equal(time(), 1_000_250)
  own -= 300_000
  assert.equal(time(), 1_000_250)
  away = true
  await assert.rejects(clock.read(), /away/)
  assert.equal(time(), 1_000_250)
  away = false
  stored = 2_000_000
  await clock.read()
  assert.equal(time(), 2_000_000)
})
