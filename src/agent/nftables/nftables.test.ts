/** The third witness: the kernel takes every ruleset, prints it back as it was written, and changes by deltas alone. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPolicy } from '../../../test/support/arbitraries.ts'
import { guardTables, table } from '../../compile/nftables/names.ts'
import type { Desired } from '../../core/model/desired.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import { obstacle } from '../../lab/lab.ts'
import type { Dataplane } from '../dataplane.ts'
import { createNftables, type NftablesOptions } from './nftables.ts'

const skip = (await obstacle()) ?? false
const netns = `pcl-test-${process.pid}`
const ip = (...args: string[]) => spawnSync('ip', args, { encoding: 'utf8' })
const nft = (...args: string[]) => ip('netns', 'exec', netns, 'nft', ...args)
const list = (name = 'inet portcullis') => nft('-s', '-n', 'list', 'table', ...name.split(' ')).stdout

const desired = (policies: readonly (EffectivePolicy | null)[]): Desired => ({
  revision: 1,
  interfaces: policies.map((policy, i) => ({ id: `nic${i}`, device: `tap${i}`, policy })),
})
const sample = fc.sample(arbitraryPolicy, { numRuns: 20, seed: 7 })

describe('nftables', { skip }, () => {
  const open: Dataplane[] = []
  const create = (options: Partial<NftablesOptions> = {}) => {
    const dataplane = createNftables({ guard: ['tap*'], netns, ...options })
    open.push(dataplane)
    return dataplane
  }
  before(() => {
    assert.equal(ip('netns', 'add', netns).status, 0)
    for (const [one, other] of [
      ['tap0', 'tap1'],
      ['tap2', 'tap3'],
    ] as const) {
      const made = ip('-n', netns, 'link', 'add', one, 'type', 'veth', 'peer', 'name', other)
      assert.equal(made.status, 0, made.stderr)
    }
  })
  after(async () => {
    for (const dataplane of open) await dataplane.close()
    ip('netns', 'del', netns)
  })

  test('what is loaded is read back as it was written: nothing is changed twice', async () => {
    const dataplane = create()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.option(arbitraryPolicy), { minLength: 1, maxLength: 4 }),
        async (policies) => {
          await dataplane.apply(desired(policies))
          // A second one has no memory: it believes what it reads.
          const other = create()
          const { changed } = await other.apply(desired(policies))
          await other.close()
          assert.equal(changed, false, list())
        },
      ),
      { numRuns: 60 },
    )
  })

  test('deltas lead to what a fresh start would load', async () => {
    const dataplane = create()
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.option(fc.constantFrom(...sample)), { maxLength: 4 }), {
          minLength: 2,
          maxLength: 4,
        }),
        async (history) => {
          for (const policies of history) await dataplane.apply(desired(policies))
          const byDeltas = list()
          nft('delete', 'table', 'inet', 'portcullis')
          const fresh = create()
          await fresh.apply(desired(history.at(-1) ?? []))
          await fresh.close()
          assert.deepEqual(canonical(byDeltas), canonical(list()))
        },
      ),
      { numRuns: 25 },
    )
  })

  test('a foreign change is seen and repaired, whatever it was', async () => {
    const dataplane = create()
    await dataplane.apply(desired(sample.slice(0, 3)))
    const all = () => canonical([...guardTables, table].map((name) => list(name)).join(''))
    const whole = all()
    for (const command of [
      ['flush', 'table', 'inet', 'portcullis'],
      ['delete', 'table', 'inet', 'portcullis'],
      ['flush', 'chain', 'inet', 'portcullis', 'tracking'],
      ['add', 'rule', 'inet', 'portcullis', 'to-vm', 'accept'],
      ['add', 'chain', 'inet', 'portcullis', 'mine'],
      ['add', 'element', 'inet', 'portcullis', 'to-vm-devices', '{', '99', ':', 'accept', '}'],
      ['delete', 'element', 'inet', 'portcullis', 'to-vm-devices', '{', '"tap0"', '}'],
      ['delete', 'table', 'inet', 'portcullis-guard'],
      ['flush', 'table', 'bridge', 'portcullis-guard'],
      ['add', 'element', 'inet', 'portcullis-guard', 'open-names', '{', '"tap0"', '}'],
      ['add', 'element', 'inet', 'portcullis-guard', 'closed-names', '{', '"eth0"', '}'],
      ['add', 'table', 'bridge', 'portcullis'],
      ['flush', 'ruleset'],
    ]) {
      const seen = new Promise<void>((resolve) => {
        const stop = dataplane.onForeignChange(() => {
          stop()
          resolve()
        })
      })
      assert.equal(nft(...command).status, 0, command.join(' '))
      await seen
      const { repaired } = await dataplane.apply(desired(sample.slice(0, 3)))
      assert.equal(repaired, true, command.join(' '))
      assert.deepEqual(all(), whole, command.join(' '))
      assert.equal(list('bridge portcullis'), '')
    }
    // Somebody else's own table is none of ours.
    nft('add', 'table', 'inet', 'theirs')
    const { repaired } = await dataplane.apply(desired(sample.slice(0, 3)))
    assert.equal(repaired, false)
    assert.match(nft('list', 'tables').stdout, /theirs/)
  })

  test('an nft that fails changes nothing and says so; later it works', async () => {
    const dataplane = create({ nft: '/bin/false' })
    const before = list()
    await assert.rejects(dataplane.apply(desired(sample.slice(3, 5))), /ended with 1/)
    assert.equal(list(), before)
    await assert.rejects(create({ nft: '/nowhere/nft' }).apply(desired([])), /No such file|cannot be run/)
  })
})

/** Elements of maps come in an order of the kernel's. */
function canonical(text: string): string[] {
  return text
    .split('\n')
    .flatMap((line) =>
      /(" : |elements = \{|^\t{3,})/.test(line) ? line.replace(/elements =|[{}]/g, '').split(',') : [line],
    )
    .map((line) => line.trim())
    .filter(Boolean)
    .sort()
}
