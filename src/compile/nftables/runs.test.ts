/** Lookups decide every packet as the list does in its order, and by the same rule. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { arbitraryPacket } from '../../../test/support/arbitraries.ts'
import { arbitraryDraw, arbitraryProfilePolicy, drawnTo } from '../../../test/support/profile-policies.ts'
import type { RuleList } from '../../core/model/effective-policy.ts'
import type { Rule } from '../../core/model/rule.ts'
import type { Packet } from '../../core/net/packet.ts'
import { hasPorts, ICMP, ICMPV6, isExtensionHeader } from '../../core/net/protocol.ts'
import { mismatch } from '../../core/semantics/match.ts'
import type { Range } from '../../core/sets/range.ts'
import { type BoxField, type FieldValue, type Product, productOf } from './boxes.ts'
import { lowerMatch } from './lower-match.ts'
import { type Bounds, bounds, type Step, stepsOf } from './runs.ts'

interface Alternatives {
  readonly products: readonly Product[]
  /** Number of the alternative → its rule. */
  readonly rules: readonly Rule[]
}

function alternativesOf(list: Pick<RuleList, 'rules'>): Alternatives {
  const all = list.rules
    .filter(({ enabled }) => enabled)
    .flatMap((rule) =>
      rule.matches.flatMap((match) =>
        lowerMatch(match).map((matches) => ({ rule, product: productOf(matches) })),
      ),
    )
  return { products: all.map(({ product }) => product), rules: all.map(({ rule }) => rule) }
}

function fieldOf(packet: Packet, field: BoxField): FieldValue | undefined {
  const { family, protocol } = packet
  const cutShort = isExtensionHeader(family, protocol)
  const isIcmp = protocol === (family === 'ipv4' ? ICMP : ICMPV6)
  switch (field) {
    case 'sourceMac':
      return packet.sourceMac === undefined ? undefined : BigInt(`0x${packet.sourceMac.replaceAll(':', '')}`)
    case 'protocol':
      return cutShort ? undefined : protocol
    case 'sourcePort':
    case 'destinationPort':
      return hasPorts(protocol) ? packet[field] : undefined
    case 'icmpType':
    case 'icmpCode':
      return isIcmp ? packet[field] : undefined
    default:
      return packet[field]
  }
}

const within = (packet: Packet, field: BoxField, ranges: readonly Range<FieldValue>[]): boolean => {
  const value = fieldOf(packet, field)
  return value !== undefined && ranges.some(({ first, last }) => first <= value && value <= last)
}

const holdsAll = (packet: Packet, product: Product): boolean =>
  (product.family ?? packet.family) === packet.family &&
  Object.entries(product.ranges).every(([field, ranges]) => within(packet, field as BoxField, ranges))

/** The alternative that decides; fails where a set has several for the packet. */
function decide(steps: readonly Step[], products: readonly Product[], packet: Packet): number | undefined {
  for (const step of steps) {
    if (step.kind === 'product') {
      if (holdsAll(packet, products[step.owner] as Product)) return step.owner
    } else if (step.kind === 'rules') {
      const found = step.boxes.find(({ family, ranges }) =>
        holdsAll(packet, {
          family,
          ranges: Object.fromEntries(Object.entries(ranges).map(([field, range]) => [field, [range]])),
        }),
      )
      if (found) return found.owner
    } else {
      const asked = step.protocol === undefined || fieldOf(packet, 'protocol') === step.protocol
      if (!asked || (step.family ?? packet.family) !== packet.family) continue
      const found = step.elements.filter(({ ranges }) =>
        ranges.every((range, n) => within(packet, step.key[n] as BoxField, [range])),
      )
      assert.ok(found.length < 2, 'elements overlap')
      if (found[0]) return found[0].owner
    }
  }
  return undefined
}

const firstMatch = (rules: readonly Rule[], packet: Packet): string | undefined =>
  rules.find(({ enabled, matches }) => enabled && matches.some((match) => mismatch(match, packet) === null))
    ?.id

const tight: Bounds = { shortList: 0, shortRun: 0, product: 12, boxes: 200, pieces: 6 }
const roomy: Bounds = { ...bounds, shortList: 0, shortRun: 0, pieces: 10_000 }

