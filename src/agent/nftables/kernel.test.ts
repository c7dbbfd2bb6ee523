/** What every way to the kernel must do alike: commit, refuse, read back after any damage, and hear of others. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, test } from 'node:test'
import { type KernelProcess, kernelIn, kernelKinds } from '../../../test/support/kernels.ts'
import { deltaCommands, type RenderedTable, type RenderedTables } from '../../compile/nftables/table.ts'
import { obstacle } from '../../lab/lab.ts'
import { type Change, RefusedError } from './kernel.ts'

const skip = (await obstacle()) ?? false
const name = 'inet portcullis'

const base = (hook: string) => `type filter hook ${hook} priority 0; policy accept;`
const keyed = (type: string, ...elements: string[]) =>
  ({
    kind: type.includes(' : ') ? 'map' : 'set',
    type,
    elements: new Map(
      elements.map((each) => each.split(' : ') as [string, string]).map(([a, b = '']) => [a, b]),
    ),
  }) as const

/** Of every kind that we make. */
const whole: RenderedTable = {
  chains: new Map([
    ['to-vm', `${base('forward')}\noif vmap @to-vm-devices`],
    ['pass.in', 'meta mark set meta mark & 0xdfffffff | 0x40000000 accept'],
    [
      'policy.a.in',
      [
        'meta nfproto 2 tcp dport { 22, 80-90 } goto pass.in',
        'ip saddr @single goto pass.in',
        'ip saddr @ranges drop',
        'meta l4proto . ip saddr . th dport vmap @steps',
        'ip6 saddr 2001:db8::/32 goto pass.in',
        'reject',
      ].join('\n'),
    ],
    ['empty', ''],
    ['begun', 'meta l4proto 17 ct timeout set "usual"\nadd @seen { oif }'],
    [
      'counted.in',
      [
        'tcp dport 25 update @to-vm-hits { oif . 0x0000002a } goto pass.in',
        'meta mark set ip saddr . tcp dport map @numbers goto denied.in',
        'meta mark set ip saddr map @exact-numbers goto denied.in',
        'meta mark set 0x0000002b goto denied.in',
      ].join('\n'),
    ],
    [
      'denied.in',
      [
        'update @to-vm-hits { oif . meta mark }',
        'update @to-vm-samples-10 { oif limit rate over 10/second burst 10 packets } goto suppressed.in',
        'log prefix "denied in" group 1017 snaplen 128',
        'drop',
      ].join('\n'),
    ],
    ['suppressed.in', 'update @to-vm-suppressed { oif }\ndrop'],
  ]),
  sets: new Map([
    ['to-vm-devices', keyed('type iface_index : verdict', '1 : goto policy.a.in', '77 : drop')],
    ['observed', keyed('type iface_index\ncounter', '1', '78')],
    ['single', keyed('type ipv4_addr', '192.0.2.1', '192.0.2.2')],
    [
      'ranges',
      keyed('type ipv4_addr\nflags interval', '10.0.0.0/8', '192.0.2.7-192.0.2.9', '255.255.255.255'),
    ],
    [
      'steps',
      keyed(
        'type inet_proto . ipv4_addr . inet_service : verdict\nflags interval',
        '6 . 10.0.0.0/8 . 1-1023 : accept',
        '17 . 0.0.0.0-255.255.255.255 . 53 : goto pass.in',
      ),
    ],
    ['names', keyed('type ifname', '"tap0"', '"tap1"')],
    [
      'numbers',
      keyed(
        'type ipv4_addr . inet_service : mark\nflags interval',
        '10.0.0.0/8 . 80 : 0x00000011',
        '192.0.2.1 . 1-1023 : 0xffffffff',
      ),
    ],
    ['exact-numbers', keyed('type ipv4_addr : mark', '192.0.2.1 : 0x00000012')],
    ['to-vm-hits', keyed('type iface_index . mark\nsize 4194304\nflags dynamic\ncounter')],
    ['to-vm-samples-10', keyed('type iface_index\nsize 1048576\nflags dynamic')],
    ['to-vm-suppressed', keyed('type iface_index\nsize 1048576\nflags dynamic\ncounter')],
    ['answer-hits', keyed('type ether_addr . mark\nsize 4194304\nflags dynamic\ncounter')],
    ['seen', keyed('type iface_index\nsize 65535\nflags dynamic,timeout\ntimeout 60s')],
  ]),
  objects: new Map([['ct timeout usual', 'protocol udp\npolicy = { unreplied : 30, replied : 180 }']]),
}
const small: RenderedTable = { chains: new Map([['c', 'meta l4proto 6 accept']]), sets: new Map() }
const only = (table: RenderedTable | undefined, of = name): RenderedTables =>
  new Map(table ? [[of, table]] : [])

