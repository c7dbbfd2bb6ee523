/**
 * From some tables to others in several transactions, of which no packet sees half (decision 0042).
 *
 * The kernel switches the rules of all chains at once: a packet follows those that it met where it entered. Elements of
 * sets are looked up as they are in that moment, and concatenated intervals are swapped one set after the other, later. So
 * a transaction changes rules alone, or one set alone, or what nobody looks into; what has to change together is made
 * beside what stands, under names that begin with `next.`, and switched to by rules.
 */
import { guardTables } from './names.ts'
import { isBase } from './places.ts'
import {
  patchable,
  type RenderedSet,
  type RenderedTable,
  type RenderedTables,
  sameSet,
  sameType,
} from './table.ts'

/** The tables after each transaction, the last of them `to`; the same ones where nothing is to do. */
export function stages(from: RenderedTables, to: RenderedTables): readonly RenderedTables[] {
  const names = [...new Set([...from.keys(), ...to.keys()])]
  const ways = names.map((name) => [name, wayOf(name, from.get(name), to.get(name))] as const)
  const count = Math.max(0, ...ways.map(([, way]) => way.length))
  return Array.from({ length: count }, (_, at) => {
    if (at === count - 1) return to
    const standing = ways.map(([name, way]) => {
      // What stands of the guard changes last: it closes nothing before it is judged, and opens nothing.
      if (isGuard(name)) return [name, from.get(name) ?? to.get(name)] as const
      return [name, way[Math.min(at, way.length - 1)]] as const
    })
    return new Map(standing.flatMap(([name, table]) => (table ? [[name, table] as const] : [])))
  })
}

export const isGuard = (name: string): boolean => (guardTables as readonly string[]).includes(name)

/** A table after each transaction; undefined: gone. */
function wayOf(
  name: string,
  from: RenderedTable | undefined,
  to: RenderedTable | undefined,
): readonly (RenderedTable | undefined)[] {
  if (from === to || isGuard(name)) return [to]
  if (!to) return [from && shut(from), to]
  // Its sets are there before anything leads to them; the guard keeps devices closed until then.
  if (!from) return [drained(to), to]
  return changesInPlace(from, to) ? patched(from, to) : [shut(from), drained(to), to]
}

/** Whether a table that stands has to be closed and made anew on the way. */
export const makesAnew = (from: RenderedTables, to: RenderedTables): boolean =>
  [...to].some(([name, next]) => {
    const old = from.get(name)
    return old !== undefined && old !== next && !isGuard(name) && !changesInPlace(old, next)
  })

function changesInPlace(from: RenderedTable, to: RenderedTable): boolean {
  if (!patchable(from, to)) return false
  return [...entriesOf(from), ...entriesOf(to)].every((name) => {
    const [old, next] = [from.sets.get(name), to.sets.get(name)]
    return !old || !next || sameType(old, next)
  })
}

/** The table with base chains that ask nothing: the guard closes what nobody judges. */
export function shut(table: RenderedTable): RenderedTable {
  const closed = [...table.chains].map(
    ([name, text]) => [name, isBase(text) ? firstLine(text) : text] as const,
  )
  return { ...table, chains: new Map(closed) }
}

/** The table with its maps of devices empty. */
export function drained(table: RenderedTable): RenderedTable {
  const entries = entriesOf(table)
  const sets = [...table.sets].map(
    ([name, set]) => [name, entries.has(name) ? { ...set, elements: new Map() } : set] as const,
  )
  return { ...table, sets: new Map(sets) }
}

/** Maps that base chains look packets up in: one element says all that happens to a device. */
function entriesOf({ chains, sets }: RenderedTable): ReadonlySet<string> {
  const asked = [...chains.values()].filter(isBase).flatMap((text) => [...text.matchAll(/ vmap @(\S+)/g)])
  return new Set(asked.map(([, name = '']) => name).filter((name) => sets.get(name)?.kind === 'map'))
}

/** Which devices are counted, and against which limit: no verdict depends on it. */
const isOfDevices = ({ kind, type }: RenderedSet): boolean =>
  kind === 'set' && type.startsWith('type iface_index')

/** A map's elements, and what they become: absent means no element. */
interface Moves {
  readonly added: ReadonlyMap<string, string>
  readonly gone: ReadonlySet<string>
  readonly moved: ReadonlyMap<string, readonly [from: string, to: string]>
}
function movesOf(from: RenderedSet, to: RenderedSet): Moves {
  const [added, moved] = [new Map<string, string>(), new Map<string, readonly [string, string]>()]
  for (const [key, next] of to.elements) {
    const old = from.elements.get(key)
    if (old === undefined) added.set(key, next)
    else if (old !== next) moved.set(key, [old, next])
  }
  const gone = new Set([...from.elements.keys()].filter((key) => !to.elements.has(key)))
  return { added, gone, moved }
}

/**
 * 1. What is new is made, with twins of the sets that change and, for devices that move, chains that lead where they lead now.
 * 2. Devices that move are led through those chains. 3. Rules alone: all chains say what they will, of twins instead of
 * sets. 4. Sets that nobody looks into become what they will, and devices are led by their own names. 5. Rules alone: sets
 * instead of twins. 6. What nothing leads to goes.
 */
