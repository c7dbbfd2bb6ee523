/** The third witness: what the kernel does to packets of any protocol number in either family is what the evaluator says. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import fc from 'fast-check'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Direction, Match } from '../../src/core/model/rule.ts'
import { hasPorts, icmpFamily } from '../../src/core/net/protocol.ts'
import { arbitraryPacket, arbitraryPolicy } from '../support/arbitraries.ts'
import type { Frame } from '../support/frames.ts'
import { noLabOr } from '../support/lab.ts'
import { addressNumber, ends, openWitness, type Witness } from '../support/witness.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng', conntrack: 'conntrack' })

for (const way of ['owned', 'nft'] as const)
  describe(`the kernel and the evaluator, by ${way}`, { skip }, () => {
    let witness: Witness
    before(async () => {
      witness = await openWitness(`pcl-wit${process.pid % 1000}-`, way)
    })
    after(() => witness?.close())

    const open = { filtered: false } as const
    function policyOf(direction: Direction, stateful: boolean, ...allowed: Match[]): EffectivePolicy {
      const rules = allowed.map((match, i) => ({
        ...{
          id: `${i}`,
          position: i + 1,
          direction,
          action: 'allow' as const,
          enabled: true,
          matches: [match],
        },
      }))
      const part = {
        filtered: true,
        lists: [{ policy: 'p', part: 0, direction, rules }],
        default: 'deny',
      } as const
      return { stateful, essentials: [], ingress: open, egress: open, [direction]: part }
    }

    for (const direction of ['ingress', 'egress'] as const) {
      for (const stateful of [false, true]) {
        test(`every protocol number in either family, ${direction}, ${stateful ? 'stateful' : 'stateless'}`, async () => {
          const frames = (['ipv4', 'ipv6'] as const).flatMap((family) =>
            Array.from({ length: 256 }, (_, protocol) => {
              const more = {
                ...(hasPorts(protocol) && { sourcePort: 9, destinationPort: 9 }),
                ...(icmpFamily(protocol) === family && { icmpType: 8, icmpCode: 0 }),
              }
              return witness.probe(direction, { family, protocol, ...more }, protocol + 1)
            }),
          )
          for (const [matches, fewest] of [
            [[{}], stateful ? 480 : 500],
            [[{ protocol: 1 }], 1],
            [[{ protocol: 58 }], stateful ? 0 : 1],
            [[{ family: 'ipv6', protocol: 1 }], stateful ? 0 : 1],
            [[{ family: 'ipv4', protocol: 58 }], stateful ? 0 : 1],
            [[{ icmpType: 8 }], 1],
            [[{ destinationPorts: [{ first: 9, last: 9 }] }], stateful ? 4 : 10],
            [[{ protocol: 136 }], stateful ? 0 : 2],
            [[{ protocol: 0 }, { protocol: 255 }, { family: 'ipv6', protocol: 47 }, { protocol: 44 }], 4],
          ] as const) {
            const judged = await witness.compare(
              policyOf(direction, stateful, ...(matches as readonly Match[])),
              frames.map((packet) => ({ direction, packet })),
            )
            const through = judged.filter(({ verdict }) => verdict.action === 'allow').length
            assert.ok(through >= fewest, `${JSON.stringify(matches)}: ${through} passed`)
          }
        })
      }
    }

    test('generated policies, and packets as generated, on their way out and in', async () => {
      const policies = fc.sample(arbitraryPolicy, { numRuns: 25, seed: 20261125 })
      let [allowed, denied] = [0, 0]
      for (const [n, policy] of policies.entries()) {
        for (const direction of ['egress', 'ingress'] as const) {
          const packets = fc.sample(arbitraryPacket, {
            numRuns: 60,
            seed: n * 2 + (direction === 'egress' ? 0 : 1),
          })
          const frames = packets.map((packet, index): Frame => {
            const { state: _state, link: _link, sourceMac, hopLimit = 64, ...fields } = packet
            const there = addressNumber(
              (n + index) % 3 === 0 ? ends.host[packet.family] : ends.outside[packet.family],
            )
            const placed =
              direction === 'ingress'
                ? // It is forwarded, and so is to the VM and goes further than here.
                  { destination: addressNumber(ends.vm[packet.family]), hopLimit: Math.max(2, hopLimit) }
                : { destination: index % 2 === 0 ? there : packet.destination, hopLimit }
            const { sourceMac: own, ...plain } = witness.probe(direction, {}, index + 1)
            const mac = direction === 'egress' && sourceMac !== undefined ? sourceMac : own
            return { ...plain, ...fields, ...placed, sourceMac: mac }
          })
          const judged = await witness.compare(
            policy,
            frames.map((packet) => ({ direction, packet })),
          )
          for (const { verdict } of judged) verdict.action === 'allow' ? allowed++ : denied++
        }
      }
      assert.ok(allowed > 300 && denied > 300, `${allowed} allowed, ${denied} denied`)
    })
  })
