/** What the store is told of a host: enough to answer as who heard it, and no more than what was said. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { statusChange } from '../../test/support/statuses.ts'
import type { InterfaceStatus } from '../core/model/desired.ts'
import type { HostWords, StatusChange } from '../core/model/status-change.ts'
import { ok } from '../core/result.ts'
import type { HostRecord, InterfaceOutcome, Programs, Storage } from '../storage/storage.ts'
import { createHostKeeper } from './host-keeper.ts'
import { createHostView, outcomeOf } from './host-view.ts'

/** As much of a store as a keeper uses. */
function fakeStore() {
  const rows = new Map<string, InterfaceOutcome>()
  const writes: Programs['reportHost']['args'][] = []
  let record: HostRecord | undefined
  let refusing = false
  const store = {
    async outcomes({ host }: { host: string }) {
      if (refusing) throw new Error('away')
      return [...rows].map(([id, outcome]) => ({ ...outcome, host, interface: id }))
    },
    async run(_: 'reportHost', args: Programs['reportHost']['args']) {
      if (refusing) throw new Error('away')
      writes.push(args)
      for (const id of args.remove) rows.delete(id)
      for (const { interface: id, ...outcome } of args.put) rows.set(id, outcome)
      record = args.record ?? record
      return ok({ current: true, foreign: [] })
    },
  }
  return {
    storage: store as unknown as Storage,
    rows,
    writes,
    record: () => record,
    refuse(now: boolean) {
      refusing = now
    },
  }
}

const words = (revision: number): HostWords => ({
  ...{ host: 'local', target: 'fake', observe: false, desiredRevision: revision, appliedRevision: revision },
  ...{ state: 'applied', error: null, repairs: 0, warnings: [] },
})
const nic = (id: string, more: Partial<InterfaceStatus> = {}): InterfaceStatus => ({
  ...{ id, device: `tap-${id}`, appliedRevision: 1, state: 'applied', error: null, notes: [] },
  ...more,
})

/** A host of 1,000 interfaces that the store knows. */
async function large() {
  const store = fakeStore()
  const ids = Array.from({ length: 1000 }, (_, n) => `nic${n}`)
  const view = createHostView({ host: words(1), whole: true, put: ids.map((id) => nic(id)), remove: [] })
  const keeper = createHostKeeper(store.storage, view)
  const settle = async () => {
    await keeper.close()
    return store.writes.splice(0)
  }
  const say = (revision: number, change: Partial<StatusChange> = {}) => {
    const said = { host: words(revision), whole: false, put: [], remove: [], ...change }
    view.hear(said)
    keeper.heard(said)
  }
  return { ...store, keeper, settle, say, first: await settle() }
}

test('one row changes when one interface does, and none when all of them get a newer revision', async () => {
  const { first, settle, say, rows, record } = await large()
  assert.deepEqual(
    first.map(({ put, remove }) => [put.length, remove.length]),
    [[0, 0]],
  )
  say(2)
  assert.deepEqual(
    (await settle()).map(({ put, remove }) => [put.length, remove.length]),
    [[0, 0]],
  )
  assert.equal(record()?.appliedRevision, 2)
  say(3, { put: [nic('nic7', { state: 'failing', error: 'why' })] })
  assert.deepEqual(
    (await settle()).flatMap(({ put }) => put.map((each) => each.interface)),
    ['nic7'],
  )
  // As before, but of another revision: the host's holds.
  say(4, { put: [nic('nic7', { appliedRevision: 4 })], remove: ['nic8'] })
  assert.deepEqual(
    (await settle()).map(({ put, remove }) => [put.length, remove]),
    [[0, ['nic7']]],
  )
  assert.equal(rows.size, 0)
})

test('what an agent that begins anew does not name has no row any more', async () => {
  const { settle, say, rows } = await large()
  const put = [nic('nic1', { notes: ['a'] }), nic('nic2', { notes: ['b'] })]
  say(1, { put })
  await settle()
  say(1, { whole: true, put: [nic('nic1'), nic('nic3'), ...put.slice(1)] })
  await settle()
  assert.deepEqual([...rows.keys()], ['nic2'])
})