function patched(from: RenderedTable, to: RenderedTable): readonly RenderedTable[] {
  const entries = new Set([...entriesOf(from), ...entriesOf(to)])
  const prefix = unusedPrefix(from)
  const changed = [...to.sets].flatMap(([name, set]) => {
    const old = from.sets.get(name)
    return old && !sameSet(old, set) ? [{ name, old, set }] : []
  })
  const looked = changed.filter(
    ({ name, old, set }) => !entries.has(name) && !(isOfDevices(set) && sameType(old, set)),
  )
  const retyped = looked.filter(({ old, set }) => !sameType(old, set))
  const rules = [...to.chains].some(([name, text]) => (from.chains.get(name) ?? text) !== text)
  const moves = new Map(
    changed.flatMap(({ name, old, set }) => (entries.has(name) ? [[name, movesOf(old, set)] as const] : [])),
  )
  const moving = [...moves.values()].some(({ moved }) => moved.size > 0)
  const alone = looked.length === 1 && retyped.length === 0 && !rules && !moving ? looked[0] : undefined
  const twins = new Map(alone ? [] : looked.map(({ name }) => [name, `${prefix}${name}`] as const))
  const bridges = rules || looked.length > 0 ? bridgesFor(moves, prefix) : undefined

  const ofTwins = (text: string): string =>
    twins.size === 0
      ? text
      : text.replace(/@(\S+)/g, (whole, name) => (twins.has(name) ? `@${twins.get(name)}` : whole))
  const switched = new Map([...to.chains].map(([name, text]) => [name, ofTwins(text)] as const))
  const objects = new Map([...(from.objects ?? []), ...(to.objects ?? [])])
  const table = (chains: RenderedTable['chains'], sets: RenderedTable['sets']): RenderedTable => ({
    ...{ chains, sets },
    ...(objects.size > 0 && { objects }),
  })
  // A base chain is asked as soon as it exists.
  const fresh = [...switched].filter(([name, text]) => !from.chains.has(name) && !isBase(text))
  const twinSets = looked.flatMap(({ name, set }) =>
    twins.has(name) ? [[`${prefix}${name}`, set] as const] : [],
  )

  const before = new Map([...from.sets, ...withEarly(from, moves)])
  const prepared = table(
    new Map([...from.chains, ...fresh, ...(bridges?.old ?? [])]),
    new Map([...to.sets, ...before, ...twinSets]),
  )
  const led = bridges
    ? { ...prepared, sets: new Map([...prepared.sets, ...withBridges(prepared, moves, bridges)]) }
    : prepared
  const ruled = table(
    new Map([...from.chains, ...switched, ...(bridges?.next ?? [])]),
    alone ? new Map([...led.sets, [alone.name, alone.set]]) : led.sets,
  )
  const settled = table(ruled.chains, new Map([...led.sets, ...to.sets]))
  const back = table(new Map([...ruled.chains, ...to.chains]), settled.sets)
  return [
    prepared,
    led,
    ruled,
    // A set of another type is another one: the old one goes first.
    ...(retyped.length > 0 ? [without(ruled, new Set(retyped.map(({ name }) => name)))] : []),
    // Where rules have been switched already, nothing leads to what goes.
    ...(twins.size > 0 ? [settled, back] : (rules || alone) && !moving ? [] : [settled]),
    to,
  ]
}

const without = (table: RenderedTable, names: ReadonlySet<string>): RenderedTable => ({
  ...table,
  sets: new Map([...table.sets].filter(([name]) => !names.has(name))),
})

/**
 * Maps of devices without the devices that go: those are closed from here on. What is asked before (`jump`) only lets more
 * pass, so it comes first and goes last.
 */
function withEarly(
  from: RenderedTable,
  moves: ReadonlyMap<string, Moves>,
): (readonly [string, RenderedSet])[] {
  return [...moves].flatMap(([name, { added, gone }]) => {
    const set = from.sets.get(name)
    if (!set) return []
    const stays = [...set.elements].filter(([key, verdict]) => !gone.has(key) || isJump(verdict))
    const early = [...added].filter(([, verdict]) => isJump(verdict))
    return [[name, { ...set, elements: new Map([...stays, ...early]) }] as const]
  })
}

const isJump = (verdict: string): boolean => verdict.startsWith('jump ')

interface Bridges {
  /** How a map leads a device there. */
  readonly entry: ReadonlyMap<string, string>
  readonly old: RenderedTable['chains']
  readonly next: RenderedTable['chains']
}

/** Chains that go where devices were led, and then where they will be: rules, which switch with all others. */
function bridgesFor(moves: ReadonlyMap<string, Moves>, prefix: string): Bridges {
  const [entry, old, next] = [new Map<string, string>(), new Map<string, string>(), new Map<string, string>()]
  for (const { moved } of moves.values()) {
    for (const [was, becomes] of moved.values()) {
      const key = `${was} ${becomes}`
      if (entry.has(key)) continue
      const name = `${prefix}${entry.size + 1}`
      entry.set(key, `${isJump(was) ? 'jump' : 'goto'} ${name}`)
      old.set(name, was.replace(/^jump/, 'goto'))
      next.set(name, becomes.replace(/^jump/, 'goto'))
    }
  }
  return { entry, old, next }
}

function withBridges(
  { sets }: RenderedTable,
  moves: ReadonlyMap<string, Moves>,
  { entry }: Bridges,
): (readonly [string, RenderedSet])[] {
  return [...moves].flatMap(([name, { moved }]) => {
    const set = sets.get(name)
    if (!set || moved.size === 0) return []
    const led = [...moved].map(
      ([key, [was, becomes]]) => [key, entry.get(`${was} ${becomes}`) as string] as const,
    )
    return [[name, { ...set, elements: new Map([...set.elements, ...led]) }] as const]
  })
}

/** What begins no name of the table: another process may have died between two transactions. */
function unusedPrefix({ chains, sets }: RenderedTable): string {
  const names = [...chains.keys(), ...sets.keys()]
  for (let n = 1; ; n++) {
    const prefix = n === 1 ? 'next.' : `next${n}.`
    if (!names.some((name) => name.startsWith(prefix))) return prefix
  }
}

const firstLine = (text: string): string => text.split('\n')[0] as string
