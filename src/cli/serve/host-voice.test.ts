/** What agents of a host say one after the other, heard as one. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { InterfaceStatus } from '../../core/model/desired.ts'
import type { HostWords, StatusChange } from '../../core/model/status-change.ts'
import { createHostVoice, type HostVoice } from './host-voice.ts'

const unheard: HostWords = {
  ...{ host: 'kvm', target: 'nftables', observe: false, desiredRevision: null, appliedRevision: null },
  ...{ state: 'starting', error: null, repairs: 0, warnings: [] },
}
const applied = (revision: number, repairs = 0): HostWords => ({
  ...unheard,
  ...{ desiredRevision: revision, appliedRevision: revision, state: 'applied', repairs },
})
const nic = (id: string): InterfaceStatus => ({
  ...{ id, device: `tap-${id}`, appliedRevision: 1, state: 'applied', error: null, notes: [] },
})
const change = (host: HostWords, more: Partial<StatusChange> = {}): StatusChange => ({
  ...{ host, whole: false, put: [], remove: [] },
  ...more,
})
const first = (host: HostWords, ...ids: string[]): StatusChange =>
  change(host, { whole: true, put: ids.map(nic) })

describe('the voice of a host', () => {
  let said: StatusChange[]
  let voice: HostVoice
  const words = () => said.at(-1)?.host
  /** Ids of the interfaces that are known by now to who hears all of it. */
  function known(): string[] {
    const ids = new Set<string>()
    for (const { whole, put, remove } of said) {
      if (whole) ids.clear()
      for (const id of remove) ids.delete(id)
      for (const { id } of put) ids.add(id)
    }
    return [...ids].sort()
  }
  beforeEach(() => {
    said = []
    voice = createHostVoice(unheard, (next) => void said.push(next))
  })

  test('one agent is heard as it speaks', () => {
    const changes = [
      first({ ...unheard, state: 'applying', desiredRevision: 1 }),
      change(applied(1), { put: [nic('a'), nic('b')] }),
      change(applied(2, 1), { remove: ['b'] }),
    ]
    for (const each of changes) voice.hear(each)
    assert.deepEqual(said, changes)
  })

  test('what was in force stays so until the next agent has applied something', () => {
    voice.hear(first(applied(5, 2), 'a', 'b', 'c'))
    voice.lost('it was ended by SIGKILL')
    const lost = { ...applied(5, 2), state: 'failing', error: 'it was ended by SIGKILL' }
    assert.deepEqual(words(), lost)
    voice.hear(first(unheard))
    voice.hear(change({ ...unheard, state: 'applying', desiredRevision: 6 }))
    assert.deepEqual(words(), lost)
    assert.deepEqual(known(), ['a', 'b', 'c'])
    // Many interfaces come in several changes, the last of which says what is applied.
    voice.hear(change({ ...unheard, state: 'applying', desiredRevision: 6 }, { put: [nic('b')] }))
    assert.deepEqual(known(), ['a', 'b', 'c'])
    voice.hear(change(applied(6, 1), { put: [nic('d')] }))
    assert.deepEqual(words(), applied(6, 3))
    assert.deepEqual(known(), ['b', 'd'])
    voice.hear(change(applied(7, 2)))
    assert.deepEqual(words(), applied(7, 4))
  })

  test('an agent that begins and fails says why itself', () => {
    voice.hear(first(applied(5), 'a'))
    voice.lost('it was ended by SIGSEGV')
    voice.hear(first({ ...unheard, state: 'failing', error: 'nft is not installed' }))
    assert.deepEqual(words(), { ...applied(5), state: 'failing', error: 'nft is not installed' })
  })

  test('the second in a row that ends before it has applied anything forgets nothing', () => {
    voice.hear(first(applied(5, 1), 'a', 'b'))
    voice.lost('one')
    voice.hear(first(unheard, 'b'))
    voice.lost('two')
    assert.equal(words()?.error, 'two')
    voice.hear(first(unheard))
    voice.hear(change(applied(5), { put: [nic('a')] }))
    assert.deepEqual([words(), known()], [applied(5, 1), ['a']])
  })

  test('one that ends before anything was in force, and the one after it', () => {
    voice.lost('it was ended by SIGKILL')
    assert.deepEqual(words(), { ...unheard, state: 'failing', error: 'it was ended by SIGKILL' })
    voice.hear(first(unheard))
    assert.deepEqual(words(), unheard)
  })

  test('what keeps us from reading is said until it is gone, once', () => {
    voice.hear(first(applied(5), 'a'))
    for (const _ of [1, 2]) voice.unread('the disk is full')
    assert.equal(said.length, 2)
    assert.deepEqual(words(), { ...applied(5), state: 'failing', error: 'the disk is full' })
    voice.hear(change(applied(6)))
    assert.equal(words()?.state, 'failing')
    for (const _ of [1, 2]) voice.unread(null)
    assert.deepEqual([said.length, words()], [4, applied(6)])
    assert.deepEqual(known(), ['a'])
  })
})
