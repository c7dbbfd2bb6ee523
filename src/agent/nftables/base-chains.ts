/** Base chains among all chains, each with the names of those that share its table. */
import type { BaseChain } from './kernel.ts'

export interface Chain {
  /** `inet filter`. */
  readonly table: string
  readonly name: string
  /** Where it hangs; undefined: nowhere. */
  readonly base: { readonly type: string; readonly hook: string; readonly drops: boolean } | undefined
}

export function baseChainsOf(chains: readonly Chain[]): BaseChain[] {
  const byTable = Map.groupBy(chains, ({ table }) => table)
  const named = new Map([...byTable].map(([table, all]) => [table, all.map(({ name }) => name)]))
  return chains.flatMap(({ table, name, base }) =>
    base ? [{ table, name, ...base, among: named.get(table) ?? [] }] : [],
  )
}
