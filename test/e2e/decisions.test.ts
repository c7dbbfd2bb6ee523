/** A decision names the rule that the trace names: real packets under generated policies, told of by a whole dataplane. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import type { Sample } from '../../src/agent/nftables/decisions.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import { deciderText } from '../../src/core/model/decider.ts'
import type { DirectionPolicy, EffectivePolicy, RuleList } from '../../src/core/model/effective-policy.ts'
import {
  type Action,
  type Direction,
  type LogLevel,
  logLevels,
  type Rule,
} from '../../src/core/model/rule.ts'
import { type Family, formatAddress } from '../../src/core/net/address.ts'
import { etherTypes } from '../../src/core/net/frame.ts'
import type { ConnectionState } from '../../src/core/net/packet.ts'
import { hasPorts, icmpFamily, isExtensionHeader } from '../../src/core/net/protocol.ts'
import { deciderOf } from '../../src/core/semantics/decider-of.ts'
import { type Trace, trace } from '../../src/core/semantics/trace.ts'
import { addressSet } from '../../src/core/sets/address-set.ts'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun } from '../../src/lab/run.ts'
import { arbitraryPacket, arbitraryPolicy, arbitraryRule } from '../support/arbitraries.ts'
import { desire } from '../support/desired.ts'
import { type Frame, frame, sendFrames } from '../support/frames.ts'
import { kernelIn } from '../support/kernels.ts'
import { noLabOr } from '../support/lab.ts'
import { logIn } from '../support/logs.ts'
import { addressNumber, buildRouter, ends, macs, namesOf } from '../support/witness.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng', conntrack: 'conntrack' })
const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_126)

const directions = ['egress', 'ingress'] as const
/** So many bytes has the first packet; one more has each that follows, and so it is known again. */
const shortest = 88
/** Of what is sent together no two are equally long, nor of what is sent soon after. */
const lengths = 1200
const hostAddresses = new Set([...Object.values(ends.host), 'fe80::1'])

/** Rules of one kind, which are looked up where they are many. */
const plainRule = (direction: Direction): fc.Arbitrary<Omit<Rule, 'id' | 'position'>> =>
  fc
    .record({
      action: fc.constantFrom<Action>('allow', 'deny', 'reject'),
      family: fc.constantFrom<Family>('ipv4', 'ipv6'),
      protocol: fc.constantFrom(6, 17),
      host: fc.integer({ min: 0, max: 40 }),
      port: fc.constantFrom(0, 1, 22, 53, 67, 80, 546, 65_535),
    })
    .map(({ action, family, protocol, host, port }) => {
      const value = addressNumber(family === 'ipv4' ? '10.0.0.0' : '2001:db8::') + BigInt(host)
      const source = addressSet([{ family, first: value, last: value }])
      const match = { protocol, source, destinationPorts: [{ first: port, last: port }] }
      return { direction, action, enabled: true, matches: [match] }
    })

const longList = (direction: Direction): fc.Arbitrary<RuleList> =>
  fc
    .oneof(
      fc.array(plainRule(direction), { minLength: 20, maxLength: 200 }),
      fc.array(arbitraryRule(direction), { minLength: 9, maxLength: 40 }),
    )
    .map((rules) => ({
      ...{ policy: 'many', part: 0, direction },
      rules: rules.map((rule, i) => ({ ...rule, id: `many.${direction}.${i + 1}`, position: i + 1 })),
    }))

const tellingRule = (rule: Rule): Rule => {
  const log = logLevels[rule.position % logLevels.length]
  return rule.position % 3 !== 0 && log ? { ...rule, log } : rule
}

/** As generated, every other with a long list before or behind its own, and much of what passes is told of. */
const telling: fc.Arbitrary<EffectivePolicy> = fc
  .record({
    policy: arbitraryPolicy,
    more: fc.record({ ingress: longList('ingress'), egress: longList('egress') }),
    place: fc.constantFrom('none', 'none', 'first', 'last'),
    checked: fc.constantFrom(true, false, false, false),
    log: fc.constantFrom(undefined, 'debug' as const, 'crit' as const),
  })
  .map(({ policy: { origin, ...policy }, more, place, checked, log }) => {
    const part = (direction: Direction): DirectionPolicy => {
      const each = policy[direction]
      if (!each.filtered) return each
      const lists =
        place === 'none'
          ? each.lists
          : place === 'first'
            ? [more[direction], ...each.lists]
            : [...each.lists, more[direction]]
      return {
        ...{ ...each, ...(log && { log }) },
        lists: lists.map((list) => ({ ...list, rules: list.rules.map(tellingRule) })),
      }
    }
    const both = { ingress: part('ingress'), egress: part('egress') }
    return { ...policy, ...both, ...(checked && origin && { origin }) }
  })

