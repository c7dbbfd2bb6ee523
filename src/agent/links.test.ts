/** Devices and routing rules by netlink say what iproute2 says, in a network namespace of the test's own. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { noLab } from '../../test/support/lab.ts'
import { mustRun, run } from '../lab/run.ts'

const program = new URL('../../test/support/netlink.ts', import.meta.url).pathname
const namespace = `pcl-links-${process.pid}`
const other = `${namespace}-other`

describe('devices by netlink', { skip: noLab }, () => {
  const ip = (...args: readonly string[]) => mustRun('ip', ['-n', namespace, ...args])
  before(async () => {
    await mustRun('ip', ['netns', 'add', namespace])
    await mustRun('ip', ['netns', 'add', other])
  })
  after(async () => {
    await mustRun('ip', ['netns', 'delete', namespace])
    await mustRun('ip', ['netns', 'delete', other])
  })

  async function scenario(name: string, where = namespace): Promise<unknown> {
    const stdout = await mustRun('ip', ['netns', 'exec', where, process.execPath, program, name])
    return (JSON.parse(stdout) as Record<string, unknown>)[name]
  }

  test('every kind of device, its master and its parent are as ip -d -j link has them', async () => {
    await ip('link', 'add', 'br0', 'type', 'bridge')
    await ip('link', 'add', 'br1', 'type', 'bridge', 'no_linklocal_learn', '1')
    await ip('link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1')
    await ip('link', 'set', 'v0', 'master', 'br0')
    await ip('link', 'add', 'far', 'type', 'veth', 'peer', 'name', 'near', 'netns', other)
    // Kernels differ in which of these they have; what cannot be made is not compared.
    await run('ip', ['-n', namespace, 'tuntap', 'add', 'tap0', 'mode', 'tap'])
    for (const kind of ['vlan id 7', 'macvlan', 'macvtap', 'ipvlan']) {
      await run('ip', [
        '-n',
        namespace,
        'link',
        'add',
        'link',
        'v1',
        'name',
        kind.slice(0, 6),
        'type',
        ...kind.split(' '),
      ])
    }
    await run('ip', ['-n', namespace, 'link', 'add', 'vrf0', 'type', 'vrf', 'table', '10'])
    await run('ip', ['-n', namespace, 'link', 'add', 'bond0', 'type', 'bond'])
    const { netlink, program: printed } = (await scenario('links')) as Record<
      'netlink' | 'program',
      { name: string }[]
    >
    assert.deepEqual(netlink, printed)
    const found = new Map(netlink.map((link) => [link.name, link]))
    assert.ok(found.has('lo') && found.has('far'))
    assert.partialDeepStrictEqual(found.get('v0'), { kind: 'veth', master: { name: 'br0', kind: 'bridge' } })
    assert.partialDeepStrictEqual(found.get('br0'), { learnsLinkLocal: true })
    assert.equal('learnsLinkLocal' in (found.get('br1') ?? {}), false)
  })

  test('rules of routing that are not every namespace’s own', async () => {
    // A VRF has made a rule in the namespace above.
    const rule = (...args: readonly string[]) => mustRun('ip', ['-n', other, 'rule', ...args])
    const rule6 = (...args: readonly string[]) => mustRun('ip', ['-n', other, '-6', 'rule', ...args])
    assert.deepEqual(await scenario('rules', other), { inet: true, inet6: true })
    for (const words of [
      'not from all lookup main',
      'from 10.0.0.0/8 lookup main',
      'lookup 99',
      'lookup main suppress_prefixlength 0',
    ]) {
      await rule('add', ...words.split(' '), 'priority', '100')
      assert.deepEqual(await scenario('rules', other), { inet: false, inet6: true }, words)
      await rule('delete', 'priority', '100')
    }
    await rule6('add', 'fwmark', '1', 'lookup', 'main')
    assert.deepEqual(await scenario('rules', other), { inet: true, inet6: false })
    await rule6('delete', 'fwmark', '1')
  })

  test('each device that comes, is renamed or goes is told by its name, and rules as a doubt', async () => {
    assert.deepEqual(await scenario('changes'), {
      added: ['w1', 'w2'],
      later: true,
      rule: true,
      problem: null,
    })
  })
})
