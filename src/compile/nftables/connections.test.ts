import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { desire } from '../../../test/support/desired.ts'
import { lowered as loweredOnce } from '../../../test/support/lowered.ts'
import { maxConnections } from '../../core/model/desired.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import { connectionsWithin, mostWithin, trialLimit } from './connections.ts'
import { createLimits } from './limits.ts'
import { createLiveTable } from './live-table.ts'
import type { NftRuleset } from './ruleset.ts'
import { replaceScript } from './table.ts'

describe('limits of tracked connections', () => {
  test('one whole table, for a person to read (UPDATE_GOLDEN=1 writes it)', async () => {
    const file = new URL('testdata/connections.nft', import.meta.url)
    const live = createLiveTable()
    const limits = createLimits(live, 'inet')
    limits.add('5', 8192)
    limits.add('6', 500)
    limits.settle()
    const text = replaceScript('inet portcullis', live.table)
    if (process.env.UPDATE_GOLDEN) await writeFile(file, text)
    assert.equal(text, await readFile(file, 'utf8'))
  })

  test('the lists of a limit hold no more than the limit, and hardly less', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: maxConnections }), (limit) => {
        const chain = connectionsWithin(limit).chains.get(`connections-${limit}-from-vm`) ?? ''
        const [, lists, each] = /mod (\d+) ct count over (\d+)/.exec(chain) ?? []
        const room = Number(lists) * Number(each)
        assert.ok(room <= limit && room >= limit - Number(lists))
        // A new connection costs a walk of its list.
        assert.ok(Number(each) < 1024)
      }),
    )
  })

  test('an interface has its own limit or that of its host; an observed or unlimited one has none', () => {
    const policy: EffectivePolicy = {
      ...{ stateful: false, essentials: [] },
      ...{ ingress: { filtered: false }, egress: { filtered: false } },
    }
    const limits = (maxConnections: number, master: Link['master'] = null, tracks = true) => {
      const own = [{}, { maxConnections: 500 }, { maxConnections: 0 }, { observe: true }]
      const interfaces = own.map((more, n) => ({ id: `nic${n}`, device: `tap${n}`, policy, ...more }))
      const lowered = loweredOnce(desire(interfaces), {
        ...{ observe: false, refused: new Map(), maxConnections },
        kernel: { tracks, rejects: true },
        links: interfaces.map(({ device }, n) => ({
          index: n + 10,
          name: device,
          kind: 'veth',
          master,
        })),
      })
      const ruleset = (master ? lowered.bridged : lowered.ruleset) as NftRuleset
      const looks = ruleset.chains.get('pass.in')?.rules.some((rule) => 'limit' in rule)
      return [[...ruleset.limits], looks]
    }
    assert.deepEqual(limits(8192), [
      [
        [10, 8192],
        [11, 500],
      ],
      true,
    ])
    assert.deepEqual(limits(0), [[[11, 500]], true])
    const bridge = { name: 'br0', kind: 'bridge' }
    assert.deepEqual(limits(8192, bridge), limits(8192))
    assert.deepEqual(limits(8192, bridge, false), [[], false])
  })

  test('what is tracked at most: begun by the VM, begun outside, and two halves on trial', () => {
    assert.equal(mostWithin(500), 1500)
    assert.equal(trialLimit(1), 1)
    assert.equal(trialLimit(501), 251)
  })
})
