/**
 * Stages against a model of the kernel: a packet follows the rules that it met where it entered, looks into sets as they are
 * in that moment, and finds concatenated intervals swapped late. Whatever it meets when, its verdict is that of the tables
 * before or after.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { guardTables, policyChain, table } from './names.ts'
import { stages } from './stages.ts'
import { deltaScript, type RenderedSet, type RenderedTable, type RenderedTables } from './table.ts'

interface Packet {
  readonly device: string
  readonly source: string
  readonly port: string
}
const packets: readonly Packet[] = ['1', '2', '3'].flatMap((device) =>
  ['1', '2', '3'].map((source) => ({ device, source, port: '7' })),
)

/** What a packet may see at one instant. */
interface Instant {
  /** For those that enter now. */
  readonly table: RenderedTable
  /** What is looked into, whoever looks. */
  readonly sets: ReadonlyMap<string, RenderedSet>
}

const isConcatenated = ({ type }: RenderedSet): boolean => / \. /.test(type)
const emptied = (set: RenderedSet): RenderedSet => ({ ...set, elements: new Map() })

/** From the instant before a transaction to the one behind it. */
function instants(from: RenderedTable, to: RenderedTable): readonly Instant[] {
  // What is deleted is empty from the switch on; what is new and concatenated still is.
  const late = [...to.sets].filter(([name, set]) => isConcatenated(set) && from.sets.get(name) !== set)
  const sets = new Map<string, RenderedSet>([
    ...[...from.sets].map(([name, set]) => [name, emptied(set)] as const),
    ...to.sets,
    ...late.map(([name, set]) => [name, from.sets.get(name) ?? emptied(set)] as const),
  ])
  const after = late.map((_, n) => new Map([...sets, ...late.slice(0, n + 1)]))
  return [{ table: from, sets: from.sets }, ...[sets, ...after].map((each) => ({ table: to, sets: each }))]
}

/** Every verdict that a packet can meet during a transaction. */
function verdicts(packet: Packet, from: RenderedTable, to: RenderedTable): ReadonlySet<string> {
  const times = instants(from, to)
  const met = new Set<string>()
  for (const [entered, { table: rules }] of times.entries()) {
    const other = rules === from ? to : from
    type Back = (at: number) => void
    const walk = (chain: string, at: number, back: Back): void => {
      const text = rules.chains.get(chain)
      // A chain is empty for those that entered before it was made.
      if (text === undefined) assert.ok(other.chains.has(chain), `nobody made ${chain}`)
      step((text ?? '').split('\n').filter(Boolean), at, back)
    }
    const decide = (verdict: string, rest: readonly string[], at: number, back: Back): void => {
      const [word, chain = ''] = verdict.split(' ')
      if (word === 'goto') walk(chain, at, back)
      else if (word === 'jump') walk(chain, at, (then) => step(rest, then, back))
      else met.add(verdict)
    }
    const lookUp = (
      key: string,
      name: string,
      says: string,
      rest: readonly string[],
      at: number,
      back: Back,
    ) => {
      const element = key
        .replace('iif', packet.device)
        .replace('saddr', packet.source)
        .replace('dport', packet.port)
      const seen = new Set<string | undefined>()
      for (let then = at; then < times.length; then++) {
        const set = times[then]?.sets.get(name)
        assert.ok(set, `nobody made ${name}`)
        const value = set.elements.get(element)
        // A later instant that shows the same leaves fewer to come.
        if (seen.has(value)) continue
        seen.add(value)
        if (value === undefined) step(rest, then, back)
        else decide(value || says, rest, then, back)
      }
    }
    const step = ([rule, ...rest]: readonly string[], at: number, back: Back): void => {
      if (rule === undefined) {
        back(at)
        return
      }
      const found = /^(.+?)(?: vmap)? @(\S+)(?: (.+))?$/.exec(rule)
      const [, source, verdict = rule] = /^saddr (\d) (.+)$/.exec(rule) ?? []
      if (found) lookUp(found[1] ?? '', found[2] ?? '', found[3] ?? '', rest, at, back)
      else if (rule.startsWith('type ') || (source !== undefined && source !== packet.source))
        step(rest, at, back)
      else decide(verdict, rest, at, back)
    }
    walk('from-vm', entered, () => met.add('unjudged'))
  }
  return met
}

const verdictIn = (packet: Packet, of: RenderedTable): string => {
  const [verdict = ''] = verdicts(packet, of, of)
  return verdict
}

const hash = (type: string, elements: readonly string[]): RenderedSet => ({
  ...{ kind: 'set', type },
  elements: new Map(elements.map((each) => [each, ''])),
})
const map = (type: string, elements: readonly (readonly [string, string])[]): RenderedSet => ({
  ...{ kind: 'map', type },
  elements: new Map(elements),
})

