/** Configurations of guests, in the form that is documented and in damaged ones: what is read of each. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type GuestConfig, parseGuestConfig } from './guest-config.ts'
import type { GuestKind } from './network-devices.ts'

const kindOf = (file: string): GuestKind => (/^(bad-)?ct-/.test(file) ? 'container' : 'vm')
const read = (file: string) =>
  parseGuestConfig(kindOf(file), readFileSync(new URL(`testdata/${file}.conf`, import.meta.url), 'utf8'))

/** In lines, as a person would say it. */
const inLines = ({ name, template, tags, nics, pending, problems }: GuestConfig): readonly string[] => [
  ...(name === null ? [] : [name]),
  ...(template ? ['template'] : []),
  ...(tags.length > 0 ? [`tags ${tags.join(' ')}`] : []),
  ...[...nics].map(([n, { mac, addresses, onHost }]) =>
    [`net${n}`, mac, ...addresses, ...(onHost ? [] : ['not on the host'])].join(' '),
  ),
  ...[...pending].map(([n, mac]) => `next net${n} ${mac}`),
  ...problems.map((problem) => `! ${problem}`),
]

const hex = (n: number): string => n.toString(16).padStart(2, '0')

const corpus: Readonly<Record<string, readonly string[]>> = {
  'bad-address': [
    'badaddress',
    'net0 bc:24:11:00:02:09',
    'net1 bc:24:11:00:02:0a',
    'net2 bc:24:11:00:02:0b',
    'net3 bc:24:11:00:02:0c',
    '! ipconfig0: ip is no address with the length of its prefix',
    '! ipconfig1: ip is no address with the length of its prefix',
    '! ipconfig2: ip is no address with the length of its prefix',
    '! ipconfig3: ip6 is no address with the length of its prefix',
  ],
  'bad-ct-no-hwaddr': ['nohw', '! net0: it has no MAC address'],
  'bad-empty': [],
  'bad-garbage': [1, 2, 3, 4, 5, 6].map((line) => `! line ${line} is none of the format`),
  'bad-key-twice': ['keytwice', '! net0: bridge is there twice'],
  'bad-multicast-mac': [
    'groupmac',
    '! net0: its MAC address is none of one station',
    '! net1: its MAC address is none of one station',
    '! net2: its MAC address is zero',
  ],
  'bad-name': ['net0 bc:24:11:00:02:14', '! its name is none of a host'],
  'bad-net-number': [
    'numbers',
    '! net32: network devices are net0 to net31',
    '! net00: network devices are net0 to net31',
  ],
  'bad-net-twice': ['nettwice', 'net1 bc:24:11:00:02:08', '! net0: it is there twice, with different values'],
  'bad-no-mac': ['nomac', '! net0: it has no MAC address'],
  'bad-section-open': ['brokensection', 'net0 bc:24:11:00:02:11'],
  'bad-short-mac': ['shortmac', '! net0: its MAC address is none of one station'],
  'bad-spaces-in-value': ['spaced', '! net0: a key has characters that keys do not have'],
  'bad-truncated': ['cut', 'net0 bc:24:11:00:02:12', '! net1: its MAC address is none of one station'],
  'bad-two-macs': ['twomacs', '! net0: it has two MAC addresses', '! net1: it has two MAC addresses'],
  'ct-auto': ['slaac', 'net0 bc:24:11:00:01:05'],
  'ct-both-families': ['both', 'net0 bc:24:11:00:01:02 192.0.2.41 2001:db8::41'],
  'ct-dhcp': ['leases', 'net0 bc:24:11:00:01:03'],
  'ct-lxc-lines': ['raw', 'net0 bc:24:11:00:01:09'],
  'ct-manual': ['byhand', 'net0 bc:24:11:00:01:04'],
  'ct-no-bridge': ['unplugged', 'net0 bc:24:11:00:01:08'],
  'ct-pending-snapshots': ['waitsct', 'net0 bc:24:11:00:01:0a 192.0.2.43', 'next net0 bc:24:11:00:01:0b'],
  'ct-plain': ['proxy', 'net0 bc:24:11:00:01:01 192.0.2.40'],
  'ct-snapshot-pending': ['snapnamed', 'net0 bc:24:11:00:01:0c'],
  'ct-template': ['alpine', 'template', 'net0 bc:24:11:00:01:0d'],
  'ct-two-nics': ['gate', 'net0 bc:24:11:00:01:06 192.0.2.42', 'net1 bc:24:11:00:01:07 10.0.0.42'],
  'vm-32-nics': ['many', ...Array.from({ length: 32 }, (_, n) => `net${n} bc:24:11:01:00:${hex(n)}`)],
  'vm-all-options': ['full', 'net0 bc:24:11:00:00:07'],
  'vm-cloud-init': ['web2', 'net0 bc:24:11:00:00:02 192.0.2.10 2001:db8::10'],
  'vm-crlf': ['dos', 'net0 bc:24:11:00:00:24 192.0.2.30', 'next net0 bc:24:11:00:00:25'],
  'vm-description-key': ['told2', 'net0 bc:24:11:00:00:15'],
  'vm-description': ['told', 'net0 bc:24:11:00:00:14'],
  'vm-dhcp': ['web3', 'net0 bc:24:11:00:00:03'],
  'vm-empty-parts': ['commas', 'net0 bc:24:11:00:00:2a'],
  'vm-gap-in-nics': ['gap', 'net0 bc:24:11:00:00:0b', 'net3 bc:24:11:00:00:0c', 'net31 bc:24:11:00:00:0d'],
  'vm-hookscript': ['hooked', 'net0 bc:24:11:00:00:2f'],
  'vm-ipv6-only': ['six', 'net0 bc:24:11:00:00:04 2001:db8::6'],
  'vm-leading-space': [
    'indented',
    'net2 bc:24:11:00:00:29',
    '! line 7 is none of the format',
    '! line 8 is none of the format',
  ],
  'vm-locked': ['moving', 'net0 bc:24:11:00:00:2e'],
  'vm-model-alone': ['shortmodel', 'net0 bc:24:11:00:00:09'],
  'vm-model-macaddr': ['spelled', 'net0 bc:24:11:00:00:08'],
  'vm-no-name': ['net0 bc:24:11:00:00:10'],
  'vm-no-nics': ['alone'],
  'vm-odd-spacing': ['spaced', 'net0 bc:24:11:00:00:26 192.0.2.31'],
  'vm-old-mac-prefix': ['old', 'net0 de:ad:be:ef:00:01'],
  'vm-options-first': ['order', 'net0 bc:24:11:00:00:0a'],
  'vm-pending-and-snapshots': ['both', 'net0 bc:24:11:00:00:1f', 'next net0 bc:24:11:00:00:20'],
  'vm-pending-delete': ['waits3', 'net0 bc:24:11:00:00:1a', 'net1 bc:24:11:00:00:1b'],
  'vm-pending-lowercase': ['waits4', 'net0 bc:24:11:00:00:1c', 'next net0 bc:24:11:00:00:1d'],
  'vm-pending-mac': ['waits', 'net0 bc:24:11:00:00:16', 'next net0 bc:24:11:00:00:17'],
  'vm-pending-new-nic': ['waits2', 'net0 bc:24:11:00:00:18', 'next net1 bc:24:11:00:00:19'],
  'vm-plain': ['web1', 'net0 bc:24:11:00:00:01'],
  'vm-sdn': ['vnet', 'net0 bc:24:11:00:00:2d'],
  'vm-snapshot-named-like-a-key': ['oddsnap', 'net0 bc:24:11:00:00:22'],
  'vm-snapshots': ['snapped', 'net0 bc:24:11:00:00:1e'],
  'vm-special-sections': ['special', 'net0 bc:24:11:00:00:21'],
  'vm-tags': ['tagged', 'tags prod web customer-7 _x+1', 'net0 bc:24:11:00:00:11'],
  'vm-template-no': ['was-template', 'net0 bc:24:11:00:00:13'],
  'vm-template': ['debian-12', 'template', 'net0 bc:24:11:00:00:12'],
  'vm-two-equal-lines': ['twice', 'net0 bc:24:11:00:00:2c'],
  'vm-two-nics': ['router', 'net0 bc:24:11:00:00:05 192.0.2.20', 'net1 bc:24:11:00:00:06 10.0.0.1'],
  'vm-unknown-keys': ['tomorrow', 'net0 bc:24:11:00:00:2b'],
  'vm-unknown-section': ['later', 'net0 bc:24:11:00:00:23'],
  'vm-user-network': ['nat', 'net0 bc:24:11:00:00:0e not on the host', 'net1 bc:24:11:00:00:0f'],
}

