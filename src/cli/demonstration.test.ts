import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayDemonstrate } from './demonstration.ts'

const demonstration = { account: 'demo', token: 'public' }
const [demo, file] = [
  { name: 'demo', origin: 'inventory' },
  { name: 'acme', origin: 'inventory' },
] as const
const [made, closed] = [
  { name: 'made', origin: 'api' },
  { name: 'shut', origin: null },
] as const

test('the demonstration is applied where it ends nothing, and is not added to what others serve', async () => {
  for (const [accounts, holds, want] of [
    [[], false, true],
    [[demo], true, true],
    [[demo, made, closed], true, true],
    [[demo, file], true, false],
    [[file], false, false],
    [[made], false, false],
    // Of that name, and another's.
    [[demo], false, false],
  ] as const) {
    const store = { accounts: async () => accounts, credential: async () => (holds ? {} : undefined) }
    const names = accounts.map(({ name }) => name)
    assert.equal(await mayDemonstrate(store, demonstration), want, `${names} ${holds}`)
  }
})