describe('steps decide as the list does, and name the same rule', () => {
  for (const [name, limits] of Object.entries({ bounds, tight, roomy })) {
    const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)
    test(`${name} (seed ${seed})`, (t) => {
      const count = { rules: 0, lookup: 0, product: 0, decided: 0, undecided: 0 }
      fc.assert(
        fc.property(
          arbitraryProfilePolicy({ most: 400 }),
          fc.array(fc.tuple(arbitraryPacket, arbitraryDraw), { minLength: 40, maxLength: 100 }),
          (policy, packets) => {
            for (const way of ['ingress', 'egress'] as const) {
              const part = policy[way]
              if (!part.filtered) continue
              for (const list of part.lists) {
                const { products, rules } = alternativesOf(list)
                const steps = stepsOf(products, limits)
                for (const { kind } of steps) count[kind]++
                for (const [given, draw] of packets) {
                  const packet = drawnTo(policy, way, given, draw)
                  const owner = decide(steps, products, packet)
                  const want = firstMatch(list.rules, packet)
                  want === undefined ? count.undecided++ : count.decided++
                  assert.equal(owner === undefined ? undefined : rules[owner]?.id, want)
                }
              }
            }
          },
        ),
        // Shrinking hundreds of rules ends with the best so far.
        { numRuns: 60, seed, interruptAfterTimeLimit: 4 * 60_000, markInterruptAsFailure: true },
      )
      t.diagnostic(JSON.stringify(count))
      assert.ok(count.lookup > 60 && count.decided > 1000 && count.undecided > 1000, JSON.stringify(count))
      if (limits === tight) assert.ok(count.product > 60, JSON.stringify(count))
    })
  }
})

describe('what would be too much', () => {
  const of = (addresses: number, ports: number, from = 0): Product => ({
    family: 'ipv4',
    ranges: {
      protocol: [{ first: 6, last: 6 }],
      source: Array.from({ length: addresses }, (_, n) => {
        const first = BigInt(from + n * 2)
        return { first, last: first }
      }),
      destinationPort: Array.from({ length: ports }, (_, n) => ({ first: n * 2, last: n * 2 })),
    },
  })
  const elementsOf = (steps: readonly Step[]): number =>
    steps.reduce((sum, step) => sum + (step.kind === 'lookup' ? step.elements.length : 0), 0)

  test('one rule about a million boxes is asked field by field, in its place', () => {
    const steps = stepsOf([of(40, 1), of(1000, 1000, 20), of(40, 1, 60), of(40, 1, 4000)])
    assert.deepEqual(
      steps.map(({ kind }) => kind),
      ['lookup', 'product'],
    )
    // The third is decided by the product; the fourth shares no packet with it, and joins the first.
    assert.equal(elementsOf(steps), 80)
  })

  test('many rules together have no more boxes than the bound', () => {
    const steps = stepsOf(Array.from({ length: 100 }, (_, n) => of(60, 60, n * 1000)))
    assert.ok(elementsOf(steps) <= bounds.boxes, `${elementsOf(steps)}`)
    assert.equal(steps.filter(({ kind }) => kind === 'product').length, 100)
  })

  test('boxes that cut each other to pieces end at the bound', () => {
    const limits: Bounds = { ...bounds, shortList: 0, shortRun: 0, boxes: 300 }
    const wide = (n: number): Product => ({
      family: 'ipv4',
      ranges: {
        source: [{ first: BigInt(n * 7), last: BigInt(n * 7 + 900) }],
        destination: [{ first: BigInt(4000 - n * 11), last: BigInt(6000 - n * 5) }],
      },
    })
    const products = Array.from({ length: 200 }, (_, n) => wide((n * 89) % 200))
    const roomy = elementsOf(stepsOf(products, { ...limits, boxes: 100_000 }))
    const bounded = elementsOf(stepsOf(products, limits))
    // The last that is cut may go beyond it, and each behind it is one element.
    assert.ok(bounded <= 300 + limits.pieces + 200 && bounded < roomy, `${bounded} of ${roomy}`)
  })
})