describe('configurations of guests', () => {
  const files = readdirSync(new URL('testdata', import.meta.url)).map((file) => file.replace(/\.conf$/, ''))

  test('each file of the corpus is read as it is expected, and none has no expectation', () => {
    assert.deepEqual(files.sort(), Object.keys(corpus).sort())
    for (const [file, lines] of Object.entries(corpus)) assert.deepEqual(inLines(read(file)), lines, file)
  })

  test('each file is read alike with other ends of its lines', () => {
    for (const file of files) {
      const text = readFileSync(new URL(`testdata/${file}.conf`, import.meta.url), 'utf8')
      assert.deepEqual(
        inLines(parseGuestConfig(kindOf(file), text.replaceAll('\n', '\r\n'))),
        corpus[file],
        file,
      )
    }
  })

  const mac = fc
    .array(fc.integer({ min: 0, max: 255 }), { minLength: 6, maxLength: 6 })
    .filter((bytes) => (bytes[0] ?? 1) % 2 === 0 && bytes.some((byte) => byte !== 0))
    .map((bytes) => bytes.map(hex).join(':'))
  const address = fc.option(
    fc
      .integer({ min: 1, max: 254 })
      .map((last) => ({ v4: `192.0.2.${last}`, v6: `2001:db8::${last.toString(16)}` })),
    { nil: null },
  )
  const nic = fc.record({ mac, address, upper: fc.boolean(), turn: fc.nat(4) })
  const guest = fc.record({
    kind: fc.constantFrom<GuestKind>('vm', 'container'),
    name: fc.option(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/), { nil: null }),
    template: fc.boolean(),
    tags: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,10}$/), { maxLength: 3 }),
    nics: fc.uniqueArray(fc.tuple(fc.nat(31), nic), { maxLength: 5, selector: ([n]) => n }),
    pending: fc.uniqueArray(fc.tuple(fc.nat(31), nic), { maxLength: 2, selector: ([n]) => n }),
    end: fc.constantFrom('\n', '\r\n'),
    snapshot: fc.boolean(),
  })
  type Printed = typeof guest extends fc.Arbitrary<infer T> ? T : never
  type PrintedNic = Printed['nics'][number][1]

  /** The parts in any order: the format has none. */
  const turned = (parts: readonly string[], by: number): string =>
    [...parts.slice(by % parts.length), ...parts.slice(0, by % parts.length)].join(',')
  function netLines(
    kind: GuestKind,
    n: number,
    { mac, address, upper, turn }: PrintedNic,
  ): readonly string[] {
    const spelled = upper ? mac.toUpperCase() : mac
    const given = address === null ? ['ip=dhcp', 'ip6=auto'] : [`ip=${address.v4}/24`, `ip6=${address.v6}/64`]
    return kind === 'vm'
      ? [
          `net${n}: ${turned([`virtio=${spelled}`, 'bridge=vmbr0', 'firewall=1', 'trunks=1;5-7'], turn)}`,
          `ipconfig${n}: ${turned(given, turn)}`,
        ]
      : [`net${n}: ${turned([`hwaddr=${spelled}`, 'name=eth0', 'bridge=vmbr0', ...given], turn)}`]
  }
  const print = ({ kind, name, template, tags, nics, pending, end, snapshot }: Printed): string =>
    [
      '#net0: virtio=02:00:00:00:00:99,bridge=vmbr0',
      ...(name === null ? [] : [`${kind === 'vm' ? 'name' : 'hostname'}: ${name}`]),
      ...nics.flatMap(([n, each]) => netLines(kind, n, each)),
      ...(tags.length > 0 ? [`tags: ${tags.join(';')}`] : []),
      ...(template ? ['template: 1'] : []),
      ...(pending.length > 0 ? ['', kind === 'vm' ? '[PENDING]' : '[pve:pending]'] : []),
      ...pending.flatMap(([n, each]) => netLines(kind, n, each)),
      ...(snapshot ? ['', '[before]', 'name: other', 'net0: virtio=02:00:00:00:00:98,bridge=vmbr0'] : []),
      '',
    ].join(end)

  test('what is printed in the documented form is read as what was printed', () => {
    fc.assert(
      fc.property(guest, (printed) => {
        const byNumber = <T>(list: readonly (readonly [number, T])[]) => [...list].sort(([a], [b]) => a - b)
        assert.deepEqual(parseGuestConfig(printed.kind, print(printed)), {
          name: printed.name,
          template: printed.template,
          tags: printed.tags,
          unusable: new Map(),
          nics: new Map(
            byNumber(printed.nics).map(([n, { mac, address }]) => [
              n,
              { mac, onHost: true, addresses: address === null ? [] : [address.v4, address.v6] },
            ]),
          ),
          pending: new Map(byNumber(printed.pending).map(([n, { mac }]) => [n, mac])),
          problems: [],
        })
      }),
    )
  })

  test('a file that is cut anywhere gives a device no MAC that the whole one does not give it', () => {
    for (const file of files) {
      const text = readFileSync(new URL(`testdata/${file}.conf`, import.meta.url), 'utf8')
      const whole = read(file)
      for (let length = 0; length < text.length; length += 7) {
        for (const [n, { mac }] of parseGuestConfig(kindOf(file), text.slice(0, length)).nics) {
          const inWhole = whole.nics.get(n)
          if (inWhole !== undefined) assert.equal(mac, inWhole.mac, `${file}, ${length} characters`)
          // Only what contradicts itself further on is taken for good until that is read.
          else
            assert.ok(
              whole.problems.some((problem) => problem.startsWith(`net${n}`)),
              file,
            )
        }
      }
    }
  })

  test('whatever is in a file, it is read, and says a bounded number of things', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 2000 }),
        fc.constantFrom<GuestKind>('vm', 'container'),
        (text, kind) => {
          const { nics, problems } = parseGuestConfig(kind, text)
          assert.ok(nics.size <= 32 && problems.length <= 6)
        },
      ),
    )
    const large = [
      ' '.repeat(1 << 20),
      `net0: ${' '.repeat(1 << 20)}x`,
      `net0: ${','.repeat(1 << 20)}`,
      `net0: ${'a=b,'.repeat(1 << 18)}`,
      `tags: ${'a;'.repeat(1 << 19)}`,
      Array.from({ length: 20_000 }, (_, n) => `net${n}: virtio=BC:24:11:00:00:01,bridge=vmbr0`).join('\n'),
      Array.from(
        { length: 20_000 },
        (_, n) => `net0: virtio=BC:24:11:00:${hex(n >> 8)}:${hex(n & 255)}`,
      ).join('\n'),
      '[PENDING]\n'.repeat(100_000),
      '='.repeat(1 << 20),
      'x\n'.repeat(1 << 19),
    ]
    for (const text of large) {
      const { nics, problems, tags } = parseGuestConfig('vm', text)
      assert.ok(nics.size <= 32 && problems.length <= 6 && tags.length <= 100, text.slice(0, 20))
      assert.ok(problems.every((problem) => problem.length < 200))
    }
  })
})
