/**
 * Who else may ask for the state of packets that pass this host, or translate their addresses: rules of other programs
 * see no connection of what is not tracked. Rules themselves are not read: foreign tables may be very large.
 */
import type { Trackers } from '../../compile/nftables/untracked.ts'
import type { Link } from '../../core/model/link.ts'
import { readRoutingRules } from '../links.ts'
import { run, within } from '../run.ts'
import { type BaseChain, type Kernel, tables } from './kernel.ts'

export interface Others {
  /** Never rejects: what cannot be read keeps everything tracked, and is not `complete`. */
  read(links: readonly Link[]): Promise<{ readonly trackers: Trackers; readonly complete: boolean }>
}

const families: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet'])
/** Where packets pass that are routed, and where this host answers them: errors about what is not tracked look invalid. */
const passedBy: ReadonlySet<string> = new Set(['prerouting', 'forward', 'output', 'postrouting'])

/** iptables that knows nothing of nftables; its tables appear when they are first asked for. */
const legacy =
  'for f in ip ip6; do n=/proc/net/$f"_tables_names"; [ ! -e $n ] || sed "s/^/$f /" $n || exit 1; done'

export function createOthers(kernel: Kernel, netns: string | undefined): Others {
  async function otherFilters(): Promise<string | null> {
    const [all, old] = await Promise.all([
      kernel.baseChains(),
      run(within(netns, ['sh', '-c', legacy]), { patienceMs: 10_000 }),
    ])
    const chains = all.filter(mayAsk)
    const names = [
      ...chains.map(({ table, name }) => `the chain ${table} ${name}`),
      ...old
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `the legacy table ${line.replace(/^(\S+) (\S+)$/, '$2 of $1tables')}`),
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
      const [others, routes] = await Promise.allSettled([otherFilters(), misleading()])
      // Who may not read it now may not read it with the next change either, and each attempt is a program.
      const unread = [others, routes].find(
        (each) => each.status === 'rejected' && !/Permission denied/.test(String(each.reason)),
      )
      const why = vrf ? `which addresses are this host’s cannot be foreseen in the VRF ${vrf.name}` : null
      return {
        trackers: {
          others: why ?? (others.status === 'fulfilled' ? others.value : cannotTell(others.reason)),
          routes: routes.status === 'fulfilled' ? routes.value : cannotTell(routes.reason),
        },
        complete: unread === undefined,
      }
    },
  }
}

const mayAsk = ({ table, type, hook }: BaseChain): boolean =>
  !tables.includes(table) &&
  families.has(table.split(' ', 1)[0] ?? '') &&
  (type === 'nat' || passedBy.has(hook))

const cannotTell = (error: unknown): string =>
  `it cannot be told whether others ask for them: ${error instanceof Error ? error.message : error}`