test('counts are written with a heartbeat, of those that changed', async () => {
  const { settle, say, keeper, rows } = await large()
  const counted = (egress: number, id = 'nic1') => nic(id, { unanswered: { ingress: 0, egress } })
  say(1, { put: [counted(1), counted(1, 'nic2')] })
  assert.equal((await settle()).flatMap(({ put }) => put).length, 2, 'at once where there was no row')
  say(1, { put: [counted(2)] })
  assert.equal((await settle()).flatMap(({ put }) => put).length, 0)
  keeper.beat()
  assert.deepEqual(
    (await settle()).flatMap(({ put }) => put.map((each) => each.interface)),
    ['nic1'],
  )
  assert.equal(rows.get('nic1')?.unanswered?.egress, 2)
  keeper.beat()
  assert.equal((await settle()).flatMap(({ put }) => put).length, 0)
  say(1, { put: [nic('nic1')] })
  await settle()
  assert.deepEqual([...rows.keys()], ['nic2'])
})

test('another outcome becomes usual when it is twice as frequent, and not by turns', async () => {
  const { settle, say, rows, record } = await large()
  const fails = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, n) => nic(`nic${from + n}`, { state: 'failing', error: 'e' }))
  say(1, { put: fails(0, 501) })
  await settle()
  assert.equal(rows.size, 501)
  say(1, { put: fails(501, 700) })
  const writes = await settle()
  assert.equal(record()?.usual.state, 'failing')
  assert.equal(rows.size, 300)
  assert.equal(writes.at(-1)?.remove.length, 501, 'those that are as usual now')
})

test('after any sequence, and a store that is away at times, it answers as who heard it', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e']
  const step = fc.record({
    change: statusChange(ids),
    away: fc.integer({ min: 0, max: 9 }).map((drawn) => drawn === 0),
    next: fc.constantFrom('go on', 'write', 'beat'),
  })
  await fc.assert(
    fc.asyncProperty(statusChange(ids), fc.array(step, { maxLength: 12 }), async (first, history) => {
      const { storage, rows, record, refuse } = fakeStore()
      // Of an agent that was here before.
      rows.set('gone', nic('gone', { state: 'failing', error: 'old' }))
      rows.set('a', nic('a', { notes: ['old'] }))
      const view = createHostView(first)
      const keeper = createHostKeeper(storage, view)
      for (const { change, away, next } of history) {
        refuse(away)
        view.hear(change)
        keeper.heard(change)
        if (next === 'beat') keeper.beat()
        if (next !== 'go on') await keeper.close()
      }
      refuse(false)
      keeper.beat()
      await keeper.close()
      // One that failed while another was asked for may have ended the last one.
      keeper.beat()
      await keeper.close()
      const { seenAt: _, usual, ...said } = record() as HostRecord
      assert.deepEqual(said, view.words)
      for (const id of [...ids, 'gone']) {
        const { id: __, device: ___, ...heard } = view.of(id) ?? { ...view.usual, id, device: '' }
        const { denials, unanswered, ...rest } = rows.get(id) ?? usual
        assert.deepEqual(outcomeOf(rest), outcomeOf(heard), id)
        assert.deepEqual([denials, unanswered], [heard.denials, heard.unanswered], id)
      }
    }),
    { numRuns: 500 },
  )
})

test('a heartbeat is the caller’s to tell where there is nothing else, and the keeper’s where there is', async () => {
  const { settle, say, keeper } = await large()
  const beat = async () => {
    const record = keeper.beat()
    return { told: record?.appliedRevision, writes: (await settle()).length }
  }
  assert.deepEqual(await beat(), { told: 1, writes: 0 })
  say(2)
  assert.deepEqual(await beat(), { told: undefined, writes: 1 }, 'it has spoken')
  assert.deepEqual(await beat(), { told: 2, writes: 0 })
  say(2, { put: [nic('nic1', { unanswered: { ingress: 0, egress: 1 } })] })
  await settle()
  say(2, { put: [nic('nic1', { unanswered: { ingress: 0, egress: 2 } })] })
  await settle()
  assert.deepEqual(await beat(), { told: undefined, writes: 1 }, 'counts are told with it')
  assert.deepEqual(await beat(), { told: 2, writes: 0 })
})
