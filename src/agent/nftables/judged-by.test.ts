/** Who judged, where a change is under way, has just ended, failed, or came twice: by a clock of the test's own. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { numberOf } from '../../core/model/decider-number.ts'
import type { Desired, DesiredDelta, DesiredInterface } from '../../core/model/desired.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import { createJudgedBy } from './judged-by.ts'

const policyOf = (...rules: string[]): CommonPolicy => ({
  ...{ stateful: false, essentials: [], egress: { filtered: false } },
  ingress: {
    ...{ filtered: true, default: 'deny' },
    lists: [
      {
        ...{ policy: 'p', part: 0, direction: 'ingress' },
        rules: rules.map((id, n) => ({
          ...{ id, position: n + 1, direction: 'ingress', action: 'deny', enabled: true, matches: [{}] },
        })),
      },
    ],
  },
})
const number = (rule: string) => numberOf({ kind: 'rule', policy: 'p', rule })
const byDefault = numberOf({ kind: 'default' })

/** One interface, `vm`, on the device 7, unless said otherwise. */
function world() {
  let time = 1000
  const judged = createJudgedBy(() => time)
  let revision = 0
  const policies = new Map<string, CommonPolicy>()
  const interfaces = new Map<string, DesiredInterface>()
  const desired = (): Desired => ({ revision, policies, interfaces })
  return {
    judged,
    at: (now: number) => {
      time = now
    },
    describe(id: string, policy: string | null) {
      interfaces.set(id, { id, device: id, policy })
    },
    remove: (id: string) => interfaces.delete(id),
    begin(rules: readonly string[], delta: DesiredDelta | null = null) {
      revision++
      policies.set('k', policyOf(...rules))
      judged.begin(desired(), delta)
    },
    /** As `rule revision`, or nothing. */
    who(of: number, at: number | undefined, id = 'vm') {
      const found = judged.find(id, 'ingress', of, at)
      return found && `${'rule' in found.decider.by ? found.decider.by.rule : 'default'} ${found.revision}`
    },
    place(id: string, index: number | undefined, state: 'applied' | 'observing' = 'applied') {
      judged.place([{ id, state, mode: 'routed', error: null, ...(index !== undefined && { index }) }], [])
    },
  }
}
const changed: DesiredDelta = { policies: new Set(['k']), interfaces: new Set() }

/** Revision 1 with the rules a and b is in force from 1000 on, and all of it settled. */
function started() {
  const all = world()
  all.describe('vm', 'k')
  all.begin(['a', 'b'])
  all.judged.end()
  all.judged.settle(1000)
  return all
}

test('before anything is in force nobody knows who judged', () => {
  const { judged, begin, describe, who, at } = world()
  assert.equal(who(byDefault, undefined), undefined)
  describe('vm', 'k')
  begin(['a'])
  // What stood before may have judged: an agent that is no more has put it there.
  assert.equal(who(number('a'), 1000.5), undefined)
  at(1010)
  judged.end()
  assert.equal(who(number('a'), 1005), undefined)
  assert.equal(who(number('a'), 1012), 'a 1')
  assert.equal(who(number('a'), undefined), undefined)
  assert.equal(judged.settle(1010), false)
  assert.equal(who(number('a'), undefined), 'a 1')
  assert.equal(who(number('a'), 1012, 'other'), undefined)
})

test('while a change is under way the one that knows the rule has judged, of both the older', () => {
  const { judged, begin, who, at } = started()
  at(2000)
  begin(['b', 'c'], changed)
  const cases: readonly [string | null, number | undefined, string | undefined][] = [
    ['a', 1990, 'a 1'],
    ['b', 1990, 'b 1'],
    ['a', 2005, 'a 1'],
    ['b', 2005, 'b 1'],
    ['c', 2005, 'c 2'],
    ['d', 2005, undefined],
    [null, 2005, 'default 1'],
    ['a', undefined, 'a 1'],
    ['b', undefined, 'b 1'],
    ['c', undefined, 'c 2'],
  ]
  const asked = (rule: string | null) => (rule === null ? byDefault : number(rule))
  for (const [rule, time, want] of cases) assert.equal(who(asked(rule), time), want, `${rule} ${time}`)
  at(2010)
  judged.end()
  for (const [rule, time, want] of cases) assert.equal(who(asked(rule), time), want, `${rule} ${time}`)
  // From here on the newer one; and the older of what has just gone.
  for (const [rule, want] of [
    ['a', 'a 1'],
    ['b', 'b 2'],
    ['c', 'c 2'],
    ['d', undefined],
  ] as const)
    assert.equal(who(number(rule), 2012), want, rule)
  assert.equal(who(number('b'), undefined), 'b 1')
  judged.settle(2010)
  assert.equal(who(number('b'), undefined), 'b 2')
  // A packet whose time was taken before the change, and that was judged behind it.
  assert.equal(who(number('c'), 1990), 'c 2')
})

