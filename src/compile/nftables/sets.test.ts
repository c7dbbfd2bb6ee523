/** Which packets named sets and maps hold, and which ones cannot be rendered. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { written } from '../../../test/support/lowered.ts'
import type { Packet } from '../../core/net/packet.ts'
import { interpret } from './interpret.ts'
import type { NftElement, NftKeyField, NftMap, NftRule, NftRuleset, NftSet } from './ruleset.ts'

const one = <T extends number | bigint>(value: T) => ({ first: value, last: value })
const range = (first: number | bigint, last: number | bigint) => ({ first, last })
const source: NftKeyField = { kind: 'address', family: 'ipv4', side: 'source' }
const port: NftKeyField = { kind: 'port', side: 'destination' }
const set = (key: readonly NftKeyField[], ...elements: NftElement['key'][]): NftSet => ({
  ...{ name: 's', key, interval: true },
  elements: elements.map((each) => ({ key: each })),
})

function rulesetOf(...rules: readonly NftRule[]): NftRuleset {
  const chains = [
    { name: 'rules', rules: [...rules, { matches: [], verdict: { kind: 'drop' } as const }] },
    { name: 'nothing', rules: [] },
  ]
  return {
    chains: new Map(chains.map((each) => [each.name, each])),
    devices: { 'from-vm': new Map([[10, { kind: 'goto', chain: 'rules' }]]), 'to-vm': new Map() },
    link: new Map(),
    observed: new Set(),
    limits: new Map(),
  }
}
const tcp: Packet = {
  ...{
    family: 'ipv4',
    protocol: 6,
    source: 0x0a000001n,
    destination: 2n,
    sourcePort: 1000,
    destinationPort: 80,
  },
  ...{ state: 'new', sourceMac: '52:54:00:00:00:01' },
}
const passes = (packet: Packet, ...rules: readonly NftRule[]): boolean =>
  interpret(rulesetOf(...rules), 10, 'egress', packet) === 'accept'
const accept = { kind: 'accept' } as const
const holds = (looked: NftSet, packet: Packet): boolean =>
  passes(packet, { matches: [{ kind: 'in-set', set: looked }], verdict: accept })
const lacks = (looked: NftSet, packet: Packet): boolean =>
  passes(packet, { matches: [{ kind: 'in-set', set: looked, not: true }], verdict: accept })

test('a set holds packets whose every field is within the same element', () => {
  const looked = set(
    [{ kind: 'protocol' }, source, port],
    [one(6), range(0x0a000000n, 0x0a0000ffn), range(80, 90)],
    [one(17), range(0n, 0xffffffffn), one(53)],
  )
  assert.equal(holds(looked, tcp), true)
  assert.equal(holds(looked, { ...tcp, destinationPort: 53 }), false)
  assert.equal(lacks(looked, { ...tcp, destinationPort: 53 }), true)
  assert.equal(holds(looked, { ...tcp, protocol: 17, destinationPort: 53 }), true)
  const { sourcePort: _, destinationPort: __, ...gre } = tcp
  assert.equal(holds(looked, { ...gre, protocol: 47 }), false)
})

test('a packet without a field of the key is neither in a set nor outside it', () => {
  const looked = set([source], [range(0n, 1n)])
  const ipv6 = { ...tcp, family: 'ipv6' } as const
  assert.deepEqual([holds(looked, ipv6), lacks(looked, ipv6)], [false, false])
  assert.deepEqual([holds(looked, tcp), lacks(looked, tcp)], [false, true])
  const icmp = set([{ kind: 'icmp', family: 'ipv4', field: 'type' }], [one(8)])
  assert.deepEqual([holds(icmp, tcp), lacks(icmp, tcp)], [false, false])
  const ofUdp = set([{ kind: 'port', side: 'destination', protocol: 17 }], [range(0, 65_535)])
  assert.deepEqual([holds(ofUdp, tcp), lacks(ofUdp, tcp)], [false, false])
})

test('a MAC and a device are fields like any other', () => {
  assert.equal(holds(set([{ kind: 'source-mac' }], [one(0x525400000001n)]), tcp), true)
  assert.equal(holds(set([{ kind: 'source-mac' }], [one(0x525400000002n)]), tcp), false)
  const of = (index: number) =>
    set([{ kind: 'device', hook: 'from-vm' }, source], [one(index), one(0x0a000001n)])
  assert.deepEqual([holds(of(10), tcp), holds(of(11), tcp)], [true, false])
})

test('a map decides by its element; a jump that comes back, and no element, go on with the next rule', () => {
  const lookup = (verdict: NftMap['elements'][number]['verdict']): NftRule => ({
    matches: [],
    lookup: { name: 'm', key: [port], interval: true, elements: [{ key: [range(80, 90)], verdict }] },
  })
  const next: NftRule = { matches: [], verdict: accept }
  assert.equal(passes(tcp, lookup({ kind: 'drop' }), next), false)
  assert.equal(passes(tcp, lookup({ kind: 'jump', chain: 'nothing' }), next), true)
  assert.equal(passes({ ...tcp, destinationPort: 91 }, lookup({ kind: 'drop' }), next), true)
})

test('what the kernel would refuse, or read wrongly, is a bug', () => {
  assert.throws(() => holds(set([port], [range(1, 80)], [range(80, 90)]), tcp), /overlap/)
  const { sourcePort: _, destinationPort: __, ...gre } = tcp
  assert.throws(() => holds(set([port], [range(1, 80)]), { ...gre, protocol: 47 }), /other bytes for ports/)
  const rendered = (looked: NftSet) => () =>
    written(rulesetOf({ matches: [{ kind: 'in-set', set: looked }], verdict: accept }).chains.values())
  assert.throws(rendered({ ...set([port], [range(1, 80)]), interval: false }), /no ranges/)
  assert.throws(rendered(set([port], [one(1)], [one(1)])), /twice/)
  assert.throws(rendered(set([port, source], [one(1)])), /fields/)
  const other = { ...set([port], [one(2)]) }
  assert.throws(
    () =>
      written(
        rulesetOf({
          matches: [set([port], [one(1)]), other].map((each) => ({ kind: 'in-set', set: each })),
          verdict: accept,
        }).chains.values(),
      ),
    /two different sets would be called s/,
  )
})
