/** Steps of a transaction as values: printed as nft takes them, or sent to the kernel by other means. */
import type { RenderedSet } from './table.ts'

/** One step; the kernel takes them in order, and all of them or none. Tables are named as in `inet portcullis`. */
export type Command = { readonly table: string } & (
  | { readonly do: 'add-table' | 'delete-table' }
  /** `place` is where a base chain hangs, as its text begins; others have none. */
  | { readonly do: 'add-chain'; readonly chain: string; readonly place?: string }
  /** `delete-chain` takes an empty chain that nothing leads to. */
  | { readonly do: 'flush-chain' | 'delete-chain'; readonly chain: string }
  /** Behind those that are there; at least one. */
  | { readonly do: 'add-rules'; readonly chain: string; readonly rules: readonly string[] }
  | (Declared & { readonly do: 'add-set' })
  | { readonly do: 'delete-set' | 'flush-set'; readonly set: string; readonly kind: RenderedSet['kind'] }
  /** At least one. What is deleted may have its verdict or not: the key says which it is. */
  | (Declared & {
      readonly do: 'add-elements' | 'delete-elements'
      readonly elements: ReadonlyMap<string, string>
    })
  /** `object` is kind and name: `ct timeout usual`. */
  | { readonly do: 'add-object'; readonly object: string; readonly body: string }
  | { readonly do: 'delete-object'; readonly object: string }
)

/** A set or map, and how it is declared: its lines without the elements, `type iface_index : verdict`. */
interface Declared {
  readonly set: string
  readonly kind: RenderedSet['kind']
  readonly type: string
}

/** What `nft -f` takes: a line for each step or rule; empty for no steps. */
export const scriptOf = (commands: readonly Command[]): string =>
  commands.flatMap((command) => linesOf(command).map((line) => `${line}\n`)).join('')

function linesOf(command: Command): readonly string[] {
  const { table } = command
  switch (command.do) {
    case 'add-table':
      return [`add table ${table}`]
    case 'delete-table':
      return [`delete table ${table}`]
    case 'add-chain':
      return [
        `add chain ${table} ${command.chain}${command.place === undefined ? '' : ` { ${command.place} }`}`,
      ]
    case 'flush-chain':
      return [`flush chain ${table} ${command.chain}`]
    case 'delete-chain':
      return [`delete chain ${table} ${command.chain}`]
    case 'add-rules':
      return command.rules.map((rule) => `add rule ${table} ${command.chain} ${asRead(rule)}`)
    case 'add-set':
      return [`add ${command.kind} ${table} ${command.set} { ${onOneLine(command.type)} }`]
    case 'delete-set':
      return [`delete ${command.kind} ${table} ${command.set}`]
    case 'flush-set':
      return [`flush ${command.kind} ${table} ${command.set}`]
    case 'add-elements':
      return elementLines('add', table, command.set, command.elements)
    case 'delete-elements':
      return elementLines('delete', table, command.set, command.elements)
    case 'add-object':
      return [`add ${at(table, command.object)} { ${onOneLine(command.body)} }`]
    case 'delete-object':
      return [`delete ${at(table, command.object)}`]
  }
}

/** A rule as nft reads it back: in what is looked up for a mark it prints bits of addresses without the parentheses that it asks for. */
export const asRead = (rule: string): string =>
  rule.includes(' map @') ? rule.replace(/ \. (ip6? [sd]addr & \S+)/g, ' . ($1)') : rule

export function elementLines(
  verb: 'add' | 'delete',
  table: string,
  set: string,
  elements: ReadonlyMap<string, string>,
): string[] {
  if (elements.size === 0) return []
  const list = [...elements].map(([key, to]) => (verb === 'add' && to !== '' ? `${key} : ${to}` : key))
  return [`${verb} element ${table} ${set} { ${list.join(', ')} }`]
}

/** `ct timeout usual` of a table, as commands name it. */
const at = (table: string, object: string): string => object.replace(/ (?=\S+$)/, ` ${table} `)
const onOneLine = (body: string): string =>
  body
    .split('\n')
    .map((line) => `${line};`)
    .join(' ')
