/** The library and the kernel of this machine, in a network namespace of the test's own. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { noLab } from '../../../test/support/lab.ts'
import { mustRun } from '../../lab/run.ts'

const program = new URL('../../../test/support/netlink.ts', import.meta.url).pathname
const namespace = `pcl-netlink-${process.pid}`

describe('netlink with the kernel', { skip: noLab }, () => {
  before(() => mustRun('ip', ['netns', 'add', namespace]))
  after(() => mustRun('ip', ['netns', 'delete', namespace]))

  async function scenario(name: string): Promise<unknown> {
    const inside = ['netns', 'exec', namespace]
    await mustRun('ip', [...inside, 'nft', 'flush', 'ruleset'])
    const stdout = await mustRun('ip', [...inside, process.execPath, program, name])
    return (JSON.parse(stdout) as Record<string, unknown>)[name]
  }

  test('a batch is done, and read back by a dump', async () => {
    assert.deepEqual(await scenario('commits'), ['one', 'two'])
  })

  test('a batch with errors changes nothing, and each error has its message and place', async () => {
    const { failures, tables } = (await scenario('refuses')) as { failures: unknown[]; tables: unknown }
    const known = { text: '', missing: null }
    assert.deepEqual(failures, [
      { index: 1, code: 'ENOENT', offset: 20, ...known },
      { index: 2, code: 'EOPNOTSUPP', offset: null, ...known },
    ])
    assert.deepEqual(tables, [])
  })

  test('a batch that is not committed says what it would, and changes nothing', async () => {
    const { well, failures, tables } = (await scenario('checks')) as Record<string, unknown>
    assert.equal(well, 'accepted')
    assert.deepEqual(failures, [{ index: 0, code: 'ENOENT', text: '', offset: 20, missing: null }])
    assert.deepEqual(tables, [])
  })

  test('a batch for another generation is refused as a whole', async () => {
    assert.deepEqual(await scenario('generations'), [
      { index: -1, code: 'ERESTART', text: '', offset: null, missing: null },
    ])
  })

  test('a batch larger than any default buffer, and a dump in many parts', async () => {
    const { bytes, tables } = (await scenario('large')) as { bytes: number; tables: number }
    assert.ok(bytes > 1_000_000)
    assert.equal(tables, 5000)
  })

  test('more errors than there is room for are a refusal, and the socket goes on', async () => {
    assert.deepEqual(await scenario('manyErrors'), { refused: true, tables: 1 })
  })

  test('events come without being asked for, say who caused them, and leave nothing behind', async () => {
    assert.deepEqual(await scenario('events'), { seen: 50, leaked: 0 })
  })

  test('events that have no room are told as lost, and later ones come', async () => {
    assert.deepEqual(await scenario('overflow'), { messages: true, lost: true, later: true })
  })
})
