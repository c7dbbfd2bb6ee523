/**
 * Histories: random changes to what a host should enforce, each sent to the kernel as a delta, end in the tables that a
 * fresh load makes, whichever way they go. HISTORIES says how many; a failure prints its seed and the shortest history that fails.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { deltaOf } from '../../../test/support/desired.ts'
import { kernelIn } from '../../../test/support/kernels.ts'
import { lowered, surrounded } from '../../../test/support/lowered.ts'
import { arbitraryProfilePolicy } from '../../../test/support/profile-policies.ts'
import type { BridgeKernel } from '../../compile/nftables/bridge.ts'
import type { Command } from '../../compile/nftables/commands.ts'
import { createLowering } from '../../compile/nftables/lower.ts'
import { bridgeTable, table } from '../../compile/nftables/names.ts'
import { stages } from '../../compile/nftables/stages.ts'
import { deltaCommands, type RenderedTable, type RenderedTables } from '../../compile/nftables/table.ts'
import type { Desired } from '../../core/model/desired.ts'
import type { DirectionPolicy, EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Link } from '../../core/model/link.ts'
import type { Rule } from '../../core/model/rule.ts'
import { linkLocalOf } from '../../core/net/mac.ts'
import { addressSet } from '../../core/sets/address-set.ts'
import { obstacle } from '../../lab/lab.ts'
import { bridgeKernel } from './bridge-kernel.ts'
import type { Kernel } from './kernel.ts'

const skip = (await obstacle()) ?? false
const numRuns = Number(process.env.HISTORIES ?? 10)

interface Nic {
  /** Which of the policies; undefined: not known. */
  readonly policy: number | undefined
  readonly bridged: boolean
  readonly observe: boolean
  /** Tracked connections; 0: no limit. */
  readonly limit: number
  /** Addresses that its sender may have; undefined: not checked. */
  readonly addresses: number | undefined
  /** Index of its device; undefined: there is none. */
  readonly index: number | undefined
  readonly types: readonly number[]
}
interface State {
  readonly policies: readonly EffectivePolicy[]
  /** By device; null: not described. */
  readonly nics: readonly (Nic | null)[]
  readonly observe: boolean
}

const [mostPolicies, mostNics] = [3, 4]
const policyAt = fc.nat({ max: mostPolicies - 1 })
const nicAt = fc.nat({ max: mostNics - 1 })
const policy = arbitraryProfilePolicy({ most: 400 })
const nic: fc.Arbitrary<Nic> = fc.record({
  policy: fc.option(policyAt, { nil: undefined, freq: 8 }),
  bridged: fc.boolean(),
  observe: fc.constantFrom(false, false, true),
  limit: fc.constantFrom(0, 0, 500, 2000),
  addresses: fc.constantFrom(undefined, 0, 1, 3, 12),
  index: fc.option(fc.integer({ min: 100, max: 120 }), { nil: undefined, freq: 8 }),
  types: fc.constantFrom([], [], [0x88cc], [0x8100, 0x88a8]),
})

