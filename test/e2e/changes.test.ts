/**
 * Streams that never stop, through a router whose policy changes all the time: at no instant does a packet pass that both
 * the policy before and the one after deny, and none is lost that both allow.
 *
 * A packet carries the number of the change that comes next or is under way, and is counted by it where it enters the
 * router and where it leaves. A change begins only when packets with its number have come: all before are judged by then.
 */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import fc from 'fast-check'
import type { Dataplane } from '../../src/agent/dataplane.ts'
import { createNftables } from '../../src/agent/nftables/nftables.ts'
import type { Desired } from '../../src/core/model/desired.ts'
import type { EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Action, Direction, Match, Rule } from '../../src/core/model/rule.ts'
import { ICMP, ICMPV6, icmpFamily, TCP, UDP } from '../../src/core/net/protocol.ts'
import { evaluate } from '../../src/core/semantics/evaluate.ts'
import { destroyNetwork } from '../../src/lab/network.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { arbitraryPacket } from '../support/arbitraries.ts'
import { deltaOf } from '../support/desired.ts'
import { type Frame, frame } from '../support/frames.ts'
import { type KernelKind, kernelIn } from '../support/kernels.ts'
import { noLabOr } from '../support/lab.ts'
import { arbitraryDraw, arbitraryProfilePolicy, drawnTo } from '../support/profile-policies.ts'
import { addressNumber, buildRouter, ends, macs, namesOf } from '../support/witness.ts'

const skip = await noLabOr({ trafgen: 'netsniff-ng' })
const seed = Number(process.env.PORTCULLIS_TEST_SEED ?? 20_261_128)
/** By netlink, some 0.3 s each on a quiet machine; by nft, which is the fallback, go a few. */
const most = Number(process.env.PORTCULLIS_TEST_CHANGES ?? 60)
/** How often a change is followed by a while in which nothing changes. */
const rest = 20
const directions = ['ingress', 'egress'] as const satisfies readonly Direction[]
const prefix = `pcl-chg${process.pid % 1000}-`
const [vm, router, outside] = namesOf(prefix)
const ways = {
  ingress: { from: outside, source: macs.outside, destination: macs.up, in: 'up0', out: 'tap0' },
  egress: { from: vm, source: macs.vm, destination: macs.tap, in: 'tap0', out: 'up0' },
} as const

/** The first four bytes behind the IP header tell streams apart: ports, or type and checksum. */
const keyOf = ({ family, bytes }: Stream): string => {
  const at = family === 'ipv4' ? 34 : 54
  return `${family} ${bytes.readUInt16BE(at)} ${bytes.readUInt16BE(at + 2)}`
}
interface Stream {
  readonly direction: Direction
  readonly family: Frame['family']
  readonly packet: Frame
  readonly bytes: Buffer
}

/** As many streams of each direction, drawn to the rules of the policies, no two alike. */
function streamsFor(policies: readonly EffectivePolicy[], each: number): Stream[] {
  return directions.flatMap((direction) => {
    const found = new Map<string, Stream>()
    const starts = fc.sample(fc.tuple(arbitraryPacket, arbitraryDraw), { numRuns: each * 20, seed })
    for (const [n, [given, draw]] of starts.entries()) {
      const drawn = drawnTo(policies[n % policies.length] as EffectivePolicy, direction, given, draw)
      const { state: _state, link: _link, target: _target, ...fields } = drawn
      const { family, protocol } = fields
      const isIcmp = icmpFamily(protocol) === family && (protocol === ICMP || protocol === ICMPV6)
      if (protocol !== TCP && protocol !== UDP && !isIcmp) continue
      const way = ways[direction]
      const packet: Frame = {
        ...fields,
        // What tracking knows for new, and the router forwards.
        ...(isIcmp && { icmpType: family === 'ipv4' ? 8 : 128, icmpCode: 0 }),
        ...(direction === 'ingress'
          ? { destination: addressNumber(ends.vm[family]) }
          : { destination: addressNumber(ends.outside[family]) }),
        ...{ id: n + 1, hopLimit: 128, destinationMac: way.destination },
        sourceMac: fields.sourceMac !== undefined && n % 3 === 0 ? fields.sourceMac : way.source,
      }
      const isHost = packet.source === addressNumber(ends.host[family])
      const isUnicast =
        packet.source >> (family === 'ipv4' ? 24n : 112n) === (family === 'ipv4' ? 10n : 0x2001n)
      if (isHost || !isUnicast) continue
      const stream = { direction, family, packet, bytes: frame(packet) }
      found.set(keyOf(stream), found.get(keyOf(stream)) ?? stream)
    }
    return [...found.values()].slice(0, each)
  })
}

