/** What hosts count and tell of is what a trace says. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  arbitraryFrame,
  arbitraryFrameTypes,
  arbitraryPacket,
  arbitraryPolicy,
} from '../../../test/support/arbitraries.ts'
import { deciderText, parseDecider } from '../model/decider.ts'
import type { Direction } from '../model/rule.ts'
import { deciderOf } from './decider-of.ts'
import { evaluate } from './evaluate.ts'
import { evaluateFrame, type FrameVerdict } from './evaluate-frame.ts'
import { trace } from './trace.ts'

const direction = fc.constantFrom<Direction>('ingress', 'egress')

test('the decider of a verdict is what a trace says decided', () => {
  const seen = new Map<string, number>()
  const count = (kind: string) => seen.set(kind, (seen.get(kind) ?? 0) + 1)
  fc.assert(
    fc.property(
      arbitraryPolicy,
      direction,
      fc.array(arbitraryPacket, { minLength: 5 }),
      (policy, way, packets) => {
        for (const packet of packets) {
          const verdict = evaluate(policy, way, packet)
          const decider = deciderOf(verdict)
          const { decidedBy, action, path } = trace(policy, way, packet)
          if (!decider) {
            assert.equal(action, 'allow')
            assert.ok(decidedBy.kind === 'off' || decidedBy.kind === 'state')
            count('uncounted')
            continue
          }
          // But for where a rule stands, which changes while the rule stays the same.
          const { position, ...by } = { position: undefined, ...decidedBy }
          assert.deepEqual(decider, by)
          assert.equal(position !== undefined, path.at(-1)?.matched === true)
          assert.deepEqual(parseDecider(deciderText(decider)), { ok: true, value: decider })
          count(decider.kind === 'origin' ? decider.check : decider.kind)
        }
      },
    ),
    { numRuns: 2000 },
  )
  for (const kind of ['uncounted', 'rule', 'default', 'essential', 'state', 'mac', 'address', 'neighbour'])
    assert.ok((seen.get(kind) ?? 0) > 10, JSON.stringify([...seen]))
})

test('frames that do not pass say which check they fail, those that do what they are essential as', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      arbitraryPolicy,
      direction,
      fc.array(arbitraryFrame, { minLength: 5 }),
      arbitraryFrameTypes,
      (policy, way, frames, types) => {
        for (const frame of frames) {
          const verdict = evaluateFrame(policy, way, frame, types)
          const decider = deciderOf(verdict)
          if (verdict.action === 'deny') assert.ok(decider)
          if (decider) assert.deepEqual(parseDecider(deciderText(decider)), { ok: true, value: decider })
          seen.add(`${verdict.action} ${decider ? deciderText(decider) : 'uncounted'}`)
        }
      },
    ),
    { numRuns: 1000 },
  )
  assert.deepEqual([...seen].sort(), [
    'allow essential arp',
    'allow uncounted',
    'deny frame',
    'deny origin arp',
    'deny origin mac',
  ])
})

test('a frame fails the first check, its MAC before its type and whose ARP it is before how it is written', () => {
  const [mac, other] = ['52:54:00:00:00:01', '52:54:00:00:00:02']
  const address = 0xc000020an
  const arp = {
    ...{ hardwareType: 1, protocolType: 0x0800, hardwareLength: 6, protocolLength: 4, operation: 1 },
    ...{ senderMac: mac, senderAddress: address },
  }
  const origin = { mac, addresses: { ipv4: [{ first: address, last: address }], ipv6: [] } }
  const by = (type: number, sourceMac: string, said?: object, way: Direction = 'egress') => {
    const frame = { type, sourceMac, ...(said && { arp: { ...arp, ...said } }) }
    const verdict: FrameVerdict = evaluateFrame({ origin }, way, frame, [0x88cc])
    const decider = deciderOf(verdict)
    return `${verdict.action} ${decider ? deciderText(decider) : 'uncounted'}`
  }
  assert.equal(by(0x0806, mac, {}), 'allow essential arp')
  assert.equal(by(0x0806, mac, { senderAddress: 0n }), 'allow essential arp')
  assert.equal(by(0x0806, other, {}), 'deny origin mac')
  assert.equal(by(0x88cc, other), 'deny origin mac')
  assert.equal(by(0x88cc, mac), 'allow uncounted')
  assert.equal(by(0x88b5, mac), 'deny frame')
  assert.equal(by(0x8035, mac), 'allow essential arp')
  assert.equal(by(0x8035, other), 'deny origin mac')
  assert.equal(by(0x8035, other, undefined, 'ingress'), 'deny frame')
  assert.equal(by(0x0806, mac, { senderMac: other }), 'deny origin arp')
  assert.equal(by(0x0806, mac, { senderAddress: 1n, operation: 3 }), 'deny origin arp')
  assert.equal(by(0x0806, mac, { operation: 3 }), 'deny frame')
  assert.equal(by(0x0806, mac), 'deny origin arp')
  // What comes to a VM was looked at where it left its own.
  assert.equal(by(0x0806, other, { senderMac: other }, 'ingress'), 'allow essential arp')
  assert.equal(by(0x0806, other, undefined, 'ingress'), 'deny frame')
})
