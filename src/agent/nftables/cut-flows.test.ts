/** Which connections end when a policy changes, by a table of connections that is imagined. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deltaOf, desire, type Judged } from '../../../test/support/desired.ts'
import type { Command } from '../../compile/nftables/commands.ts'
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import type { Desired } from '../../core/model/desired.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import { parseAddress } from '../../core/net/address.ts'
import { TCP, UDP } from '../../core/net/protocol.ts'
import type { FlowsCut } from '../dataplane.ts'
import { addressKey, type Conntrack, type Flow, type FlowTuple } from '../netlink/conntrack.ts'
import { InterruptedError, OutcomeUnknownError } from '../netlink/errors.ts'
import { createFlowCutter, uncutNotes } from './cut-flows.ts'
import { reversed } from './flow-judge.ts'

const number = (text: string): bigint => {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok)
  return parsed.value.value
}
let ids = 0
function flow(
  from: string,
  to: string,
  port: number,
  more: Partial<Flow> & { protocol?: number } = {},
): Flow {
  const { protocol = TCP, ...rest } = more
  const original: FlowTuple = {
    ...{ protocol, source: number(from), destination: number(to), sourcePort: 4000, destinationPort: port },
  }
  const handle = { id: ++ids, zone: 0, tuple: new Uint8Array() }
  return { family: 'ipv4', original, reply: reversed(original), handle, ...rest }
}

/** Ports that may be reached, from the VM and at it. */
const allowing = (
  ingress: readonly number[],
  egress: readonly number[],
  more: Partial<EffectivePolicy> = {},
): EffectivePolicy => {
  const direction = (way: 'ingress' | 'egress', ports: readonly number[]) => ({
    filtered: true as const,
    default: 'deny' as const,
    lists: [
      {
        ...{ policy: 'p', part: 0, direction: way },
        rules: ports.map((port, at) => ({
          ...{
            id: `${way}${port}`,
            position: at + 1,
            direction: way,
            action: 'allow' as const,
            enabled: true,
          },
          matches: [{ destinationPorts: [{ first: port, last: port }] }],
        })),
      },
    ],
  })
  return {
    ...{ stateful: true, cutsFlows: true, essentials: [] },
    ...{ ingress: direction('ingress', ingress), egress: direction('egress', egress) },
    ...more,
  }
}

/** A cutter over these connections; `steps` of what is done to the kernel are remembered. */
function cutterOver(flows: Flow[]) {
  const steps: string[] = []
  const standing = new Set(flows)
  const failing: Error[] = []
  let held: Promise<void> = Promise.resolve()
  const conntrack: Conntrack = {
    async flows(ends) {
      await held
      const error = failing.shift()
      if (error) throw error
      return [...standing].filter(({ family, original, reply }) =>
        [original.source, reply.source].some((address) => ends.has(addressKey(family, address))),
      )
    },
    async delete(some) {
      steps.push('delete')
      const found = some.filter((each) => standing.delete(each))
      return found.length
    },
    close() {},
  }
  const commit = async (commands: readonly Command[]) => void steps.push(...commands.map((each) => each.do))
  const cutter = createFlowCutter({ kernel: { commit }, conntrack })
  const cuts: FlowsCut[] = []
  let told = () => {}
  cutter.onCut((cut) => {
    cuts.push(cut)
    told()
  })
  let before: Desired | undefined
  return {
    ...{ cutter, steps, failing, standing, cuts },
    hold(until: Promise<void>) {
      held = until
    },
    /** What was applied; those that have another state than applied are named with it. */
    watch(interfaces: readonly Judged[], states: Readonly<Record<string, LoweredInterface['state']>> = {}) {
      const desired = desire(interfaces)
      const delta = before ? deltaOf(before, desired) : null
      const gone = [...(before?.interfaces.keys() ?? [])].filter((id) => !desired.interfaces.has(id))
      before = desired
      const reports = interfaces.map(({ id }): LoweredInterface => {
        return { ...{ id, mode: 'routed', error: null, index: 2 }, state: states[id] ?? 'applied' }
      })
      const changed = delta ? reports.filter(({ id }) => delta.interfaces.has(id) || id in states) : reports
      return cutter.watch(changed, gone, desired, delta)
    },
    /** Once it has looked so often. */
    async looked(times: number) {
      while (cuts.length < times) await this.next()
    },
    async next() {
      const { promise, resolve } = Promise.withResolvers<void>()
      told = resolve
      await promise
      return cuts.at(-1)
    },
  }
}
const vm = (policy: EffectivePolicy | null, more: Partial<Judged> = {}): Judged => ({
  ...{ id: 'vm', device: 'tap0', addresses: ['10.0.0.5'], policy },
  ...more,
})
const outside = '192.0.2.1'
const inside = '10.0.0.5'

