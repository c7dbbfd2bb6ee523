/** What a host should enforce, lowered at once, for tests that look at the whole of it. */
import { createLedger } from '../../src/compile/nftables/ledger.ts'
import { createLiveTable } from '../../src/compile/nftables/live-table.ts'
import { createLowering, type LoweredInterface, type Surroundings } from '../../src/compile/nftables/lower.ts'
import type { NftChain, NftRuleset } from '../../src/compile/nftables/ruleset.ts'
import type { RenderedTable, RenderedTables } from '../../src/compile/nftables/table.ts'
import type { Desired } from '../../src/core/model/desired.ts'
import type { Link } from '../../src/core/model/link.ts'

export interface Around extends Omit<Surroundings, 'links' | 'changedLinks' | 'counts'> {
  readonly links: readonly Link[]
  /** Absent: by lists, which is what nft has words for. */
  readonly counts?: Surroundings['counts']
}

export const surrounded = ({ links, counts = 'lists', ...around }: Around): Surroundings => ({
  ...{ ...around, counts },
  links: new Map(links.map((link) => [link.name, link])),
  changedLinks: null,
})

export interface Lowered {
  /** Where packets are routed. */
  readonly ruleset: NftRuleset
  readonly bridged: NftRuleset | null
  readonly tables: RenderedTables
  readonly tracked: string | null
  readonly interfaces: readonly LoweredInterface[]
}

export function lowered(desired: Desired, around: Around): Lowered {
  const lowering = createLowering()
  const { interfaces } = lowering.update(desired, null, surrounded(around))
  const { routed, bridged } = lowering.rulesets
  return { ruleset: routed, bridged, tables: lowering.tables, tracked: lowering.tracked, interfaces }
}

/** Chains alone, as text. */
export function written(chains: Iterable<NftChain>, place: 'inet' | 'bridge' = 'inet'): RenderedTable {
  const live = createLiveTable()
  createLedger(live, place).hold([[...chains]])
  return live.table
}
