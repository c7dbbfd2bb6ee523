/** Packet logs: their messages by hand, and what the kernel says of real packets in every family and hook that is logged. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type Frame, frame, sendFrames } from '../../../test/support/frames.ts'
import { noLabOr } from '../../../test/support/lab.ts'
import { arp, broadcast, ethernet, etherType } from '../../../test/support/link-frames.ts'
import { logIn } from '../../../test/support/logs.ts'
import { parseAddress } from '../../core/net/address.ts'
import { mustRun } from '../../lab/run.ts'
import { LibraryError } from './errors.ts'
import type { Events } from './events.ts'
import { control, flags, MalformedError, MessageBuilder, MessageReader } from './message.ts'
import { type LoggedPacket, LogUnavailableError, openLog, readLogged } from './nflog.ts'
import { fixedPart } from './nfnetlink.ts'
import type { Transport } from './transport.ts'

const { EAGAIN, EBUSY, EINVAL, EPERM } = constants.errno
const packetType = 0x400

test('a packet without anything but its payload, and one whose attributes are of other lengths', () => {
  const built = (build: (to: MessageBuilder) => void) => {
    const builder = new MessageBuilder().begin(packetType, 0, fixedPart(2))
    build(builder)
    const reader = new MessageReader(builder.finish())
    reader.next()
    return readLogged(reader)
  }
  assert.deepEqual(
    built((to) => to.bytes(9, Buffer.from([1, 2, 3]))),
    {
      ...{ family: 2, protocol: 0, prefix: '', mark: 0, input: 0, output: 0, sequence: 0 },
      ...{ at: undefined, source: undefined, tag: undefined, payload: Buffer.from([1, 2, 3]) },
    },
  )
  // Lengths of InfiniBand's addresses, and of nothing.
  const odd = built((to) =>
    to
      .bytes(8, Buffer.from([0, 20, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]))
      .flag(1)
      .flag(3)
      .bytes(21, Buffer.alloc(4)),
  )
  assert.deepEqual([odd.source, odd.protocol, odd.at], [undefined, 0, undefined])
  assert.throws(() => built((to) => to.u16(2, 7)), MalformedError)
})

test('why a group cannot be had', async () => {
  const refusing = (errno: number) => {
    let closed = 0
    const answers: Buffer[] = []
    const transport: Transport = {
      port: 7,
      send(datagram) {
        const answer = new MessageBuilder().begin(control.error, flags.capped, Buffer.alloc(20)).finish()
        answer.writeUInt32LE(Buffer.from(datagram).readUInt32LE(8), 8)
        answer.writeInt32LE(-errno, 16)
        answers.push(Buffer.from(answer))
        return 0
      },
      receive(into) {
        const next = answers.shift()
        if (!next) return -EAGAIN
        into.set(next)
        return next.length
      },
      enlarge() {},
      close: () => void closed++,
    }
    return { open: async () => transport, closed: () => closed }
  }
  const listener = { onMessage() {}, onLost() {} }
  for (const [errno, words] of [
    [EPERM, /another program reads group 1017/],
    [EBUSY, /another program reads group 1017/],
    [EINVAL, /this kernel has no packet logs/],
  ] as const) {
    const { open, closed } = refusing(errno)
    await assert.rejects(openLog({ group: 1017, range: 128 }, listener, open), (error) => {
      assert.ok(error instanceof LogUnavailableError)
      assert.match(error.message, words)
      return true
    })
    assert.equal(closed(), 1)
  }
  const none = async (): Promise<Transport> => {
    throw new LibraryError('no sockets here')
  }
  await assert.rejects(openLog({ group: 1017, range: 128 }, listener, none), LibraryError)
})

const skip = await noLabOr({ trafgen: 'netsniff-ng' })

/**
 * Two pairs of devices in one namespace: what is sent from `from-vm` comes in by `vm` and is routed to `out`; what is sent
 * from `from-port` comes in by `port`, and leaves its bridge by `other`.
 */
