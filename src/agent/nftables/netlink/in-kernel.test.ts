/** What we commit over netlink nft lists as what it commits itself: tables anew, and deltas from one to another. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { desire } from '../../../../test/support/desired.ts'
import { lowered } from '../../../../test/support/lowered.ts'
import { arbitraryProfilePolicy } from '../../../../test/support/profile-policies.ts'
import { type Command, scriptOf } from '../../../compile/nftables/commands.ts'
import { renderGuard } from '../../../compile/nftables/guard.ts'
import { table } from '../../../compile/nftables/names.ts'
import { stages } from '../../../compile/nftables/stages.ts'
import { deltaCommands, type RenderedTables } from '../../../compile/nftables/table.ts'
import type { EffectivePolicy } from '../../../core/model/effective-policy.ts'
import { obstacle } from '../../../lab/lab.ts'

const skip = (await obstacle()) ?? false
const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)
/** Tables that follow each other. */
const changes = Number(process.env.PORTCULLIS_TEST_POLICIES ?? 6)
const [byNft, byUs] = [`pcl-said-${process.pid}`, `pcl-sent-${process.pid}`] as const
const program = new URL('../../../../test/support/commit.ts', import.meta.url).pathname

function inside(netns: string, input: string, ...command: string[]): string {
  const args = ['netns', 'exec', netns, ...command]
  const { status, stdout, stderr } = spawnSync('ip', args, { input, encoding: 'utf8', maxBuffer: 1 << 28 })
  assert.equal(status, 0, `${command.join(' ')}: ${stderr.slice(0, 2000)}`)
  return stdout
}
const jsonOf = (steps: readonly Command[]): string =>
  JSON.stringify(steps, (_, value) => (value instanceof Map ? [...value] : value))

/** Elements of sets without intervals come in an order of the kernel's. */
const listed = (netns: string): string =>
  inside(netns, '', 'nft', '-s', '-n', 'list', 'ruleset').replace(
    /elements = \{([^}]*)\}/g,
    (_, list: string) =>
      `elements = ${list
        .split(',')
        .map((each) => each.trim())
        .toSorted()
        .join(', ')}`,
  )

function tablesOf(policy: EffectivePolicy, n: number): RenderedTables {
  const links = [10, 11, 12].map((index) => ({
    ...{ index, name: `tap${index}`, kind: 'tun' },
    master: index === 11 ? { name: 'br0', kind: 'bridge' } : null,
  }))
  const interfaces = links.map(({ name, index }) => ({
    ...{ id: name, device: name, mac: '52:54:00:00:00:01', frames: [0x88cc], policy },
    ...(index === 12 && { observe: true }),
    maxConnections: index === 10 && n % 2 === 0 ? 500 : 0,
  }))
  const { tables } = lowered(desire(interfaces), {
    ...{ links, observe: false, refused: new Map(), trackers: { others: null, routes: null } },
    // Without what not every kernel has in family bridge.
    kernel: { tracks: false, rejects: false },
  })
  const guard = {
    devices: new Set([`tap${n}`]),
    indexes: new Set([n + 1]),
    patterns: ['tap*'],
    open: new Set(['eth0']),
  }
  return new Map([...renderGuard(guard), ...tables])
}

describe('what we commit', { skip }, () => {
  before(() => {
    for (const netns of [byNft, byUs]) assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0)
  })
  after(() => {
    for (const netns of [byNft, byUs]) spawnSync('ip', ['netns', 'del', netns])
  })

  test(`is listed as what nft commits, stage by stage (seed ${seed})`, () => {
    const sample = fc.sample(arbitraryProfilePolicy({ most: 400 }), { numRuns: changes, seed })
    let applied: RenderedTables = new Map()
    for (const [n, policy] of sample.entries()) {
      const wanted = tablesOf(policy, n)
      const transactions: (readonly Command[])[] = []
      for (const next of stages(applied, wanted)) {
        const steps = deltaCommands(applied, next)
        if (steps.length > 0) transactions.push(steps)
        applied = next
      }
      for (const steps of transactions) inside(byNft, scriptOf(steps), 'nft', '-f', '-')
      inside(byUs, transactions.map(jsonOf).join('\n'), process.execPath, program)
      assert.equal(listed(byUs), listed(byNft), `after change ${n}`)
    }
    inside(
      byUs,
      jsonOf([...applied.keys()].map((name) => ({ do: 'delete-table', table: name }))),
      process.execPath,
      program,
    )
    assert.equal(listed(byUs), '')
  })

  test('takes away elements of every shape, the last values of their types included', () => {
    const shapes: readonly (readonly [type: string, ...keys: string[]])[] = [
      ['type ipv4_addr\nflags interval', '0.0.0.0', '1.2.3.0/24', '1.2.4.0-1.2.4.9', '255.255.255.255'],
      ['type ipv6_addr\nflags interval', '::/16', '2001:db8::1', 'ff00::/8'],
      ['type inet_service\nflags interval', '0-5', '6', '7-9', '65535'],
      ['type ether_addr\nflags interval', '52:54:00:00:00:01-52:54:00:00:00:05', 'ff:ff:ff:ff:ff:ff'],
      [
        'type inet_proto . ipv4_addr . inet_service\nflags interval',
        '6 . 10.0.0.0/8 . 1-5',
        '255 . 255.255.255.255 . 65535',
      ],
      ['type ipv4_addr . inet_service', '10.0.0.1 . 443', '255.255.255.255 . 65535'],
      ['type iface_index', '10', '2147483647'],
    ]
    const sets = (['set', 'map'] as const)
      .flatMap((kind) => shapes.map(([type, ...keys]) => ({ kind, type, keys })))
      .filter(({ kind, type }) => kind === 'set' || !type.includes(' . '))
      .map(({ kind, type, keys }, n) => {
        const verdict = kind === 'map' ? 'jump next' : ''
        const declared = {
          table,
          set: `shape${n}`,
          kind,
          type: kind === 'map' ? type.replace(/$/m, ' : verdict') : type,
        }
        const some = (from: number, to?: number) => new Map(keys.slice(from, to).map((key) => [key, verdict]))
        return { declared, some, first: `${keys[0]}${kind === 'map' ? ` : ${verdict}` : ''}` }
      })
    const transactions: readonly (readonly Command[])[] = [
      [
        { do: 'add-table', table },
        { do: 'add-chain', table, chain: 'next' },
      ],
      sets.flatMap(({ declared, some }): Command[] => [
        { do: 'add-set', ...declared },
        { do: 'add-elements', ...declared, elements: some(0) },
      ]),
      sets.map(({ declared, some }) => ({ do: 'delete-elements', ...declared, elements: some(1) })),
    ]
    inside(byUs, transactions.map(jsonOf).join('\n'), process.execPath, program)
    const left = [...listed(byUs).matchAll(/elements = (.*)/g)].map(([, elements]) => elements)
    assert.deepEqual(
      left,
      sets.map(({ first }) => first),
    )
    const end: readonly (readonly Command[])[] = [
      sets.map(({ declared, some }) => ({ do: 'delete-elements', ...declared, elements: some(0, 1) })),
      sets.map(({ declared }) => ({ do: 'delete-set', ...declared })),
    ]
    inside(byUs, end.map(jsonOf).join('\n'), process.execPath, program)
    assert.doesNotMatch(listed(byUs), /elements|shape/)
    inside(byUs, jsonOf([{ do: 'delete-table', table }]), process.execPath, program)
  })
})
