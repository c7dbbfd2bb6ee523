/** What an agent asks of a service that it has connected to again: what it lacks, or everything where that has another history. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DesiredUpdate } from '../core/model/desired-update.ts'
import { createRemoteFeed } from './remote-feed.ts'

const update = (from: number | null, revision: number): DesiredUpdate => ({
  ...{ from, revision, policies: [] },
  interfaces: { put: [], remove: [] },
})

test('over another connection it asks from where it is, and for everything where the history is another', async () => {
  const asked: (number | null)[] = []
  const feed = createRemoteFeed((since) => asked.push(since))
  feed.again(true)
  assert.deepEqual(asked, [], 'nothing was wanted yet')
  void feed.begin()
  feed.update(update(null, 5))
  assert.equal((await feed.poll(null))?.revision, 5)
  feed.again(false)
  feed.again(true)
  // However often it looks, and wherever it is: what it holds is strange there.
  assert.equal(await feed.poll(5), null)
  feed.again(false)
  feed.update(update(5, 6))
  assert.equal(await feed.poll(5), null, 'what leads on from the same number there is of no use')
  assert.deepEqual(asked, [null, 5, 5, null, null, null])
  feed.update(update(null, 7))
  assert.equal((await feed.poll(5))?.revision, 7)
  feed.update(update(7, 8))
  assert.equal((await feed.poll(7))?.revision, 8)
  // One that has come and was not read yet is dropped with its history.
  feed.update(update(8, 9))
  feed.again(true)
  assert.equal(await feed.poll(8), null)
  assert.deepEqual(asked.slice(6), [7, 8, null])
})
