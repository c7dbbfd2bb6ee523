/** Tables that are owned: nobody else touches them, they outlive their owner, and the next one takes them over. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { release } from 'node:os'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { type KernelProcess, kernelIn } from '../../../test/support/kernels.ts'
import { guardFile, guardOf, renderGuard } from '../../compile/nftables/guard.ts'
import { guardTables } from '../../compile/nftables/names.ts'
import { deltaCommands, type RenderedTable, type RenderedTables } from '../../compile/nftables/table.ts'
import { obstacle } from '../../lab/lab.ts'
import { type HitKey, RefusedError } from './kernel.ts'

const [major = 0, minor = 0] = release().split('.').map(Number)
const skip =
  (await obstacle()) ??
  (major > 6 || (major === 6 && minor >= 9) ? false : 'this kernel keeps no owned tables')

const name = 'inet portcullis'
const t = name.split(' ')
const table: RenderedTable = {
  chains: new Map([
    ['to-vm', 'type filter hook forward priority 0; policy accept;\noif vmap @to-vm-devices'],
    ['c', 'meta l4proto 6 accept'],
  ]),
  sets: new Map([
    [
      'to-vm-devices',
      { kind: 'map', type: 'type iface_index : verdict', elements: new Map([['77', 'goto c']]) },
    ],
  ]),
}
const all: RenderedTables = new Map([[name, table]])
const more: RenderedTables = new Map([
  [name, { ...table, chains: new Map([...table.chains, ['d', 'drop']]) }],
])
const delta = (from: RenderedTables, to: RenderedTables) => deltaCommands(from, to)

describe('owned tables', { skip }, () => {
  const netns = `pcl-owned-${process.pid}`
  const nft = (...words: string[]) =>
    spawnSync('ip', ['netns', 'exec', netns, 'nft', ...words], { encoding: 'utf8' })
  const open: KernelProcess[] = []
  const kernel = (): KernelProcess => {
    const made = kernelIn(netns, 'owned')
    open.push(made)
    return made
  }
  beforeEach(() => assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0))
  afterEach(async () => {
    for (const each of open.splice(0)) await each.kill()
    spawnSync('ip', ['netns', 'del', netns])
  })
  const differs = async (by: KernelProcess, wanted: RenderedTables = all) => {
    const found = await by.read(name, wanted.get(name))
    return delta(new Map(found ? [[name, found]] : []), wanted)
  }

  test('nobody else flushes, deletes or changes them; their owner does', async () => {
    const owner = kernel()
    await owner.commit(delta(new Map(), all))
    nft('add', 'table', 'ip', 'theirs')
    assert.equal(nft('flush', 'ruleset').status, 0)
    assert.equal(nft('list', 'tables').stdout.includes('theirs'), false)
    for (const words of [
      ['delete', 'table', ...t],
      ['add', 'chain', ...t, 'mine'],
      ['flush', 'chain', ...t, 'c'],
      ['delete', 'element', ...t, 'to-vm-devices', '{ 77 }'],
    ]) {
      assert.match(nft(...words).stderr, /Operation not permitted/, words.join(' '))
    }
    assert.deepEqual(await differs(owner), [])
    await owner.commit(delta(all, more))
    assert.deepEqual(await differs(owner, more), [])
    // Made anew it is owned again.
    await owner.commit(delta(new Map(), all))
    assert.equal(nft('flush', 'ruleset').status, 0)
    assert.deepEqual(await differs(owner), [])
  })

  test('their owner alone forgets what packets have counted in them', async () => {
    const declared = {
      table: name,
      set: 'to-vm-hits',
      kind: 'set',
      type: 'type iface_index . mark\nsize 4194304\nflags dynamic\ncounter',
    } as const
    const owner = kernel()
    await owner.commit(delta(new Map(), all))
    await owner.commit([
      { do: 'add-set', ...declared },
      {
        ...{ do: 'add-elements', ...declared },
        elements: new Map([
          ['77 . 0x0000002a', ''],
          ['78 . 0x0000002a', ''],
        ]),
      },
    ])
    const [gone, stays] = [77, 78].map((index) => ({ index, number: 0x2a }))
    const hits = async () => (await owner.hits(name, declared.set))?.elements
    const second = kernel()
    await assert.rejects(second.forget(name, declared.set, [gone as HitKey]), /another agent enforces here/)
    assert.equal((await hits())?.length, 2)
    await owner.forget(name, declared.set, [gone as HitKey, { index: 79, number: 1 }])
    assert.deepEqual(await hits(), [{ ...stays, packets: 0, bytes: 0 }])
  })

  test('they outlive a process that is killed, and the next takes them over as they are', async () => {
    const first = kernel()
    await first.commit(delta(new Map(), all))
    await first.kill()
    assert.match(nft('list', 'table', ...t).stdout, /goto c/)
    const next = kernel()
    assert.deepEqual(await differs(next), [])
    nft('flush', 'ruleset')
    assert.match(nft('list', 'table', ...t).stdout, /goto c/)
    await next.commit(delta(all, more))
    assert.deepEqual(await differs(next, more), [])
  })

  test('what somebody did to an orphan is repaired', async () => {
    const first = kernel()
    await first.commit(delta(new Map(), all))
    await first.kill()
    assert.equal(nft('flush', 'chain', ...t, 'c').status, 0)
    assert.equal(nft('delete', 'element', ...t, 'to-vm-devices', '{ 77 }').status, 0)
    const next = kernel()
    const repair = await differs(next)
    assert.equal(
      repair.some((each) => each.do === 'delete-table'),
      false,
    )
    await next.commit(repair)
    assert.deepEqual(await differs(next), [])
  })

  test('two agents on one host: the second says so, and changes nothing', async () => {
    const first = kernel()
    await first.commit(delta(new Map(), all))
    const second = kernel()
    const said = (error: unknown) =>
      error instanceof Error &&
      !(error instanceof RefusedError) &&
      /^another agent enforces here/.test(error.message)
    await assert.rejects(second.read(name, table), said)
    await assert.rejects(second.commit(delta(all, more)), said)
    await assert.rejects(second.check(delta(all, more)), said)
    // By nft it is read all the same.
    const third = kernelIn(netns, 'nft')
    open.push(third)
    await assert.rejects(third.commit(delta(all, more)), said)
    await assert.rejects(third.commit([{ do: 'delete-table', table: name }]), said)
    await assert.rejects(third.check(delta(all, more)), said)
    assert.deepEqual(await differs(first), [])
  })

  test('a table that stands unowned is used as it stands, and owned when it is made anew', async () => {
    const before = kernelIn(netns, 'netlink')
    open.push(before)
    await before.commit(delta(new Map(), all))
    const owner = kernel()
    assert.deepEqual(await differs(owner), [])
    await owner.commit(delta(all, more))
    assert.deepEqual(await differs(owner, more), [])
    nft('flush', 'ruleset')
    await owner.commit(await differs(owner))
    nft('flush', 'ruleset')
    assert.deepEqual(await differs(owner), [])
  })

  test('a guard that a boot unit has loaded is read, and replaced by one that is owned', async () => {
    const guard = {
      devices: new Set(['tap0']),
      indexes: new Set<number>(),
      patterns: ['vnet*', 'eth7'],
      open: new Set(['tap9']),
    }
    const script = guardFile(guard)
    const loaded = spawnSync('ip', ['netns', 'exec', netns, 'nft', '-f', '-'], {
      input: script,
      encoding: 'utf8',
    })
    assert.equal(loaded.status, 0, loaded.stderr)
    const owner = kernel()
    for (const [each, table] of renderGuard(guard)) {
      const standing = await owner.read(each, undefined)
      assert.ok(standing)
      assert.deepEqual(guardOf(standing), guard)
      const found = await owner.read(each, table)
      const repair = deltaCommands(new Map(found ? [[each, found]] : []), new Map([[each, table]]))
      // One transaction: the new one is there when the old one goes.
      await owner.commit(repair)
    }
    nft('flush', 'ruleset')
    for (const each of guardTables) {
      const standing = await owner.read(each, undefined)
      assert.deepEqual(standing && guardOf(standing), guard)
    }
  })
})
