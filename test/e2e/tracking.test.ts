/**
 * A stateful policy where VMs are: connections, rejections, and datagrams in pieces, which the kernel puts together
 * before a rule judges their ports. Small enough for every kernel we name, routed and bridged.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { guardTables } from '../../src/compile/nftables/names.ts'
import { namespaceOf } from '../../src/lab/network.ts'
import { outside } from '../../src/lab/topology.ts'
import { sendFrames } from '../support/frames.ts'
import { bridgedByDefault, judging, noLab, openLab, type TestLab } from '../support/lab.ts'
import { type Datagram, type Link, packet, udp } from '../support/link-frames.ts'

const OPEN = 5000
const SHUT = 7
const UDP = 17
/** Where a datagram of 4,000 bytes is cut; its first piece need not hold more than its ports. */
const orders = {
  'in order': { cuts: [1400, 2800], reverse: false },
  reversed: { cuts: [1400, 2800], reverse: true },
  'a tiny piece first': { cuts: [8, 1400, 2800], reverse: false },
  'a tiny piece last': { cuts: [8, 1400, 2800], reverse: true },
} as const
const payload = Buffer.alloc(4000, 'f')

describe('tracking', { skip: noLab }, () => {
  let lab: TestLab
  let inward: Link
  let outward: Link
  before(async () => {
    lab = await openLab()
    const path = '/api/vm/10000/firewall'
    const rule = { type: 'in', action: 'ACCEPT', proto: 'udp', dport: String(OPEN), enable: 1 }
    const reject = { type: 'in', action: 'REJECT', proto: 'tcp', dport: '25', enable: 1 }
    for (const each of [rule, reject])
      assert.equal((await lab.api('POST', path, { source: '', comment: '', ...each })).status, 200)
    const options = { enable: 1, policy_in: 'DROP' }
    assert.equal((await lab.api('PUT', `${path}/options`, options)).status, 200)
    await lab.enforced()
    // Behind a router both ends send to the router.
    const next = (from: string) => (bridgedByDefault ? undefined : gateway(from))
    const [vm, world] = [await macOf('vps1'), await macOf('outside')]
    inward = { from: world, to: (await next('outside')) ?? vm }
    outward = { from: vm, to: (await next('vps1')) ?? world }
  })
  after(() => lab?.close())

  async function macOf(name: string): Promise<string> {
    const [link] = JSON.parse(await lab.inside(name, ['ip', '-j', 'link', 'show', 'eth0']))
    return link.address
  }
  async function gateway(from: string): Promise<string> {
    const device = from === 'outside' ? 'up0' : (lab.vm(from).nics[0]?.device ?? '')
    const [link] = JSON.parse((await lab.inRouter(['ip', '-j', 'link', 'show', device])).stdout)
    return link.address
  }
  const addressOf = (name: string, family: 4 | 6): string =>
    name === 'outside'
      ? family === 4
        ? outside.ipv4
        : outside.ipv6
      : (lab.vm(name).nics[0]?.addresses[family === 4 ? 0 : 1] ?? '')

  test('our tables and their guards stand', async () => {
    const { stdout } = await lab.inRouter(['nft', 'list', 'tables'])
    const tables = stdout.trim().split('\n').sort()
    assert.deepEqual(
      tables.filter((each) => each !== 'table bridge portcullis'),
      ['table inet portcullis', ...guardTables.map((name) => `table ${name}`)].sort(),
    )
    assert.ok(tables.includes(`table ${judging.join(' ')}`), stdout)
  })

  for (const family of [4, 6] as const) {
    test(`connections over IPv${family}: answers come back, nothing else comes in, rejections are told`, async () => {
      for (const [from, to, what, want] of [
        ['outside', 'vps1', 'tcp/22', 'timed-out'],
        ['outside', 'vps1', 'tcp/25', 'refused'],
        ['outside', 'vps1', `udp/${OPEN}`, 'answered'],
        ['outside', 'vps1', 'icmp', 'timed-out'],
        ['vps1', 'outside', 'tcp/443', 'answered'],
        ['vps1', 'outside', 'udp/53', 'answered'],
        ['vps1', 'outside', 'icmp', 'answered'],
      ] as const) {
        assert.equal((await lab.probe(from, to, what, { family })).outcome, want, `${what} from ${from}`)
      }
    })

    test(`pieces over IPv${family}: they pass where the datagram does, whatever their cuts and order`, async () => {
      const sent = new Map<number, { readonly what: string; readonly passes: boolean }>()
      let port = 20_000
      const head = (from: string, to: string): Datagram => ({
        source: addressOf(from, family),
        destination: addressOf(to, family),
        protocol: UDP,
        // Of every datagram its own.
        id: port,
      })
      const pieces = (
        { cuts, reverse }: (typeof orders)[keyof typeof orders],
        source: number,
        to: number,
      ) => {
        const whole = udp(head('outside', 'vps1'), [source, to], payload)
        const made = [0, ...cuts].map((start, i) =>
          packet(inward, { ...head('outside', 'vps1'), fragment: [start, cuts[i] ?? whole.length] }, whole),
        )
        return reverse ? made.reverse() : made
      }

      const frames: Buffer[] = []
      const asked: Buffer[] = []
      for (const [order, how] of Object.entries(orders)) {
        for (const [what, to, passes] of [
          ['a rule allows', OPEN, true],
          ['no rule allows', SHUT, false],
        ] as const) {
          port++
          sent.set(port, { what: `${order}, to a port that ${what}`, passes })
          frames.push(...pieces(how, port, to))
        }
        port++
        sent.set(port, { what: `${order}, the answer to what the VM asked`, passes: true })
        const question = head('vps1', 'outside')
        asked.push(packet(outward, question, udp(question, [4000, port], Buffer.from('?'))))
        frames.push(...pieces(how, port, 4000))
      }
      const marker = head('outside', 'vps1')
      frames.push(packet(inward, marker, udp(marker, [4000, OPEN], Buffer.from('!'))))

      // Tracked there as well, because only then IPv6 is whole at this hook.
      await lab.inside(
        'vps1',
        ['nft', '-f', '-'],
        `table inet whole { chain got { type filter hook input priority 0; policy accept;
          ct state invalid drop
          ${[4000, ...sent.keys()].map((each) => `udp sport ${each} udp length > 8 counter comment "${each}"`).join('\n')}
        }
        }\n`,
      )
      try {
        await sendFrames(namespaceOf(lab.lab().prefix, 'vps1'), 'eth0', asked, 'one-piece')
        await sendFrames(namespaceOf(lab.lab().prefix, 'outside'), 'eth0', frames, 'one-piece')
        const counted = await until(4000)
        for (const [source, { what, passes }] of sent) assert.equal(counted.get(source), passes ? 1 : 0, what)
      } finally {
        await lab.inside('vps1', ['nft', 'delete', 'table', 'inet', 'whole'])
      }
    })
  }

  /** Datagrams that the VM's kernel put together, by source port, when one has come from that port. */
  async function until(port: number): Promise<ReadonlyMap<number, number>> {
    const deadline = Date.now() + 10_000
    for (;;) {
      const listed = await lab.inside('vps1', ['nft', 'list', 'table', 'inet', 'whole'])
      const counted = new Map(
        [...listed.matchAll(/counter packets (\d+).*comment "(\d+)"/g)].map(([, n, of]) => [
          Number(of),
          Number(n),
        ]),
      )
      if ((counted.get(port) ?? 0) > 0) return counted
      assert.ok(Date.now() < deadline, 'the last datagram did not come within 10 s')
      await delay(5)
    }
  }
})
