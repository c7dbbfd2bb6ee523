/** What somebody took away of the guard comes back before anything else is read, and without a round. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { imaginedHost } from '../../../test/support/imagined.ts'
import { kernelIn } from '../../../test/support/kernels.ts'
import { guardTables, table } from '../../compile/nftables/names.ts'
import { obstacle } from '../../lab/lab.ts'
import { createNftables } from './nftables.ts'

describe('a guard that is taken away', { skip: await obstacle() }, () => {
  // By nft it is told late, or with the next round: what its monitor misses while it starts again.
  test('comes back at once', async () => {
    const netns = `pcl-first-${process.pid}`
    const nft = (...words: string[]) =>
      spawnSync('ip', ['netns', 'exec', netns, 'nft', ...words], { encoding: 'utf8' })
    const listed = () => nft('list', 'tables').stdout
    assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0)
    const kernel = kernelIn(netns, 'netlink')
    const dataplane = createNftables({ kernel, host: imaginedHost([]), guard: ['tap*'] })
    try {
      const desired = { revision: 1, policies: new Map(), interfaces: new Map() }
      await dataplane.apply(desired)
      for (const words of [
        ['flush', 'ruleset'],
        ['delete', 'table', ...guardTables[1].split(' ')],
      ]) {
        assert.equal(nft(...words).status, 0)
        const deadline = Date.now() + 30_000
        while (!guardTables.every((name) => listed().includes(name))) {
          assert.ok(Date.now() < deadline, listed())
          await delay(5)
        }
      }
      // Nobody has applied anything: the rest waits for a round, and the round says that something was repaired.
      assert.equal(listed().includes(`${table}\n`), false)
      assert.equal((await dataplane.apply(desired)).repaired, true)
      assert.equal((await dataplane.apply(desired)).repaired, false)
    } finally {
      await dataplane.close()
      await kernel.kill()
      spawnSync('ip', ['netns', 'del', netns])
    }
  })
})
