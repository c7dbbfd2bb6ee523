/**
 * Other programs change our tables, and whatever stands beside them, while packets are sent all the time that must not
 * pass: every change is undone, and none of them lets a packet pass where it cannot be helped by nobody but us.
 */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import { bridgeTable, guardTables, table } from '../../src/compile/nftables/names.ts'
import { parseListing, type RenderedTable } from '../../src/compile/nftables/table.ts'
import { createHost, type Host, open, type Service, type Stream } from '../support/host.ts'
import { canOwn } from '../support/kernels.ts'
import { noLab } from '../support/lab.ts'

const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_127)
/** Some 0.2 s each on a quiet machine. */
const changes = Number(process.env.PORTCULLIS_TEST_FOREIGN ?? 60)
/** Milliseconds until a change that is not undone fails the test. */
const patience = 30_000

interface Attack {
  /** For `nft -f`, one transaction. */
  readonly script: string
  /** Whether it names a table of ours: to one that is owned the kernel permits nothing. */
  readonly touches: boolean
  /** Whether packets may pass until it is undone, where nobody owns our tables: it changes what they say. */
  readonly opens: boolean
}

type Tables = ReadonlyMap<string, RenderedTable>
/** Numbers that say what is chosen. */
type Draw = readonly [kind: number, first: number, second: number]

const pick = <T>(from: readonly T[], number: number): T => from[number % from.length] as T

const wholeFirewall = (n: number): string => `flush ruleset
table inet filter {
  set trusted { type ipv4_addr; flags interval; elements = { 10.${n % 256}.0.0/16 } }
  chain input { type filter hook input priority filter; policy accept; ct state established accept; ip saddr @trusted accept; }
  chain forward { type filter hook forward priority filter; policy accept; }
  chain output { type filter hook output priority filter; policy accept; }
}
table ip nat {
  chain postrouting { type nat hook postrouting priority srcnat; policy accept; }
}
`

/** One change somebody might make to tables that say this. */
function attackOn(tables: Tables, [kind, first, second]: Draw): Attack {
  const [name, { chains, sets }] = pick([...tables], first)
  const chain = pick([...chains.keys()], second)
  const filled = [...sets].filter(([, { elements }]) => elements.size > 0)
  const [set, { kind: setKind, elements }] = pick(filled, second)
  const [element, verdict] = pick([...elements], first)
  const [, another] = pick([...elements], second)
  const command = setKind === 'map' ? 'map' : 'set'
  const ours = (script: string, opens: boolean): Attack => ({ script, touches: true, opens })
  const beside = (script: string): Attack => ({ script, touches: false, opens: false })
  const attacks: readonly (() => Attack)[] = [
    () => ours(`delete table ${name}`, false),
    () => ours(`flush table ${name}`, true),
    () => ({ script: 'flush ruleset', touches: false, opens: true }),
    () => ({ script: wholeFirewall(first), touches: false, opens: true }),
    () => ours([...tables.keys()].map((each) => `delete table ${each}`).join('\n'), true),
    () => ours(`flush chain ${name} ${chain}`, true),
    // Accepted by somebody else is not judged by us.
    () => ours(`insert rule ${name} ${chain} accept`, true),
    () => ours(`add rule ${name} ${chain} counter`, false),
    () => ours(`add chain ${name} mine${first}`, false),
    () => ours(`add chain ${name} hook${first} { type filter hook forward priority -300; }`, false),
    () => ours(`add set ${name} mine${first} { type ipv4_addr; }`, false),
    () => ours(`flush ${command} ${name} ${set}`, true),
    () => ours(`delete element ${name} ${set} { ${element} }`, true),
    () =>
      ours(
        verdict === ''
          ? `delete element ${name} ${set} { ${element} }`
          : `delete element ${name} ${set} { ${element} }\nadd element ${name} ${set} { ${element} : ${another} }`,
        true,
      ),
    () => ours(`delete table ${name}\nadd table ${name}`, false),
    () => beside(`add table inet beside${first % 3}`),
    () => beside(`add table ip ${name.split(' ')[1]}\ndelete table ip ${name.split(' ')[1]}`),
    () =>
      beside(
        `table inet busy { set s { type ipv4_addr; }; chain c { type filter hook forward priority 7; accept; }; }`,
      ),
    () => beside('add table inet busy\ndelete table inet busy'),
  ]
  return pick(attacks, kind)()
}

