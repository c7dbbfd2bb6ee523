/** Whom the kernel's counts are said for, and that nothing is lost or doubled whatever comes, goes or moves. */
import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Command } from '../../compile/nftables/commands.ts'
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import { bridgeTable, table } from '../../compile/nftables/names.ts'
import { type Decider, deciderText } from '../../core/model/decider.ts'
import { numberOf } from '../../core/model/decider-number.ts'
import type { Desired, DesiredInterface, FilterMode } from '../../core/model/desired.ts'
import type { CommonPolicy } from '../../core/model/effective-policy.ts'
import type { InterfaceHits } from '../../core/model/hits.ts'
import type { Rule } from '../../core/model/rule.ts'
import { macNumber } from '../../core/net/mac.ts'
import { createHitCounters, type HitCounters } from './hits.ts'
import { type HitKey, type Kernel, RefusedError } from './kernel.ts'

const rule = (id: string): Rule => ({
  ...{ id, position: 1, direction: 'ingress', action: 'allow', enabled: true, matches: [] },
})
const byRule = (id: string): Decider => ({ kind: 'rule', policy: 'p', rule: id })
const policy = (...rules: string[]): CommonPolicy => ({
  ...{ stateful: false, essentials: [], egress: { filtered: false } },
  ingress: {
    ...{ filtered: true, default: 'deny' },
    lists: [{ policy: 'p', part: 0, direction: 'ingress', rules: rules.map(rule) }],
  },
})

/** Sets that packets fill. */
function imagine() {
  const epochs = new Map([table, bridgeTable].map((each) => [each, 1]))
  const sets = new Map<string, Map<string, { packets: number; bytes: number }>>()
  const suppressed = new Map<string, Map<number, number>>()
  const setOf = (table: string, set: string) => {
    const name = `${table} ${set}`
    const found = sets.get(name) ?? new Map<string, { packets: number; bytes: number }>()
    sets.set(name, found)
    return found
  }
  const forgotten: HitKey[] = []
  const kernel: Pick<Kernel, 'hits' | 'forget' | 'counters' | 'commit'> = {
    async hits(table, set) {
      const epoch = epochs.get(table)
      if (epoch === undefined) return undefined
      const elements = [...setOf(table, set)].map(([key, count]) => {
        const [index = 0, number = 0] = key.split(' ').map(Number)
        return { index, number, ...count }
      })
      return { epoch: `${epoch}`, elements }
    },
    async forget(table, set, keys) {
      forgotten.push(...keys)
      for (const { index, number } of keys) setOf(table, set).delete(`${index} ${number}`)
    },
    async counters(table, set) {
      const found = suppressed.get(`${table} ${set}`)
      if (!found) throw new RefusedError('no such set')
      return found
    },
    async commit(commands: readonly Command[]) {
      for (const each of commands) {
        if (each.do === 'delete-elements')
          for (const key of each.elements.keys())
            suppressed.get(`${each.table} ${each.set}`)?.delete(Number(key))
        if (each.do === 'add-elements')
          for (const key of each.elements.keys()) {
            const [first = '', number] = key.split(' . ')
            const index = first.includes(':') ? Number(macNumber(first)) : Number(first)
            setOf(each.table, each.set).set(`${index} ${Number(number)}`, { packets: 0, bytes: 0 })
          }
      }
    },
  }
  return {
    kernel,
    forgotten,
    suppressed,
    /** So many packets of 100 bytes. */
    hit(index: number, by: Decider, packets: number, of: { table?: string; set?: string } = {}) {
      const { table: name = table, set = 'to-vm-hits' } = of
      const key = `${index} ${numberOf(by)}`
      const before = setOf(name, set).get(key) ?? { packets: 0, bytes: 0 }
      setOf(name, set).set(key, {
        packets: before.packets + packets,
        bytes: before.bytes + 100 * packets,
      })
    },
    /** The table is made anew; null: it goes. */
    renew(name: string, next: number | null) {
      for (const each of sets.keys()) if (each.startsWith(name)) sets.delete(each)
      if (next === null) epochs.delete(name)
      else epochs.set(name, next)
    },
  }
}

