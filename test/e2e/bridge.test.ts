/**
 * VMs in a bridge, frame by frame: each is judged where it leaves its sender and at every port that it reaches, and what
 * no rule can speak of does not pass. Everything here is stateless: it holds on kernels that track nothing on bridges.
 */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { parseAddress } from '../../src/core/net/address.ts'
import { bridgeOf, namespaceOf, routerNamespace } from '../../src/lab/network.ts'
import { mustRun } from '../../src/lab/run.ts'
import type { LabNic } from '../../src/lab/topology.ts'
import { sendFrames } from '../support/frames.ts'
import { bridgeNetfilter, noLab, openLab, type TestLab, type WireRule } from '../support/lab.ts'
import {
  arp,
  broadcast,
  type Datagram,
  discovery,
  ethernet,
  etherType,
  type FrameMeter,
  frameMeter,
  icmp,
  type Link,
  packet,
  udp,
} from '../support/link-frames.ts'

const rule = (
  action: 'accept' | 'drop' | 'reject',
  port: number,
  family: 'IPv4' | 'IPv6' = 'IPv4',
): WireRule => ({
  direction: 'in',
  action,
  family,
  protocol: 'udp',
  destination_port_start: String(port),
  destination_port_end: String(port),
})
const dropAll: WireRule = { direction: 'in', action: 'drop' }

const OPEN = 5000
const SHUT = 7
const web1Chain: readonly WireRule[] = [rule('accept', OPEN), rule('accept', OPEN, 'IPv6'), dropAll]
const UDP = 17
const data = Buffer.alloc(32, 'x')
const stranger = '52:54:00:00:00:99'