const decides = fc.constantFrom('accept', 'drop')
const source = fc.constantFrom('1', '2', '3')
/** A list: in which set, of which action, or as which rule each source is found. */
const list = fc.record({
  inHash: fc.dictionary(source, decides),
  concatenated: fc.dictionary(source, decides),
  rules: fc.array(fc.tuple(source, decides), { maxLength: 2 }),
  dispatched: fc.option(fc.dictionary(source, decides)),
})
type List = typeof list extends fc.Arbitrary<infer T> ? T : never
const host = fc.record({
  lists: fc.tuple(list, list),
  /** By device: its lists and its default; dropped; or not there. */
  devices: fc.tuple(
    ...packets
      .slice(0, 3)
      .map(() =>
        fc.oneof(
          fc.record({ lists: fc.subarray([0, 1]), otherwise: decides }),
          fc.constantFrom('drop' as const, undefined),
        ),
      ),
  ),
})
type Host = typeof host extends fc.Arbitrary<infer T> ? T : never

/** As the ruleset is made: names by content or by list, sets where they hold something. */
function tableOf({ lists, devices }: Host): RenderedTable {
  const chains = new Map<string, string>()
  const sets = new Map<string, RenderedSet>()
  const policy = (n: number): string => {
    const name = `policy.${n}.out`
    const { inHash, concatenated, rules, dispatched } = lists[n] as List
    const lines = rules.map(([of, verdict]) => `saddr ${of} ${verdict}`)
    const of = (elements: Readonly<Record<string, string>>, action: string) =>
      Object.keys(elements).filter((each) => elements[each] === action)
    for (const action of ['accept', 'drop']) {
      const [exact, ranged] = [of(inHash, action), of(concatenated, action)]
      if (exact.length > 0) {
        sets.set(`${name}.hash.${action}`, hash('type ipv4_addr', exact))
        lines.push(`saddr @${name}.hash.${action} ${action}`)
      }
      if (ranged.length > 0) {
        const elements = ranged.map((each) => `${each} . 7`)
        sets.set(`${name}.ranges.${action}`, hash('type ipv4_addr . inet_service\nflags interval', elements))
        lines.push(`saddr . dport @${name}.ranges.${action} ${action}`)
      }
    }
    if (dispatched) {
      const parts = Object.entries(dispatched)
      for (const [each, verdict] of parts) chains.set(`${name}.source-${each}`, `saddr ${each} ${verdict}`)
      const elements = parts.map(([each]) => [each, `jump ${name}.source-${each}`] as const)
      sets.set(`${name}.source`, map('type ipv4_addr : verdict\nflags interval', elements))
      lines.push(`saddr vmap @${name}.source`)
    }
    chains.set(name, lines.join('\n'))
    return name
  }
  const entries = devices.flatMap((device, n): [string, string][] => {
    if (!device) return []
    if (device === 'drop') return [[`${n + 1}`, 'drop']]
    const name = `out.${device.lists.join('-')}.${device.otherwise}`
    chains.set(name, [...device.lists.map((each) => `jump ${policy(each)}`), device.otherwise].join('\n'))
    return [[`${n + 1}`, `goto ${name}`]]
  })
  sets.set('from-vm-devices', map('type iface_index : verdict', entries))
  chains.set(
    'from-vm',
    'type filter hook prerouting priority -145; policy accept;\niif vmap @from-vm-devices',
  )
  return { chains, sets }
}

const tables = (of: RenderedTable): RenderedTables => new Map([[table, of]])
/** Another host, or the same with another list or device. */
const pair = fc
  .tuple(host, host, fc.constantFrom('all', 'first list', 'lists', 'devices', 'device'))
  .map(([a, b, what]) => {
    const changed = {
      all: b,
      'first list': { ...a, lists: a.lists.with(0, b.lists[0]) },
      lists: { ...a, lists: b.lists },
      devices: { ...a, devices: b.devices },
      device: { lists: b.lists, devices: a.devices.with(0, b.devices[0]) },
    }[what] as Host
    return [tableOf(a), tableOf(changed)] as const
  })

/** The first packet that meets a verdict of neither, if any; `closes`: it may also meet none. */
function wrong(
  from: RenderedTable,
  to: RenderedTable,
  way: readonly RenderedTable[],
  closes = false,
): unknown {
  let standing = from
  for (const next of way) {
    for (const packet of packets) {
      const right = new Set([verdictIn(packet, from), verdictIn(packet, to), ...(closes ? ['unjudged'] : [])])
      const met = [...verdicts(packet, standing, next)]
      if (met.some((verdict) => !right.has(verdict))) return { packet, met, right, at: way.indexOf(next) }
    }
    standing = next
  }
  return undefined
}
const only = (of: RenderedTables): RenderedTable => of.get(table) as RenderedTable
const wayOf = (from: RenderedTable, to: RenderedTable) => stages(tables(from), tables(to)).map(only)