type Step =
  | { readonly replace: number; readonly by: EffectivePolicy }
  | { readonly edit: number; readonly at: number; readonly how: 'drop' | 'first' | 'disable' | 'invert' }
  | { readonly describe: number; readonly as: Nic | null }
  | { readonly observe: boolean }
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ replace: policyAt, by: policy }) },
  {
    weight: 5,
    arbitrary: fc.record({
      ...{ edit: policyAt, at: fc.nat({ max: 2000 }) },
      how: fc.constantFrom('drop' as const, 'first' as const, 'disable' as const, 'invert' as const),
    }),
  },
  { weight: 4, arbitrary: fc.record({ describe: nicAt, as: fc.option(nic, { freq: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ observe: fc.constantFrom(false, false, true) }) },
)
const history = fc.record({
  policies: fc.array(policy, { minLength: mostPolicies, maxLength: mostPolicies }),
  nics: fc.array(fc.option(nic, { freq: 5 }), { minLength: mostNics, maxLength: mostNics }),
  steps: fc.array(step, { minLength: 2, maxLength: 10 }),
})

function edited(
  rules: readonly Rule[],
  at: number,
  how: Extract<Step, { edit: number }>['how'],
): readonly Rule[] {
  const chosen = rules[at % Math.max(rules.length, 1)]
  if (!chosen) return rules
  const others = rules.filter((each) => each !== chosen)
  switch (how) {
    case 'drop':
      return others
    case 'first':
      return [chosen, ...others]
    case 'disable':
      return rules.map((each) => (each === chosen ? { ...each, enabled: !each.enabled } : each))
    case 'invert':
      return rules.map((each) =>
        each === chosen ? { ...each, action: each.action === 'allow' ? 'deny' : 'allow' } : each,
      )
  }
}

function editedPart(
  part: DirectionPolicy,
  at: number,
  how: Extract<Step, { edit: number }>['how'],
): DirectionPolicy {
  if (!part.filtered || part.lists.length === 0) return part
  const chosen = part.lists[at % part.lists.length]
  return {
    ...part,
    lists: part.lists.map((each) =>
      each === chosen ? { ...each, rules: edited(each.rules, at, how) } : each,
    ),
  }
}

function next(state: State, step: Step): State {
  const { policies, nics } = state
  if ('observe' in step) return { ...state, observe: step.observe }
  if ('describe' in step) return { ...state, nics: nics.with(step.describe, step.as) }
  if ('replace' in step)
    return { ...state, policies: policies.with(step.replace, named(step.by, step.replace)) }
  const old = policies[step.edit] as EffectivePolicy
  const part = step.at % 2 === 0 ? 'ingress' : 'egress'
  return {
    ...state,
    policies: policies.with(step.edit, { ...old, [part]: editedPart(old[part], step.at, step.how) }),
  }
}

/** Lists of different policies have different names. */
function named(one: EffectivePolicy, n: number): EffectivePolicy {
  const part = (of: DirectionPolicy): DirectionPolicy =>
    of.filtered ? { ...of, lists: of.lists.map((list) => ({ ...list, policy: `${list.policy}.${n}` })) } : of
  return { ...one, ingress: part(one.ingress), egress: part(one.egress) }
}

const mac = (n: number) => `52:54:00:00:00:0${n}`
function originOf(n: number, count: number): EffectivePolicy['origin'] {
  if (count === 0) return { mac: mac(n) }
  const own = Array.from({ length: count }, (_, i) => [
    {
      family: 'ipv4' as const,
      first: 0x0a000000n + BigInt(4 * i),
      last: 0x0a000000n + BigInt(4 * i + (i % 2)),
    },
    {
      family: 'ipv6' as const,
      first: (0x20010db8n << 96n) + BigInt(4 * i),
      last: (0x20010db8n << 96n) + BigInt(4 * i),
    },
  ])
  const derived = linkLocalOf(mac(n))
  return {
    mac: mac(n),
    addresses: addressSet([...own.flat(), { family: 'ipv6', first: derived, last: derived }]),
  }
}

function desiredOf({ policies, nics }: State): { desired: Desired; links: Link[] } {
  const described = nics.flatMap((each, n) => (each ? [{ ...each, n, device: `tap${n}` }] : []))
  return {
    desired: {
      revision: 1,
      // An edit changes what a policy says, and no interface.
      policies: new Map(
        policies.flatMap(({ origin: _, ...judged }, n) =>
          described.some((each) => each.policy === n) ? [[`policy-${n}`, judged] as const] : [],
        ),
      ),
      interfaces: new Map(
        described.map(({ n, device, ...each }) => {
          const checked =
            each.addresses === undefined || each.policy === undefined
              ? undefined
              : originOf(n, each.addresses)
          return [
            `nic${n}`,
            {
              ...{ id: `nic${n}`, device, mac: mac(n), frames: each.types, maxConnections: each.limit },
              policy: each.policy === undefined ? null : `policy-${each.policy}`,
              ...(checked && { origin: checked }),
              ...(each.observe && { observe: true }),
            },
          ] as const
        }),
      ),
    },
    links: described.flatMap(({ n, device, index, bridged }) =>
      index === undefined
        ? []
        : // Two devices have not the same index.
          [
            {
              index: index * mostNics + n,
              name: device,
              kind: 'tun',
              master: bridged ? { name: 'br0', kind: 'bridge' } : null,
            },
          ],
    ),
  }
}

// Those of tables that are owned, which nobody but their owner may change, are listed by nft as all others are.
for (const way of ['owned', 'nft'] as const)
  describe(`histories by ${way}`, { skip }, () => {
    const netns = `pcl-histories-${way}-${process.pid}`
    let kernel: Kernel
    let inBridges: BridgeKernel
    before(async () => {
      assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0)
      kernel = kernelIn(netns, way)
      inBridges = await bridgeKernel(kernel)
    })
    after(async () => {
      await kernel?.close()
      spawnSync('ip', ['netns', 'del', netns])
    })

    const list = (name: string) =>
      spawnSync('ip', ['netns', 'exec', netns, 'nft', '-s', '-n', 'list', 'table', ...name.split(' ')], {
        encoding: 'utf8',
        maxBuffer: 1 << 28,
      }).stdout
    const read = async (wanted: RenderedTables) =>
      Promise.all([table, bridgeTable].map(async (name) => plain(await kernel.read(name, wanted.get(name)))))

    test('deltas end in the tables of a fresh load', async () => {
      await fc.assert(
        fc.asyncProperty(history, async ({ policies, nics, steps }) => {
          await kernel.commit(
            [table, bridgeTable].flatMap((name): Command[] => [
              { do: 'add-table', table: name },
              { do: 'delete-table', table: name },
            ]),
          )
          const lowering = createLowering()
          const around = { refused: new Map<string, string>(), kernel: inBridges }
          let last: Desired | undefined
          let state: State = { policies: policies.map(named), nics, observe: false }
          let wanted: RenderedTables = new Map()
          for (const each of [undefined, ...steps]) {
            if (each) state = next(state, each)
            const { desired, links } = desiredOf(state)
            const options = { ...around, links, observe: state.observe }
            wanted = lowered(desired, options).tables
            const { from, to } = lowering.update(
              desired,
              last ? deltaOf(last, desired) : null,
              surrounded(options),
            )
            last = desired
            for (const name of [table, bridgeTable])
              assert.deepEqual(
                plain(lowering.tables.get(name)),
                plain(wanted.get(name)),
                'what is remembered changes nothing',
              )
            let standing = from
            for (const next of stages(from, to)) {
              const commands = deltaCommands(standing, next)
              for (const command of commands) {
                const whole = command.do === 'add-table' || command.do === 'delete-table'
                assert.ok(
                  !whole || !from.has(command.table) || !to.has(command.table),
                  `${command.table} is replaced`,
                )
              }
              await kernel.commit(commands)
              standing = next
            }
            assert.deepEqual(
              await read(wanted),
              [table, bridgeTable].map((name) => plain(wanted.get(name))),
            )
          }
          const byDeltas = [table, bridgeTable].map((name) => canonical(list(name)))
          await kernel.commit([...wanted.keys()].map((name) => ({ do: 'delete-table', table: name })))
          await kernel.commit(deltaCommands(new Map(), wanted))
          assert.deepEqual(
            byDeltas,
            [table, bridgeTable].map((name) => canonical(list(name))),
          )
        }),
        { numRuns, interruptAfterTimeLimit: 600_000 },
      )
    })
  })

/** Without the order, which is the kernel's; sets that packets fill are spelled by nft. */
const plain = (of: RenderedTable | undefined) =>
  of && {
    chains: Object.fromEntries(of.chains),
    sets: Object.fromEntries(
      [...of.sets].map(([name, { kind, type, elements }]) => [
        name,
        type.includes('flags dynamic') ? 'dynamic' : { kind, type, elements: Object.fromEntries(elements) },
      ]),
    ),
  }

/** Chains, sets and elements come in an order of the kernel's. */
const canonical = (text: string): string[] =>
  text
    .replace(/^table .*\n|\}\n$/gm, '')
    .split('\n\n')
    .map((block) =>
      block
        .split(/\n|, |= \{ /)
        .map((line) => line.replace(/[,{}]*\s*$/, '').trim())
        .filter(Boolean)
        .toSorted()
        .join('\n'),
    )
    .filter(Boolean)
    .toSorted()