const nic = (id: string, more: Partial<DesiredInterface> = {}): DesiredInterface => ({
  ...{ id, device: `tap-${id}`, policy: 'p' },
  ...more,
})
const seen = (id: string, index: number, mode: FilterMode = 'routed'): LoweredInterface => ({
  ...{ id, index, mode, state: 'applied', error: null },
})
const unseen = (id: string): LoweredInterface => ({ id, mode: null, state: 'closed', error: 'gone' })
const desired = (of: CommonPolicy | undefined, ...interfaces: DesiredInterface[]): Desired => ({
  revision: 1,
  policies: new Map(of ? [['p', of]] : []),
  interfaces: new Map(interfaces.map((each) => [each.id, each])),
})
const nothing = { policies: new Set<string>(), interfaces: new Set<string>() }

/** Adds up as a service does: packets by interface, direction and decider. */
function addUp(): { add(some: readonly InterfaceHits[]): Map<string, number> } {
  const last = new Map<string, number>()
  const sums = new Map<string, number>()
  return {
    add(some) {
      const moment = new Set<string>()
      for (const { id, epoch, ingress, egress, suppressed } of some) {
        const counted = [
          ...ingress.map(({ by, packets, bytes }) => {
            assert.equal(bytes, 100 * packets)
            return [`in ${by}`, packets] as const
          }),
          ...egress.map(({ by, packets }) => [`out ${by}`, packets] as const),
          ['suppressed', suppressed.ingress + suppressed.egress] as const,
        ]
        for (const [what, now] of counted) {
          const before = last.get(`${epoch} ${id} ${what}`) ?? 0
          // Of one moment: nothing can have begun anew in it.
          assert.ok(now >= before || !moment.has(`${epoch} ${id} ${what}`))
          moment.add(`${epoch} ${id} ${what}`)
          last.set(`${epoch} ${id} ${what}`, now)
          const more = now >= before ? now - before : now
          if (more > 0) sums.set(`${id} ${what}`, (sums.get(`${id} ${what}`) ?? 0) + more)
        }
      }
      return sums
    },
  }
}

