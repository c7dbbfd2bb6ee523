import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { desire, type Judged } from '../../../test/support/desired.ts'
import { type Around, lowered } from '../../../test/support/lowered.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import { isTracked } from './interpret.ts'
import { createLiveTable } from './live-table.ts'
import { replaceScript } from './table.ts'
import { createTracking } from './tracking.ts'
import type { Trackers } from './untracked.ts'

const open = { filtered: false } as const
const shut = { filtered: true, lists: [], default: 'deny' } as const
const policy = (stateful: boolean, filtered = true): EffectivePolicy => ({
  ...{ stateful, essentials: [], egress: open },
  ingress: filtered ? shut : open,
})
const stateful = policy(true)
const stateless = policy(false)

const bridge = { name: 'br0', kind: 'bridge' }
const links: readonly Link[] = [
  ...[2, 3, 4, 5, 6].map((index) => ({ index, name: `tap${index}`, kind: 'tun', master: null })),
  { index: 7, name: 'tap7', kind: 'tun', master: bridge },
  { index: 8, name: 'br0', kind: 'bridge', master: null },
  { index: 9, name: 'br0.5', kind: 'vlan', master: { name: 'br1', kind: 'bridge' }, parent: 'br0' },
  { index: 10, name: 'br1', kind: 'bridge', master: null },
  { index: 11, name: 'eth0', kind: null, master: null },
]
const nobody: Trackers = { others: null, routes: null }
function lower(
  policies: Readonly<Record<string, EffectivePolicy | null>>,
  trackers: Trackers | null = nobody,
  around: Partial<Around & { watched: string }> = {},
) {
  const interfaces = Object.entries(policies).map(
    ([device, each]): Judged => ({
      ...{ id: device, device, policy: each },
      ...(device === around.watched && { observe: true }),
    }),
  )
  return lowered(desire(interfaces), {
    ...{ links, observe: false, refused: new Map(), kernel: { tracks: true, rejects: true } },
    ...(trackers && { trackers }),
    ...around,
  })
}
const sets = ({ ruleset }: ReturnType<typeof lower>) =>
  ruleset.tracking && [[...ruleset.tracking.stateful].sort(), [...ruleset.tracking.stateless].sort()]

describe('what is not tracked', () => {
  test('its chains and sets, for a person to read (UPDATE_GOLDEN=1 writes it)', async () => {
    const file = new URL('testdata/untracked.nft', import.meta.url)
    const live = createLiveTable()
    const tracking = createTracking(live, {
      get: (name) => links.find((link) => link.name === name),
      over: () => [],
    })
    for (const device of ['tap2', 'tap3']) tracking.add(device, 'stateful')
    for (const device of ['tap4', 'tap5']) tracking.add(device, 'stateless')
    tracking.settle(nobody)
    const text = replaceScript('inet portcullis', live.table)
    if (process.env.UPDATE_GOLDEN) await writeFile(file, text)
    assert.equal(text, await readFile(file, 'utf8'))
  })

  test('a packet is tracked if either end is stateful, or neither is stateless', () => {
    const { ruleset, tracked } = lower({ tap2: stateful, tap3: stateless })
    assert.equal(tracked, null)
    const outside = 11
    for (const [from, to, want] of [
      [2, 2, true],
      [2, 3, true],
      [3, 2, true],
      [3, 3, false],
      [2, outside, true],
      [outside, 2, true],
      [3, outside, false],
      [outside, 3, false],
      [outside, outside, true],
      [2, null, true],
      [3, null, true],
      [outside, null, true],
    ] as const)
      assert.equal(isTracked(ruleset, from, to), want, `from ${from} to ${to}`)
  })

  test('an interface is stateful if its state decides anything, observed or not; closed ones are neither', () => {
    const policies = {
      ...{ tap2: stateful, tap3: policy(true, false), tap4: stateless, tap5: null, tap6: stateful },
      gone: stateless,
    }
    assert.deepEqual(sets(lower(policies, nobody, { watched: 'tap6' })), [
      [2, 6],
      [3, 4],
    ])
    assert.deepEqual(sets(lower({ tap2: stateless, tap6: stateless }, nobody, { watched: 'tap6' })), [
      [],
      [2, 6],
    ])
  })

  test('a bridge with a stateful port, and what stands on it, is stateful; bridged interfaces are never stateless', () => {
    assert.deepEqual(sets(lower({ tap7: stateful, tap2: stateless })), [[10, 7, 8, 9], [2]])
    assert.deepEqual(sets(lower({ tap7: stateless, tap2: stateless })), [[], [2]])
    assert.equal(sets(lower({ tap7: stateless })), undefined)
    const { bridged } = lower({ tap7: stateless, tap2: stateless })
    assert.equal(bridged?.tracking, undefined)
  })

  test('all is tracked while others may ask, and where a route may lead to somebody who asks', () => {
    const mixed = { tap2: stateful, tap3: stateless }
    for (const [policies, trackers, tracked] of [
      [mixed, { others: 'others', routes: null }, 'others'],
      [mixed, { others: null, routes: 'routes' }, 'routes'],
      [{ tap3: stateless }, { others: null, routes: 'routes' }, null],
      [{ tap3: stateless }, { others: 'others', routes: 'routes' }, 'others'],
      // Nobody would be spared.
      [{ tap2: stateful }, { others: 'others', routes: 'routes' }, null],
    ] as const) {
      const { tracked: why, ruleset } = lower(policies, trackers)
      assert.equal(why, tracked)
      assert.equal(ruleset.tracking !== undefined, tracked === null && 'tap3' in policies)
    }
    const unasked = lower(mixed, null)
    assert.deepEqual([unasked.tracked, unasked.ruleset.tracking], [null, undefined])
  })
})