interface Sent {
  readonly packet: Frame
  /** Bytes from the IP header on. */
  readonly length: number
}

/** What came to be judged, as that. */
interface Judged {
  readonly direction: Direction
  readonly sent: Sent
  readonly state: ConnectionState
}

// `portion`: of one direction that are sent at once, fewer than may be told of at once.
for (const { way, enough, portion } of [
  { way: 'netlink', enough: 5000, portion: 200 },
  { way: 'nft', enough: 1000, portion: 60 },
] as const)
  describe(`decisions and the trace, by ${way}`, { skip, timeout: 180_000 }, () => {
    const prefix = `pcl-dec${way === 'nft' ? 'n' : ''}${process.pid % 10_000}-`
    const [vm, router, outside] = namesOf(prefix)
    const ways = {
      egress: { from: vm, source: macs.vm, destination: macs.tap },
      ingress: { from: outside, source: macs.outside, destination: macs.up },
    } as const
    const nft = (namespace: string, args: readonly string[], input = '') =>
      mustRun('ip', ['netns', 'exec', namespace, 'nft', ...args], input)
    let dataplane: Dataplane | undefined
    const told: Sample[] = []

    before(async () => {
      await buildRouter(prefix)
      // They answer nothing, and say nothing by themselves.
      for (const name of [vm, outside]) {
        await nft(
          name,
          ['-f', '-'],
          'table inet mute { chain arrivals { type filter hook prerouting priority -500; policy drop; }\n}\n',
        )
        await mustRun('ip', ['netns', 'exec', name, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1'])
      }
      // What comes to be judged, right before it is.
      await nft(
        router,
        ['-f', '-'],
        `table inet seen {
          set egress { typeof meta length . ct state; flags dynamic; size 65535; }
          set ingress { typeof meta length . ct state; flags dynamic; size 65535; }
          chain before { type filter hook prerouting priority -146; policy accept;
            meta iifname "tap0" update @egress { meta length . ct state }
          }
          chain ahead { type filter hook forward priority -1; policy accept;
            meta oifname "tap0" update @ingress { meta length . ct state }
          }
        }\n`,
      )
      dataplane = createNftables({
        ...{ guard: [], netns: router, notrack: 'always', kernel: kernelIn(router, way) },
        ...{ decisionsPerSecond: 1000, log: logIn(router) },
      })
      dataplane.onDecisions((some) => told.push(...some))
    })
    after(async () => {
      await dataplane?.close()
      await destroyNetwork(prefix)
    })

    async function until(done: () => boolean | Promise<boolean>, what: () => string): Promise<void> {
      const deadline = Date.now() + 30_000
      while (!(await done())) {
        assert.ok(Date.now() < deadline, what())
        await delay(5)
      }
    }
    /** By length: what tracking says of the packets that came to be judged. */
    async function seen(direction: Direction): Promise<ReadonlyMap<number, ConnectionState>> {
      const { nftables } = JSON.parse(
        await nft(router, ['-j', 'list', 'set', 'inet', 'seen', direction]),
      ) as { nftables: { set?: { elem?: { concat: [number, ConnectionState | 'untracked'] }[] } }[] }
      const elements = nftables.flatMap(({ set }) => set?.elem ?? [])
      return new Map(
        elements.map(({ concat: [length, state] }) => [length, state === 'untracked' ? 'new' : state]),
      )
    }

    let made = 0
    function sentOf(direction: Direction, fields: Partial<Frame>): Sent {
      const number = made++ % lengths
      const { family = 'ipv4' } = fields
      const [from, to] = direction === 'egress' ? [ends.vm, ends.outside] : [ends.outside, ends.vm]
      const packet = {
        ...{ family, protocol: 17, hopLimit: 128 },
        ...{ source: addressNumber(from[family]), destination: addressNumber(to[family]) },
        ...{ sourceMac: ways[direction].source, destinationMac: ways[direction].destination },
        ...fields,
        ...{ id: number + 1, length: shortest + number - (family === 'ipv4' ? 20 : 40) },
      } as Frame
      return { packet, length: shortest + number }
    }
    // A fragment's header is taken out on the way, and the packet gets shorter.
    const arbitraryWhole = arbitraryPacket.filter(
      ({ family, protocol }) => family === 'ipv4' || protocol !== 44,
    )
    /** Of either family, any protocol, to the other end, to the host and to nowhere. */
    function randomFrames(direction: Direction, count: number, at: number): Sent[] {
      return fc.sample(arbitraryWhole, { numRuns: count, seed: at }).map((packet, index) => {
        const { state: _state, link: _link, sourceMac, hopLimit = 64, ...fields } = packet
        const { family } = packet
        if (direction === 'ingress')
          return sentOf(direction, {
            ...{ ...fields, destination: addressNumber(ends.vm[family]) },
            hopLimit: Math.max(2, hopLimit),
          })
        const there = addressNumber((at + index) % 3 === 0 ? ends.host[family] : ends.outside[family])
        const destination = index % 2 === 0 ? there : packet.destination
        return sentOf(direction, { ...fields, destination, hopLimit, ...(sourceMac && { sourceMac }) })
      })
    }

    /** Sends one more behind them, and waits until it comes to be judged. Answers all. */
    async function send(direction: Direction, sent: readonly Sent[]): Promise<readonly Sent[]> {
      // The kernel refuses it in no case.
      const last = sentOf(direction, { protocol: 1, icmpType: 8, icmpCode: 0 })
      const all = [...sent, last]
      await sendFrames(
        ways[direction].from,
        'eth0',
        all.map(({ packet }) => frame(packet)),
      )
      await until(
        async () => (await seen(direction)).has(last.length),
        () => 'the last packet did not reach the router',
      )
      return all
    }

    const outcomeOf = { allow: 'allowed', deny: 'denied', reject: 'rejected' } as const
    const judge = (
      policy: EffectivePolicy,
      direction: Direction,
      packet: Frame,
      state: ConnectionState,
    ): Trace =>
      trace(policy, direction, {
        ...packet,
        state,
        link: direction === 'egress' && hostAddresses.has(formatAddress(packet.family, packet.destination)),
      })
    /** Of the rule or default that decided. */
    function logOf(
      policy: EffectivePolicy,
      direction: Direction,
      { decidedBy }: Trace,
    ): LogLevel | undefined {
      const part = policy[direction]
      if (!part.filtered) return undefined
      if (decidedBy.kind === 'default') return part.log
      if (decidedBy.kind !== 'rule') return undefined
      const { policy: list, rule } = decidedBy
      return part.lists.find((each) => each.policy === list)?.rules.find(({ id }) => id === rule)?.log
    }
    /** All that is said of a packet; undefined: nothing is. */
    function wanted(policy: EffectivePolicy, { direction, sent, state }: Judged) {
      const { packet, length } = sent
      const traced = judge(policy, direction, packet, state)
      const by = deciderOf(traced)
      const log = logOf(policy, direction, traced)
      if (!by || (traced.action === 'allow' && log === undefined)) return undefined
      const { family, protocol, sourceMac } = packet
      return {
        ...{ interface: 'nic', direction, outcome: outcomeOf[traced.action], observed: false },
        ...{ by: deciderText(by), level: log ?? 'info' },
        position: traced.path.find(({ matched }) => matched)?.position ?? null,
        packet: {
          ...{ etherType: etherTypes[family], length, sourceMac },
          source: formatAddress(family, packet.source),
          destination: formatAddress(family, packet.destination),
          // Behind the headers of extensions is what nobody has written.
          ...(!isExtensionHeader(family, protocol) && {
            protocol,
            ...(hasPorts(protocol) && {
              sourcePort: packet.sourcePort ?? 0,
              destinationPort: packet.destinationPort ?? 0,
            }),
            ...(icmpFamily(protocol) === family && {
              icmpType: packet.icmpType ?? 0,
              icmpCode: packet.icmpCode ?? 0,
            }),
          }),
        },
      }
    }
    /** What the router itself says to who is rejected, and to its link: it comes from nobody's MAC. */
    const isAnswer = ({ direction, packet }: Sample) =>
      direction === 'ingress' && packet.sourceMac === undefined

    test(`every decision of ${enough}`, async (t) => {
      const plane = dataplane as Dataplane
      const by: Record<string, number> = {}
      const counts = { packets: 0, judged: 0, decisions: 0, policies: 0, answers: 0 }
      const policies = new Map<number, EffectivePolicy>()
      const apply = async (policy: EffectivePolicy) => {
        const revision = policies.size + 1
        policies.set(revision, policy)
        const { interfaces } = await plane.apply(desire([{ id: 'nic', device: 'tap0', policy }], revision))
        assert.equal(interfaces[0]?.state, 'applied', JSON.stringify(interfaces))
      }
      const closed = { filtered: true, lists: [], default: 'deny' } as const
      await apply({ stateful: false, essentials: [], ingress: closed, egress: closed })
      // Until the log is read.
      await until(
        async () => {
          await send('egress', [])
          return told.length > 0
        },
        () => 'nothing is told',
      )
      /** Compares what was told since the last time. */
      let take = (): void => void told.splice(0)
      for (let n = 0; counts.decisions < enough; n++) {
        const [policy] = fc.sample(telling, { numRuns: 1, seed: seed + n }) as [EffectivePolicy]
        await apply(policy)
        counts.policies++
        // What was sent before is known no more.
        await nft(router, ['-f', '-'], directions.map((each) => `flush set inet seen ${each}\n`).join(''))
        await mustRun('ip', ['netns', 'exec', router, 'conntrack', '-F'])
        // Nothing more came of it than was awaited.
        take()
        const sent = new Map<number, Sent>()
        for (const [i, direction] of directions.entries())
          for (const each of await send(direction, randomFrames(direction, portion, seed + 2 * n + i)))
            sent.set(each.length, each)
        const key = (direction: Direction, length: number) => `${direction} ${length}`
        const judged = new Map<string, Judged>()
        const missing = new Map<string, object>()
        for (const direction of directions)
          for (const [length, state] of await seen(direction)) {
            // What a VM sends to its own link comes back to it, where it is judged again.
            const each = sent.get(length)
            if (!each) continue
            const one = { direction, sent: each, state }
            judged.set(key(direction, length), one)
            const want = wanted(policy, one)
            if (want) missing.set(key(direction, length), want)
          }
        counts.packets += sent.size
        counts.judged += judged.size
        const explain = (what: unknown) =>
          JSON.stringify({ what, seed: seed + n, policy }, (_, one) =>
            typeof one === 'bigint' ? one.toString(16) : one,
          ).slice(0, 20_000)
        const firstOf = (map: ReadonlyMap<string, unknown>) => [...map][0]
        take = () => {
          for (const sample of told.splice(0)) {
            const { at: _at, revision, packet, ...rest } = sample
            if (isAnswer(sample)) {
              counts.answers++
              continue
            }
            const name = key(rest.direction, packet.length)
            const known = judged.get(name)
            assert.ok(known, explain(sample))
            const under = policies.get(revision)
            assert.ok(under, explain(sample))
            const want = wanted(under, known)
            assert.ok(want, explain(sample))
            const fields = Object.fromEntries(
              Object.keys(want.packet).map((field) => [field, packet[field as keyof typeof packet]]),
            )
            assert.deepEqual({ ...rest, packet: fields }, want, explain(sample))
            assert.ok(missing.delete(name), explain(sample))
            counts.decisions++
            const what = `${rest.outcome} ${rest.by.split(' ').slice(0, 2).join(' ')}`
            by[what] = (by[what] ?? 0) + 1
          }
        }
        await until(
          () => {
            take()
            return missing.size === 0
          },
          () => `${missing.size} were not told: ${explain(firstOf(missing))}`,
        )
      }
      take()
      // Whatever was sent has been told. What the router says by itself may come just while rules change, and is left out then.
      const suppressed = (await plane.hits()).filter(
        ({ suppressed: { ingress, egress }, epoch }) =>
          egress > 0 || (ingress > 0 && !epoch.startsWith('log.')),
      )
      assert.deepEqual(suppressed, [])
      t.diagnostic(`seed ${seed}: ${JSON.stringify(counts)}, ${JSON.stringify(by)}`)
      const kinds = Object.keys(by)
      for (const one of [...Object.values(outcomeOf).map((each) => `${each} rule`), ' rule many', ' default'])
        assert.ok(
          kinds.some((each) => each.includes(one)),
          `none is of ${one}`,
        )
    })
  })