describe('what deciders have counted', () => {
  let world: ReturnType<typeof imagine>
  let time: number
  let hits: HitCounters
  let sum: ReturnType<typeof addUp>
  const begin = () => createHitCounters({ kernel: world.kernel, samples: 10, now: () => time })
  const total = async () => Object.fromEntries(sum.add(await hits.read()))
  /** After so many minutes, each with a reading. */
  async function pass(minutes: number) {
    for (let n = 0; n < minutes; n++) {
      time += 60_000
      await total()
    }
  }

  beforeEach(() => {
    world = imagine()
    time = 0
    hits = begin()
    sum = addUp()
  })

  describe('hits', () => {
    test('what has counted is said once, by who decided', async () => {
      hits.watch([seen('a', 5), seen('b', 6)], [], desired(policy('r1', 'r2'), nic('a'), nic('b')), null)
      world.hit(5, byRule('r1'), 3)
      world.hit(5, { kind: 'default' }, 2)
      world.hit(6, byRule('r2'), 1)
      world.hit(6, { kind: 'origin', check: 'mac' }, 4, { set: 'from-vm-hits' })
      const [a, b, ...more] = await hits.read()
      assert.deepEqual(more, [])
      assert.deepEqual(a, {
        ...{ id: 'a', epoch: 'routed 1 5', egress: [], suppressed: { ingress: 0, egress: 0 } },
        ingress: [
          { by: 'rule p r1', packets: 3, bytes: 300 },
          { by: 'default', packets: 2, bytes: 200 },
        ],
      })
      assert.deepEqual(b?.egress, [{ by: 'origin mac', packets: 4, bytes: 400 }])
      assert.deepEqual(await hits.read(), [])
      world.hit(5, byRule('r1'), 1)
      const [again] = await hits.read()
      assert.deepEqual(again?.ingress, [{ by: 'rule p r1', packets: 4, bytes: 400 }])
    })

    test('before anybody is known nobody is said, and nothing forgotten', async () => {
      world.hit(5, byRule('r1'), 3)
      await pass(10)
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      assert.deepEqual(await total(), { 'a in rule p r1': 3 })
    })

    test('another process says the same counts under the same epoch', async () => {
      const all = desired(policy('r1'), nic('a'))
      hits.watch([seen('a', 5)], [], all, null)
      world.hit(5, byRule('r1'), 3)
      await total()
      hits = begin()
      hits.watch([seen('a', 5)], [], all, null)
      world.hit(5, byRule('r1'), 1)
      assert.deepEqual(await total(), { 'a in rule p r1': 4 })
    })

    test('a rule that has gone is known for a minute, its count is taken back later, and it may come again', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1', 'r2'), nic('a')), null)
      await total()
      world.hit(5, byRule('r2'), 7)
      const changed = { ...nothing, policies: new Set(['p']) }
      hits.watch([], [], desired(policy('r1'), nic('a')), changed)
      time += 59_000
      assert.deepEqual(await total(), { 'a in rule p r2': 7 })
      await pass(3)
      assert.deepEqual(world.forgotten, [{ index: 5, number: numberOf(byRule('r2')) }])
      hits.watch([], [], desired(policy('r1', 'r2'), nic('a')), changed)
      // More than it had: nobody takes it for a count that went on.
      world.hit(5, byRule('r2'), 10)
      assert.deepEqual(await total(), { 'a in rule p r2': 17 })
    })

    test('what nobody knows any more is not said', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      hits.watch([], [], desired(policy(), nic('a')), { ...nothing, policies: new Set(['p']) })
      time += 61_000
      world.hit(5, byRule('r1'), 1)
      assert.deepEqual(await total(), {})
    })

    test('counts of deciders that stand stay for ever', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      world.hit(5, byRule('r1'), 1)
      world.hit(5, { kind: 'default' }, 1)
      world.hit(5, { kind: 'essential', name: 'dhcp' }, 1)
      world.hit(5, { kind: 'list', policy: 'p' }, 1)
      await pass(100)
      assert.deepEqual(world.forgotten, [])
    })

    test('a device between tables and back, and another index, lose and double nothing', async () => {
      const all = desired(policy('r1'), nic('a'))
      hits.watch([seen('a', 5)], [], all, null)
      world.hit(5, byRule('r1'), 100)
      await total()
      let expected = 100
      const moves: readonly (readonly [number, FilterMode])[] = [
        ...([
          [5, 'bridged'],
          [5, 'routed'],
          [9, 'routed'],
          [5, 'bridged'],
        ] as const),
        ...([
          [5, 'routed'],
          [5, 'bridged'],
          [9, 'bridged'],
          [9, 'routed'],
        ] as const),
      ]
      for (const [n, [index, mode]] of moves.entries()) {
        hits.watch([seen('a', index, mode)], [], all, nothing)
        world.hit(index, byRule('r1'), 150 + n, { table: mode === 'routed' ? table : bridgeTable })
        expected += 150 + n
        // Some moves are seen, and some are not.
        if (n % 3 === 0) assert.deepEqual(await total(), { 'a in rule p r1': expected })
      }
      assert.deepEqual(await total(), { 'a in rule p r1': expected })
    })

    test('who takes over an index begins at 0; what both may have counted since the last reading is nobody’s', async () => {
      const before = policy('r1', 'r2')
      hits.watch([seen('a', 5)], [], desired(before, nic('a')), null)
      world.hit(5, byRule('r1'), 3)
      world.suppressed.set(`${table} to-vm-suppressed`, new Map([[5, 9]]))
      await total()
      world.hit(5, byRule('r1'), 1)
      world.hit(5, byRule('r2'), 7)
      hits.watch([seen('b', 5)], ['a'], desired(policy('r1'), nic('b')), {
        ...{ ...nothing, policies: new Set(['p']) },
      })
      // In force, and not read yet.
      world.hit(5, byRule('r1'), 1000)
      world.suppressed.get(`${table} to-vm-suppressed`)?.set(5, 2000)
      await total()
      world.hit(5, byRule('r1'), 20)
      assert.deepEqual(await total(), {
        ...{ 'a in rule p r1': 3, 'a in rule p r2': 7, 'a suppressed': 9, 'b in rule p r1': 20 },
      })
      assert.equal(world.suppressed.get(`${table} to-vm-suppressed`)?.has(5), false)
    })

    test('who takes over an index counts for itself at once, not from the next reading on', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      world.hit(5, { kind: 'default' }, 3)
      await total()
      world.hit(5, { kind: 'default' }, 1)
      hits.watch([seen('b', 5)], ['a'], desired(policy('r2'), nic('b')), nothing)
      await new Promise((done) => setImmediate(done))
      world.hit(5, { kind: 'default' }, 20)
      assert.deepEqual(await total(), { 'a in default': 3, 'b in default': 20 })
      // And back, before anybody asks again.
      hits.watch([seen('a', 5)], ['b'], desired(policy('r1'), nic('a')), nothing)
      await new Promise((done) => setImmediate(done))
      await total()
      world.hit(5, { kind: 'default' }, 300)
      assert.deepEqual(await total(), { 'a in default': 303, 'b in default': 20 })
    })

    test('who returns before it was read has nothing of who had the index in between', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      await total()
      world.hit(5, byRule('r1'), 1)
      const handOver = (to: string, from: string) =>
        hits.watch([seen(to, 5)], [from], desired(policy('r1'), nic(to)), nothing)
      handOver('b', 'a')
      world.hit(5, byRule('r1'), 10)
      world.hit(5, { kind: 'default' }, 100)
      handOver('a', 'b')
      world.hit(5, byRule('r1'), 1000)
      await total()
      world.hit(5, byRule('r1'), 7)
      assert.deepEqual(await total(), { 'a in rule p r1': 7 })
    })

    test('two change places', async () => {
      const all = desired(policy('r1'), nic('a'), nic('b'))
      hits.watch([seen('a', 5), seen('b', 6)], [], all, null)
      world.hit(5, byRule('r1'), 1)
      world.hit(6, byRule('r1'), 10)
      hits.watch([seen('a', 6), seen('b', 5)], [], all, nothing)
      await total()
      world.hit(5, byRule('r1'), 100)
      world.hit(6, byRule('r1'), 1000)
      assert.deepEqual(await total(), { 'a in rule p r1': 1000, 'b in rule p r1': 100 })
    })

    test('a table that is made anew: what is kept before, and what follows', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      world.hit(5, byRule('r1'), 3)
      await total()
      world.hit(5, byRule('r1'), 2)
      await hits.keep()
      world.renew(table, null)
      await total()
      world.renew(table, 2)
      world.hit(5, byRule('r1'), 40)
      assert.deepEqual(await total(), { 'a in rule p r1': 45 })
    })

    test('rejections at the sender’s port are the receiver’s, by its MAC', async () => {
      const [mac, other] = ['02:00:00:00:00:05', '02:00:00:00:00:06']
      const of = { table: bridgeTable, set: 'answer-hits' }
      hits.watch([seen('a', 5, 'bridged')], [], desired(policy('r1'), nic('a', { mac })), null)
      world.hit(5, byRule('r1'), 1, { table: bridgeTable })
      world.hit(Number(macNumber(mac)), byRule('r1'), 2, of)
      assert.deepEqual(await total(), { 'a in rule p r1': 3 })
      hits.watch([seen('a', 5, 'bridged')], [], desired(policy('r1'), nic('a', { mac: other })), nothing)
      world.hit(Number(macNumber(mac)), byRule('r1'), 4, of)
      world.hit(Number(macNumber(other)), byRule('r1'), 8, of)
      assert.deepEqual(await total(), { 'a in rule p r1': 15 })
    })

    test('of a MAC that two have nobody is said, and again when one of them goes', async () => {
      const mac = '02:00:00:00:00:05'
      const count = (packets: number) =>
        world.hit(Number(macNumber(mac)), { kind: 'default' }, packets, {
          ...{ table: bridgeTable, set: 'answer-hits' },
        })
      const [a, b] = [nic('a', { mac }), nic('b', { mac })]
      const [first, second] = [seen('a', 5, 'bridged'), seen('b', 6, 'bridged')]
      hits.watch([second], [], desired(policy('r1'), b), null)
      count(1)
      assert.deepEqual(await total(), { 'b in default': 1 })
      hits.watch([first], [], desired(policy('r1'), a, b), nothing)
      await total()
      count(10)
      assert.deepEqual(await total(), { 'b in default': 1 })
      hits.watch([], ['a'], desired(policy('r1'), b), nothing)
      await new Promise((done) => setImmediate(done))
      count(100)
      await total()
      assert.deepEqual(await total(), { 'b in default': 101 })
    })

    test('a device that goes: its last packets are said, and its elements taken out', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      world.hit(5, byRule('r1'), 3)
      hits.watch([unseen('a')], [], desired(policy('r1'), nic('a')), nothing)
      assert.deepEqual(await total(), { 'a in rule p r1': 3 })
      assert.deepEqual(world.forgotten, [{ index: 5, number: numberOf(byRule('r1')) }])
    })

    test('elements of devices that nobody knows go after some time', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      world.hit(77, byRule('r1'), 3)
      await pass(1)
      assert.deepEqual(world.forgotten, [])
      await pass(2)
      assert.deepEqual(world.forgotten, [{ index: 77, number: numberOf(byRule('r1')) }])
    })

    test('of two deciders with one number neither is said, also when one of them goes', async () => {
      const [one, two] = collision()
      hits.watch([seen('a', 5)], [], desired(policy(one), nic('a')), null)
      world.hit(5, byRule(one), 3)
      assert.deepEqual(await total(), { [`a in ${deciderText(byRule(one))}`]: 3 })
      const changed = { ...nothing, policies: new Set(['p']) }
      hits.watch([], [], desired(policy(one, two), nic('a')), changed)
      world.hit(5, byRule(two), 5)
      assert.deepEqual(await hits.read(), [])
      hits.watch([], [], desired(policy(two), nic('a')), changed)
      world.hit(5, byRule(two), 5)
      assert.deepEqual(await hits.read(), [])
    })

    test('decisions that were not told are said as they grow', async () => {
      hits.watch([seen('a', 5)], [], desired(policy('r1'), nic('a')), null)
      const told = new Map([[5, 3]])
      world.suppressed.set(`${table} to-vm-suppressed`, told)
      const [first] = await hits.read()
      assert.deepEqual([first?.suppressed, first?.ingress], [{ ingress: 3, egress: 0 }, []])
      assert.deepEqual(await hits.read(), [])
      told.set(5, 4)
      assert.deepEqual((await hits.read())[0]?.suppressed, { ingress: 4, egress: 0 })
    })
  })

  describe('hits of who had a device before this process', () => {
    const other = { kind: 'default' } as const
    /** What a process does that makes it so, all at once. */
    async function apply(of: HitCounters, ...nics: DesiredInterface[]): Promise<readonly string[]> {
      const wanted = desired(policy('web'), ...nics)
      await of.pass(
        nics.map(({ id }) => seen(id, 5)),
        wanted,
      )
      const over = of.watch(
        nics.map(({ id }) => seen(id, 5)),
        [],
        wanted,
        null,
      )
      return [...over]
    }

    test('of the same one they are its own, whichever rules they are of; of another one nobody’s', async () => {
      await hits.begin()
      assert.deepEqual(await apply(hits, nic('a')), ['a'])
      world.hit(5, other, 3)
      world.hit(5, byRule('web'), 2)
      assert.deepEqual(await total(), { 'a in default': 3, 'a in rule p web': 2 })
      world.hit(5, other, 1)
      hits = begin()
      await hits.begin()
      assert.deepEqual(await apply(hits, nic('a')), [])
      assert.deepEqual(await total(), { 'a in default': 4, 'a in rule p web': 2 })
      world.hit(5, other, 5)
      hits = begin()
      await hits.begin()
      assert.deepEqual(await apply(hits, nic('b')), ['b'])
      world.hit(5, other, 1)
      assert.deepEqual(await total(), { 'a in default': 4, 'a in rule p web': 2 })
      // From here on they are its own, also for the next process.
      world.hit(5, other, 2)
      assert.equal((await total())['b in default'], 2)
      world.hit(5, other, 1)
      hits = begin()
      await hits.begin()
      assert.deepEqual(await apply(hits, nic('b')), [])
      assert.equal((await total())['b in default'], 3)
    })

    test('a process that is killed at any moment of a hand-over tells nothing of the one for the other', async () => {
      let [steps, told] = [0, 0]
      for (let at = 0; at <= steps; at++) {
        world = imagine()
        sum = addUp()
        hits = begin()
        await hits.begin()
        await apply(hits, nic('a'))
        world.hit(5, other, 100)
        await total()
        world.hit(5, other, 1000)
        let left = at === 0 ? Number.POSITIVE_INFINITY : at
        let done = 0
        const alive =
          <A extends readonly unknown[], T>(call: (...args: A) => Promise<T>) =>
          async (...args: A): Promise<T> => {
            done++
            if (--left < 0) return new Promise<T>(() => {})
            return call(...args)
          }
        const { hits: found, forget, counters, commit } = world.kernel
        const dying = createHitCounters({
          kernel: {
            ...{
              hits: alive(found),
              forget: alive(forget),
              counters: alive(counters),
              commit: alive(commit),
            },
          },
          ...{ samples: 10, now: () => time },
        })
        const over = (async () => {
          await dying.begin()
          await apply(dying, nic('a'))
          await dying.read()
          await dying.pass([seen('b', 5)], desired(policy('web'), nic('b')))
          world.hit(5, other, 1)
          dying.watch([seen('b', 5)], ['a'], desired(policy('web'), nic('b')), null)
          world.hit(5, other, 1)
          await dying.read()
          world.hit(5, other, 1)
        })()
        // Nothing that it waits for needs time.
        for (let n = 0; n < 200; n++) await Promise.resolve()
        if (at === 0) {
          await over
          steps = done
        }
        hits = begin()
        await hits.begin()
        await apply(hits, nic('b'))
        world.hit(5, other, 1)
        await total()
        world.hit(5, other, 1)
        const { 'a in default': a = 0, 'b in default': b = 0 } = await total()
        assert.ok(a <= 1100 && b <= 5 && b >= 1, `killed at ${at} of ${steps}: ${a} and ${b}`)
        told = Math.max(told, b)
      }
      assert.ok(steps > 10)
      // And what is surely its own is not thrown away.
      assert.ok(told > 2)
    })

    test('counts that nobody is said to have are nobody’s, once', async () => {
      world.hit(5, other, 7)
      await hits.begin()
      assert.deepEqual(await apply(hits, nic('a')), ['a'])
      assert.deepEqual(await total(), {})
      world.hit(5, other, 1)
      assert.deepEqual(await total(), { 'a in default': 1 })
      hits = begin()
      await hits.begin()
      assert.deepEqual(await apply(hits, nic('a')), [])
    })

    test('where there was no table nobody has had anything', async () => {
      world.renew(table, null)
      world.renew(bridgeTable, null)
      await hits.begin()
      world.renew(table, 1)
      assert.deepEqual(await apply(hits, nic('a')), [])
      world.hit(5, other, 1)
      assert.deepEqual(await total(), { 'a in default': 1 })
    })

    test('the same id in another account is another one’s, while it runs and after', async () => {
      await hits.begin()
      await apply(hits, nic('a', { account: 'one' }))
      world.hit(5, other, 3)
      assert.deepEqual(await total(), { 'a in default': 3 })
      world.hit(5, other, 4)
      await hits.keep()
      await apply(hits, nic('a', { account: 'two' }))
      assert.deepEqual(await hits.read(), [])
      world.hit(5, other, 1)
      sum = addUp()
      assert.deepEqual(await total(), { 'a in default': 1 })
      hits = begin()
      await hits.begin()
      assert.deepEqual(await apply(hits, nic('a', { account: 'three' })), ['a'])
      sum = addUp()
      assert.deepEqual(await total(), {})
    })

    test('a mark that cannot be put is put later, and one of nobody goes', async () => {
      await hits.begin()
      const { commit } = world.kernel
      world.kernel.commit = async () => Promise.reject(new RefusedError('full'))
      await apply(hits, nic('a'))
      await total()
      world.kernel.commit = commit
      await total()
      const next = begin()
      await next.begin()
      assert.deepEqual(await apply(next, nic('a')), [])
      hits.watch([seen('b', 6)], ['a'], desired(policy('web'), nic('b')), null)
      await pass(3)
      const last = begin()
      await last.begin()
      assert.deepEqual(await apply(last, nic('a')), ['a'])
    })

    test('where a port of a bridge had another MAC rejected for it', async () => {
      const mac = '52:54:00:00:00:01'
      const vm = (id: string) => nic(id, { mac })
      const of = { table: bridgeTable, set: 'answer-hits' }
      const be = (id: string) => {
        const wanted = desired(policy('web'), vm(id))
        return hits.pass([seen(id, 5, 'bridged')], wanted).then(() => {
          hits.watch([seen(id, 5, 'bridged')], [], wanted, null)
        })
      }
      await hits.begin()
      await be('a')
      world.hit(Number(macNumber(mac)), other, 3, of)
      hits = begin()
      await hits.begin()
      await be('b')
      assert.deepEqual(await total(), {})
      world.hit(Number(macNumber(mac)), other, 1, of)
      assert.deepEqual(await total(), { 'b in default': 1 })
    })
  })

  /** Ids of two rules with one number. */
  function collision(): readonly [string, string] {
    const known = new Map<number, string>()
    for (let n = 0; n < 1_000_000; n++) {
      const number = numberOf(byRule(`r${n}`))
      const before = known.get(number)
      if (before !== undefined) return [before, `r${n}`]
      known.set(number, `r${n}`)
    }
    throw new Error('there is none among a million')
  }
})
