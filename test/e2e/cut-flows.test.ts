/** Connections that a change would not let begin any more are ended, and no others: real entries, and real packets. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { CommonPolicy, EffectivePolicy } from '../../src/core/model/effective-policy.ts'
import type { Action, Direction, Match } from '../../src/core/model/rule.ts'
import { parseAddress } from '../../src/core/net/address.ts'
import { ICMP, TCP, UDP } from '../../src/core/net/protocol.ts'
import { evaluate } from '../../src/core/semantics/evaluate.ts'
import { obstacle } from '../../src/lab/lab.ts'
import { mustRun, run } from '../../src/lab/run.ts'
import { cuttingIn } from '../support/cutting.ts'
import type { Tracked } from '../support/cutting-child.ts'
import { desire } from '../support/desired.ts'

const skip = (await obstacle()) ?? false
const prefix = `pcl-cut-${process.pid}`

const number = (text: string): bigint => {
  const parsed = parseAddress(text)
  assert.ok(parsed.ok)
  return parsed.value.value
}

const list = (policy: string, direction: Direction, rules: readonly (readonly [Action, Match])[]) => ({
  ...{ policy, part: 0, direction },
  rules: rules.map(([action, match], at) => ({
    ...{ id: `${policy}-${direction}-${at}`, position: at + 1, direction, action, enabled: true },
    matches: [match],
  })),
})
const policyOf = (
  policy: string,
  rules: Readonly<Record<Direction, readonly (readonly [Action, Match])[]>>,
  defaults: Readonly<Record<Direction, Action>>,
  more: Partial<CommonPolicy> = {},
): EffectivePolicy => ({
  ...{ stateful: true, cutsFlows: true, essentials: [] },
  ingress: { filtered: true, lists: [list(policy, 'ingress', rules.ingress)], default: defaults.ingress },
  egress: { filtered: true, lists: [list(policy, 'egress', rules.egress)], default: defaults.egress },
  ...more,
})

/** The same numbers each time. */
function random(seed: number) {
  let state = seed
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return (state >>> 8) % below
  }
  return { next, one: <T>(of: readonly T[]): T => of[next(of.length)] as T }
}

