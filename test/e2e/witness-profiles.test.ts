/**
 * The third witness on policies of every profile, hundreds of rules long, so that what the ruleset looks up is looked up by
 * the kernel: nothing passes that the evaluator denies, whatever it is and however it is laid out on the wire.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import { conversations, wasCut } from '../support/conversations.ts'
import { noLabOr } from '../support/lab.ts'
import { arbitraryProfilePolicy, profiles } from '../support/profile-policies.ts'
import { type Judged, openWitness, type Witness } from '../support/witness.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng', conntrack: 'conntrack' })
const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_127)
/** How many policies of each profile go by netlink; each meets some 240 packets. By nft, which is the fallback, go a few. */
const most = Number(process.env.PORTCULLIS_TEST_POLICIES ?? 6)

for (const way of ['owned', 'nft'] as const)
  describe(`the kernel and the evaluator, on policies of every profile, by ${way}`, { skip }, () => {
    const policies = way === 'nft' ? Math.min(2, most) : most
    let witness: Witness
    let id = 0
    before(async () => {
      witness = await openWitness(`pcl-wip${process.pid % 1000}-`, way)
    })
    after(() => witness?.close())

    const counts = {
      pairs: 0,
      rules: 0,
      allowed: 0,
      established: 0,
      related: 0,
      invalid: 0,
      whole: 0,
      dressed: 0,
    }

    for (const [n, profile] of profiles.entries()) {
      test(`${profile} (seed ${seed + n})`, async (t) => {
        const short = fc.sample(arbitraryProfilePolicy({ profile, most: 60 }), {
          numRuns: Math.ceil(policies / 2),
          seed: seed + n,
        })
        const long = fc.sample(arbitraryProfilePolicy({ profile }), {
          numRuns: Math.floor(policies / 2),
          seed: seed + n + 100,
        })
        const own = { ...counts }
        for (const [at, policy] of [...short, ...long].entries()) {
          const sent = conversations({
            ...{ policy, witness, seed: seed * 1000 + n * 100 + at * 10, packets: 60, conversations: 15 },
            nextId: () => {
              id = (id % 65_000) + 1
              return id
            },
          })
          for (const each of await witness.compare(policy, sent)) count(each)
        }
        const added = Object.entries(counts).map(([name, now]) => [name, now - own[name as keyof typeof own]])
        t.diagnostic(JSON.stringify(Object.fromEntries(added)))
      })
    }

    function count({ sent, state, verdict }: Judged): void {
      counts.pairs++
      if (verdict.decidedBy.kind === 'rule') counts.rules++
      if (verdict.action === 'allow') counts.allowed++
      if (state !== 'new') counts[state]++
      if (wasCut(sent)) counts.whole++
      if (sent.packet.extensions) counts.dressed++
    }

    // A few policies meet few kinds.
    if (way === 'owned')
      test('every kind was met', () => {
        const said = JSON.stringify(counts)
        const { pairs, rules, allowed } = counts
        assert.ok(pairs >= 5000 && rules > pairs / 4, said)
        assert.ok(allowed > pairs / 4 && pairs - allowed > pairs / 4, said)
        assert.ok(counts.established > 200 && counts.related > 50 && counts.invalid > 50, said)
        assert.ok(counts.whole > 200 && counts.dressed > 500, said)
      })
  })