/** Ranged where it was exact, and exact where it was ranged: its packets are looked up in a set of another kind. */
function reshaped(match: Match): Match {
  const { destinationPorts: ports } = match
  if (!ports) return match
  const [{ first, last } = { first: 0, last: 0 }] = ports
  const to = first === last ? { first, last: Math.min(65_535, first + 9) } : { first, last: first }
  return { ...match, destinationPorts: [to] }
}

/**
 * The policy with one rule more, less, or with another verdict, switched on or off; with another default, and at once with
 * another rule; with two rules that trade places, or a rule that is looked up in a set of another kind; or cut to as many
 * rules as are, or are not, looked up in sets at all.
 */
function edited(policy: EffectivePolicy, [kind, where, which, other]: readonly number[]): EffectivePolicy {
  const direction = directions[(where ?? 0) % 2] as Direction
  const part = policy[direction]
  if (!part.filtered) return policy
  const at = (which ?? 0) % Math.max(1, part.lists.length)
  const list = part.lists[at]
  const actions: readonly Action[] = ['allow', 'deny', 'reject']
  const another = actions[(other ?? 0) % 3] as Action
  if (!list || (kind ?? 0) % 10 === 0) return { ...policy, [direction]: { ...part, default: another } }
  const place = (other ?? 0) % Math.max(1, list.rules.length)
  const rule = list.rules[place]
  const beside = (place * 7 + 3) % Math.max(1, list.rules.length)
  const traded = list.rules[beside]
  const change = (to: Partial<Rule>) => (rule ? list.rules.with(place, { ...rule, ...to }) : list.rules)
  const flipped = () => change({ action: rule?.action === 'allow' ? 'deny' : 'allow' })
  const rules = [
    () => list.rules.toSpliced(place, 1),
    () =>
      list.rules.toSpliced(
        place,
        0,
        ...(rule ? [{ ...rule, id: `${rule.id}'`, action: 'deny' as const }] : []),
      ),
    flipped,
    () => change({ enabled: !rule?.enabled }),
    () => change({ matches: traded?.matches ?? [] }),
    () =>
      rule && traded
        ? list.rules
            .with(place, { ...rule, matches: traded.matches })
            .with(beside, { ...traded, matches: rule.matches })
        : list.rules,
    () => change({ matches: rule?.matches.map(reshaped) ?? [] }),
    () => list.rules.slice(0, 15 + ((other ?? 0) % 20)),
    flipped,
  ][((kind ?? 0) % 10) - 1] as () => readonly Rule[]
  const lists = part.lists.with(at, { ...list, rules: rules() })
  const otherwise = (kind ?? 0) % 10 === 9 ? another : part.default
  return { ...policy, [direction]: { ...part, default: otherwise, lists } }
}

/** What follows what: other policies, edits of the one in force, and what was before. */
function history(pool: readonly EffectivePolicy[], changes: number): EffectivePolicy[] {
  const steps = fc.sample(fc.array(fc.nat({ max: 9999 }), { minLength: 5, maxLength: 5 }), {
    numRuns: changes,
    seed,
  })
  const made: EffectivePolicy[] = [pool[0] as EffectivePolicy]
  for (const [kind = 0, ...numbers] of steps) {
    const now = made.at(-1) as EffectivePolicy
    if (kind % 4 === 0) made.push(pool[(numbers[0] ?? 0) % pool.length] as EffectivePolicy)
    else if (kind % 16 === 1) made.push(made.at(-2) ?? now)
    else made.push(edited(now, numbers))
  }
  return made
}

for (const [way, changes] of [
  ['owned', most],
  ['nft', Math.min(most, 12)],
] as const)
  describe(`a policy that changes under traffic, by ${way}`, { skip }, () => suite(way, changes))

