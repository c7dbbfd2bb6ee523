/** What iptables-legacy 1.8.9 and Linux 6.18 say, as recorded; and who may read it, in a namespace. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, test } from 'node:test'
import { obstacle } from '../../lab/lab.ts'
import { type Legacy, parseLegacy, readLegacy } from './legacy.ts'

const nothing: Legacy = {
  ...{ tables: [], drops: new Set(), bridged: new Set(), unlisted: new Map(), unread: new Map() },
}
const cases: readonly (readonly [what: string, text: string, found: Partial<Legacy>])[] = [
  ['nothing of it', '', {}],
  ['neither asked about bridged packets', 'bridged ip 0\nbridged ip6 0\n', {}],
  [
    'read by root',
    'table ip nat\ntable ip filter\npolicy ip DROP\ntable ip6 filter\npolicy ip6 ACCEPT\nbridged ip 1\nbridged ip6 0\n',
    {
      tables: [
        { family: 'ip', name: 'nat' },
        { family: 'ip', name: 'filter' },
        { family: 'ip6', name: 'filter' },
      ],
      drops: new Set(['ip']),
      bridged: new Set(['ip']),
    },
  ],
  [
    'by somebody with CAP_NET_ADMIN alone',
    'unlisted ip cat: /proc/net/ip_tables_names: Permission denied\nunlisted ip6 cat: /proc/net/ip6_tables_names: Permission denied\nbridged ip 1\nbridged ip6 1\n',
    {
      bridged: new Set(['ip', 'ip6']),
      unlisted: new Map([
        ['ip', 'cat: /proc/net/ip_tables_names: Permission denied'],
        ['ip6', 'cat: /proc/net/ip6_tables_names: Permission denied'],
      ]),
    },
  ],
  [
    'by the same in root’s group',
    "table ip filter\nunread ip iptables v1.8.9 (legacy): can't initialize iptables table `filter': Permission denied (you must be root)\nPerhaps iptables or your kernel needs to be upgraded.\n",
    {
      tables: [{ family: 'ip', name: 'filter' }],
      unread: new Map([
        [
          'ip',
          "iptables v1.8.9 (legacy): can't initialize iptables table `filter': Permission denied (you must be root)",
        ],
      ]),
    },
  ],
  [
    'where its programs are not installed',
    'table ip6 filter\nunread ip6 sh: 1: ip6tables-legacy: not found\n',
    {
      tables: [{ family: 'ip6', name: 'filter' }],
      unread: new Map([['ip6', 'sh: 1: ip6tables-legacy: not found']]),
    },
  ],
]
for (const [what, text, found] of cases)
  test(`the old iptables: ${what}`, () => {
    assert.deepEqual(parseLegacy(text), { ...nothing, ...found })
  })

describe('the old iptables of a namespace', { skip: await obstacle() }, () => {
  const legacy = spawnSync('iptables-legacy', ['--version']).status === 0
  test('is read, without its lock and without being made', {
    skip: !legacy && 'no iptables-legacy',
  }, async () => {
    const netns = `pcl-legacy-${process.pid}`
    const within = (...words: string[]) => {
      const { status, stderr } = spawnSync('ip', ['netns', 'exec', netns, ...words], { encoding: 'utf8' })
      assert.equal(status, 0, stderr)
    }
    assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0)
    try {
      assert.deepEqual((await readLegacy(netns)).tables, [])
      assert.deepEqual((await readLegacy(netns)).tables, [])
      within('iptables-legacy', '-w', '-P', 'FORWARD', 'DROP')
      within('iptables-legacy', '-w', '-A', 'FORWARD', '-s', '192.0.2.1', '-j', 'ACCEPT')
      within('ip6tables-legacy', '-w', '-L', '-n')
      const { tables, drops, unlisted, unread } = await readLegacy(netns)
      assert.deepEqual(tables, [
        { family: 'ip', name: 'filter' },
        { family: 'ip6', name: 'filter' },
      ])
      assert.deepEqual(drops, new Set(['ip']))
      assert.deepEqual([...unlisted, ...unread], [])
    } finally {
      spawnSync('ip', ['netns', 'del', netns])
    }
  })
})