describe('flows are cut', { skip }, () => {
  const router = `${prefix}-entries`
  before(async () => {
    await mustRun('ip', ['netns', 'add', router])
    for (const device of ['tap0', 'tap1']) {
      await mustRun('ip', ['-n', router, 'link', 'add', device, 'type', 'veth'])
      await mustRun('ip', ['-n', router, 'link', 'set', device, 'up'])
    }
  })
  after(async () => {
    await run('ip', ['netns', 'del', router])
  })

  test('random policies over thousands of flows: those that the evaluator denies disappear, others keep their id', async () => {
    const { next, one } = random(7)
    const vms = { a: ['10.0.0.5', '2001:db8::5'], b: ['10.0.0.6', '2001:db8::6'] } as const
    const peers = {
      ipv4: ['192.0.2.1', '192.0.2.130', '198.51.100.7'],
      ipv6: ['2001:db8:1::1', '2001:db8:2::9'],
    }
    const ports = [22, 53, 80, 443, 8080]
    const range = (text: string, host: bigint) => {
      const value = number(text)
      const family = text.includes(':') ? ('ipv6' as const) : ('ipv4' as const)
      const set = { ipv4: [], ipv6: [], [family]: [{ first: value & ~host, last: value | host }] }
      return set
    }
    const match = (direction: Direction): Match => {
      const family = one(['ipv4', 'ipv6'] as const)
      const protocol = one([TCP, UDP, undefined])
      const port = one(ports)
      const peer = range(one(peers[family]), one([0n, 127n, 0xffn]))
      return {
        family,
        ...(protocol !== undefined && { protocol }),
        ...(protocol !== undefined &&
          next(2) === 0 && { destinationPorts: [{ first: port, last: port + next(2) * 400 }] }),
        ...(next(2) === 0 && { [direction === 'ingress' ? 'source' : 'destination']: peer }),
      }
    }
    const policy = (name: string) => {
      const rules = (direction: Direction) =>
        Array.from(
          { length: 1 + next(8) },
          () => [one(['allow', 'deny', 'reject'] as const), match(direction)] as const,
        )
      return policyOf(
        name,
        { ingress: rules('ingress'), egress: rules('egress') },
        { ingress: one(['allow', 'deny'] as const), egress: one(['allow', 'deny'] as const) },
      )
    }
    const flow = (n: number): Tracked => {
      const family = one(['ipv4', 'ipv6'] as const)
      const vm = one([vms.a, vms.b])[family === 'ipv4' ? 0 : 1]
      const other = next(8) === 0 ? one([vms.a, vms.b])[family === 'ipv4' ? 0 : 1] : one(peers[family])
      const protocol = one([TCP, UDP, UDP, family === 'ipv4' ? ICMP : UDP])
      const outgoing = next(2) === 0
      const [source, destination] = (outgoing ? [vm, other] : [other, vm]).map(number) as [bigint, bigint]
      // Translated: what was sent to an address of the host reaches the VM at another port.
      const translated = !outgoing && next(6) === 0
      const [from, to] = [10_000 + n, one(ports)]
      const icmp = protocol === ICMP
      const shown = translated && family === 'ipv4' ? number('203.0.113.9') : destination
      return {
        family,
        original: {
          ...{ protocol, source, destination: shown, sourcePort: from },
          ...(icmp ? { icmpType: 8, icmpCode: 0 } : { destinationPort: shown === destination ? to : 9999 }),
        },
        reply: {
          ...{ protocol, source: destination, destination: source },
          ...(icmp
            ? { sourcePort: from, icmpType: 0, icmpCode: 0 }
            : { sourcePort: to, destinationPort: from }),
        },
      }
    }
    const cutting = cuttingIn(router)
    try {
      let kept = 0
      let cut = 0
      for (let round = 0; round < 12; round++) {
        const [a, b] = [policy(`a${round}`), policy(`b${round}`)]
        await cutting.track(Array.from({ length: 800 }, (_, n) => flow(1000 * round + n)))
        const before = await cutting.flows()
        const applied = await cutting.apply(
          desire(
            [
              { id: 'a', device: 'tap0', policy: a, addresses: vms.a },
              { id: 'b', device: 'tap1', policy: b, addresses: vms.b },
            ],
            round + 1,
          ),
          true,
        )
        assert.deepEqual(
          applied.interfaces.map(({ state, notes = [] }) => [state, notes]),
          [
            ['applied', []],
            ['applied', []],
          ],
        )
        const owned = { a: vms.a.map(number), b: vms.b.map(number) }
        const denied = ({ family, original, reply }: Tracked) =>
          (
            [
              ['a', a],
              ['b', b],
            ] as const
          ).some(([id, policy]) => {
            const common = {
              ...{ family, protocol: original.protocol, source: original.source, state: 'new' as const },
              ...(original.protocol === ICMP
                ? { icmpType: 8, icmpCode: 0 }
                : { sourcePort: original.sourcePort as number }),
            }
            const portOf = (port: number | undefined) =>
              original.protocol === ICMP ? {} : { destinationPort: port as number }
            const out = { ...common, destination: original.destination, ...portOf(original.destinationPort) }
            const towards = { ...common, destination: reply.source, ...portOf(reply.sourcePort) }
            return (
              (owned[id].includes(original.source) && evaluate(policy, 'egress', out).action !== 'allow') ||
              (owned[id].includes(reply.source) && evaluate(policy, 'ingress', towards).action !== 'allow')
            )
          })
        const after = await cutting.flows()
        const ids = (flows: typeof before) => flows.map(({ handle }) => handle.id).sort((x, y) => x - y)
        const expected = before.filter((each) => !denied(each))
        assert.deepEqual(ids(after), ids(expected))
        assert.equal(applied.cut?.flows, before.length - expected.length)
        assert.equal(applied.cut?.problem, null)
        kept += expected.length
        cut += before.length - expected.length
      }
      assert.ok(kept > 1000 && cut > 1000, `${kept} kept, ${cut} cut`)
    } finally {
      await cutting.close()
    }
  })
})