describe('packet logs of the kernel', { skip }, () => {
  const netns = `pcl-nflog-${process.pid}`
  const ip = (...words: string[]) => mustRun('ip', ['-n', netns, ...words])
  const macs = { from: '52:54:00:00:00:01', vm: '52:54:00:00:00:02', next: '52:54:00:00:00:03' }
  const seen: (LoggedPacket & { readonly payload: Buffer })[] = []
  let events: Events | undefined
  let heard = Promise.withResolvers<void>()
  let indices: Readonly<Record<string, number>>

  before(async () => {
    await mustRun('ip', ['netns', 'add', netns])
    for (const [a, b] of [
      ['vm', 'from-vm'],
      ['out', 'beyond'],
      ['port', 'from-port'],
      ['other', 'to-port'],
    ] as const)
      await ip('link', 'add', a, 'type', 'veth', 'peer', 'name', b)
    await ip('link', 'set', 'vm', 'address', macs.vm)
    await ip('link', 'add', 'bridge', 'type', 'bridge', 'mcast_snooping', '0')
    await ip('link', 'set', 'bridge', 'up')
    for (const port of ['port', 'other']) await ip('link', 'set', port, 'master', 'bridge')
    const inside = ['netns', 'exec', netns]
    // Nothing of its own is sent.
    await mustRun('ip', [...inside, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1'])
    await mustRun('ip', [...inside, 'sysctl', '-qw', 'net.ipv4.ip_forward=1'])
    for (const name of ['vm', 'from-vm', 'out', 'beyond', 'port', 'from-port', 'other', 'to-port'])
      await ip('link', 'set', name, 'up')
    await ip('addr', 'add', '192.0.2.1/24', 'dev', 'vm')
    await ip('addr', 'add', '198.51.100.1/24', 'dev', 'out')
    await ip('neigh', 'add', '198.51.100.2', 'lladdr', macs.next, 'dev', 'out')
    const log = (name: string) => `log prefix "${name}" group 1017 snaplen 128`
    await mustRun(
      'ip',
      [...inside, 'nft', '-f', '-'],
      `table inet t {
        chain p { type filter hook prerouting priority -146;
          iif vm meta mark set 0xfedcba98 ${log('routed out')}
        }
        chain f { type filter hook forward priority 0;
          oif out ${log('routed in')}
        }
        chain o { type filter hook output priority 0;
          oif out ${log('local in')}
        }
      }
      table bridge t {
        chain p { type filter hook prerouting priority 0;
          iif port ${log('bridged out')}
        }
        chain o { type filter hook postrouting priority 0;
          oif other ${log('bridged in')}
        }
      }\n`,
    )
    indices = Object.fromEntries(
      (JSON.parse(await ip('-j', 'link')) as { ifname: string; ifindex: number }[]).map((each) => [
        each.ifname,
        each.ifindex,
      ]),
    )
    events = await logIn(netns)(
      { group: 1017, range: 128 },
      {
        onMessage(message) {
          const packet = readLogged(message)
          seen.push({ ...packet, payload: Buffer.from(packet.payload) })
          heard.resolve()
        },
        onLost: () => assert.fail('lost'),
      },
    )
  })
  after(async () => {
    events?.close()
    await mustRun('ip', ['netns', 'delete', netns])
  })

  /** Waits for as many as are awaited; answers all there are. */
  async function logged(count: number): Promise<typeof seen> {
    const signal = AbortSignal.timeout(10_000)
    while (seen.length < count) {
      assert.ok(!signal.aborted, `${seen.length} of ${count} packets were logged`)
      await Promise.race([heard.promise, delay(10_000, undefined, { signal }).catch(() => {})])
      heard = Promise.withResolvers()
    }
    return seen.splice(0)
  }

  const value = (text: string): bigint => {
    const parsed = parseAddress(text)
    assert.ok(parsed.ok)
    return parsed.value.value
  }
  const datagram: Frame = {
    ...{ family: 'ipv4', protocol: 17, id: 1, hopLimit: 64, sourcePort: 5, destinationPort: 9, length: 300 },
    ...{ source: value('192.0.2.9'), destination: value('198.51.100.2') },
    ...{ sourceMac: macs.from, destinationMac: macs.vm },
  }
  const near = (at: number | undefined) => at !== undefined && Math.abs(at - Date.now()) < 10_000
  const source = Buffer.from(macs.from.replaceAll(':', ''), 'hex')

  test('a routed packet, where it comes in and where it goes out', async () => {
    await sendFrames(netns, 'from-vm', [frame(datagram)])
    const [came, went] = await logged(2)
    assert.ok(came && went)
    assert.ok(near(came.at) && near(went.at), `${came.at} and ${went.at} are not now, ${Date.now()}`)
    const { payload, sequence, at: _, ...rest } = came
    assert.deepEqual(rest, {
      ...{ family: 2, protocol: etherType.ipv4, prefix: 'routed out', mark: 0xfedcba98, source },
      ...{ input: indices.vm, output: 0, tag: undefined },
    })
    assert.deepEqual(payload, frame(datagram).subarray(14, 14 + 128))
    assert.equal(went.sequence, sequence + 1)
    assert.deepEqual(
      [went.prefix, went.mark, went.input, went.output, went.payload.length],
      ['routed in', 0xfedcba98, indices.vm, indices.out, 128],
    )
  })

  test('a packet of the host itself, which no device has brought', async () => {
    const ping = ['ping', '-c', '1', '-W', '1', '198.51.100.2']
    await mustRun('ip', ['netns', 'exec', netns, 'sh', '-c', `${ping.join(' ')} || true`])
    const [went] = await logged(1)
    assert.ok(went)
    assert.deepEqual(
      [went.family, went.prefix, went.mark, went.input, went.output, went.at, went.source],
      [2, 'local in', 0, 0, indices.out, undefined, undefined],
    )
  })

  test('frames of a bridge: IP, ARP, tagged, of other types; ports are told, not the bridge', async () => {
    const link = { from: macs.from, to: broadcast }
    const frames = [
      frame({ ...datagram, destinationMac: broadcast }),
      arp(link, 'request', [macs.from, '10.0.0.9'], [broadcast, '10.0.0.1']),
      ethernet({ ...link, vlans: [7] }, etherType.ipv4, frame(datagram).subarray(14)),
      ethernet(link, etherType.lldp, Buffer.alloc(200, 7)),
    ]
    await sendFrames(netns, 'from-port', frames)
    const all = await logged(8)
    const short = (prefix: string) =>
      all
        .filter((each) => each.prefix === prefix)
        .map(({ family, protocol, tag, input, output, payload, ...more }) => {
          assert.deepEqual(more.source, source)
          return [family, protocol, tag, input, output, payload.length]
        })
    const [port, other] = [indices.port, indices.other]
    assert.deepEqual(short('bridged out'), [
      [7, etherType.ipv4, undefined, port, 0, 128],
      [7, etherType.arp, undefined, port, 0, 28],
      [7, etherType.ipv4, etherType.vlan, port, 0, 128],
      [7, etherType.lldp, undefined, port, 0, 128],
    ])
    assert.deepEqual(short('bridged in'), [
      [7, etherType.ipv4, undefined, 0, other, 128],
      [7, etherType.arp, undefined, 0, other, 28],
      [7, etherType.ipv4, etherType.vlan, 0, other, 128],
      [7, etherType.lldp, undefined, 0, other, 128],
    ])
  })

  test('a group that another reads', async () => {
    await assert.rejects(
      logIn(netns)({ group: 1017, range: 128 }, { onMessage() {}, onLost() {} }),
      LogUnavailableError,
    )
  })

  test('a flood comes in batches, each packet once and in order', async () => {
    await sendFrames(
      netns,
      'from-vm',
      Array.from({ length: 2000 }, () => frame(datagram)),
    )
    const all = await logged(4000)
    const first = all[0]?.sequence ?? 0
    assert.deepEqual(
      all.map(({ sequence }) => sequence - first),
      all.map((_, n) => n),
    )
  })
})
