/** What the generated configurations hold, and that the two witnesses of an effective policy can disagree. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { effective, ruleText, unordered } from './effective.ts'
import { prefix, randomFrom } from './random.ts'
import * as ionoscloud from './terraform-ionoscloud.ts'
import * as scaleway from './terraform-scaleway.ts'

const places = Array.from({ length: 40 }, (_, index) => index)

describe('40 configurations', () => {
  test('of Scaleway: every size, family, protocol, and a change in each', () => {
    const all = places.map((place) => scaleway.generate(randomFrom(1000 + place), place, false))
    const sizes = all.map(
      ({ groups: [first] }) => (first?.inbound.length ?? 0) + (first?.outbound.length ?? 0),
    )
    assert.deepEqual(
      [...new Set(sizes)].sort((a, b) => a - b),
      [0, 1, 50, 1000],
    )
    const rules = all.flatMap(({ groups }) => groups.flatMap((each) => [...each.inbound, ...each.outbound]))
    assert.deepEqual([...new Set(rules.map(({ protocol }) => protocol))].sort(), [
      'ANY',
      'ICMP',
      'TCP',
      'UDP',
    ])
    for (const family of [':', '.']) assert.ok(rules.some(({ range }) => range.includes(family)))
    assert.ok(rules.some(({ ports }) => ports && ports[0] < ports[1]))
    for (const [place, each] of all.entries())
      assert.notDeepEqual(scaleway.mutate(randomFrom(place), each), each)
  })

  test('of IONOS Cloud: every size, protocol, ICMP 0, rules inside and outside of servers', () => {
    const all = places.map((place) => ionoscloud.generate(randomFrom(1000 + place), place, false))
    const biggest = all.map(({ groups, servers }) =>
      Math.max(...[...groups, ...servers.map(({ nic }) => nic)].map(({ rules }) => rules.length)),
    )
    for (const size of [50, 100]) assert.ok(biggest.includes(size))
    const nics = all.flatMap(({ servers }) =>
      servers.flatMap(({ nic, second }) => [nic, ...(second ? [second] : [])]),
    )
    assert.ok(nics.some(({ rules }) => rules.length === 0))
    assert.ok(
      nics.some(({ inline }) => inline) && nics.some(({ inline, rules }) => !inline && rules.length === 1),
    )
    const rules = [...nics, ...all.flatMap(({ groups }) => groups)].flatMap((each) => [...each.rules])
    assert.equal(new Set(rules.map(({ protocol }) => protocol)).size, 9)
    assert.ok(rules.some(({ icmpType, icmpCode }) => icmpType === 0 && icmpCode === 0))
    for (const [place, each] of all.entries())
      assert.notDeepEqual(ionoscloud.mutate(randomFrom(place), each), each)
  })

  test('the same seed gives the same', () => {
    for (const { generate } of [scaleway, ionoscloud])
      assert.deepEqual(generate(randomFrom(7), 2, false), generate(randomFrom(7), 2, false))
  })
})

test('prefixes are canonical: no host bits, and as every library writes them', () => {
  const random = randomFrom(3)
  for (let count = 0; count < 2000; count++) {
    const family = random.pick(['ipv4', 'ipv6'] as const)
    const text = prefix(random, family)
    const written = ruleText({ action: 'allow', family, source: text })
    const [first = '', length = ''] = text.split('/')
    if (length === '0') assert.equal(written, `allow ${family}`)
    else
      assert.match(
        written,
        new RegExp(`source=${family === 'ipv4' ? first.replaceAll('.', '\\.') : '2001:db8'}`),
      )
  }
})

describe('effective policies', () => {
  const answer = (rule: object, rest: object = {}) => ({
    policy: {
      stateful: true,
      ingress: {
        filtered: true,
        default: 'deny',
        lists: [{ rules: [{ action: 'allow', enabled: true, ...rule }] }],
      },
      egress: { filtered: false },
      ...rest,
    },
  })
  const ssh = {
    matches: [
      { family: 'ipv4', protocol: 6, source: [['10.0.0.0', '10.255.255.255']], destinationPorts: [[22, 23]] },
    ],
  }
  const wanted = {
    stateful: true,
    ingress: {
      default: 'deny' as const,
      rules: [
        ruleText({ action: 'allow', family: 'ipv4', protocol: 6, source: '10.1.2.3/8', ports: [22, 23] }),
      ],
    },
    egress: 'unfiltered' as const,
  }

  test('agree on the same', () => {
    assert.deepEqual(effective(answer(ssh)), wanted)
    assert.deepEqual(unordered(effective(answer(ssh))), wanted)
  })

  test('disagree on one address, one port, an action, a default, a direction, the state', () => {
    const match = ssh.matches[0] as object
    for (const other of [
      answer({ matches: [{ ...match, source: [['10.0.0.0', '10.255.255.254']] }] }),
      answer({ matches: [{ ...match, destinationPorts: [[22, 24]] }] }),
      answer({ matches: [{ ...match, icmpType: 0 }] }),
      answer({ ...ssh, action: 'deny' }),
      answer({ matches: [] }),
      answer(ssh, { stateful: false }),
      answer(ssh, { egress: { filtered: true, default: 'allow', lists: [] } }),
      answer(ssh, { ingress: { filtered: true, default: 'allow', lists: [] } }),
    ])
      assert.notDeepEqual(effective(other), wanted)
  })

  test('refuse what no configuration can ask for', () => {
    assert.throws(() => effective(answer({ ...ssh, enabled: false })))
    assert.throws(() => effective(answer({ matches: [{ family: 'ipv4', sourcePorts: [[1, 1]] }] })))
  })
})
