/**
 * Tables as text: what leads from some to others, and read back as nft prints them (`nft -s -n list table`, 1.0.6), so
 * that what is in the kernel is compared as text.
 */
import { formatAddress, maxAddress } from '../../core/net/address.ts'
import { asRead, type Command, elementLines, scriptOf } from './commands.ts'
import { isBase } from './places.ts'
import { hex } from './spelling.ts'

/** A table as text: bodies of chains, and sets and maps with their elements. */
export interface RenderedTable {
  /** Name → lines; those of a base chain begin with where it hangs. */
  readonly chains: ReadonlyMap<string, string>
  readonly sets: ReadonlyMap<string, RenderedSet>
  /** Other objects, by kind and name, with their body, which is not compared: rules that use them keep them in place. */
  readonly objects?: ReadonlyMap<string, string>
}

export interface RenderedSet {
  readonly kind: 'set' | 'map'
  /** Its lines but for the elements: `type iface_index : verdict`. */
  readonly type: string
  /** Element → its verdict, empty in sets. Devices are told by index, or by name in quotes. */
  readonly elements: ReadonlyMap<string, string>
}

/** Tables by name, such as `inet portcullis`; one that should not exist is absent. */
export type RenderedTables = ReadonlyMap<string, RenderedTable>

/** From some tables to others in one transaction, as nft takes it; undefined when they are the same. */
export const deltaScript = (from: RenderedTables, to: RenderedTables): string | undefined =>
  scriptOf(deltaCommands(from, to)) || undefined

/** From some tables to others in one transaction; empty when they are the same. */
export function deltaCommands(from: RenderedTables, to: RenderedTables): readonly Command[] {
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((name): readonly Command[] => {
    const [old, next] = [from.get(name), to.get(name)]
    if (old === next) return []
    if (!next) return [{ do: 'delete-table', table: name }]
    return old && patchable(old, next) && keepsTypes(old, next)
      ? tableDelta(name, old, next)
      : replaceCommands(name, next)
  })
}

/** The whole table anew: whatever is in its place is gone in the same moment. */
export const replaceCommands = (name: string, table: RenderedTable): readonly Command[] => [
  { do: 'add-table', table: name },
  { do: 'delete-table', table: name },
  { do: 'add-table', table: name },
  ...tableDelta(name, { chains: new Map(), sets: new Map() }, table),
]

/** The whole table anew, in one transaction, as people read it: whatever is in its place is gone in the same moment. */
export function replaceScript(name: string, { chains, sets, objects = new Map() }: RenderedTable): string {
  const bodies = [...chains].map(
    ([chain, text]) => `chain ${chain} {\n${text.split('\n').map(asRead).join('\n')}\n}`,
  )
  return [
    `add table ${name}\ndelete table ${name}\ntable ${name} {`,
    ...[...objects].map(([object, body]) => `${object} {\n${body}\n}`),
    ...[...sets].map(([set, { kind, type }]) => `${kind} ${set} {\n${type}\n}`),
    // A chain may jump to one that comes later, but nft wants to have heard of it. Base chains are jumped to by none.
    ...[...chains].filter(([, text]) => !isBase(text)).map(([chain]) => `chain ${chain} {\n}`),
    ...bodies,
    '}',
    ...[...sets].flatMap(([set, { elements }]) => elementLines('add', name, set, elements)),
    '',
  ].join('\n')
}

/** Whether a delta leads there: base chains that stay hang where they hung, and all that goes is of a kind that we make. */
export const patchable = (from: RenderedTable, to: RenderedTable): boolean =>
  [...from.chains].every(([name, text]) => {
    const next = to.chains.get(name)
    return next === undefined ? !name.includes(' ') : placeOf(next) === placeOf(text)
  })

/** Where a base chain hangs; of others, empty. */
const placeOf = (text: string): string => (isBase(text) ? (text.split('\n')[0] as string) : '')