describe('what others change', { skip: noLab }, () => {
  let host: Host
  /** What counts in the router, which is flushed with all other tables. */
  let counters: string
  before(async () => {
    host = await createHost('frn')
    counters = (await nft('list', 'table', 'inet', 'seen')).stdout
  })
  after(() => host?.remove())

  const nft = (...args: string[]) => host.inRouter(['nft', ...args])
  const listings = async (): Promise<string> =>
    (
      await Promise.all(
        [...guardTables, table, bridgeTable].map(
          async (name) => (await nft('-s', '-n', 'list', 'table', ...name.split(' '))).stdout,
        ),
      )
    ).join('')
  /**
   * Their lines, whatever the order of elements: hashes have none. What packets have filled is left out: it changes while
   * they come, and begins anew with its table.
   */
  const canonical = (listing: string): string =>
    listing
      .replaceAll(
        /^(\tset \S+ \{\n(?:\t\t.*\n)*?\t\tflags dynamic.*\n(?:\t\t.*\n)*?)\t\telements = \{[^}]*\}\n/gm,
        '$1',
      )
      .split('\n')
      // What nft finds out of the owner's process is not always its name.
      .filter((line) => !line.includes('# progname'))
      .flatMap((line) => line.split(/[,{}]|elements =/).map((word) => word.trim()))
      .sort()
      .join('\n')

  async function start(...more: string[]): Promise<Service> {
    await host.inRouter(['nft', '-f', '-'], `flush ruleset\n${counters}`)
    const inventory = await host.describe([{ device: 'tap1i0' }, { device: 'tap2i0' }])
    // Whom others track for is another question, and which connections there are.
    const fixed = ['--notrack', 'never', '--max-connections', '0', '--host', 'kvm', '--inventory', inventory]
    return host.serve([...host.flags, '--enforce', 'nftables', ...fixed, ...more])
  }
  async function chain(service: Service, rules: readonly Record<string, string>[]): Promise<void> {
    const answer = await fetch(
      `${service.url}/1.3/server/00000000-0000-4000-8000-000000000001/firewall_rule`,
      {
        method: 'PUT',
        headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
        body: JSON.stringify({ firewall_rules: { firewall_rule: rules } }),
      },
    )
    assert.equal(answer.status, 204, await answer.text())
  }
  const ports = Array.from({ length: 12 }, (_, n) => ({
    ...{ direction: 'in', action: 'accept', family: 'IPv4', protocol: 'tcp' },
    ...{ destination_port_start: String(1000 + n), destination_port_end: String(1000 + n) },
  }))
  const noPings = ['in', 'out'].map((direction) => ({
    ...{ direction, action: 'drop', family: 'IPv4', protocol: 'icmp' },
  }))

  for (const [what, flags, owned] of [
    ['tables that we own', [], true],
    ['tables that anybody may change', ['--nft', 'nft'], false],
  ] as const) {
    const skip = owned && !canOwn && 'tables that outlive their owner need Linux 6.9'
    test(`${what}: every change is undone`, { skip }, async (context) => {
      const service = await start(...flags)
      const streams: Stream[] = []
      try {
        // The packets arrive where nobody forbids them.
        await host.until((now) => Object.values(now).every((count) => count === 3))
        await chain(service, [...ports, ...noPings])
        await host.until((now) => Object.values(now).every((count) => count === 0))
        for (const way of ['in', 'out', 'local', 'between'] as const) streams.push(await host.stream(way))
        const arrived = async () =>
          (await Promise.all(streams.map((each) => each.arrived()))).reduce((sum, each) => sum + each, 0)

        const fresh = canonical(await listings())
        const tables = new Map<string, RenderedTable>()
        for (const name of [...guardTables, table]) {
          const { stdout } = await nft('-s', '-n', 'list', 'table', ...name.split(' '))
          tables.set(
            name,
            parseListing(stdout, () => undefined),
          )
          assert.equal(/flags owner/.test(stdout), owned, stdout)
        }
        let [tolerated, before] = [0, await arrived()]
        assert.equal(before, 0)
        const draws = fc.sample(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { numRuns: changes, seed })
        for (const [n, draw] of draws.entries()) {
          const { script, touches, opens } = attackOn(tables, draw)
          const about = `change ${n} (seed ${seed}): ${script}`
          const { status, stderr } = await host.inRouter(['nft', '-f', '-'], `${script}\n`)
          if (owned) {
            if (touches) assert.match(stderr, /Operation not permitted/, about)
            else assert.equal(status, 0, `${about}: ${stderr}`)
          }
          const deadline = Date.now() + (owned ? 0 : patience)
          let now = canonical(await listings())
          while (now !== fresh) {
            if (Date.now() > deadline) assert.equal(now, fresh, about)
            await delay(10)
            now = canonical(await listings())
          }
          const wrong: number = (await arrived()) - before
          if (owned || !opens) assert.equal(wrong, 0, about)
          tolerated += wrong
          before += wrong
        }
        const sent = await Promise.all(streams.splice(0).map((each) => each.stop()))
        // All of them were on their way all the time.
        for (const count of sent) assert.ok(count > changes, `${count} packets were sent`)
        context.diagnostic(`${tolerated} of ${sent.join(' + ')} packets passed until their change was undone`)
        // And what is changed by us is changed.
        await host.inRouter(['nft', '-f', '-'], `table inet seen { }\ndelete table inet seen\n${counters}`)
        await chain(service, [])
        await host.until((now) => JSON.stringify(now) === JSON.stringify(open))
      } finally {
        for (const each of streams) await each.stop()
        await service.stop()
        await rm(join(host.folder, 'data'), { recursive: true, force: true })
      }
    })
  }
})