function suite(way: KernelKind, changes: number): void {
  let dataplane: Dataplane
  let last: Desired | undefined
  const running: ChildProcess[] = []
  const nft = (namespace: string, input: string, ...args: string[]) =>
    mustRun('ip', ['netns', 'exec', namespace, 'nft', ...args], input)

  before(async () => {
    await buildRouter(prefix)
    const sets = directions.flatMap((direction) =>
      ['came', 'passed'].flatMap((what) => [
        `set ${what}4-${direction} { typeof ip id . th sport . th dport; flags dynamic; size 1000000; counter; }`,
        `set ${what}6-${direction} { typeof ip6 flowlabel . th sport . th dport; flags dynamic; size 1000000; counter; }`,
      ]),
    )
    const count = (what: string, direction: Direction) => [
      `ip ttl $ meta l4proto { 1, 6, 17 } update @${what}4-${direction} { ip id . th sport . th dport }`,
      `ip6 hoplimit $ meta l4proto { 6, 17, 58 } update @${what}6-${direction} { ip6 flowlabel . th sport . th dport }`,
    ]
    const chain = (what: string, direction: Direction, hops: number) =>
      `chain ${what}-${direction} {\n${count(what, direction).join('\n').replaceAll('$', String(hops))}\n}`
    await nft(
      router,
      `table inet traffic {
        ${sets.join('\n')}
        ${directions.map((direction) => `set begun-${direction} { typeof ip id; flags dynamic; size 65535; }`).join('\n')}
        ${directions.flatMap((each) => [chain('came', each, 128), chain('passed', each, 127)]).join('\n')}
        chain enter { type filter hook prerouting priority -500; policy accept;
          ${directions.map((each) => `iifname "${ways[each].in}" jump came-${each}`).join('\n')}
          ${directions.map((each) => `iifname "${ways[each].in}" update @begun-${each} { ip id }`).join('\n')}
        }
        chain leave { type filter hook postrouting priority 500; policy accept;
          ${directions.map((each) => `oifname "${ways[each].out}" jump passed-${each}`).join('\n')}
        }
      }\n`,
      '-f',
      '-',
    )
    for (const namespace of [vm, outside]) {
      await nft(
        namespace,
        `table netdev stamp {
          chain numbered { }
          chain sent { type filter hook egress device "eth0" priority 0; policy accept; jump numbered; }
          chain arrivals { type filter hook ingress device "eth0" priority 0; policy drop; }
        }\n`,
        '-f',
        '-',
      )
    }
    dataplane = createNftables({ guard: [], netns: router, kernel: kernelIn(router, way) })
  })
  after(async () => {
    for (const child of running) {
      const ended = new Promise((resolve) => child.once('exit', resolve))
      if (child.exitCode === null && child.kill('SIGKILL')) await ended
    }
    await dataplane?.close()
    await destroyNetwork(prefix)
  })

  /** Sends these again and again until it is killed. */
  function stream(direction: Direction, frames: readonly Buffer[]): void {
    const config = frames.map(
      (each) => `{ ${[...each].map((byte) => `0x${byte.toString(16)}`).join(', ')} }\n`,
    )
    const options = [
      '--qdisc-path',
      '--cpus',
      '1',
      '--gap',
      '100us',
      '--no-sock-mem',
      '--notouch-irq',
      '--no-cpu-stats',
    ]
    const command = [
      'netns',
      'exec',
      ways[direction].from,
      'trafgen',
      ...options,
      '--dev',
      'eth0',
      '--conf',
      '-',
    ]
    const child = spawn('ip', command, { stdio: ['pipe', 'ignore', 'ignore'] })
    child.stdin.end(config.join(''))
    running.push(child)
  }

  const stamp = (epoch: number) => {
    const rules = `flush chain netdev stamp numbered
      add rule netdev stamp numbered ip id set ${epoch}
      add rule netdev stamp numbered ip6 flowlabel set ${epoch}\n`
    return Promise.all([vm, outside].map((namespace) => nft(namespace, rules, '-f', '-')))
  }
  /** Numbers all packets from now on, and waits until some have come, in either direction. */
  async function number(epoch: number): Promise<void> {
    await stamp(epoch)
    const asked = directions.map((each) => `get element inet traffic begun-${each} { ${epoch} }`).join('; ')
    const deadline = Date.now() + 30_000
    while ((await run('ip', ['netns', 'exec', router, 'nft', asked])).status !== 0) {
      assert.ok(Date.now() < deadline, 'no packet came in 30 s')
      await delay(1)
    }
  }
  const apply = async (policy: EffectivePolicy, revision: number) => {
    const { origin, ...judged } = policy
    // What its policy says changes in place, as when a group is edited; now and then it is another one.
    const key = `policy-${Math.floor(revision / 10)}`
    const nic = { id: 'nic', device: 'tap0', policy: key, ...(origin && { origin }) }
    const desired = { revision, policies: new Map([[key, judged]]), interfaces: new Map([['nic', nic]]) }
    const { interfaces } = await dataplane.apply(desired, last ? deltaOf(last, desired) : null)
    last = desired
    for (const each of interfaces) assert.equal(each.state, 'applied', JSON.stringify(interfaces))
  }

  /** How many packets of each number and stream were counted. */
  async function counted(): Promise<Record<'came' | 'passed', ReadonlyMap<string, number>>> {
    const { nftables } = JSON.parse(await nft(router, '', '-j', 'list', 'table', 'inet', 'traffic')) as {
      nftables: {
        set?: { name: string; elem?: { elem: { val: { concat: number[] }; counter: { packets: number } } }[] }
      }[]
    }
    const found = { came: new Map<string, number>(), passed: new Map<string, number>() }
    for (const { set } of nftables) {
      const [, what, family, direction] = /^(came|passed)([46])-(\w+)$/.exec(set?.name ?? '') ?? []
      for (const { elem } of (what && set?.elem) || []) {
        const [epoch, ...key] = elem.val.concat
        found[what as 'came'].set(`${direction} ${epoch} ipv${family} ${key.join(' ')}`, elem.counter.packets)
      }
    }
    return found
  }

  test(`${changes} changes (seed ${seed})`, { timeout: 1_800_000 }, async (t) => {
    const pool = [
      ...fc.sample(arbitraryProfilePolicy({ most: 60 }), { numRuns: 20, seed }),
      ...fc.sample(arbitraryProfilePolicy({ most: 400 }), { numRuns: 10, seed }),
    ]
    const streams = streamsFor(pool, 40)
    const policies = history(pool, changes)
    await apply(policies[0] as EffectivePolicy, 0)
    // What is sent before the first number has one that is nobody's.
    await stamp(65_535)
    for (const direction of directions)
      stream(
        direction,
        streams.filter((each) => each.direction === direction).map(({ bytes }) => bytes),
      )
    /** Which policies may have judged packets of a number: the one before and the one after, or a single one. */
    const judges: [before: EffectivePolicy, after: EffectivePolicy][] = []
    const next = async (before: EffectivePolicy, after: EffectivePolicy) => {
      judges.push([before, after])
      await number(judges.length)
    }
    for (const [n, policy] of policies.entries()) {
      if (n === 0) continue
      await next(policies[n - 1] as EffectivePolicy, policy)
      await apply(policy, n)
      if (n % rest === 0) await next(policy, policy)
    }
    const last = policies.at(-1) as EffectivePolicy
    // What comes now is of nobody's number.
    await next(last, last)
    const { came, passed } = await counted()
    const wrong: { readonly what: string; readonly still: string; readonly [about: string]: unknown }[] = []
    const counts = { came: 0, passed: 0, denied: 0, allowed: 0, either: 0 }
    const verdict = ({ direction, packet }: Stream, policy: EffectivePolicy) =>
      evaluate(policy, direction, { ...packet, link: false, state: 'new' })
    for (const [at, [before, after]] of judges.slice(0, -1).entries()) {
      for (const each of streams) {
        const key = `${each.direction} ${at + 1} ${keyOf(each)}`
        const [entered, left] = [came.get(key) ?? 0, passed.get(key) ?? 0]
        const said = [before, after].map((policy) => verdict(each, policy))
        const allows = said.map(({ action }) => action === 'allow')
        counts.came += entered
        counts.passed += left
        const unanimous = allows[0] === allows[1]
        if (!unanimous) counts.either += entered
        else if (allows[0]) counts.allowed += entered
        else counts.denied += entered
        if (unanimous && left !== (allows[0] ? entered : 0)) {
          const what = allows[0] ? 'lost, although both allow it' : 'passed, although both deny it'
          const still = before === after ? 'while nothing changed' : 'while it changed'
          wrong.push({ what, still, number: at + 1, entered, left, said, packet: each.packet })
        }
      }
    }
    const text = JSON.stringify({ ...counts, streams: streams.length })
    t.diagnostic(text)
    const kinds = Object.entries(Object.groupBy(wrong, ({ what, still }) => `${what}, ${still}`))
    const summary = kinds.map(([kind, each = []]) => `${kind}: ${each.length} times`).join('; ')
    const examples = JSON.stringify(wrong.slice(0, 5), (_, value) =>
      typeof value === 'bigint' ? value.toString(16) : value,
    )
    assert.equal(wrong.length, 0, `${summary}: ${examples}`)
    assert.ok(counts.denied > 20 * changes && counts.allowed > 20 * changes && counts.either > changes, text)
  })
}
