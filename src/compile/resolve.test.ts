/** From attached policies to the one that is in force: what is off, what is filtered, what is shared. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InterfaceType } from '../core/model/interface.ts'
import { defaultSwitches, type Policy } from '../core/model/policy.ts'
import { createResolver } from './resolve.ts'

const at = (type: InterfaceType) => ({
  ...{ index: 1, type, mac: '52:54:00:00:00:01', addresses: ['192.0.2.10'] },
  ...{ allowedAddresses: [], senderCheck: true },
})

const base: Policy = {
  id: 'a',
  revision: 1,
  enabled: true,
  order: 'first-match',
  defaultIngress: 'deny',
  defaultEgress: 'allow',
  stateful: true,
  filters: ['ingress', 'egress'],
  appliesTo: ['public', 'utility'],
  guards: defaultSwitches,
  builtIn: null,
  rules: [
    { id: '1', position: 1, direction: 'ingress', action: 'allow', enabled: true, matches: [{}] },
    { id: '2', position: 2, direction: 'egress', action: 'deny', enabled: true, matches: [{}] },
  ],
}

test('rules go to their direction, with the default and the state of the policy', () => {
  const { ingress, egress, stateful } = createResolver()(at('public'), [base])
  assert.ok(ingress.filtered && egress.filtered && stateful)
  assert.deepEqual([ingress.default, egress.default], ['deny', 'allow'])
  const ids = [ingress, egress].map((part) => part.lists.map((list) => list.rules.map((rule) => rule.id)))
  assert.deepEqual(ids, [[['1']], [['2']]])
})

test('built-in rules come before the policy’s own, as one list that all who have it share', () => {
  const resolve = createResolver()
  const policies = ['a', 'b'].map((id): Policy => ({ ...base, id, builtIn: 'no-smtp' }))
  const [one, two] = policies.map((policy) => resolve(at('public'), [policy]))
  assert.ok(one?.egress.filtered && two?.egress.filtered && one.ingress.filtered)
  assert.deepEqual(
    one.egress.lists.map((list) => [list.policy, list.rules.length]),
    [
      ['no-smtp', 6],
      ['a', 1],
    ],
  )
  assert.equal(one.egress.lists[0], two.egress.lists[0])
  assert.deepEqual(
    one.ingress.lists.map((list) => list.policy),
    ['a'],
  )
})

test('what is off, or is not for this kind of interface, or does not filter, lets pass', () => {
  const resolve = createResolver()
  for (const [type, policies] of [
    ['public', [{ ...base, enabled: false }]],
    ['private', [base]],
    ['public', [{ ...base, filters: [] }]],
  ] as const) {
    const { ingress, egress } = resolve(at(type), policies)
    assert.deepEqual([ingress.filtered, egress.filtered], [false, false])
  }
  const oneWay = resolve(at('public'), [{ ...base, filters: ['ingress'] }])
  assert.deepEqual([oneWay.ingress.filtered, oneWay.egress.filtered], [true, false])
})

test('what nobody attends to is closed: nothing comes in but answers', () => {
  const resolve = createResolver()
  const closes: Policy = { ...base, closes: true, stateful: false }
  for (const policies of [[], [{ ...closes, enabled: false }], [{ ...closes, filters: [] }]]) {
    const { ingress, egress, stateful, cutsFlows } = resolve(at('private'), policies)
    assert.deepEqual(ingress, { filtered: true, lists: [], default: 'deny' })
    assert.deepEqual(egress, { filtered: true, lists: [], default: 'allow' })
    assert.deepEqual([stateful, cutsFlows], [true, true])
  }
  // What has been asked before is no answer for what is attached otherwise.
  assert.equal(resolve(at('private'), [{ ...base, enabled: false }]).ingress.filtered, false)
  assert.equal(resolve(at('private'), [{ ...closes, enabled: false }, base]).ingress.filtered, false)
})

test('a direction that no policy filters is closed where all close; the rest is theirs', () => {
  const outward: Policy = { ...base, closes: true, stateful: false, filters: ['egress'] }
  const { ingress, egress, stateful } = createResolver()(at('public'), [outward])
  assert.deepEqual(ingress, { filtered: true, lists: [], default: 'deny' })
  assert.equal(egress.filtered && egress.lists[0]?.policy, outward.id)
  assert.equal(stateful, false)
})

test('several policies: lists in order, and the strict default', () => {
  const open: Policy = { ...base, id: 'b', defaultIngress: 'allow', stateful: false }
  const { ingress, stateful } = createResolver()(at('public'), [open, base])
  assert.ok(ingress.filtered && stateful)
  assert.deepEqual(
    ingress.lists.map((list) => list.policy),
    ['b', 'a'],
  )
  assert.equal(ingress.default, 'deny')
})

test('the same policies are the same object, on however many interfaces; a changed one shares what did not change', () => {
  const resolve = createResolver()
  const other: Policy = { ...base, id: 'b' }
  const first = resolve(at('public'), [base, other])
  assert.equal(resolve(at('utility'), [base, other]), first)
  assert.notEqual(resolve(at('public'), [other, base]), first)
  const next = resolve(at('public'), [base, { ...other, revision: 2 }])
  assert.ok(first.ingress.filtered && next.ingress.filtered)
  assert.equal(next.ingress.lists[0], first.ingress.lists[0])
  assert.notEqual(next.ingress.lists[1], first.ingress.lists[1])
})

test('an included policy is looked at in the place of the rule that includes it, and then what follows', () => {
  const group: Policy = { ...base, id: 'group', filters: [] }
  const [first, ...others] = base.rules
  assert.ok(first)
  const including = { ...first, id: 'g', position: 2, matches: [], include: 'group' }
  const chain: Policy = {
    ...base,
    rules: [first, including, { ...first, id: 'last', position: 3 }, ...others],
  }
  const lists = (policies: readonly Policy[]) => {
    const { ingress } = createResolver()(at('public'), policies)
    assert.ok(ingress.filtered)
    return ingress.lists.map(
      (list) => `${list.policy}.${list.part}: ${list.rules.map((rule) => rule.id).join()}`,
    )
  }
  assert.deepEqual(lists([chain, group]), ['a.0: 1', 'group.0: 1', 'a.1: last'])
  assert.deepEqual(lists([chain]), ['a.0: 1', 'a.1: last'], 'one that is not attached has no effect')
  const off = {
    ...chain,
    rules: chain.rules.map((rule) => (rule.include ? { ...rule, enabled: false } : rule)),
  }
  assert.deepEqual(lists([off, group]), ['a.0: 1,last'])
})

test('switches: what is essential', () => {
  const guarded = { ...base, guards: { ...defaultSwitches, dhcp: false } }
  const { essentials } = createResolver()(at('public'), [guarded])
  assert.deepEqual(
    essentials.map((essential) => essential.name),
    ['arp', 'neighbour-discovery', 'multicast-membership'],
  )
})

test('who may send: of every interface, whether or not anything filters it', () => {
  const resolve = createResolver()
  for (const [place, policies] of [
    [at('public'), [base]],
    [at('public'), []],
    [at('public'), [{ ...base, enabled: false }]],
    [at('private'), [base]],
    [at('public'), [{ ...base, filters: [] }]],
  ] as const) {
    const { origin } = resolve(place, policies)
    assert.equal(origin?.mac, '52:54:00:00:00:01')
    assert.deepEqual(origin?.addresses?.ipv4, [{ first: 0xc000020an, last: 0xc000020an }])
    assert.deepEqual(origin?.addresses?.ipv6, [
      { first: (0xfe80n << 112n) + 0x505400fffe000001n, last: (0xfe80n << 112n) + 0x505400fffe000001n },
    ])
    assert.equal(resolve({ ...place }, policies), resolve(place, policies), 'the same is the same object')
  }
  const one = resolve(at('public'), [base])
  const other = resolve({ ...at('public'), mac: '52:54:00:00:00:02' }, [base])
  assert.equal(other.origin?.mac, '52:54:00:00:00:02')
  assert.equal(other.ingress, one.ingress, 'what does not depend on the interface is shared')
  assert.equal(resolve({ ...at('public'), senderCheck: false }, [base]).origin, undefined)
  // Addresses and prefixes do not run into each other.
  const [a, b] = [
    { addresses: ['192.0.2.10'], allowedAddresses: ['192.0.2.11/32'] },
    { addresses: ['192.0.2.10', '192.0.2.11'], allowedAddresses: [] },
  ].map((sender) => resolve({ ...at('public'), ...sender }, [base]))
  assert.deepEqual(a?.origin, b?.origin)
})

test('of switches that disagree, what fewer packets pass holds, whichever policy comes first', () => {
  const open = { dhcp: true, neighbourDiscovery: true, routerAdvertisement: true }
  const loose: Policy = {
    ...{ ...base, id: 'loose' },
    guards: { ...open, sourceMac: false, sourceAddress: false },
  }
  const unchecked = { ...at('public'), senderCheck: false }
  const essentials = {
    dhcp: 'dhcp',
    neighbourDiscovery: 'neighbour-discovery',
    routerAdvertisement: 'router-advertisement',
  }
  const checks = { sourceMac: 'mac', sourceAddress: 'addresses' }
  const of = (switches: Partial<Policy['guards']>, first: boolean) => {
    const strict: Policy = { ...loose, id: 'strict', guards: { ...loose.guards, ...switches } }
    const { essentials, origin } = createResolver()(unchecked, first ? [strict, loose] : [loose, strict])
    return [...essentials.map(({ name }) => name as string), ...Object.keys(origin ?? {})]
  }
  for (const first of [true, false]) {
    const names = of({}, first)
    for (const [guard, name] of Object.entries(essentials)) {
      assert.ok(names.includes(name), name)
      assert.ok(!of({ [guard]: false }, first).includes(name), `${guard}, ${first}`)
    }
    for (const [guard, name] of Object.entries(checks)) {
      assert.ok(!names.includes(name), name)
      assert.ok(of({ [guard]: true }, first).includes(name), `${guard}, ${first}`)
    }
  }
})
