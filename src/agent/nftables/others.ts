/**
 * Who else may ask for the state of packets that pass this host, or translate their addresses: rules of other programs
 * see no connection of what is not tracked. And who else may drop them. Rules themselves are not read: foreign tables may
 * be very large.
 */
import type { Trackers } from '../../compile/nftables/untracked.ts'
import type { Link } from '../../core/model/link.ts'
import { readRoutingRules } from '../links.ts'
import { hindrances } from './hindrances.ts'
import { type BaseChain, type Kernel, tables } from './kernel.ts'
import { type Legacy, readLegacy } from './legacy.ts'

export interface Others {
  /** Never rejects: what cannot be read keeps everything tracked, and is not `complete`. */
  read(links: readonly Link[]): Promise<{
    readonly trackers: Trackers
    /** Who may drop what policies let pass, in words for the operator. */
    readonly hinders: readonly string[]
    readonly complete: boolean
  }>
}

const families: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet'])
/** Where packets pass that are routed, and where this host answers them: errors about what is not tracked look invalid. */
const passedBy: ReadonlySet<string> = new Set(['prerouting', 'forward', 'output', 'postrouting'])

export function createOthers(kernel: Kernel, netns: string | undefined): Others {
  function otherFilters(all: readonly BaseChain[], { tables, unlisted }: Legacy): string | null {
    const [unknown] = unlisted.values()
    if (unknown !== undefined) return cannotTell(unknown)
    const names = [
      ...all.filter(mayAsk).map(({ table, name }) => `the chain ${table} ${name}`),
      ...tables.map(({ family, name }) => `the legacy table ${name} of ${family}tables`),
    ]
    if (names.length === 0) return null
    const [first, rest] = [names.slice(0, 3), names.length - 3]
    return `rules of others may ask for them: ${first.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
  }

  async function misleading(): Promise<string | null> {
    const [rule] = await readRoutingRules(netns)
    return rule === undefined ? null : `a routing rule may lead packets another way: ${rule}`
  }

  return {
    async read(links) {
      const vrf = links.find(({ kind }) => kind === 'vrf')
      // Who may not read some of it may not with the next change either: that is no failure, and not asked again.
      const [chains, legacy, routes] = await Promise.allSettled([
        kernel.baseChains(),
        readLegacy(netns),
        misleading(),
      ])
      const why = vrf ? `which addresses are this host’s cannot be foreseen in the VRF ${vrf.name}` : null
      const [first] = [chains, legacy].filter((each) => each.status === 'rejected')
      return {
        trackers: {
          others:
            why ??
            (chains.status === 'fulfilled' && legacy.status === 'fulfilled'
              ? otherFilters(chains.value, legacy.value)
              : cannotTell(first?.reason)),
          routes: routes.status === 'fulfilled' ? routes.value : cannotTell(routes.reason),
        },
        hinders: hindrances(
          chains.status === 'fulfilled' ? chains.value : wordsOf(chains.reason),
          legacy.status === 'fulfilled' ? legacy.value : wordsOf(legacy.reason),
          links,
        ),
        complete: [chains, legacy, routes].every(({ status }) => status === 'fulfilled'),
      }
    },
  }
}

const mayAsk = ({ table, type, hook }: BaseChain): boolean =>
  !tables.includes(table) &&
  families.has(table.split(' ', 1)[0] ?? '') &&
  (type === 'nat' || passedBy.has(hook))

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const cannotTell = (error: unknown): string =>
  `it cannot be told whether others ask for them: ${wordsOf(error)}`
