/** A service's word counts over the connection that it came by, once it has been read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepOf } from '../../test/support/kept-history.ts'
import { createRemoteFeed } from './remote-feed.ts'

test('what was heard counts until the connection is lost, and again with the first answer over the next', async () => {
  const asked: (number | null)[] = []
  const feed = createRemoteFeed((since) => void asked.push(since))
  assert.equal(feed.isLive(), false)
  await feed.poll(null)
  feed.update(stepOf(1))
  assert.equal(feed.isLive(), false, 'it has not been read')
  await feed.poll(null)
  assert.equal(feed.isLive(), true)
  feed.update(stepOf(2))
  feed.lost()
  assert.equal(feed.isLive(), false)
  // What came before is still right, and nobody stands by it any more.
  assert.equal((await feed.poll(1))?.revision, 2)
  assert.equal(feed.isLive(), false)
  feed.again()
  feed.update({ ...stepOf(3), from: 2 })
  await feed.poll(2)
  assert.equal(feed.isLive(), true)
  // One that leads nowhere is nobody's word.
  feed.lost()
  feed.again()
  feed.update({ ...stepOf(9), from: 8 })
  assert.equal(await feed.poll(3), null)
  assert.equal(feed.isLive(), false)
  assert.deepEqual(asked, [null, 1, 2, 2, 3, 3, 3])
})