test('a place in the policy is that of the revision', () => {
  const { judged, begin, at } = started()
  at(2000)
  begin(['b'], changed)
  at(2010)
  judged.end()
  assert.equal(judged.find('vm', 'ingress', number('b'), 1999)?.decider.position, 2)
  assert.equal(judged.find('vm', 'ingress', number('b'), 2020)?.decider.position, 1)
})

test('a change that failed may have judged until a later one is in force', () => {
  const { judged, begin, who, at } = started()
  at(2000)
  begin(['c'], changed)
  at(2100)
  begin(['d'], changed)
  assert.equal(who(number('a'), 2150), 'a 1')
  assert.equal(who(number('c'), 2150), 'c 2')
  assert.equal(who(number('d'), 2150), 'd 3')
  at(2200)
  judged.end()
  assert.equal(who(byDefault, 2150), 'default 1')
  assert.equal(who(byDefault, 2250), 'default 3')
})

test('what has been replaced is forgotten after some seconds, and what is in force is not', () => {
  const { judged, begin, who, at } = started()
  for (let n = 0; n < 100; n++) {
    at(2000 + 100 * n)
    begin([`r${n}`, 'always'], changed)
    judged.end()
    judged.settle(2000 + 100 * n)
  }
  assert.equal(who(number('r0'), undefined), undefined)
  assert.equal(who(number('r90'), undefined), 'r90 92')
  assert.equal(who(number('always'), undefined), 'always 101')
})

test('a revision that changes nothing here is a revision', () => {
  const { judged, who, at } = started()
  at(2000)
  const same: Desired = {
    revision: 9,
    policies: new Map(),
    interfaces: new Map([['vm', { id: 'vm', device: 'vm', policy: 'k' }]]),
  }
  judged.begin(same, { policies: new Set(), interfaces: new Set(['vm']) })
  judged.end()
  assert.equal(who(number('a'), 2002), 'a 9')
})

test('a number that was another rule’s a moment ago is nobody’s', () => {
  const { judged, begin, who, at } = started()
  at(2000)
  begin(['r145511'], changed)
  at(2010)
  judged.end()
  at(3000)
  begin(['r182069'], changed)
  assert.equal(number('r145511'), number('r182069'))
  assert.equal(who(number('r145511'), 2999), 'r145511 2')
  assert.equal(who(number('r145511'), 3001), undefined)
  at(3010)
  judged.end()
  assert.equal(who(number('r145511'), 3012), 'r182069 3')
})

test('an interface whose policy is another, and one that has gone', () => {
  const { judged, begin, describe, remove, who, at } = started()
  at(2000)
  describe('vm', null)
  begin(['a'], { policies: new Set(), interfaces: new Set(['vm']) })
  judged.end()
  assert.equal(who(number('a'), 2005), 'a 1')
  at(3000)
  remove('vm')
  begin(['a'])
  judged.end()
  assert.equal(who(number('a'), 3005), 'a 1')
  judged.settle(3000)
  at(9000)
  begin(['a'])
  assert.equal(who(number('a'), 9005), undefined)
})

test('a device that goes from one to another is nobody’s for a while', () => {
  const { judged, place, at } = world()
  const owner = (time: number | undefined) => judged.ownerOf(7, time)?.id
  place('one', 7)
  assert.equal(owner(1001), 'one')
  assert.equal(owner(undefined), 'one')
  assert.equal(judged.ownerOf(8, 1001), undefined)
  at(5000)
  place('one', 9)
  place('two', 7)
  assert.equal(owner(3000), 'one')
  assert.equal(owner(4500), undefined)
  at(5010)
  judged.end()
  assert.equal(owner(5900), undefined)
  at(6500)
  assert.equal(owner(6400), 'two')
  // Nobody has looked since what came without a time.
  assert.equal(owner(undefined), undefined)
  judged.settle(5010)
  assert.equal(owner(undefined), 'two')
  assert.equal(judged.ownerOf(9, 6400)?.id, 'one')
})

test('a device of two interfaces is nobody’s, and one that is observed is said to be', () => {
  const { judged, place, at } = world()
  place('one', 7)
  place('two', 7)
  assert.equal(judged.ownerOf(7, 3000), undefined)
  judged.place([], ['two'])
  judged.end()
  judged.settle(1000)
  at(9000)
  assert.equal(judged.ownerOf(7, 9000)?.id, 'one')
  assert.equal(judged.ownerOf(7, 9000)?.observed, false)
  place('one', 7, 'observing')
  assert.equal(judged.ownerOf(7, 9000)?.observed, true)
  place('one', undefined)
  judged.end()
  assert.equal(judged.ownerOf(7, 9500)?.id, 'one')
  at(20_000)
  assert.equal(judged.ownerOf(7, 20_000), undefined)
})