describe('flows that a change ends', { timeout: 60_000 }, () => {
  test('those that may not begin any more, remembered before they are deleted', async () => {
    const [ssh, web, name] = [
      flow(outside, inside, 22),
      flow(outside, inside, 80),
      flow(inside, outside, 53, { protocol: UDP }),
    ]
    const { watch, next, standing, steps } = cutterOver([ssh, web, name])
    watch([vm(allowing([22, 80], [53]))])
    assert.equal((await next())?.flows, 0)
    watch([vm(allowing([80], []))])
    assert.deepEqual(await next().then((cut) => [cut?.flows, cut?.problem]), [2, null])
    assert.deepEqual([...standing], [web])
    assert.deepEqual(steps, ['add-elements', 'add-elements', 'delete'])
  })

  test('what is translated is judged as it is where it is filtered', async () => {
    const inward = flow(outside, '203.0.113.1', 8080)
    const reply = { ...reversed(inward.original), source: number(inside), sourcePort: 80 }
    const outward = flow(inside, outside, 443)
    const masked = { ...outward.reply, destination: number('203.0.113.1'), destinationPort: 61_000 }
    const kept = [
      { ...inward, reply },
      { ...outward, reply: masked },
    ]
    const { watch, next, standing } = cutterOver(kept)
    watch([vm(allowing([80], [443]))])
    assert.equal((await next())?.flows, 0)
    watch([vm(allowing([8080], [443]))])
    await next()
    assert.deepEqual([...standing], kept.slice(1))
  })

  test('one that another expected lives as long as that one', async () => {
    const control = flow(outside, inside, 21)
    const data = flow(inside, outside, 20, { master: control.original })
    const { watch, next, standing } = cutterOver([data, control])
    watch([vm(allowing([21], []))])
    assert.equal((await next())?.flows, 0)
    watch([vm(allowing([], [20]))])
    assert.equal((await next())?.flows, 2)
    assert.equal(standing.size, 0)
  })

  test('between two VMs each asks its own policy, if it cuts', async () => {
    const one = flow(inside, '10.0.0.6', 80)
    const { watch, next, standing } = cutterOver([one])
    const other = (policy: EffectivePolicy): Judged => ({
      ...{ id: 'b', device: 'tap1', addresses: ['10.0.0.6'] },
      policy,
    })
    const open = allowing([80], [80])
    const shut = allowing([], [])
    const { cutsFlows: _, ...leaves } = shut
    watch([vm(open), other(leaves)])
    await next()
    assert.equal(standing.size, 1)
    watch([vm(open), other(shut)])
    assert.equal((await next())?.flows, 1)
  })

  test('an interface that is closed, or gone, keeps none; observed and stateless ones all', async () => {
    for (const [policy, states, left] of [
      [allowing([80], []), { vm: 'failing' }, 0],
      [allowing([80], []), { vm: 'closed' }, 0],
      [null, { vm: 'closed' }, 0],
      [allowing([], []), { vm: 'observing' }, 1],
      [allowing([], [], { stateful: false }), {}, 1],
    ] as const) {
      const { watch, standing, cutter } = cutterOver([flow(outside, inside, 80)])
      watch([vm(allowing([80], []))])
      watch([vm(policy)], states)
      const { promise, resolve } = Promise.withResolvers<void>()
      if (left === 0) cutter.onCut(() => resolve())
      else resolve()
      await promise
      await cutter.close()
      assert.equal(standing.size, left, JSON.stringify(states))
    }
    const { watch, next, standing } = cutterOver([flow(outside, inside, 80)])
    watch([vm(allowing([80], []))])
    await next()
    watch([])
    await next()
    assert.equal(standing.size, 0)
  })

  describe('what passes to another interface, whatever their policies say of cutting', () => {
    const leaving = (...args: Parameters<typeof allowing>): EffectivePolicy => {
      const { cutsFlows: _, ...rest } = allowing(...args)
      return rest
    }
    const b = (policy: EffectivePolicy, more: Partial<Judged> = {}) => vm(policy, { id: 'b', ...more })
    const both = () => [flow(outside, inside, 80), flow(outside, inside, 22)] as const
    /** Ports whose connections are left, when it has looked so often. */
    const left = ({ standing }: { readonly standing: ReadonlySet<Flow> }) =>
      [...standing].map(({ original }) => original.destinationPort)

    test('a device with its address, at once or a while later: only what the next holder lets begin', async () => {
      for (const between of [[], [[]]] as const) {
        const over = cutterOver([...both()])
        over.watch([vm(leaving([80, 22], []))])
        for (const each of between) {
          over.watch(each)
          await over.next()
          assert.deepEqual(left(over), [])
          for (const each of both()) over.standing.add(each)
        }
        over.watch([b(leaving([22], []))])
        await over.next()
        assert.deepEqual(left(over), [22])
        // There is nothing to remember them in where nobody cuts.
        assert.ok(!over.steps.includes('add-elements'))
        over.watch([b(leaving([], []))])
        await over.cutter.close()
        assert.deepEqual(left(over), [22], 'rules of one holder leave what has begun')
      }
    })

    test('an address alone, and one that was shared until now', async () => {
      const over = cutterOver([...both()])
      const other = { device: 'tap1', addresses: ['10.0.0.6'] }
      over.watch([vm(leaving([80, 22], [])), b(leaving([22], []), other)])
      over.watch([
        vm(leaving([80, 22], []), { addresses: ['10.0.0.7'] }),
        b(leaving([22], []), { device: 'tap1' }),
      ])
      await over.next()
      assert.deepEqual(left(over), [22])
      const shared = cutterOver([...both()])
      shared.watch([vm(leaving([80, 22], [])), b(leaving([22], []), { device: 'tap1' })])
      shared.watch([b(leaving([22], []), { device: 'tap1' })])
      await shared.next()
      assert.deepEqual(left(shared), [22])
    })

    test('one that moves to another device leaves none behind', async () => {
      const over = cutterOver([...both()])
      const policy = leaving([80, 22], [])
      over.watch([vm(policy)])
      over.watch([vm(policy, { device: 'tap1' })])
      await over.next()
      assert.deepEqual(left(over), [])
    })

    test('who is there at first has nobody’s, unless that is known; observed ones lose none', async () => {
      const over = cutterOver([...both()])
      over.watch([b(leaving([22], []))])
      await over.cutter.close()
      assert.deepEqual(left(over), [80, 22])
      const after = cutterOver([...both()])
      const report: LoweredInterface = {
        ...{ id: 'b', mode: 'routed', error: null, index: 2, state: 'applied' },
      }
      after.cutter.watch([report], [], desire([b(leaving([22], []))]), null, new Set(['b']))
      await after.next()
      assert.deepEqual(left(after), [22])
      const observed = cutterOver([...both()])
      observed.watch([vm(leaving([], []))], { vm: 'observing' })
      observed.watch([b(leaving([22], []))], { b: 'observing' })
      observed.watch([])
      await observed.cutter.close()
      assert.deepEqual(left(observed), [80, 22])
    })

    test('the same id in another account, and a device that was another’s though nothing else tells of it', async () => {
      const over = cutterOver([...both()])
      over.watch([vm(leaving([80, 22], []), { account: 'one' })])
      over.watch([vm(leaving([22], []), { account: 'two' })])
      await over.next()
      assert.deepEqual(left(over), [22])
      const known = cutterOver([...both()])
      const wanted = [vm(leaving([22], []))]
      known.watch(wanted)
      const nothing = { policies: new Set<string>(), interfaces: new Set<string>() }
      known.cutter.watch([], [], desire(wanted), nothing, new Set(['vm']))
      await known.next()
      assert.deepEqual(left(known), [22])
    })

    test('is looked at again when that failed, and when it is in force only later', async () => {
      const over = cutterOver([...both()])
      over.watch([vm(leaving([80, 22], []))])
      over.failing.push(new InterruptedError('no whole answer'))
      over.watch([b(leaving([80], []))])
      assert.equal((await over.next())?.problem, 'no whole answer')
      over.watch([b(leaving([80], []), { mac: '52:54:00:00:00:09' })], { b: 'closed' })
      over.watch([b(leaving([22], []))], { b: 'applied' })
      await over.looked(2)
      assert.equal(over.cutter.problem(), null)
      assert.deepEqual(left(over), [22])
    })
  })

  test('a later change is judged in the place of one that is still looked at', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { watch, next, standing, hold } = cutterOver([flow(outside, inside, 80)])
    hold(promise)
    watch([vm(allowing([], []))])
    await new Promise((done) => setImmediate(done))
    watch([vm(allowing([80], []))])
    resolve()
    await next()
    await next()
    assert.equal(standing.size, 1)
  })

  test('what is not to be cut any more is left alone, also when it is looked at, or what failed is tried again', async () => {
    const { cutsFlows: _, ...never } = allowing([], [])
    for (const [policy, states, fails] of [
      [never, {}, false],
      [never, {}, true],
      [allowing([], []), { vm: 'observing' }, false],
      [allowing([], []), { vm: 'observing' }, true],
    ] as const) {
      const { promise, resolve } = Promise.withResolvers<void>()
      const { watch, standing, hold, failing, cutter, next } = cutterOver([flow(outside, inside, 80)])
      hold(promise)
      if (fails) failing.push(new InterruptedError('no whole answer'))
      const other = (ports: readonly number[]) =>
        vm(allowing(ports, []), { id: 'b', device: 'tap1', addresses: ['10.0.0.6'] })
      watch([vm(allowing([], [])), other([])])
      await new Promise((done) => setImmediate(done))
      watch([vm(policy), other([])], states)
      resolve()
      assert.equal((await next())?.problem, fails ? 'no whole answer' : null)
      // What failed is due with it.
      watch([vm(policy), other([80])])
      await next()
      await cutter.close()
      assert.equal(standing.size, 1, JSON.stringify([states, fails]))
    }
  })

  test('an address that another interface has got, or has as well, tells nothing of the one that is looked at', async () => {
    const one = vm(allowing([], []))
    const { cutsFlows: _, ...leaves } = allowing([80], [])
    const other = vm(leaves, { id: 'b', device: 'tap1' })
    const third = vm(allowing([], []), { id: 'c', device: 'tap2', addresses: ['10.0.0.7'] })
    for (const next of [[other], [other, third], [one, other], [one, other, third]]) {
      for (const looked of [true, false]) {
        const { promise, resolve } = Promise.withResolvers<void>()
        const { watch, standing, hold, cutter, ...over } = cutterOver([flow(outside, inside, 80)])
        if (!looked) {
          watch([{ ...one, policy: allowing([80], []) }])
          await over.looked(1)
        } else {
          hold(promise)
          watch([one])
          await new Promise((done) => setImmediate(done))
        }
        watch(next)
        resolve()
        // Those that stay as they are are not looked at again.
        const again = !looked || !next.includes(one) || next.includes(third)
        await over.looked(again ? 2 : 1)
        await cutter.close()
        assert.equal(standing.size, 1, `${next.map(({ id }) => id)} ${looked}`)
      }
    }
  })

  test('what was said of an interface is not said of what it has become, nor of who follows it', async () => {
    const common = allowing([80], [80])
    const origin = (last: string) => ({
      addresses: { ipv4: [{ first: number(last), last: number(last) }], ipv6: [] },
    })
    // One policy all the time; the origin alone says what is denied.
    const { watch, next, standing } = cutterOver([flow(inside, outside, 80)])
    const as = (last: string): Judged => vm({ ...common, origin: origin(last) } as EffectivePolicy)
    watch([as(inside)])
    assert.equal((await next())?.flows, 0)
    watch([as('10.0.0.9')])
    assert.equal((await next())?.flows, 1)
    standing.add(flow(inside, outside, 80))
    watch([as(inside)])
    assert.equal((await next())?.flows, 0)
  })

  test('what fails is said, and tried again with the next change at the latest', async () => {
    const { watch, next, standing, failing, cutter } = cutterOver([flow(outside, inside, 80)])
    failing.push(new InterruptedError('no whole answer'), new OutcomeUnknownError('lost'))
    watch([vm(allowing([], []))])
    assert.equal((await next())?.problem, 'no whole answer')
    assert.equal(cutter.problem(), 'no whole answer')
    watch([vm(allowing([], [])), { ...vm(allowing([], [])), id: 'b', addresses: ['10.0.0.6'] }])
    assert.equal((await next())?.problem, 'lost')
    watch([vm(allowing([], []))])
    assert.equal((await next())?.problem, null)
    assert.equal(standing.size, 0)
    assert.equal(cutter.problem(), null)
  })

  test('interfaces whose connections cannot be told say so, and are left alone', async () => {
    const policy = allowing([], [])
    const { watch, cutter, standing } = cutterOver([flow(outside, inside, 80)])
    const twin = { ...vm(policy), id: 'twin', device: 'tap1' }
    watch([vm(policy), twin, vm(policy, { id: 'nameless', device: 'tap2', addresses: [] })])
    assert.deepEqual(cutter.notes('vm'), [uncutNotes.shared([inside])])
    assert.deepEqual(cutter.notes('nameless'), [uncutNotes.unknown])
    // One that leaves is said of those that stay.
    assert.deepEqual(
      watch([vm(policy)]).map(({ id }) => id),
      ['vm'],
    )
    assert.deepEqual(cutter.notes('vm'), [])
    await cutter.close()
    assert.equal(standing.size, 1)
  })

  test('where connections cannot be seen every interface that cuts says why', async () => {
    const cutter = createFlowCutter({ kernel: { commit: async () => {} }, conntrack: 'no sockets' })
    const report: LoweredInterface = {
      ...{ id: 'vm', mode: 'routed', error: null, index: 2 },
      state: 'applied',
    }
    cutter.watch([report], [], desire([vm(allowing([], []))]), null)
    assert.deepEqual(cutter.notes('vm'), [uncutNotes.unseen('no sockets')])
    await cutter.close()
  })
})