/** Whether sets in both tables are declared alike: a delta cannot change the type of a set that rules use. */
const keepsTypes = (from: RenderedTable, to: RenderedTable): boolean =>
  [...to.sets].every(([name, set]) => {
    const other = from.sets.get(name)
    return !other || sameType(other, set)
  })

export const sameType = (a: RenderedSet, b: RenderedSet): boolean =>
  a === b || (a.kind === b.kind && (a.type === b.type || (isDynamic(a.type) && isDynamic(b.type))))

/** Whether both hold the same elements with the same verdicts. */
export const sameElements = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean =>
  a === b || (a.size === b.size && [...a].every(([key, text]) => b.get(key) === text))

/** Whether two sets are declared alike and hold the same. */
export const sameSet = (a: RenderedSet, b: RenderedSet): boolean =>
  a === b || (sameType(a, b) && sameElements(a.elements, b.elements))

/** Whether the kernel fills a set by itself. Its rules keep it in place, and its spelling is that nft's own. */
const isDynamic = (type: string): boolean => /^flags dynamic/m.test(type)

/** What comes is there before rules use it, and what goes leaves when no rule uses it any more. */
function tableDelta(table: string, from: RenderedTable, to: RenderedTable): readonly Command[] {
  const chains = changes(from.chains, to.chains)
  const sets = changes(from.sets, to.sets)
  const objects = changes(from.objects ?? none, to.objects ?? none)
  return [
    ...objects.added.map(([object, body]): Command => ({ do: 'add-object', table, object, body })),
    ...chains.added.map(([chain, text]): Command => {
      const place = placeOf(text)
      return { do: 'add-chain', table, chain, ...(place !== '' && { place }) }
    }),
    ...sets.added.map(([set, { kind, type }]): Command => ({ do: 'add-set', table, set, kind, type })),
    ...[...chains.changed, ...chains.removed].map(
      ([chain]): Command => ({ do: 'flush-chain', table, chain }),
    ),
    ...[...sets.added, ...sets.changed].flatMap(([name, next]) =>
      elementsDelta(table, name, from.sets.get(name)?.elements ?? none, next),
    ),
    ...[...chains.added, ...chains.changed].flatMap(([chain, text]): Command[] => {
      const rules = text.split('\n').filter(isRule)
      return rules.length > 0 ? [{ do: 'add-rules', table, chain, rules }] : []
    }),
    // The elements of a map use chains.
    ...sets.removed.map(([set, { kind }]): Command => ({ do: 'delete-set', table, set, kind })),
    ...chains.removed.map(([chain]): Command => ({ do: 'delete-chain', table, chain })),
    ...objects.removed.map(([object]): Command => ({ do: 'delete-object', table, object })),
  ]
}

const none: ReadonlyMap<string, string> = new Map()

function elementsDelta(
  table: string,
  set: string,
  old: ReadonlyMap<string, string>,
  { kind, type, elements: next }: RenderedSet,
): readonly Command[] {
  if (old === next) return []
  const to = (what: 'add-elements' | 'delete-elements', elements: ReadonlyMap<string, string>): Command[] =>
    elements.size > 0 ? [{ do: what, table, set, kind, type, elements }] : []
  const gone = differing(old, next)
  if (keepsLast(kind, type) && lastValues.some((value) => gone.has(value)))
    return [{ do: 'flush-set', table, set, kind }, ...to('add-elements', next)]
  // An interval may take the place of others that it overlaps.
  return [...to('delete-elements', gone), ...to('add-elements', differing(next, old))]
}

/** nft 1.0.6 leaves an element in an interval map, and says nothing, when told to delete the last value of the type. */
const keepsLast = (kind: RenderedSet['kind'], type: string): boolean =>
  kind === 'map' && /^flags interval$/m.test(type)
const lastValues = [
  '255',
  '65535',
  '255.255.255.255',
  formatAddress('ipv6', maxAddress.ipv6),
  hex(maxAddress.ipv6),
  'ff:ff:ff:ff:ff:ff',
]