describe('stages', () => {
  test('every packet meets the verdict before or after', () => {
    fc.assert(
      fc.property(pair, ([from, to]) => {
        const way = wayOf(from, to)
        assert.equal(way.at(-1), to)
        assert.equal(wrong(from, to, way), undefined)
      }),
      { numRuns: 2000 },
    )
  })

  test('the model shows what one transaction does: the packet in the middle', () => {
    const found = fc.check(
      fc.property(pair, ([from, to]) => wrong(from, to, [to]) === undefined),
      { numRuns: 2000 },
    )
    assert.ok(found.failed)
  })

  test('what follows a death between two transactions is as good, and ends the same', () => {
    fc.assert(
      fc.property(pair, host, fc.nat(), ([from, to], third, at) => {
        const way = wayOf(from, to)
        const half = way[at % way.length] as RenderedTable
        for (const next of [from, to, tableOf(third)]) {
          const repair = wayOf(half, next)
          assert.equal(repair.at(-1), next)
          assert.equal(wrong(half, next, repair), undefined)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('a table that comes, goes or is made anew is closed meanwhile, and never open', () => {
    fc.assert(
      fc.property(pair, ([from, to]) => {
        const nothing: RenderedTable = {
          chains: new Map([['from-vm', '']]),
          sets: new Map([...from.sets, ...to.sets].map(([name, set]) => [name, emptied(set)])),
        }
        const first = stages(new Map(), tables(to)).map(only)
        assert.equal(wrong(nothing, to, first, true), undefined)
        const last = stages(tables(from), new Map()).map((each) => each.get(table) ?? nothing)
        assert.equal(wrong(from, nothing, last, true), undefined)
        const moved = to.chains.get('from-vm')?.replace('-145', '-140') as string
        const elsewhere = { ...to, chains: new Map([...to.chains, ['from-vm', moved]]) }
        const anew = wayOf(from, elsewhere)
        assert.equal(anew.length, 3)
        assert.equal(wrong(from, elsewhere, anew, true), undefined)
      }),
      { numRuns: 500 },
    )
  })

  test('what changes alone takes one transaction', () => {
    fc.assert(
      fc.property(pair, ([from, to]) => {
        const commits = (next: RenderedTable) => {
          const way = [tables(from), ...stages(tables(from), tables(next))]
          return way.filter(
            (each, n) => n > 0 && deltaScript(way[n - 1] as RenderedTables, each) !== undefined,
          ).length
        }
        assert.equal(commits(from), 0)
        const text = (n: number) => `${from.chains.get(`policy.${n}.out`) ?? ''}\nsaddr 1 drop`
        const rules = {
          ...from,
          chains: new Map([...from.chains].map(([name]) => [name, from.chains.get(name) as string])),
        }
        for (const n of [0, 1])
          if (from.chains.has(`policy.${n}.out`)) rules.chains.set(`policy.${n}.out`, text(n))
        assert.ok(commits(rules) <= 1)
        for (const [name, set] of from.sets) {
          const [key = '1', value = ''] = [...set.elements][0] ?? []
          const less = { ...set, elements: new Map([...set.elements].filter(([each]) => each !== key)) }
          const expected = set.elements.size === 0 ? 0 : 1
          assert.equal(
            commits({ ...from, sets: new Map([...from.sets, [name, less]]) }),
            expected,
            `${name} ${value}`,
          )
        }
        assert.ok(commits(to) <= 6)
      }),
      { numRuns: 200 },
    )
  })

  test('a set of another type is another set, and nothing is made anew for it', () => {
    const of = (type: string): RenderedTable => ({
      chains: new Map([
        ['from-vm', 'type filter hook prerouting priority -145; policy accept;\niif vmap @from-vm-devices'],
        ['out.0', 'saddr @s drop\naccept'],
      ]),
      sets: new Map([
        ['from-vm-devices', map('type iface_index : verdict', [['1', 'goto out.0']])],
        ['s', hash(type, ['1'])],
      ]),
    })
    const [from, to] = [of('type ipv4_addr'), of('type ipv4_addr\nflags interval')]
    const way = wayOf(from, to)
    assert.equal(wrong(from, to, way), undefined)
    for (const [n, next] of way.entries()) {
      const script = deltaScript(tables(way[n - 1] ?? from), tables(next)) ?? ''
      assert.doesNotMatch(script, /(add|delete) table/)
    }
  })

  test('the guard changes last, and comes first', () => {
    const [guard] = guardTables
    const [from, to] = fc.sample(pair, { numRuns: 1, seed: 1 })[0] as readonly [RenderedTable, RenderedTable]
    const [old, next] = ['a', 'b'].map((name) => ({ chains: new Map([[name, '']]), sets: new Map() }))
    assert.ok(old && next)
    const changing = stages(
      new Map([
        [guard, old],
        [table, from],
      ]),
      new Map([
        [guard, next],
        [table, to],
      ]),
    )
    assert.ok(changing.length > 1)
    assert.deepEqual(
      changing.map((each) => each.get(guard)),
      changing.map((_, n) => (n === changing.length - 1 ? next : old)),
    )
    const first = stages(
      new Map(),
      new Map([
        [guard, next],
        [table, to],
      ]),
    )
    assert.equal(first[0]?.get(guard), next)
  })

  test("a twin's name is none too long for nft", () => {
    const id = 'x'.repeat(100)
    const base = policyChain(id, 'egress', 999, 'enforce')
    const longest = `${base}.ip6-udplite-mac-source-destination-sport-dport.9999.ranges.destination-${'f'.repeat(32)}/128.9999.reject`
    assert.ok(`next99.${longest}`.length < 256)
  })
})
