/**
 * What sockets do now and then, between the kernel and a whole dataplane: answers that are interrupted, lost or late, buffers that
 * are full, batches too large. Whatever it was, a change ends in the ruleset of a fresh load.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPolicy } from '../../../test/support/arbitraries.ts'
import { deltaOf, desire } from '../../../test/support/desired.ts'
import type { Fault } from '../../../test/support/faults.ts'
import { type KernelProcess, kernelIn } from '../../../test/support/kernels.ts'
import { unmarked } from '../../../test/support/unmarked.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import { obstacle } from '../../lab/lab.ts'
import type { Dataplane } from '../dataplane.ts'
import { tables } from './kernel.ts'
import { createNftables } from './nftables.ts'

const skip = (await obstacle()) ?? false
const netns = `pcl-faults-${process.pid}`

interface Case {
  readonly name: string
  readonly faults: readonly Fault[]
  /** Somebody deletes a chain of ours before the change, when the faults are there. */
  readonly foreign?: true
  /** Whether the change fails, and is tried again. */
  readonly fails?: true | 'perhaps'
}

/** Longer than a question. */
const batch = 200
const cases: readonly Case[] = [
  { name: 'the acknowledgement of a change is lost', faults: [{ of: 'lost', above: batch }] },
  { name: 'so is that of its second stage', faults: [{ of: 'lost', above: batch, after: 1 }] },
  { name: 'there was no room for the acknowledgement', faults: [{ of: 'no room', above: batch }] },
  { name: 'a call is interrupted', faults: [{ of: 'signal', times: 3 }] },
  { name: 'a batch is larger than the buffer', faults: [{ of: 'too large', above: batch }] },
  { name: 'the kernel has no memory for a batch', faults: [{ of: 'no memory', above: batch }] },
  {
    name: 'nor when it is tried again',
    faults: [{ of: 'no memory', above: batch, times: 2 }],
    fails: true,
  },
  {
    name: 'dumps are interrupted',
    faults: [{ of: 'dump interrupted', times: 7 }],
    foreign: true,
  },
  {
    name: 'a dump is interrupted as long as it is asked for',
    faults: [{ of: 'dump interrupted', times: 50 }],
    foreign: true,
    // Or the guard, which is put back first, has met all of them.
    fails: 'perhaps',
  },
  { name: 'the answer to a dump is lost', faults: [{ of: 'lost', times: 2 }], foreign: true },
  { name: 'there was no room for the answer to a dump', faults: [{ of: 'no room' }], foreign: true },
  { name: 'events are lost', faults: [{ of: 'no room', events: true }], foreign: true },
  { name: 'an event is interrupted', faults: [{ of: 'signal', events: true }], foreign: true },
]

describe('faults of sockets', { skip }, () => {
  const ip = (...words: string[]) => spawnSync('ip', words, { encoding: 'utf8' })
  const nft = (...words: string[]) => ip('netns', 'exec', netns, 'nft', ...words)
  const listed = () =>
    tables.map((each) => unmarked(nft('-s', '-n', 'list', 'table', ...each.split(' ')).stdout))
  const open: { readonly kernel: KernelProcess; readonly dataplane: Dataplane }[] = []
  function start() {
    // Nobody could change what is owned.
    const kernel = kernelIn(netns, 'netlink')
    const made = { kernel, dataplane: createNftables({ guard: ['tap*'], netns, kernel }) }
    open.push(made)
    return made
  }
  before(() => {
    assert.equal(ip('netns', 'add', netns).status, 0)
    for (const n of [0, 2]) {
      const made = ip('-n', netns, 'link', 'add', `tap${n}`, 'type', 'veth', 'peer', 'name', `tap${n + 1}`)
      assert.equal(made.status, 0, made.stderr)
    }
  })
  after(async () => {
    for (const { dataplane } of open) await dataplane.close()
    ip('netns', 'del', netns)
  })
  const samples = fc.sample(arbitraryPolicy, { numRuns: 6, seed: 11 })
  const desired = (...policies: (EffectivePolicy | undefined)[]) =>
    desire(policies.map((policy, n) => ({ id: `nic${n}`, device: `tap${n}`, policy: policy ?? null })))
  const from = desired(samples[0], samples[1], samples[2])
  const to = desired(samples[0], samples[3], samples[1], samples[4])

  let one: ReturnType<typeof start>
  let fresh: readonly string[]
  before(async () => {
    one = start()
    await one.dataplane.apply(to, null)
    fresh = listed()
    assert.match(fresh.join(), /tap3/)
  })

  for (const { name, faults, foreign, fails = false } of cases) {
    test(name, async () => {
      const { dataplane, kernel } = one
      await dataplane.apply(from, null)
      assert.notDeepEqual(canonical(listed()), canonical(fresh))
      const before = await kernel.failed()
      for (const fault of faults) await kernel.fail(fault)
      if (foreign) {
        const told = new Promise<void>((resolve) => {
          const stop = dataplane.onChange(() => {
            stop()
            resolve()
          })
        })
        assert.equal(nft('flush', 'chain', 'inet', 'portcullis', 'to-vm').status, 0)
        await told
      }
      let failures = 0
      for (let delta: ReturnType<typeof deltaOf> | null = deltaOf(from, to); ; delta = null) {
        const failed = await dataplane.apply(to, delta).then(
          () => false,
          () => true,
        )
        if (!failed) break
        failures++
        assert.ok(failures < 10, 'it goes on failing')
      }
      const had = (await kernel.failed()) - before
      assert.equal(
        had,
        faults.reduce((sum, { times = 1 }) => sum + times, 0),
        'faults',
      )
      assert.deepEqual(canonical(listed()), canonical(fresh))
      if (fails !== 'perhaps') assert.equal(failures > 0, fails)
      const again = await dataplane.apply(to, null)
      assert.deepEqual([again.changed, again.repaired], [false, false])
    })
  }
})

/** Lines without their order: that of chains and elements is the kernel's. */
const canonical = (listings: readonly string[]) =>
  listings.map((each) =>
    each
      .replace(/# progname .*/g, '')
      .split(/[\n,{}]|elements =/)
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .toSorted(),
  )
