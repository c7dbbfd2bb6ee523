/**
 * A table as it stands, spelled as it was wanted wherever it is that: rules and sets are known by the hashes in their user
 * data, elements by their bytes. What is not as wanted gets a text that equals nothing, such that a delta from it repairs it.
 */
import { isBase } from '../../../compile/nftables/places.ts'
import type { RenderedSet, RenderedTable } from '../../../compile/nftables/table.ts'
import type { Dumps, FoundChain, FoundElement, FoundRule, FoundSet } from './dump.ts'
import { elementKey, rawKey } from './elements.ts'
import { hashOfRules, hashOfSet } from './identity.ts'
import { layoutOf } from './keys.ts'

const setFlags = { interval: 0x4, map: 0x8, dynamic: 0x20, objects: 0x40, concatenated: 0x80 } as const
/** Its elements, or its declaration, are not such as we make: it is another set. */
const foreign = 'type of others'

/** The table stands. */
export function standing(dumps: Dumps, table: string, wanted: RenderedTable | undefined): RenderedTable {
  const family = table.split(' ')[0]
  const rules = Map.groupBy(dumps.rules(table), ({ chain }) => chain)
  const chains = dumps
    .chains(family)
    .filter((each) => each.table === table)
    .map(
      (each) =>
        [each.name, chainText(each, rules.get(each.name) ?? [], wanted?.chains.get(each.name))] as const,
    )
  const sets = dumps.sets(table).map((found) => {
    const elements = (found.flags & setFlags.dynamic) === 0 ? dumps.elements(table, found.name) : []
    return [found.name, setText(found, elements, wanted?.sets.get(found.name))] as const
  })
  const objects = dumps.objects(table).map((name) => [name, wanted?.objects?.get(name) ?? ''] as const)
  return {
    ...{ chains: new Map(chains), sets: new Map(sets) },
    ...(objects.length > 0 && { objects: new Map(objects) }),
  }
}

function chainText({ base }: FoundChain, rules: readonly FoundRule[], wanted: string | undefined): string {
  const place = base
    ? [
        `type ${base.type} hook ${base.hook} priority ${base.priority}; policy ${base.accepts ? 'accept' : 'drop'};`,
      ]
    : []
  if (wanted !== undefined) {
    const lines = wanted === '' ? [] : wanted.split('\n')
    const hung = lines.filter(isBase)
    const own = lines.slice(hung.length)
    const hash = hashOfRules(own)
    const same = rules.every(({ identity }, at) => identity?.hash === hash && identity.position === at)
    if (hung.join() === place.join() && own.length === rules.length && same) return wanted
  }
  // A line of ours never begins so.
  return [...place, ...rules.map(({ closes }, at) => closes ?? `unknown rule ${at}`)].join('\n')
}

function setText(
  { flags, identity, keyType }: FoundSet,
  elements: readonly FoundElement[],
  wanted: RenderedSet | undefined,
): RenderedSet {
  const kind = (flags & (setFlags.map | setFlags.objects)) === 0 ? 'set' : 'map'
  const ranges = rangesIn(elements, flags)
  const none: RenderedSet = { kind, type: foreign, elements: new Map() }
  if (wanted === undefined) return ranges ? { ...none, elements: spelled(ranges, keyType) } : none
  if (identity?.hash !== hashOfSet(wanted.kind, wanted.type) || !ranges) return none
  if ((flags & setFlags.dynamic) !== 0) return wanted
  const known = keysOf(wanted)
  const found = new Map<string, string>()
  let same = ranges.length === wanted.elements.size
  for (const { key, held = '' } of ranges) {
    const text = known.get(key)
    if (text === undefined || wanted.elements.get(text) !== held) same = false
    found.set(text ?? rawKey(key), held)
  }
  return same ? wanted : { ...wanted, elements: found }
}

interface Ranged {
  /** Hexadecimal, and where it is a range, the last key behind a dash. */
  readonly key: string
  readonly held: string | undefined
}

/** Undefined where they make no elements that we could have written. */
function rangesIn(elements: readonly FoundElement[], flags: number): readonly Ranged[] | undefined {
  const ranges: Ranged[] = []
  const add = (first: string, last: string, { held }: FoundElement) =>
    ranges.push({ key: first === last ? first : `${first}-${last}`, held })
  if (elements.some(({ key }) => key === undefined)) return undefined
  if ((flags & (setFlags.interval | setFlags.concatenated)) !== setFlags.interval) {
    for (const each of elements) add(each.key as string, each.keyEnd ?? (each.key as string), each)
    return ranges
  }
  // Ends and beginnings; an end stands before what begins there.
  const sorted = elements.toSorted(
    (a, b) => compare(a.key as string, b.key as string) || Number(b.ends) - Number(a.ends),
  )
  let open: FoundElement | undefined
  for (const [at, each] of sorted.entries()) {
    if (!each.ends) {
      if (open) return undefined
      open = each
    } else if (open) {
      add(open.key as string, before(each.key as string), open)
      open = undefined
      // Nothing is in the set up to its first element: nft says so.
    } else if (at > 0 || !/^0*$/.test(each.key as string)) return undefined
  }
  if (open) add(open.key as string, 'f'.repeat((open.key as string).length), open)
  return ranges
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
const before = (key: string): string => (BigInt(`0x${key}`) - 1n).toString(16).padStart(key.length, '0')

/** Keys of wanted elements, as `Ranged` has them → their text. Made anew each time: what is wanted is changed in place. */
function keysOf({ kind, type, elements }: RenderedSet): ReadonlyMap<string, string> {
  const layout = layoutOf(kind, type)
  return new Map(
    [...elements.keys()].map((text) => {
      const { first, last } = elementKey(layout, text)
      const [from, to] = [first, last].map((each) => Buffer.from(each).toString('hex'))
      return [from === to ? (from as string) : `${from}-${to}`, text] as const
    }),
  )
}

/** In nft's numbers. */
const [indexType, nameType] = [20, 41]
/** Elements of a set that is not known: devices by index and name, as texts have them. */
function spelled(ranges: readonly Ranged[], keyType: number): ReadonlyMap<string, string> {
  return new Map(
    ranges.map(({ key, held = '' }) => {
      if (keyType === indexType) return [String(Buffer.from(key, 'hex').readUInt32LE(0)), held]
      if (keyType !== nameType) return [rawKey(key), held]
      return [`"${Buffer.from(key, 'hex').toString('latin1').replace(/\0.*$/s, '')}"`, held]
    }),
  )
}
