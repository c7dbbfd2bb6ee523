import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Link } from '../../core/model/link.ts'
import { hindrances } from './hindrances.ts'
import type { BaseChain } from './kernel.ts'
import { type Legacy, parseLegacy } from './legacy.ts'

const chain = (table: string, more: Partial<BaseChain> = {}): BaseChain => ({
  ...{ table, name: 'FORWARD', type: 'filter', hook: 'forward', drops: false, among: ['FORWARD'] },
  ...more,
})
const port = (bridge: string): Link => ({
  ...{ index: 7, name: 'vnet0', kind: 'tun', master: { name: bridge, kind: 'bridge' } },
})

type Case = readonly [
  what: string,
  chains: readonly BaseChain[] | string,
  says: readonly RegExp[],
  more?: { legacy?: Legacy | string; links?: readonly Link[] },
]
const cases: readonly Case[] = [
  ['nobody', [], []],
  ['chains that let what they do not know pass', [chain('ip filter'), chain('inet filter')], []],
  ['somebody’s policy', [chain('inet filter', { drops: true })], [/^somebody drops .* inet filter FORWARD;/]],
  [
    'docker, by its chains',
    [chain('ip filter', { drops: true, among: ['FORWARD', 'DOCKER-USER'] })],
    [/^docker drops by default, whatever policies allow: the chain ip filter FORWARD; see docs/],
  ],
  [
    'two that share a table',
    [chain('ip filter', { drops: true, among: ['DOCKER', 'ufw-user-forward'] })],
    [/^docker or ufw drops/],
  ],
  [
    'firewalld, whose policy is accept',
    [
      chain('inet firewalld', { name: 'filter_FORWARD' }),
      chain('inet firewalld', { name: 'filter_INPUT', hook: 'input' }),
      chain('inet firewalld', { name: 'nat_PREROUTING', hook: 'prerouting', type: 'nat' }),
    ],
    [/^firewalld rejects what its zones do not forward: the chain inet firewalld filter_FORWARD;/],
  ],
  [
    'libvirt, where a VM is in a network of its own',
    [chain('ip filter', { among: ['FORWARD', 'LIBVIRT_FWI'] })],
    [/^libvirt rejects connections from outside to its networks virbr0: /],
    { links: [port('virbr0')] },
  ],
  [
    'libvirt, where none is',
    [chain('ip filter', { among: ['FORWARD', 'LIBVIRT_FWI'] })],
    [],
    { links: [port('br0')] },
  ],
  [
    'bridged packets in tables of the router',
    [chain('ip filter', { drops: true }), chain('ip6 filter', { drops: true })],
    [/ip filter FORWARD, which bridged packets pass too/, /ip6 filter FORWARD; see/],
    { legacy: parseLegacy('bridged ip 1\nbridged ip6 0') },
  ],
  ['a bridge table', [chain('bridge filter', { drops: true, hook: 'postrouting' })], [/^somebody drops/]],
  ['what the host itself takes in', [chain('inet filter', { drops: true, hook: 'input' })], []],
  ['ours', [chain('inet portcullis', { drops: true })], []],
  [
    'the old iptables',
    [],
    [/the chain FORWARD of the legacy iptables;/],
    { legacy: parseLegacy('table ip filter\npolicy ip DROP\ntable ip6 filter\npolicy ip6 ACCEPT') },
  ],
  [
    'the old iptables, by who may not list its tables',
    [],
    [/^it cannot be told whether .*: the chain FORWARD of the legacy ip6tables: Permission denied;/],
    { legacy: parseLegacy('unlisted ip6 Permission denied') },
  ],
  [
    'the old iptables, by who may not read its chains',
    [chain('inet filter', { drops: true })],
    [
      /^somebody drops/,
      /^it cannot be told whether .*: the chain FORWARD of the legacy iptables: not found;/,
    ],
    { legacy: parseLegacy('table ip filter\nunread ip not found') },
  ],
  [
    'what cannot be read at all',
    'gone',
    [/ chains of others: gone;/, / the legacy iptables: late;/],
    { legacy: 'late' },
  ],
]

for (const [what, chains, says, { legacy = parseLegacy(''), links = [] } = {}] of cases)
  test(`who hinders VMs: ${what}`, () => {
    const found = hindrances(chains, legacy, links)
    assert.equal(found.length, says.length, found.join('\n'))
    for (const [n, pattern] of says.entries()) assert.match(found[n] ?? '', pattern)
  })