/** Whether the host shows bridged packets to the hooks of routed ones as well: it must not matter. */
const canShow = existsSync('/proc/sys/net/bridge')
for (const netfilter of canShow ? (['off', 'on'] as const) : (['off'] as const)) {
  describe(`a bridge, br_netfilter ${netfilter}`, { skip: noLab }, () => {
    let lab: TestLab
    let router: string
    const spaces = new Map<string, string>()
    const nic = (name: string): LabNic => lab.vm(name).nics[0] as LabNic
    const macOf = (name: string) => (name === 'outside' ? outsideMac : nic(name).mac)
    const v4 = (name: string) => (name === 'outside' ? '198.51.100.10' : (nic(name).addresses[0] as string))
    const v6 = (name: string) =>
      name === 'outside' ? '2001:db8:ffff::10' : (nic(name).addresses[1] as string)
    let outsideMac = ''

    before(async () => {
      lab = await openLab([], true)
      router = routerNamespace(lab.lab().prefix)
      await bridgeNetfilter(router, netfilter)
      for (const name of ['web1', 'web2', 'db1', 'outside'])
        spaces.set(name, namespaceOf(lab.lab().prefix, name))
      const [link] = JSON.parse(await lab.inside('outside', ['ip', '-j', 'link', 'show', 'eth0'])) as [
        { address: string },
      ]
      outsideMac = link.address
      // Only web1 is filtered, in one direction, by port.
      await lab.chain('web1', web1Chain)
      await lab.firewall('web1', 'on')
      await lab.firewall('web2', 'off')
      await lab.firewall('db1', 'off')
    })
    after(() => lab?.close())

    const space = (name: string) => spaces.get(name) as string
    const link = (from: string, to: string): Link => ({ from: macOf(from), to: macOf(to) })

    /** A datagram from one to the other, with whatever is different about it. */
    function datagram(
      from: string,
      to: string,
      port: number,
      change: { link?: Partial<Link>; ip?: Partial<Datagram>; sourcePort?: number; family?: 4 | 6 } = {},
    ): Buffer {
      const address = change.family === 6 ? v6 : v4
      const head: Datagram = { source: address(from), destination: address(to), protocol: UDP, ...change.ip }
      return packet(
        { ...link(from, to), ...change.link },
        head,
        udp(head, [change.sourcePort ?? 4000, port], data),
      )
    }
    /** What passes everywhere, and says that what was sent before it has been judged. */
    const marker = (from: string): Buffer =>
      arp(
        { from: macOf(from), to: broadcast },
        'request',
        [macOf(from), v4(from)],
        ['00:00:00:00:00:00', '192.0.2.250'],
      )
    const marked = 'arp daddr ip 192.0.2.250'

    /** How often each of the matches was met at that VM by these frames. */
    async function arrivals(
      from: string,
      to: string,
      frames: readonly Buffer[],
      matches: Readonly<Record<string, string>>,
      layout: 'scattered' | 'one-piece' = 'one-piece',
    ): Promise<Readonly<Record<string, number>>> {
      const meter: FrameMeter = await frameMeter(space(to), 'eth0', { ...matches, marked })
      try {
        await sendFrames(space(from), 'eth0', [...frames, marker(from)], layout)
        await meter.until('marked')
        const { marked: _, ...counted } = await meter.read()
        return counted
      } finally {
        await meter.remove()
      }
    }

    const at = (port: number) => `udp dport ${port}`

    for (const from of ['web2', 'outside']) {
      test(`a packet from ${from} is judged by its receiver's rules, in both families`, async () => {
        const frames = [4, 6].flatMap((family) =>
          [OPEN, SHUT].map((port) => datagram(from, 'web1', port, { family: family as 4 | 6 })),
        )
        assert.deepEqual(
          await arrivals(from, 'web1', frames, {
            open4: `ip daddr ${v4('web1')} ${at(OPEN)}`,
            shut4: `ip daddr ${v4('web1')} ${at(SHUT)}`,
            open6: `ip6 daddr ${v6('web1')} ${at(OPEN)}`,
            shut6: `ip6 daddr ${v6('web1')} ${at(SHUT)}`,
          }),
          { open4: 1, shut4: 0, open6: 1, shut6: 0 },
        )
      })
    }

    test('a flooded frame is judged at every port, whatever its destination MAC says', async () => {
      // Nobody has that address: the bridge sends the frames everywhere.
      for (const to of [stranger, broadcast, '01:00:5e:01:02:03']) {
        const frames = [OPEN, SHUT].map((port) => datagram('outside', 'web1', port, { link: { to } }))
        const matches = { open: at(OPEN), shut: at(SHUT) }
        assert.deepEqual(await arrivals('outside', 'web1', frames, matches), { open: 1, shut: 0 }, to)
        assert.deepEqual(await arrivals('outside', 'web2', frames, matches), { open: 1, shut: 1 }, to)
      }
    })

    test("a frame to one VM's MAC with another's address is judged by the rules of the one that it reaches", async () => {
      const frames = [OPEN, SHUT].map((port) =>
        datagram('outside', 'web1', port, { ip: { destination: v4('db1') } }),
      )
      assert.deepEqual(await arrivals('outside', 'web1', frames, { shut: at(SHUT) }), { shut: 0 })
      const back = [datagram('outside', 'db1', SHUT, { ip: { destination: v4('web1') } })]
      assert.deepEqual(await arrivals('outside', 'db1', back, { shut: at(SHUT) }), { shut: 1 })
    })

    test('a VM sends as itself alone: MAC, address, ARP and what it claims in ARP', async () => {
      const other = v4('web2')
      // Nobody else tells it anything.
      const told = '198.51.100.99'
      const claims = (m: string, i: string, from = macOf('db1')) =>
        arp({ from, to: macOf('outside') }, 'reply', [m, i], [outsideMac, told])
      const cases: readonly [what: string, frame: Buffer, match: string, passes: boolean][] = [
        ['its own', datagram('db1', 'outside', 1001), at(1001), true],
        ['its own, IPv6', datagram('db1', 'outside', 1002, { family: 6 }), at(1002), true],
        ['another MAC', datagram('db1', 'outside', 1003, { link: { from: macOf('web2') } }), at(1003), false],
        ['another address', datagram('db1', 'outside', 1004, { ip: { source: other } }), at(1004), false],
        [
          'another IPv6 address',
          datagram('db1', 'outside', 1005, { family: 6, ip: { source: v6('web2') } }),
          at(1005),
          false,
        ],
        [
          'ARP as itself',
          claims(macOf('db1'), v4('db1')),
          `arp saddr ip ${v4('db1')} arp daddr ip ${told}`,
          true,
        ],
        [
          'ARP for another address',
          claims(macOf('db1'), other),
          `arp saddr ip ${other} arp daddr ip ${told}`,
          false,
        ],
        [
          'ARP for the gateway',
          claims(macOf('db1'), '192.0.2.1'),
          `arp saddr ip 192.0.2.1 arp daddr ip ${told}`,
          false,
        ],
        [
          'ARP with another MAC inside',
          claims(macOf('web2'), v4('db1')),
          `arp saddr ether ${macOf('web2')} arp saddr ip ${v4('db1')} arp daddr ip ${told}`,
          false,
        ],
        [
          'ARP from another MAC',
          claims(macOf('web2'), other, macOf('web2')),
          `arp saddr ether ${macOf('web2')} arp saddr ip ${other} arp daddr ip ${told}`,
          false,
        ],
      ]
      const counted = await arrivals(
        'db1',
        'outside',
        cases.map(([, frame]) => frame),
        Object.fromEntries(cases.map(([what, , match]) => [what, match])),
      )
      assert.deepEqual(counted, Object.fromEntries(cases.map(([what, , , passes]) => [what, passes ? 1 : 0])))
      // The bridge has learnt nothing from forged frames: what is meant for web2 still comes to it.
      const { here } = await arrivals('outside', 'web2', [datagram('outside', 'web2', 1010)], {
        here: at(1010),
      })
      assert.equal(here, 1)
    })

    /** What the bridge keeps for itself, and hands to this host past its prerouting hook. */
    const reserved = Array.from({ length: 16 }, (_, last) => `01:80:c2:00:00:0${last.toString(16)}`)

    test('the bridge learns nothing from what its hooks do not see, whatever anybody sets', async () => {
      const bridge = bridgeOf('public')
      const set = (...words: string[]) =>
        lab.inRouter(['ip', 'link', 'set', bridge, 'type', 'bridge', ...words])
      const ignores = async () =>
        /no_linklocal_learn 1/.test((await lab.inRouter(['ip', '-d', 'link', 'show', bridge])).stdout)
      const until = async (done: () => Promise<boolean>) => {
        const deadline = Date.now() + 30_000
        while (!(await done())) {
          assert.ok(Date.now() < deadline, 'the bridge learns from frames that nobody judges')
          await delay(50)
        }
      }
      await until(ignores)
      await set('no_linklocal_learn', '0')
      await until(ignores)
      try {
        for (const state of ['0', '1']) {
          await set('forward_delay', '0', 'stp_state', state)
          const forged = reserved.map((to, last) =>
            ethernet({ from: `52:54:00:00:99:0${last.toString(16)}`, to }, etherType.lldp, data),
          )
          await arrivals('web2', 'db1', forged, {})
          const { stdout } = await lab.inRouter(['bridge', 'fdb', 'show', 'br', bridge])
          assert.match(stdout, new RegExp(macOf('web2')))
          assert.doesNotMatch(stdout, /52:54:00:00:99/, `STP ${state}`)
        }
      } finally {
        await set('stp_state', '0')
      }
    })

    test('a packet to a MAC that the bridge keeps for itself does not reach the host past the rules', async () => {
      const heard =
        'table inet heard {\nchain got {\ntype filter hook input priority 0\nudp dport 1040 counter\n}\n}\n'
      assert.equal((await lab.inRouter(['nft', '-f', '-'], heard)).status, 0)
      try {
        const frames = reserved.flatMap((to) =>
          ['192.0.2.1', '255.255.255.255', '224.0.0.1'].map((destination) =>
            datagram('web2', 'outside', 1040, { link: { to }, ip: { destination } }),
          ),
        )
        await arrivals('web2', 'db1', frames, {})
        const { stdout } = await lab.inRouter(['nft', 'list', 'table', 'inet', 'heard'])
        // STP is off: the bridge floods what is for the first of them, and takes it like any other.
        assert.match(stdout, /counter packets 3 /)
      } finally {
        await lab.inRouter(['nft', 'delete', 'table', 'inet', 'heard'])
      }
    })

    test('frames that are neither IP nor ARP, and tagged ones, neither leave a VM nor come to it', async () => {
      const inner = datagram('web2', 'db1', OPEN).subarray(14)
      const frames = (from: string, to: string): readonly Buffer[] => {
        const ends = link(from, to)
        return [
          ethernet(ends, etherType.lldp, data),
          ethernet(ends, 0x88b5, data),
          ethernet(ends, 0x05ff - 1, data),
          ethernet({ ...ends, vlans: [0] }, etherType.ipv4, inner),
          ethernet({ ...ends, vlans: [5] }, etherType.ipv4, inner),
          ethernet({ ...ends, vlans: [5, 6] }, etherType.ipv4, inner),
          ethernet({ ...ends, vlans: [5] }, etherType.arp, data),
        ]
      }
      const matches = {
        lldp: 'ether type 0x88cc',
        other: 'ether type 0x88b5',
        llc: 'ether type < 0x0600',
        tagged: 'ether type 0x8100',
      }
      const none = { lldp: 0, other: 0, llc: 0, tagged: 0 }
      assert.deepEqual(await arrivals('web2', 'db1', frames('web2', 'db1'), matches), none)
      assert.deepEqual(await arrivals('web2', 'outside', frames('web2', 'outside'), matches), none)
      assert.deepEqual(await arrivals('outside', 'web2', frames('outside', 'web2'), matches), none)
    })

    test('what the inventory allows passes: a VLAN trunk, and frames of a type', async () => {
      const file = join(lab.lab().directory, 'inventory.yaml')
      const before = await readFile(file, 'utf8')
      const inventory = JSON.parse(before)
      const own = inventory.accounts[0].servers.find((each: { name: string }) => each.name === 'web2')
      Object.assign(own.interfaces[0], { vlanTrunk: true, allowedFrames: [etherType.lldp] })
      const inner = datagram('web2', 'outside', OPEN).subarray(14)
      const frames = (ends: Link) => [
        ethernet(ends, etherType.lldp, data),
        ethernet(ends, 0x88b5, data),
        ethernet({ ...ends, vlans: [5] }, etherType.ipv4, inner),
      ]
      const seen = { lldp: 'ether type 0x88cc', other: 'ether type 0x88b5', tagged: 'ether type 0x8100' }
      try {
        await writeFile(file, JSON.stringify(inventory))
        await lab.restart()
        await lab.enforced()
        for (const [from, to] of [
          ['web2', 'outside'],
          ['outside', 'web2'],
        ] as const) {
          assert.deepEqual(
            await arrivals(from, to, frames(link(from, to)), seen),
            { lldp: 1, other: 0, tagged: 1 },
            from,
          )
        }
        const forged = frames({ from: stranger, to: macOf('outside') })
        assert.deepEqual(await arrivals('web2', 'outside', forged, seen), { lldp: 0, other: 0, tagged: 0 })
      } finally {
        await writeFile(file, before)
        await lab.restart()
        await lab.enforced()
      }
    })

    test('a frame whose headers lie in pages of their own is judged like another, or does not pass', async () => {
      const out = (family: 'IPv4' | 'IPv6'): WireRule => ({ ...rule('drop', SHUT, family), direction: 'out' })
      await lab.chain('db1', [out('IPv4'), out('IPv6')])
      await lab.firewall('db1', 'on')
      try {
        const echo: Datagram = { source: v6('db1'), destination: v6('outside'), protocol: 58 }
        const echoes = Array.from({ length: 50 }, () =>
          packet(link('db1', 'outside'), echo, icmp(echo, 128, 0, data)),
        )
        for (const family of [4, 6, 4, 6] as const) {
          // What is left of them in memory is what the kernel finds where it looks for a header.
          await sendFrames(space('db1'), 'eth0', echoes, 'one-piece')
          const frames = Array.from({ length: 40 }, () => datagram('db1', 'outside', SHUT, { family }))
          assert.deepEqual(await arrivals('db1', 'outside', frames, { shut: at(SHUT) }, 'scattered'), {
            shut: 0,
          })
        }
      } finally {
        await lab.firewall('db1', 'off')
      }
    })

    describe('fragments', () => {
      const big = Buffer.alloc(4000, 'f')
      const pieces = (
        from: string,
        to: string,
        port: number,
        family: 4 | 6,
        id: number,
        cuts: readonly number[],
      ): Buffer[] => {
        const address = family === 4 ? v4 : v6
        const head: Datagram = { source: address(from), destination: address(to), protocol: UDP, id }
        const whole = udp(head, [4000, port], big)
        return [0, ...cuts].map((start, i) =>
          packet(link(from, to), { ...head, fragment: [start, cuts[i] ?? whole.length] }, whole),
        )
      }
      /** Datagrams that the VM's own kernel could put together. */
      async function whole(from: string, to: string, frames: readonly Buffer[]): Promise<number> {
        const nft = (text: string) => lab.inside(to, ['nft', '-f', '-'], text)
        await nft(`table inet whole { chain got { type filter hook input priority 0; policy accept;
        ct state invalid drop
        udp sport 4000 counter
      }
      }\n`)
        try {
          await arrivals(from, to, frames, {})
          // It is put together in the same moment as its last fragment comes, which was before the marker.
          const listed = await lab.inside(to, ['nft', 'list', 'table', 'inet', 'whole'])
          return Number(/counter packets (\d+)/.exec(listed)?.[1])
        } finally {
          await lab.inside(to, ['nft', 'delete', 'table', 'inet', 'whole'])
        }
      }
      let id = 100
      for (const family of [4, 6] as const) {
        for (const [what, cuts] of [
          ['three', [1400, 2800]],
          ['small', [48, 96, 1400, 2800]],
        ] as const) {
          test(`IPv${family}, ${what} pieces: they pass where the datagram does, and not where it does not`, async () => {
            const make = (port: number) => pieces('outside', 'web1', port, family, id++, cuts)
            assert.equal(await whole('outside', 'web1', make(OPEN)), 1)
            assert.equal(await whole('outside', 'web1', make(SHUT)), 0)
          })
        }

        test(`IPv${family}: what is left of a datagram whose first piece did not pass does not pass`, async () => {
          const tag = family === 4 ? `ip id ${id}` : `frag id ${id}`
          const frames = pieces('outside', 'web1', SHUT, family, id++, [1400, 2800])
          assert.deepEqual(await arrivals('outside', 'web1', frames, { any: tag }), { any: 0 })
          const alone = family === 4 ? `ip id ${id}` : `frag id ${id}`
          const later = pieces('outside', 'web1', OPEN, family, id++, [1400, 2800]).slice(1)
          assert.deepEqual(await arrivals('outside', 'web1', later, { any: alone }), { any: 0 })
        })

        test(`IPv${family}: a deny by port under a default of allow holds for all pieces, tiny ones too`, async () => {
          await lab.chain('db1', [rule('drop', SHUT), rule('drop', SHUT, 'IPv6')])
          await lab.firewall('db1', 'on')
          try {
            const make = (port: number, cuts: readonly number[]) =>
              pieces('outside', 'db1', port, family, id++, cuts)
            assert.equal(await whole('outside', 'db1', make(OPEN, [1400, 2800])), 1)
            for (const cuts of [
              [1400, 2800],
              [8, 1400, 2800],
              [48, 1400, 2800],
            ]) {
              assert.equal(await whole('outside', 'db1', make(SHUT, cuts)), 0, cuts.join())
              assert.equal(
                await whole('outside', 'db1', make(SHUT, cuts).reverse()),
                0,
                `${cuts.join()} reversed`,
              )
            }
            // From its sender's side it is the same.
            assert.equal(
              await whole('db1', 'outside', pieces('db1', 'outside', OPEN, family, id++, [1400, 2800])),
              1,
            )
          } finally {
            await lab.firewall('db1', 'off')
          }
        })

        test(`IPv${family}: reversed pieces arrive whole or not at all, and never where the datagram may not`, async () => {
          const made = await whole(
            'outside',
            'web1',
            pieces('outside', 'web1', OPEN, family, id++, [1400, 2800]).reverse(),
          )
          assert.ok(made <= 1)
          assert.equal(
            await whole(
              'outside',
              'web1',
              pieces('outside', 'web1', SHUT, family, id++, [1400, 2800]).reverse(),
            ),
            0,
          )
        })
      }
    })

    test('the host itself is judged too, both ways', async () => {
      const ping = (name: string, to: string) =>
        lab.inside(name, ['sh', '-c', `ping -n -c 1 -W 1 ${to} >/dev/null && echo yes || echo no`])
      assert.equal((await ping('web2', '192.0.2.1')).trim(), 'yes')
      // web1 lets in nothing but one port, so it hears no answer.
      assert.equal((await ping('web1', '192.0.2.1')).trim(), 'no')
      const { shut, open } = await (async () => {
        const meter = await frameMeter(space('web1'), 'eth0', { shut: at(SHUT), open: at(OPEN) })
        try {
          const send = (port: number) =>
            mustRun('ip', [
              ...['netns', 'exec', router, 'bash', '-c', `echo x >/dev/udp/${v4('web1')}/${port}`],
            ])
          await send(SHUT)
          await send(OPEN)
          await meter.until('open')
          return await meter.read()
        } finally {
          await meter.remove()
        }
      })()
      assert.deepEqual({ shut, open }, { shut: 0, open: 1 })
    })

    test('a port that sends frames back where they came from lets a VM reach itself only as its rules say', async () => {
      const device = nic('web1').device
      await lab.inRouter(['bridge', 'link', 'set', 'dev', device, 'hairpin', 'on'])
      try {
        const frames = [OPEN, SHUT].map((port) =>
          datagram('web1', 'web1', port, { link: { to: stranger }, ip: { destination: '192.0.2.77' } }),
        )
        assert.deepEqual(await arrivals('web1', 'web1', frames, { open: at(OPEN), shut: at(SHUT) }), {
          open: 1,
          shut: 0,
        })
      } finally {
        await lab.inRouter(['bridge', 'link', 'set', 'dev', device, 'hairpin', 'off'])
      }
    })

    test('a MAC that moves to the uplink and back opens nothing', async () => {
      const stolen = [
        // The world says that it is web1: the bridge believes it, and sends there what is for web1.
        datagram('outside', 'web2', 1020, { link: { from: macOf('web1') } }),
      ]
      await arrivals('outside', 'web2', stolen, {})
      const frames = [OPEN, SHUT].map((port) => datagram('web2', 'web1', port))
      const there = await arrivals('web2', 'web1', frames, { shut: at(SHUT) })
      assert.deepEqual(there, { shut: 0 })
      // web1 speaks, and is found again.
      await arrivals('web1', 'outside', [], {})
      assert.deepEqual(await arrivals('web2', 'web1', frames, { open: at(OPEN), shut: at(SHUT) }), {
        open: 1,
        shut: 0,
      })
    })

    test('a bridge that filters VLANs: ports of one network are judged as ever, and no tag gets out of a VM', async () => {
      const bridge = bridgeOf('public')
      await lab.inRouter(['ip', 'link', 'set', bridge, 'type', 'bridge', 'vlan_filtering', '1'])
      const ports = [nic('web1').device, nic('web2').device]
      const vlan = (verb: string, id: string, ...flags: string[]) =>
        Promise.all(
          ports.map((dev) => lab.inRouter(['bridge', 'vlan', verb, 'dev', dev, 'vid', id, ...flags])),
        )
      try {
        await vlan('del', '1')
        await vlan('add', '7', 'pvid', 'untagged')
        const frames = [OPEN, SHUT].map((port) => datagram('web2', 'web1', port))
        assert.deepEqual(await arrivals('web2', 'web1', frames, { open: at(OPEN), shut: at(SHUT) }), {
          open: 1,
          shut: 0,
        })
        const inner = datagram('web2', 'web1', OPEN).subarray(14)
        const tagged = [ethernet({ ...link('web2', 'web1'), vlans: [7] }, etherType.ipv4, inner)]
        assert.deepEqual(await arrivals('web2', 'web1', tagged, { any: at(OPEN) }), { any: 0 })
      } finally {
        await vlan('del', '7')
        await vlan('add', '1', 'pvid', 'untagged')
        await lab.inRouter(['ip', 'link', 'set', bridge, 'type', 'bridge', 'vlan_filtering', '0'])
      }
    })

    test('neighbours are found and found again, and nobody pretends to be one from afar', async () => {
      const { discover, answer } = {
        discover: (to: string, hopLimit: number): Buffer => {
          const head: Datagram = { source: v6('web1'), destination: to, protocol: 58, hopLimit }
          return packet(
            link('web1', 'outside'),
            head,
            icmp(head, 135, 0, Buffer.concat([Buffer.alloc(4), data])),
          )
        },
        answer: (hopLimit: number): Buffer => {
          const head: Datagram = {
            ...{ source: v6('outside'), destination: v6('web1'), protocol: 58, hopLimit },
          }
          return packet(
            link('outside', 'web1'),
            head,
            icmp(head, 136, 0, Buffer.concat([Buffer.alloc(4), data])),
          )
        },
      }
      await lab.inside('web1', ['ip', '-6', 'neigh', 'flush', 'all'])
      // A real one, by multicast and unicast; web1 lets in no answer to a ping, and needs none for this.
      await lab.inside('outside', ['ip', '-6', 'neigh', 'flush', 'all'])
      await lab.inside('outside', ['sh', '-c', `ping -n -c 1 -W 1 ${v6('web1')} >/dev/null || true`])
      const found = await lab.inside('outside', ['ip', '-6', 'neigh', 'show', v6('web1')])
      assert.match(found, new RegExp(macOf('web1')))
      assert.deepEqual(
        await arrivals('outside', 'web1', [answer(255), answer(254)], { any: 'icmpv6 type 136' }),
        {
          any: 1,
        },
      )
      // web1 may send what it likes; of what is essential only what stays on the link would pass a policy that says no.
      await lab.chain('web1', [
        rule('accept', OPEN),
        rule('accept', OPEN, 'IPv6'),
        dropAll,
        { direction: 'out', action: 'drop' },
      ])
      try {
        const counted = await arrivals(
          'web1',
          'outside',
          [discover(v6('outside'), 255), discover(v6('outside'), 64), discover('2001:db8:1234::1', 255)],
          { near: `ip6 daddr ${v6('outside')} icmpv6 type 135`, far: 'ip6 daddr 2001:db8:1234::1' },
        )
        assert.deepEqual(
          counted,
          { near: 1, far: 0 },
          (await lab.inRouter(['nft', 'list', 'table', 'bridge', 'portcullis'])).stdout,
        )
      } finally {
        await lab.chain('web1', web1Chain)
      }
    })

    test('nobody claims the IPv6 address of another, as nobody does in ARP', async () => {
      const own = v6('db1')
      const [ownLocal, random] = ['fe80::5054:ff:fe00:300', 'fe80::a1b2:c3d4:e5f6:789a']
      const others = [v6('web2'), v6('outside'), 'fe80::1', 'fe80::5054:ff:fe00:200', '2001:db8::99']
      const ends = link('db1', 'outside')
      const claim = (target: string, more: Partial<Datagram> = {}, type: 135 | 136 = 136) =>
        discovery(ends, { source: own, destination: v6('outside'), ...more }, type, target)
      /** About an address, as the receiver's filter reads it. */
      const about = (type: number, target: string) => {
        const parsed = parseAddress(target)
        assert.ok(parsed.ok)
        return `icmpv6 type ${type} @th,64,128 0x${parsed.value.value.toString(16)}`
      }
      const cases: readonly (readonly [what: string, frame: Buffer, match: string, passes: boolean])[] = [
        ...[own, ownLocal, random].map(
          (target) => [`${target}, its own`, claim(target), about(136, target), true] as const,
        ),
        ...others.flatMap((target) => [
          [`${target} from its own`, claim(target), about(136, target), false] as const,
          [
            `${target} by a probe`,
            claim(target, { source: '::', destination: 'ff02::1:ff00:1' }, 135),
            `ip6 saddr :: ${about(135, target)}`,
            false,
          ] as const,
        ]),
        ...['fe80::1', 'fe80::5054:ff:fe00:200', v6('web2')].map(
          (source) =>
            [
              `a question from ${source}`,
              claim('2001:db8::1', { source }, 135),
              `ip6 saddr ${source} icmpv6 type 135`,
              false,
            ] as const,
        ),
      ]
      const seen = await arrivals(
        'db1',
        'outside',
        cases.map(([, frame]) => frame),
        Object.fromEntries(cases.map(([what, , match]) => [what, match])),
      )
      assert.deepEqual(seen, Object.fromEntries(cases.map(([what, , , passes]) => [what, passes ? 1 : 0])))
    })

    test('DHCP: an answer comes to the one who asked, and to nobody else', async () => {
      const message = (operation: number, transaction: number): Buffer =>
        Buffer.concat([
          Buffer.from([operation, 1, 6, 0]),
          Buffer.from(transaction.toString(16).padStart(8, '0'), 'hex'),
          Buffer.alloc(232),
        ])
      const asks = (transaction: number): Buffer => {
        const head: Datagram = { source: '0.0.0.0', destination: '255.255.255.255', protocol: UDP }
        return packet(
          { from: macOf('web1'), to: broadcast },
          head,
          udp(head, [68, 67], message(1, transaction)),
        )
      }
      const answers = (transaction: number): Buffer => {
        const head: Datagram = { source: v4('outside'), destination: v4('web1'), protocol: UDP }
        return packet(link('outside', 'web1'), head, udp(head, [67, 68], message(2, transaction)))
      }
      const seen = { any: 'udp sport 67 udp dport 68' }
      assert.deepEqual(await arrivals('outside', 'web1', [answers(77)], seen), { any: 0 })
      assert.deepEqual(
        await arrivals('web1', 'outside', [asks(78)], { asked: 'udp sport 68 udp dport 67' }),
        {
          asked: 1,
        },
      )
      assert.deepEqual(await arrivals('outside', 'web1', [answers(77)], seen), { any: 0 })
      assert.deepEqual(await arrivals('outside', 'web1', [answers(78)], seen), { any: 1 })
      // What one asked another does not hear.
      const elsewhere = { ...link('outside', 'db1') }
      await lab.chain('db1', [dropAll])
      await lab.firewall('db1', 'on')
      try {
        const head: Datagram = { source: v4('outside'), destination: v4('db1'), protocol: UDP }
        const frame = packet(elsewhere, head, udp(head, [67, 68], message(2, 78)))
        assert.deepEqual(await arrivals('outside', 'db1', [frame], seen), { any: 0 })
      } finally {
        await lab.firewall('db1', 'off')
      }
    })

    test('a bridge that snoops knows the groups of a VM that may neither send nor receive anything', async () => {
      const bridge = bridgeOf('public')
      const device = nic('web1').device
      await lab.chain('web1', [dropAll, { direction: 'out', action: 'drop' }])
      const set = (...words: string[]) =>
        lab.inRouter(['ip', 'link', 'set', bridge, 'type', 'bridge', ...words])
      try {
        await lab.inRouter(['bridge', 'mdb', 'flush', 'dev', bridge])
        // It asks at once, and the VM's own kernel answers in the time that it is given: a second.
        await set('mcast_query_response_interval', '100', 'mcast_querier', '1')
        // Neighbours look for web1 in this group.
        const group = 'ff02::1:ff00:10'
        const deadline = Date.now() + 30_000
        for (;;) {
          const { stdout } = await lab.inRouter(['bridge', '-d', 'mdb', 'show', 'dev', bridge])
          if (stdout.split('\n').some((line) => line.includes(device) && line.includes(group))) break
          assert.ok(Date.now() < deadline, `no report of ${group} came by ${device}:\n${stdout}`)
          await delay(50)
        }
        assert.deepEqual(
          await arrivals('web1', 'outside', [datagram('web1', 'outside', 1030)], { rest: at(1030) }),
          { rest: 0 },
        )
      } finally {
        await set('mcast_querier', '0')
        await lab.chain('web1', web1Chain)
      }
    })
  })
}