interface Changes<V> {
  readonly added: readonly (readonly [string, V])[]
  readonly changed: readonly (readonly [string, V])[]
  readonly removed: readonly (readonly [string, V])[]
}
function changes<V>(from: ReadonlyMap<string, V>, to: ReadonlyMap<string, V>): Changes<V> {
  return {
    added: [...to].filter(([name]) => !from.has(name)),
    changed: [...to].filter(([name, value]) => from.has(name) && from.get(name) !== value),
    removed: [...from].filter(([name]) => !to.has(name)),
  }
}
const differing = (
  a: ReadonlyMap<string, string>,
  b: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> => new Map([...a].filter(([key, text]) => b.get(key) !== text))

/**
 * Reads what `nft -s -n list table` printed. Throws on what it cannot have printed of ours.
 * nft prints the index of a device that exists as its name; `indexOf` turns it back.
 */
export function parseListing(text: string, indexOf: (name: string) => number | undefined): RenderedTable {
  const chains = new Map<string, string>()
  const sets = new Map<string, RenderedSet>()
  const objects = new Map<string, string>()
  // Blocks are indented by one tab, what is in them by two or more.
  for (const block of text.matchAll(/^\t(\w+(?: \w+)?) (\S+) \{\n((?:\t\t.*\n)*)\t\}$/gm)) {
    const [, kind = '', name = '', body = ''] = block
    const lines = body
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
    if (kind === 'chain') chains.set(name, lines.join('\n'))
    else if (kind === 'map' || kind === 'set') {
      const first = lines.findIndex((line) => line.startsWith('elements = {'))
      const declared = first < 0 ? lines : lines.slice(0, first)
      const type = declared.join('\n')
      const listed =
        first < 0 || isDynamic(type) ? '' : lines.slice(first).join(' ').slice('elements = {'.length)
      const byIndex = declared[0]?.startsWith('type iface_index') ?? false
      const elements = new Map<string, string>()
      // Names of devices may hold anything but white space and colons, quotes included, and are printed as they are.
      for (const [, device, others = '', key = '', to = ''] of listed.matchAll(
        /(?:"([^\s:]+)"((?: \. [^\s,"}]+)*)|([^\s,"}]+(?: \. [^\s,"}]+)*))(?: counter)?(?: : ([^,}]+?))?\s*(?=[,}])/g,
      )) {
        const index = byIndex && device !== undefined ? indexOf(device) : undefined
        elements.set(device === undefined ? key : `${index ?? `"${device}"`}${others}`, to)
      }
      sets.set(name, { kind, type, elements })
    } else objects.set(`${kind} ${name}`, lines.join('\n'))
  }
  return { chains, sets, ...(objects.size > 0 && { objects }) }
}

/** Whether two tables are the same, in text. */
export function sameTable(wanted: RenderedTable | undefined, found: RenderedTable | undefined): boolean {
  if (!wanted || !found) return wanted === found
  const same = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>) =>
    a.size === b.size && [...a].every(([key, text]) => b.get(key) === text)
  return (
    same(wanted.chains, found.chains) &&
    [...(wanted.objects ?? none).keys()].toSorted().join() ===
      [...(found.objects ?? none).keys()].toSorted().join() &&
    wanted.sets.size === found.sets.size &&
    [...wanted.sets].every(([name, set]) => {
      const other = found.sets.get(name)
      return other !== undefined && sameType(set, other) && same(set.elements, other.elements)
    })
  )
}

/** The first line of a base chain says where it hangs; the others are rules. */
const isRule = (line: string) => line !== '' && !isBase(line)

/** Elements of a set of indexes. */
export const indexElements = (indexes: Iterable<number>): ReadonlyMap<string, string> =>
  new Map([...indexes].map((each) => [String(each), '']))
/** Elements of a set of names. */
export const nameElements = (names: Iterable<string>): ReadonlyMap<string, string> =>
  new Map([...names].map((each) => [`"${each}"`, '']))
