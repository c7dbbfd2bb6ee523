/**
 * Tables as text: written anew or by what differs, and read back as nft prints them (`nft -s -n list table`, 1.0.6), so
 * that what is in the kernel is compared as text.
 */
import { isBase } from './places.ts'

/** A table as text: bodies of chains, and sets and maps with their elements. */
export interface RenderedTable {
  /** Name → lines; those of a base chain begin with where it hangs. */
  readonly chains: ReadonlyMap<string, string>
  readonly sets: ReadonlyMap<string, RenderedSet>
  /** Other statements, written with the table and not compared: rules that name them keep them in place. */
  readonly objects?: readonly string[]
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

/** The whole table anew, in one transaction: whatever is in its place is gone in the same moment. */
export function replaceScript(name: string, { chains, sets, objects = [] }: RenderedTable): string {
  const bodies = [...chains].map(([chain, text]) => `chain ${chain} {\n${text}\n}`)
  return [
    `add table ${name}\ndelete table ${name}\ntable ${name} {`,
    ...objects,
    ...[...sets].map(([set, { kind, type }]) => `${kind} ${set} {\n${type}\n}`),
    // A chain may jump to one that comes later, but nft wants to have heard of it. Base chains are jumped to by none.
    ...[...chains].filter(([, text]) => !isBase(text)).map(([chain]) => `chain ${chain} {\n}`),
    ...bodies,
    '}',
    ...[...sets].flatMap(([set, { elements }]) => elementLines('add', name, set, elements)),
    '',
  ].join('\n')
}

/** From some tables to others in one transaction; undefined when they are the same. */
export function deltaScript(from: RenderedTables, to: RenderedTables): string | undefined {
  const lines = [...new Set([...from.keys(), ...to.keys()])].map((name) => {
    const [old, next] = [from.get(name), to.get(name)]
    if (old === next) return ''
    if (!next) return `delete table ${name}\n`
    return old && sameSets(old, next) ? tableDelta(name, old, next) : replaceScript(name, next)
  })
  return lines.join('') || undefined
}

/** Whether the sets are declared alike: their elements may differ. */
const sameSets = (a: RenderedTable, b: RenderedTable): boolean =>
  a.sets.size === b.sets.size &&
  [...a.sets].every(([name, { type }]) => {
    const other = b.sets.get(name)?.type
    return other === type || (other !== undefined && isDynamic(type) && isDynamic(other))
  })

/** Whether the kernel fills a set by itself. Its rules keep it in place, and its spelling is that nft's own. */
const isDynamic = (type: string): boolean => /^flags dynamic/m.test(type)

function tableDelta(table: string, from: RenderedTable, to: RenderedTable): string {
  const added = [...to.chains.keys()].filter((name) => !from.chains.has(name))
  const removed = [...from.chains.keys()].filter((name) => !to.chains.has(name))
  const changed = [...to.chains].filter(([name, text]) => from.chains.get(name) !== text)
  const lines = added.map((name) => `add chain ${table} ${name}`)
  for (const [name] of changed) if (from.chains.has(name)) lines.push(`flush chain ${table} ${name}`)
  for (const name of removed) lines.push(`flush chain ${table} ${name}`)
  for (const [set, { elements: next }] of to.sets) {
    const old = from.sets.get(set)?.elements ?? new Map<string, string>()
    const differing = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>) =>
      new Map([...a].filter(([key, text]) => b.get(key) !== text))
    lines.push(...elementLines('delete', table, set, differing(old, next)))
    lines.push(...elementLines('add', table, set, differing(next, old)))
  }
  for (const [name, text] of changed) {
    for (const line of text.split('\n')) if (isRule(line)) lines.push(`add rule ${table} ${name} ${line}`)
  }
  for (const name of removed) lines.push(`delete chain ${table} ${name}`)
  return lines.map((line) => `${line}\n`).join('')
}

/**
 * Reads what `nft -s -n list table` printed. Throws on what it cannot have printed of ours.
 * nft prints the index of a device that exists as its name; `indexOf` turns it back.
 */
export function parseListing(text: string, indexOf: (name: string) => number | undefined): RenderedTable {
  const chains = new Map<string, string>()
  const sets = new Map<string, RenderedSet>()
  // Blocks are indented by one tab, what is in them by two or more.
  for (const block of text.matchAll(/^\t(\w+) (\S+) \{\n((?:\t\t.*\n)*)\t\}$/gm)) {
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
      for (const [, device, key = '', to = ''] of listed.matchAll(
        /(?:"([^\s:]+)"|([^\s,"}]+(?: \. [^\s,"}]+)*))(?: counter)?(?: : ([^,}]+?))?\s*(?=[,}])/g,
      )) {
        const index = byIndex && device !== undefined ? indexOf(device) : undefined
        elements.set(device === undefined ? key : index === undefined ? `"${device}"` : String(index), to)
      }
      sets.set(name, { kind, type, elements })
      // Anything else somebody put into our table is a chain we did not write.
    } else chains.set(`${kind} ${name}`, lines.join('\n'))
  }
  return { chains, sets }
}

/** Whether two tables are the same; `printedAs` holds how this nft prints bodies that it prints otherwise. */
export function sameTable(
  wanted: RenderedTable | undefined,
  found: RenderedTable | undefined,
  printedAs: ReadonlyMap<string, string> = new Map(),
): boolean {
  if (!wanted || !found) return wanted === found
  const same = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>) =>
    a.size === b.size &&
    [...a].every(([key, text]) => {
      const other = b.get(key)
      return other === text || (other !== undefined && other === printedAs.get(text))
    })
  return (
    same(wanted.chains, found.chains) &&
    sameSets(wanted, found) &&
    [...wanted.sets].every(([name, { elements }]) =>
      same(elements, found.sets.get(name)?.elements ?? new Map()),
    )
  )
}

function elementLines(
  verb: 'add' | 'delete',
  table: string,
  set: string,
  elements: ReadonlyMap<string, string>,
): string[] {
  if (elements.size === 0) return []
  const list = [...elements].map(([key, to]) => (verb === 'add' && to !== '' ? `${key} : ${to}` : key))
  return [`${verb} element ${table} ${set} { ${list.join(', ')} }`]
}

/** The first line of a base chain says where it hangs; the others are rules. */
const isRule = (line: string) => line !== '' && !isBase(line)

/** Elements of a set of indexes. */
export const indexElements = (indexes: Iterable<number>): ReadonlyMap<string, string> =>
  new Map([...indexes].map((each) => [String(each), '']))
/** Elements of a set of names. */
export const nameElements = (names: Iterable<string>): ReadonlyMap<string, string> =>
  new Map([...names].map((each) => [`"${each}"`, '']))
