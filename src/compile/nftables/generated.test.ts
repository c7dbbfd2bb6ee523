/**
 * Two witnesses on policies of every profile, up to thousands of rules long: what the lowered ruleset does to a packet is
 * what the evaluator says, at the edges of the rules above all.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPacket, inBridge } from '../../../test/support/arbitraries.ts'
import { countings, isCountedFor, surroundedBy, tellingOf } from '../../../test/support/counted.ts'
import { desire } from '../../../test/support/desired.ts'
import { fate } from '../../../test/support/fate.ts'
import { lowered as loweredOnce } from '../../../test/support/lowered.ts'
import {
  arbitraryDraw,
  arbitraryProfilePolicy,
  drawnTo,
  profiles,
} from '../../../test/support/profile-policies.ts'
import type { EffectivePolicy } from '../../core/model/effective-policy.ts'
import type { Direction } from '../../core/model/rule.ts'
import { evaluate } from '../../core/semantics/evaluate.ts'
import type { Counting } from './counting.ts'
import { judge } from './interpret.ts'
import { setsOf } from './sets.ts'

/** How many pairs of a policy and a packet are compared, of all profiles together. */
const pairs = Number(process.env.PORTCULLIS_TEST_PAIRS ?? 200_000)
const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)
/** The most packets for one policy, each in both directions. */
const perPolicy = 400

const lowered = (policy: EffectivePolicy, bridged: boolean, counting: Counting) => {
  const desired = desire([{ id: 'nic', device: 'tap0', policy }])
  const master = bridged ? { name: 'br0', kind: 'bridge' } : null
  const made = loweredOnce(desired, {
    links: [{ index: 10, name: 'tap0', kind: 'tun', master }],
    observe: false,
    refused: new Map(),
    kernel: { tracks: true, rejects: true },
    ...surroundedBy(counting),
  })
  assert.equal(made.interfaces[0]?.state, 'applied', made.interfaces[0]?.error ?? '')
  return (bridged ? made.bridged : made.ruleset) as NonNullable<typeof made.bridged>
}

/** Whether any set or map holds prefixes by the bits of their addresses. */
const looksUpByLength = ({ chains }: ReturnType<typeof lowered>): boolean =>
  [...chains.values()].some((chain) =>
    [setsOf(chain)]
      .flatMap(({ sets, numbers }) => [...sets, ...numbers])
      .some(({ key }) => key.some((field) => field.kind === 'address' && field.length !== undefined)),
  )

for (const [n, profile] of profiles.entries()) {
  test(`${profile}: the lowered policy does what the evaluator says (seed ${seed + n})`, (t) => {
    const count = { allow: 0, deny: 0, reject: 0 }
    const decided = new Map<string, number>()
    let longest = 0
    let cutToLength = 0
    fc.assert(
      fc.property(
        arbitraryProfilePolicy({ profile }),
        fc.boolean(),
        fc.constantFrom(...countings),
        fc.array(fc.tuple(arbitraryPacket, arbitraryDraw, fc.boolean()), {
          minLength: 1,
          maxLength: perPolicy,
          size: 'max',
        }),
        (made, bridged, counting, packets) => {
          const policy = tellingOf(made)
          const ruleset = lowered(policy, bridged, counting)
          if (looksUpByLength(ruleset)) cutToLength++
          for (const way of ['ingress', 'egress'] as const satisfies readonly Direction[]) {
            const part = policy[way]
            if (part.filtered) for (const { rules } of part.lists) longest = Math.max(longest, rules.length)
            for (const [given, draw, heard] of packets) {
              const drawn = drawnTo(policy, way, given, draw)
              const packet = bridged ? inBridge(drawn, way, heard) : drawn
              const verdict = evaluate(policy, way, packet)
              const { action, decidedBy } = verdict
              count[action]++
              decided.set(decidedBy.kind, (decided.get(decidedBy.kind) ?? 0) + 1)
              // Who is rejected at the receiver's port is told at the sender's.
              const want = fate(action, packet, !(bridged && way === 'ingress'))
              const judged = judge(ruleset, 10, way, packet)
              assert.equal(judged?.fate, want)
              assert.ok(isCountedFor(judged?.counted ?? null, verdict, counting), `${judged?.counted}`)
            }
          }
        },
      ),
      {
        seed: seed + n,
        // Half of the most is the mean, and each is sent both ways; some more, so that chance leaves none too few.
        numRuns: Math.ceil((1.5 * pairs) / profiles.length / perPolicy),
        // Shrinking thousands of rules ends with the best so far.
        interruptAfterTimeLimit: 8 * 60_000,
        markInterruptAsFailure: true,
      },
    )
    const total = Object.values(count).reduce((a, b) => a + b)
    const said = JSON.stringify({ total, ...count, ...Object.fromEntries(decided), longest, cutToLength })
    // Generators that never meet would prove nothing.
    assert.ok(total >= pairs / profiles.length, said)
    assert.ok(count.allow > total / 5 && count.deny > total / 5 && longest > 1000, said)
    assert.ok(cutToLength > 0, said)
    assert.ok((decided.get('rule') ?? 0) > total / 4, said)
    t.diagnostic(said)
  })
}