// Others cannot damage what is owned.
for (const kind of kernelKinds.filter((each) => each !== 'owned')) {
  describe(`kernel by ${kind}`, { skip }, () => {
    const netns = `pcl-kernel-${kind}-${process.pid}`
    const nft = (...words: string[]): string => {
      const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', netns, 'nft', ...words], {
        encoding: 'utf8',
      })
      assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
      return stdout
    }
    const inside = (...words: string[]) =>
      assert.equal(spawnSync('ip', ['netns', 'exec', netns, ...words]).status, 0, words.join(' '))
    const lets = (...words: string[]): boolean =>
      spawnSync('ip', ['netns', 'exec', netns, 'nft', '-c', ...words]).status === 0
    let kernel: KernelProcess
    before(() => {
      assert.equal(spawnSync('ip', ['netns', 'add', netns]).status, 0)
      kernel = kernelIn(netns, kind)
    })
    after(async () => {
      await kernel.close()
      spawnSync('ip', ['netns', 'del', netns])
    })

    /** Everything of it gone, and `wanted` made. */
    async function load(wanted: RenderedTable): Promise<void> {
      nft('flush', 'ruleset')
      await kernel.commit(deltaCommands(new Map(), only(wanted)))
    }
    const difference = (wanted: RenderedTable, found: RenderedTable | undefined) =>
      deltaCommands(only(found), only(wanted))

    test('what is committed is read back as it was wanted', async () => {
      assert.equal(await kernel.read(name, whole), undefined)
      await load(whole)
      const found = await kernel.read(name, whole)
      assert.deepEqual(difference(whole, found), [])
      assert.deepEqual([...(found?.objects?.keys() ?? [])], ['ct timeout usual'])
      await kernel.commit(deltaCommands(only(found), only(small)))
      assert.deepEqual(difference(small, await kernel.read(name, small)), [])
      await kernel.commit(deltaCommands(only(small), new Map()))
      assert.equal(await kernel.read(name, undefined), undefined)
    })

    test('all or nothing, in words that say what was refused, and usable afterwards', async () => {
      await load(small)
      const bad: RenderedTable = { ...small, chains: new Map([...small.chains, ['d', 'goto nowhere']]) }
      for (const refuse of [kernel.commit, kernel.check]) {
        await assert.rejects(refuse(deltaCommands(only(small), only(bad))), (error: Error) => {
          assert.ok(error instanceof RefusedError, error.message)
          assert.match(error.message, /No such file or directory.*: .*nowhere/i)
          return true
        })
        assert.deepEqual(difference(small, await kernel.read(name, small)), [])
      }
      const good: RenderedTable = { ...small, chains: new Map([...small.chains, ['d', 'accept']]) }
      const delta = deltaCommands(only(small), only(good))
      await kernel.check(delta)
      assert.deepEqual(difference(small, await kernel.read(name, small)), [])
      await kernel.commit(delta)
      assert.deepEqual(difference(good, await kernel.read(name, good)), [])
      await kernel.commit([])
    })

    test('calls that come at once are done one after the other, each with its own answer', async () => {
      await load(small)
      const steps = Array.from({ length: 20 }, (_, n) =>
        n % 3 === 2
          ? [{ do: 'flush-chain', table: name, chain: `none${n}` } as const]
          : [{ do: 'add-rules', table: name, chain: 'c', rules: [`meta l4proto ${n + 1} drop`] } as const],
      )
      const done = await Promise.allSettled(steps.map((each) => kernel.commit(each)))
      assert.deepEqual(
        done.map(({ status }) => status),
        steps.map((_, n) => (n % 3 === 2 ? 'rejected' : 'fulfilled')),
      )
      const rules = steps.flatMap((_, n) => (n % 3 === 2 ? [] : [`meta l4proto ${n + 1} drop`]))
      const wanted = { ...small, chains: new Map([['c', ['meta l4proto 6 accept', ...rules].join('\n')]]) }
      // Read as one: a chain that was made in pieces has no name for the whole.
      const listed = nft('-s', '-n', 'list', 'chain', ...name.split(' '), 'c').match(/^\t\tmeta.*$/gm)
      assert.deepEqual(
        listed?.map((line) => line.trim()),
        wanted.chains.get('c')?.split('\n'),
      )
    })

    test('megabytes in one transaction', async () => {
      const ports = (n: number) =>
        Array.from(
          { length: 20 },
          (_, i) => `ip saddr 10.${n >> 8}.${n & 255}.${i} tcp dport ${1000 + i} accept`,
        )
      const chains = Array.from({ length: 1000 }, (_, n) => [`policy.${n}.in`, ports(n).join('\n')] as const)
      const big: RenderedTable = {
        chains: new Map(chains),
        sets: new Map([
          [
            'many',
            keyed('type ipv4_addr', ...Array.from({ length: 20_000 }, (_, n) => `10.1.${n >> 8}.${n & 255}`)),
          ],
          [
            'far',
            keyed('type iface_index : verdict', ...chains.map(([chain], n) => `${n + 100} : goto ${chain}`)),
          ],
        ]),
      }
      await load(big)
      const found = await kernel.read(name, big)
      assert.deepEqual(difference(big, found), [])
      // What changed alone differs.
      nft('delete', 'element', ...name.split(' '), 'many', '{ 10.1.0.7 }')
      nft('flush', 'chain', ...name.split(' '), 'policy.7.in')
      const repair = difference(big, await kernel.read(name, big))
      assert.deepEqual(
        repair.map((each) => each.do),
        ['flush-chain', 'add-elements', 'add-rules'],
      )
    })

    const t = name.split(' ')
    /** What somebody may do, and whether the table has to be made anew for it. */
    const damages: readonly (readonly [string, string[], anew?: true])[] = [
      ['the table is gone', ['delete', 'table', ...t], true],
      ['its rules are gone', ['flush', 'table', ...t]],
      ['a chain is flushed', ['flush', 'chain', ...t, 'policy.a.in']],
      ['a rule more', ['add', 'rule', ...t, 'policy.a.in', 'accept']],
      ['a rule first', ['insert', 'rule', ...t, 'to-vm', 'accept']],
      ['a rule in an empty chain', ['add', 'rule', ...t, 'empty', 'drop']],
      ['a rule like ours twice', ['add', 'rule', ...t, 'pass.in', 'accept']],
      ['a chain more', ['add', 'chain', ...t, 'mine']],
      [
        'a chain more that leads to ours',
        ['add chain inet portcullis mine; add rule inet portcullis mine goto pass.in'],
      ],
      [
        'a base chain more',
        ['add', 'chain', ...t, 'mine', '{ type filter hook input priority 5; policy drop; }'],
      ],
      ['the policy of a base chain', ['add', 'chain', ...t, 'to-vm', '{ policy drop; }'], true],
      ['a device more', ['add', 'element', ...t, 'to-vm-devices', '{ 99 : accept }']],
      ['a device less', ['delete', 'element', ...t, 'to-vm-devices', '{ 77 }']],
      [
        'a device led elsewhere',
        [
          'delete element inet portcullis to-vm-devices { 77 }; add element inet portcullis to-vm-devices { 77 : accept }',
        ],
      ],
      ['an empty map', ['flush', 'map', ...t, 'to-vm-devices']],
      ['an address more', ['add', 'element', ...t, 'single', '{ 192.0.2.99 }']],
      ['a name less', ['delete', 'element', ...t, 'names', '{ "tap0" }']],
      ['a name more', ['add', 'element', ...t, 'names', '{ "eth9" }']],
      ['a range less', ['delete', 'element', ...t, 'ranges', '{ 10.0.0.0/8 }']],
      ['the last range less', ['delete', 'element', ...t, 'ranges', '{ 255.255.255.255 }']],
      ['a range more', ['add', 'element', ...t, 'ranges', '{ 11.0.0.0-11.0.0.9 }']],
      ['a range with no end', ['add', 'element', ...t, 'ranges', '{ 224.0.0.0-255.255.255.254 }']],
      [
        'a range shortened',
        [
          'delete element inet portcullis ranges { 10.0.0.0/8 }; add element inet portcullis ranges { 10.0.0.0/9, 10.200.0.0/16 }',
        ],
      ],
      ['the first range', ['add', 'element', ...t, 'ranges', '{ 0.0.0.0/8 }']],
      ['all ranges', ['flush', 'set', ...t, 'ranges']],
      ['a step less', ['delete', 'element', ...t, 'steps', '{ 6 . 10.0.0.0/8 . 1-1023 }']],
      ['a step more', ['add', 'element', ...t, 'steps', '{ 6 . 10.0.0.0/8 . 2000-3000 : drop }']],
      [
        'a range with another number',
        [
          'delete element inet portcullis numbers { 10.0.0.0/8 . 80 }; add element inet portcullis numbers { 10.0.0.0/8 . 80 : 0x12 }',
        ],
      ],
      ['a number less', ['delete', 'element', ...t, 'exact-numbers', '{ 192.0.2.1 }']],
      [
        'an address with another number',
        [
          'delete element inet portcullis exact-numbers { 192.0.2.1 }; add element inet portcullis exact-numbers { 192.0.2.1 : 0x11 }',
        ],
      ],
      ['a set more', ['add', 'set', ...t, 'mine', '{ type ipv6_addr; flags interval; elements = { ::1 } }']],
      ['a map more', ['add', 'map', ...t, 'mine', '{ type ipv4_addr : mark; }']],
      ['a counter more', ['add', 'counter', ...t, 'mine']],
      ['a quota more', ['add', 'quota', ...t, 'mine', '{ over 10 mbytes }']],
      [
        'a flow table more',
        ['add', 'flowtable', ...t, 'mine', '{ hook ingress priority 0; devices = { lo }; }'],
      ],
      [
        'a time-out more',
        ['add ct timeout inet portcullis mine { protocol tcp; policy = { established : 99 }; }'],
      ],
      ['another table alike', ['flush', 'ruleset'], true],
    ]
    for (const [title, words, anew] of damages) {
      test(`found and repaired: ${title}`, async () => {
        await load(whole)
        // Not every kernel has flow tables.
        if (title === 'a flow table more' && !lets(...words)) return
        nft(...words)
        const found = await kernel.read(name, whole)
        const repair = difference(whole, found)
        assert.notEqual(repair.length, 0)
        // A delta: what is right stays, and nothing opens.
        assert.equal(
          repair.some((each) => each.do === 'delete-table'),
          anew === true,
          JSON.stringify(repair),
        )
        await kernel.commit(repair)
        assert.deepEqual(difference(whole, await kernel.read(name, whole)), [])
        const repaired = nft('list', 'table', ...t)
        await load(whole)
        assert.deepEqual(sorted(repaired), sorted(nft('list', 'table', ...t)))
      })
    }

    test('a set of another type in the place of ours has the table made anew', async () => {
      await load(small)
      nft('add', 'set', ...t, 'single', '{ type ipv6_addr; elements = { ::1 } }')
      const wanted = { ...small, sets: new Map([['single', keyed('type ipv4_addr', '192.0.2.1')]]) }
      const repair = difference(wanted, await kernel.read(name, wanted))
      await kernel.commit(repair)
      assert.deepEqual(difference(wanted, await kernel.read(name, wanted)), [])
      assert.match(nft('list', 'table', ...t), /elements = \{ 192\.0\.2\.1 \}/)
    })

    test('a table that another program has loaded is repaired to ours', async () => {
      await load(whole)
      const text = nft('-s', 'list', 'ruleset')
      nft('flush', 'ruleset')
      assert.equal(
        spawnSync('ip', ['netns', 'exec', netns, 'nft', '-f', '-'], { input: text, encoding: 'utf8' }).status,
        0,
      )
      await kernel.commit(difference(whole, await kernel.read(name, whole)))
      assert.deepEqual(difference(whole, await kernel.read(name, whole)), [])
    })

    test('what is counted, by index of the device', async () => {
      await load(whole)
      assert.deepEqual(
        await kernel.counters(name, 'observed'),
        new Map([
          [1, 0],
          [78, 0],
        ]),
      )
      await assert.rejects(kernel.counters(name, 'nothing'), RefusedError)
      await assert.rejects(kernel.counters('inet nothing', 'nothing'), RefusedError)
    })

    test('devices in a set that counts nothing, whatever its elements carry', async () => {
      await load(whole)
      count('seen', '"lo"', '78')
      const limit = 'limit rate over 10/second burst 10 packets'
      count('to-vm-samples-10', `"lo" ${limit}`, `78 ${limit}`)
      const of = async (set: string) => [...(await kernel.counters(name, set))].sort(([a], [b]) => a - b)
      for (const set of ['seen', 'to-vm-samples-10'])
        assert.deepEqual(
          await of(set),
          [
            [1, 0],
            [78, 0],
          ],
          set,
        )
    })

    const count = (set: string, ...elements: string[]) =>
      nft('add', 'element', ...t, set, `{ ${elements.join(', ')} }`)

    test('what is counted by decider, until it is forgotten or the table made anew', async () => {
      await load(whole)
      assert.deepEqual((await kernel.hits(name, 'to-vm-hits'))?.elements, [])
      count(
        'to-vm-hits',
        '"lo" . 0x2a counter packets 3 bytes 180',
        '77 . 0x2a counter packets 1 bytes 9007199254740991',
        '77 . 0xffffffff counter packets 4294967296 bytes 0',
      )
      count('answer-hits', 'fe:54:00:00:00:ff . 0x2a counter packets 5 bytes 6')
      const mac = 0xfe54000000ff
      const of = async (set: string) =>
        (await kernel.hits(name, set))?.elements.toSorted((a, b) => a.index - b.index || a.number - b.number)
      const [own, more, most] = [
        { index: 1, number: 0x2a, packets: 3, bytes: 180 },
        { index: 77, number: 0x2a, packets: 1, bytes: 2 ** 53 - 1 },
        { index: 77, number: 0xffff_ffff, packets: 2 ** 32, bytes: 0 },
      ]
      const answered = { index: mac, number: 0x2a, packets: 5, bytes: 6 }
      assert.deepEqual(await of('to-vm-hits'), [own, more, most])
      assert.deepEqual(await of('answer-hits'), [answered])
      count('to-vm-suppressed', '"lo" counter packets 7 bytes 8', '77')
      assert.deepEqual(
        await kernel.counters(name, 'to-vm-suppressed'),
        new Map([
          [1, 7],
          [77, 0],
        ]),
      )
      // A table that packets have counted in is as it was wanted.
      assert.deepEqual(difference(whole, await kernel.read(name, whole)), [])

      const nobody = { index: 99, number: 1 }
      await kernel.forget(name, 'to-vm-hits', [])
      await kernel.forget(name, 'to-vm-hits', [nobody])
      await kernel.forget(name, 'to-vm-hits', [nobody, more, { index: 77, number: 3 }])
      assert.deepEqual(await of('to-vm-hits'), [own, most])
      await kernel.forget(name, 'answer-hits', [answered, { index: 1, number: 1 }])
      assert.deepEqual(await of('answer-hits'), [])
      for (const [table, set] of [
        [name, 'nothing'],
        ['inet nothing', 'to-vm-hits'],
        [name, 'to-vm-devices'],
      ] as const) {
        assert.equal(await kernel.hits(table, set), undefined)
        await kernel.forget(table, set, [own])
      }

      const [first, answers] = [await kernel.hits(name, 'to-vm-hits'), await kernel.hits(name, 'answer-hits')]
      assert.equal(first?.epoch, answers?.epoch)
      assert.equal((await kernel.hits(name, 'to-vm-hits'))?.epoch, first?.epoch)
      await load(whole)
      const anew = await kernel.hits(name, 'to-vm-hits')
      assert.notEqual(anew?.epoch, first?.epoch)
      assert.deepEqual(anew?.elements, [])
    })

    if (kind === 'netlink')
      test('what is counted is read and forgotten whatever sockets do', async () => {
        const [gone, stays] = [
          { index: 1, number: 0x2a, packets: 3, bytes: 180 },
          { index: 77, number: 0x2b, packets: 0, bytes: 0 },
        ]
        for (const fault of [
          { of: 'dump interrupted', times: 7 },
          { of: 'signal', times: 3 },
          ...[0, 1, 2, 3].flatMap(
            (after) =>
              [
                { of: 'lost', after },
                { of: 'no room', after },
              ] as const,
          ),
        ] as const) {
          await load(whole)
          count('to-vm-hits', '"lo" . 0x2a counter packets 3 bytes 180', '77 . 0x2b')
          const before = await kernel.failed()
          await kernel.fail(fault)
          const found = await kernel.hits(name, 'to-vm-hits')
          assert.deepEqual(
            found?.elements.toSorted((a, b) => a.index - b.index),
            [gone, stays],
          )
          assert.ok((await kernel.failed()) > before)
          await kernel.fail(fault)
          await kernel.forget(name, 'to-vm-hits', [gone, { index: 5, number: 5 }])
          assert.deepEqual((await kernel.hits(name, 'to-vm-hits'))?.elements, [stays])
        }
      })

    test('thousands are forgotten at once', async () => {
      await load(whole)
      const keys = Array.from({ length: 2500 }, (_, n) => ({ index: 100 + (n % 7), number: 2 ** 31 + n }))
      count(
        'to-vm-hits',
        ...keys.filter((_, n) => n % 3 > 0).map(({ index, number }) => `${index} . ${number}`),
      )
      const [kept, ...others] = keys.filter((_, n) => n % 3 === 1)
      await kernel.forget(
        name,
        'to-vm-hits',
        keys.filter((key) => key !== kept),
      )
      assert.ok(others.length > 0)
      assert.deepEqual((await kernel.hits(name, 'to-vm-hits'))?.elements, [{ ...kept, packets: 0, bytes: 0 }])
    })

    test('while packets add to what is counted, none is missing and none is told twice', async () => {
      await load(whole)
      inside('ip', 'link', 'set', 'lo', 'up')
      nft(
        'add chain inet portcullis out { type filter hook output priority 0; }; add rule inet portcullis out meta l4proto 17 meta mark set numgen inc mod 1000000 goto denied.in',
      )
      const packets = 20_000
      const sender = spawn('ip', ['netns', 'exec', netns, process.execPath, '-e', sends, String(packets)], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
      const ended = once(sender, 'exit', { signal: AbortSignal.timeout(60_000) })
      const reads = async () => {
        const elements = (await kernel.hits(name, 'to-vm-hits'))?.elements ?? []
        const numbers = new Set(elements.map(({ number }) => number))
        assert.equal(numbers.size, elements.length)
        return numbers
      }
      let before = new Set<number>()
      try {
        while (sender.exitCode === null && sender.signalCode === null) {
          const now = await reads()
          assert.ok([...before].every((number) => now.has(number)))
          before = now
        }
        assert.deepEqual(await ended, [0, null])
      } finally {
        sender.kill()
      }
      assert.equal((await reads()).size, packets)
    })

    test('base chains of all tables, and no others', async () => {
      await load(whole)
      nft(
        'add table ip theirs; add chain ip theirs plain; add chain ip theirs nat { type nat hook postrouting priority 100; }',
      )
      nft(
        'add table netdev theirs; add chain netdev theirs in { type filter hook ingress device lo priority 0; policy drop; }',
      )
      const found = await kernel.baseChains()
      assert.deepEqual(found.find(({ table }) => table === 'ip theirs')?.among.toSorted(), ['nat', 'plain'])
      assert.deepEqual(
        found.map(({ among: _, ...each }) => each).toSorted((a, b) => a.table.localeCompare(b.table)),
        [
          { table: name, name: 'to-vm', type: 'filter', hook: 'forward', drops: false },
          { table: 'ip theirs', name: 'nat', type: 'nat', hook: 'postrouting', drops: false },
          { table: 'netdev theirs', name: 'in', type: 'filter', hook: 'ingress', drops: true },
        ],
      )
    })

    test('only what others do to our tables is told as ours, and their base chains as others', async () => {
      await load(small)
      nft(
        'add table ip theirs; add chain ip theirs plain; add chain ip theirs nat { type nat hook postrouting priority 100; }',
      )
      await kernel.baseChains()
      let heard: Change[] = []
      let wake = () => {}
      const stop = kernel.onChange((what) => {
        heard.push(what)
        wake()
      })
      const until = async (word: string, fits: (what: Change) => boolean) => {
        const signal = AbortSignal.timeout(10_000)
        while (!heard.some(fits)) {
          await new Promise<void>((resolve, reject) => {
            wake = resolve
            signal.addEventListener('abort', () => reject(new Error(`${word}: ${JSON.stringify(heard)}`)))
          })
        }
        const all = heard
        heard = []
        return all
      }
      const [ours, others] = [(what: Change) => what.ours, (what: Change) => what.others]
      // It listens.
      while (
        !(await Promise.race([
          until('listening', () => true).then(
            () => true,
            () => false,
          ),
          pause(300),
        ]))
      )
        nft('add', 'rule', ...t, 'c', 'accept')
      await pause(1500)
      heard = []
      for (const words of [
        ['add', 'rule', ...t, 'c', 'accept'],
        ['add', 'set', ...t, 's', '{ type ipv4_addr; }'],
        ['add', 'element', ...t, 's', '{ 192.0.2.1 }'],
        ['flush', 'set', ...t, 's'],
        ['delete', 'table', ...t],
        ['add', 'table', 'bridge', 'portcullis-guard'],
      ]) {
        nft(...words)
        assert.ok((await until(words.join(' '), ours)).every((what) => !what.others))
      }
      // Ours, and what is of others and no base chain; the last is told, so all before it would have been.
      await kernel.commit(deltaCommands(new Map(), only(small)))
      await kernel.commit([{ do: 'add-rules', table: name, chain: 'c', rules: ['drop'] }])
      nft('add', 'rule', 'ip', 'theirs', 'plain', 'accept')
      nft('add', 'table', 'ip', 'portcullis')
      nft('add', 'chain', 'ip', 'theirs', 'more', '{ type filter hook input priority 0; }')
      assert.deepEqual(await until('a base chain', others), [{ ours: false, others: true }])
      nft('delete', 'chain', 'ip', 'theirs', 'nat')
      assert.deepEqual(await until('a base chain that goes', others), [{ ours: false, others: true }])
      nft('delete', 'table', 'ip', 'theirs')
      assert.deepEqual(await until('a table that goes', others), [{ ours: false, others: true }])
      nft('flush', 'ruleset')
      await until('everything', ours)
      stop()
    })

    test('what a killed process has left is taken over', async () => {
      const first = kernelIn(netns, kind)
      nft('flush', 'ruleset')
      await first.commit(deltaCommands(new Map(), only(whole)))
      await first.kill()
      const found = await kernel.read(name, whole)
      assert.deepEqual(difference(whole, found), [])
      await kernel.commit(deltaCommands(only(found), only(small)))
      assert.deepEqual(difference(small, await kernel.read(name, small)), [])
    })
  })
}

/** Sends so many packets of one byte; those that are dropped are refused. */
const sends = `
  const socket = require('node:dgram').createSocket('udp4')
  const send = () => new Promise((done) => socket.send('x', 5000, '127.0.0.1', () => done()))
  const all = async () => { for (let n = Number(process.argv[1]); n > 0; n--) await send() }
  all().then(() => socket.close())
`

const pause = (ms: number) => new Promise<false>((resolve) => setTimeout(() => resolve(false), ms))

/** Chains, sets and elements come in an order of the kernel's. */
const sorted = (text: string): string[] =>
  text
    .split('\n\n')
    .map((block) =>
      block
        .split(/\n|, |= \{ /)
        .map((line) => line.replace(/[,{}]*\s*$/, '').trim())
        .filter(Boolean)
        .toSorted()
        .join('\n'),
    )
    .toSorted()
