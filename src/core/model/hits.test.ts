/** What agents say of counts and decisions is read as it was meant, or not at all: whoever is shown it must be able to. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Decision, decodeDecisions } from './decision.ts'
import { decodeHits, type HitsReport } from './hits.ts'

const report: HitsReport = {
  ...{ host: 'kvm', at: 8.64e15, asked: true },
  interfaces: [
    {
      ...{ id: 'nic', epoch: 'e', suppressed: { ingress: 0, egress: 0 }, egress: [] },
      ingress: [{ by: 'rule p r', packets: Number.MAX_SAFE_INTEGER, bytes: 0 }],
    },
  ],
}
const decision: Decision = {
  ...{ at: 8.64e15, host: 'kvm', interface: 'nic', direction: 'ingress', outcome: 'denied', observed: false },
  ...{ by: 'default', position: null, level: 'info', revision: 1 },
  packet: { etherType: 0x0800, length: 60 },
}

test('what holds together is read', () => {
  assert.deepEqual(decodeHits(JSON.parse(JSON.stringify(report))), report)
  assert.deepEqual(decodeDecisions(JSON.parse(JSON.stringify([decision]))), [decision])
})

const counted = (count: object) => ({
  ...report,
  interfaces: report.interfaces.map((each) => ({ ...each, ingress: [{ ...each.ingress[0], ...count }] })),
})
for (const [what, json] of Object.entries({
  'no moment': { ...report, at: 8.64e15 + 1 },
  'before all moments': { ...report, at: -1 },
  'more than is exact': counted({ packets: 2 ** 53 }),
  negative: counted({ bytes: -1 }),
  'no whole number': counted({ packets: 0.5 }),
  'nothing that decides': counted({ by: 'rule p' }),
  'a field more': { ...report, more: 1 },
})) {
  test(`counts are refused: ${what}`, () => {
    assert.throws(() => decodeHits(JSON.parse(JSON.stringify(json))), /corrupt/)
  })
}
for (const [what, json] of Object.entries({
  'no moment': { ...decision, at: 8.64e15 + 1 },
  'nothing that decides': { ...decision, by: 'chance' },
  'no direction': { ...decision, direction: 'up' },
  'a packet with more': { ...decision, packet: { ...decision.packet, payload: 'x' } },
})) {
  test(`decisions are refused: ${what}`, () => {
    assert.throws(() => decodeDecisions([JSON.parse(JSON.stringify(json))]), /corrupt/)
  })
}
