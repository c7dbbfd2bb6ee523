/** What is read: what was kept until the service is heard, what it says then, and now and then a comparison of both. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stepOf, wholeAt } from '../../test/support/kept-history.ts'
import type { DesiredUpdate } from '../core/model/desired-update.ts'
import { createComparisons } from './comparisons.ts'
import { createDesiredSource } from './desired-source.ts'
import { createDesiredState } from './desired-state.ts'

/** A service that has what step `revision` leads to, and loses what it is told to lose. */
function world(revision = 1) {
  let now = revision
  const due: { milliseconds: number; then: () => void }[] = []
  const comparisons = createComparisons({
    everyMs: 600_000,
    random: () => 0.5,
    after(milliseconds, then) {
      const one = { milliseconds, then }
      due.push(one)
      return () => void due.splice(due.indexOf(one), 1)
    },
  })
  let live = true
  let lose = (update: DesiredUpdate) => update
  const asked: (number | null)[] = []
  const state = createDesiredState()
  const source = createDesiredSource(
    {
      async poll(since) {
        asked.push(since)
        if (!live || since === now) return null
        return lose(since === now - 1 && since > 0 ? stepOf(now) : wholeAt(now))
      },
      onChange: () => () => {},
      isLive: () => live,
    },
    { comparisons, state },
  )
  return {
    ...{ source, due, asked, state },
    step: () => void now++,
    cut: () => {
      live = false
    },
    losing(next: typeof lose) {
      lose = next
    },
  }
}

const idsOf = ({ interfaces }: { readonly interfaces: ReadonlyMap<string, unknown> }) =>
  [...interfaces.keys()].toSorted()

test('what was held wrongly is found by comparing, is repaired, and counted; what is rightly newer is not', async () => {
  const { source, due, asked, step, losing, state } = world()
  assert.equal((await source.read()).delta, null)
  // A part of an update is lost.
  step()
  losing((update) => ({ ...update, interfaces: { put: [], remove: [] } }))
  await source.read()
  losing((update) => update)
  assert.deepEqual(idsOf(state.desired), ['nic0', 'nic1', 'nic2', 'nic3', 'nic4'])
  assert.deepEqual(asked, [null, 1])
  assert.deepEqual(
    due.map(({ milliseconds }) => milliseconds),
    [750_000],
  )
  let changes = 0
  source.onChange(() => changes++)
  due[0]?.then()
  assert.equal(changes, 1)
  const found = await source.read()
  assert.deepEqual(found.differing, { policies: 0, interfaces: 2 })
  assert.deepEqual([...(found.delta?.interfaces ?? [])].toSorted(), ['nic0', 'nic5'])
  assert.deepEqual(idsOf(found.desired), ['nic1', 'nic2', 'nic3', 'nic4', 'nic5'])
  // It is not asked for all again before its time.
  assert.equal((await source.read()).differing, undefined)
  assert.deepEqual(asked.slice(2), [null, 2])

  due.at(-1)?.then()
  step()
  const newer = await source.read()
  assert.deepEqual([newer.differing, idsOf(newer.desired).length], [undefined, 5])
})

test('rules that are held otherwise than their revision says are a difference at any time', async () => {
  const { source, due, step, state } = world()
  await source.read()
  const [policy] = state.whole().policies
  Object.assign(policy ?? {}, { rules: [] })
  due[0]?.then()
  assert.deepEqual((await source.read()).differing, { policies: 1, interfaces: 0 })
  step()
  await source.read()
  assert.deepEqual(state.whole().policies, wholeAt(2).policies)
})

test('without a service what was kept is read, as nobody’s word, and its comparison waits', async () => {
  const { source, state, cut, due, asked } = world()
  state.apply(wholeAt(1))
  cut()
  const { desired, delta } = await source.read()
  assert.deepEqual([desired.unvouched, delta, desired.interfaces.size], [true, null, 5])
  due[0]?.then()
  const later = await source.read()
  assert.deepEqual([later.desired.unvouched, later.delta?.interfaces.size], [true, 0])
  assert.deepEqual(asked, [null, null])
})

test('what was kept and is no more is no difference, but news', async () => {
  const { source, state } = world(3)
  state.apply(wholeAt(1))
  const read = await source.read()
  assert.deepEqual([read.desired.unvouched, read.differing], [undefined, undefined])
  assert.deepEqual(idsOf(read.desired), ['nic2', 'nic3', 'nic4', 'nic5', 'nic6'])
})
