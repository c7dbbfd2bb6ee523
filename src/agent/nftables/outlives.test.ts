/**
 * Rules outlive the process that made them, on every kernel: they are loaded and changed by netlink, the process is killed, the
 * next one finds them as they are to be, and a `flush ruleset` passes them by or is undone.
 */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPolicy } from '../../../test/support/arbitraries.ts'
import { deltaOf, desire } from '../../../test/support/desired.ts'
import { canOwn, type KernelProcess, kernelIn } from '../../../test/support/kernels.ts'
import { unmarked } from '../../../test/support/unmarked.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import { obstacle } from '../../lab/lab.ts'
import type { Dataplane } from '../dataplane.ts'
import { tables } from './kernel.ts'
import { createNftables } from './nftables.ts'

const skip = (await obstacle()) ?? false
const netns = `pcl-outlives-${process.pid}`

describe('rules outlive the process that made them', { skip }, () => {
  const ip = (...words: string[]) => spawnSync('ip', words, { encoding: 'utf8' })
  const nft = (...words: string[]) => ip('netns', 'exec', netns, 'nft', ...words)
  const listed = () =>
    canonical(tables.map((each) => unmarked(nft('-s', '-n', 'list', 'table', ...each.split(' ')).stdout)))
  const open: { readonly kernel: KernelProcess; readonly dataplane: Dataplane }[] = []
  function start() {
    const kernel = kernelIn(netns, 'owned')
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
    for (const { kernel } of open) await kernel.kill()
    for (const { dataplane } of open) await dataplane.close().catch(() => {})
    ip('netns', 'del', netns)
  })
  const samples = fc.sample(arbitraryPolicy, { numRuns: 6, seed: 11 })
  const desired = (...policies: (EffectivePolicy | undefined)[]) =>
    desire(policies.map((policy, n) => ({ id: `nic${n}`, device: `tap${n}`, policy: policy ?? null })))

  test('killed after a change; the next one takes over what stands, and keeps it', async () => {
    const [before, wanted] = [desired(samples[0], samples[1], samples[2]), desired(samples[0], samples[3])]
    const first = start()
    assert.equal((await first.dataplane.apply(before, null)).changed, true)
    assert.equal((await first.dataplane.apply(wanted, deltaOf(before, wanted))).changed, true)
    assert.equal((await first.dataplane.apply(wanted, deltaOf(wanted, wanted))).changed, false)
    const standing = listed()
    assert.match(standing.join(), /"tap1"|tap1/)
    await first.kernel.kill()
    assert.deepEqual(listed(), standing)

    const second = start()
    const report = await second.dataplane.apply(wanted, null)
    assert.deepEqual([report.changed, report.repaired], [false, false])
    assert.deepEqual(listed(), standing)

    assert.equal(nft('flush', 'ruleset').status, 0)
    if (canOwn) assert.deepEqual(listed(), standing)
    const settle = () => second.dataplane.apply(wanted, deltaOf(wanted, wanted))
    let after = await settle()
    // It hears of it soon.
    const deadline = Date.now() + 30_000
    while (!canOwn && !after.repaired && Date.now() < deadline) after = await settle()
    assert.deepEqual([after.changed, after.repaired], [!canOwn, !canOwn])
    assert.deepEqual(listed(), standing)
  })
})

/** Lines without who owns them, and without their order: that of chains and elements is the kernel's. */
const canonical = (listings: readonly string[]) =>
  listings.map((each) =>
    each
      .replace(/ #.*|^\tflags .*$/gm, '')
      .split(/[\n,{}]|elements =/)
      .map((line) => line.trim())
      .filter((line) => line !== '')
      .toSorted(),
  )
