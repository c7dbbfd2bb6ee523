/**
 * What is known of iptables that knows nothing of nftables: its tables, and what its chains FORWARD do by default. And
 * which families are asked about bridged packets.
 */
import { run, within } from '../run.ts'

export interface Legacy {
  readonly tables: readonly { readonly family: string; readonly name: string }[]
  /** Families whose chain FORWARD drops what no rule of it decides about. */
  readonly drops: ReadonlySet<string>
  /** Families whose chains see bridged packets too: net.bridge.bridge-nf-call-iptables and its siblings. */
  readonly bridged: ReadonlySet<string>
  /** Why the tables of a family could not be listed, by family. */
  readonly unlisted: ReadonlyMap<string, string>
  /** Why the chain FORWARD of a family that has one could not be read, by family. */
  readonly unread: ReadonlyMap<string, string>
}

/**
 * Its tables appear when they are first asked for, so only those are that are listed, which root's group may read. Its chains
 * are read by who has CAP_NET_RAW, and under no lock: a command of somebody else that finds it taken would fail.
 */
const script = `export LC_ALL=C XTABLES_LOCKFILE=/dev/null
for f in ip ip6; do
  n=/proc/net/$f"_tables_names"
  [ -e $n ] || continue
  names=$(cat $n 2>&1) || { printf 'unlisted %s %s\\n' $f "$names"; continue; }
  [ -z "$names" ] || printf '%s\\n' "$names" | sed "s/^/table $f /"
  printf '%s\\n' "$names" | grep -qx filter || continue
  if heads=$("$f"tables-legacy -w 1 -S FORWARD 2>&1); then
    printf '%s\\n' "$heads" | sed -n "s/^-P FORWARD/policy $f/p"
  else
    printf 'unread %s %s\\n' $f "$heads"
  fi
done
for f in ip ip6; do
  n=/proc/sys/net/bridge/bridge-nf-call-"$f"tables
  [ ! -e $n ] || printf 'bridged %s %s\\n' $f "$(cat $n)"
done`

export const readLegacy = async (netns: string | undefined): Promise<Legacy> =>
  parseLegacy(await run(within(netns, ['sh', '-c', script]), { patienceMs: 10_000 }))

/** Of what a program says over several lines, the first is taken. */
export function parseLegacy(text: string): Legacy {
  const lines = text.split('\n').map((line) => line.split(' '))
  const about = (what: string) => lines.flatMap(([kind, ...words]) => (kind === what ? [words] : []))
  const reasons = (what: string) =>
    new Map(about(what).map(([family = '', ...why]) => [family, why.join(' ')] as const))
  const families = (what: string, value: string) =>
    new Set(about(what).flatMap(([family = '', is]) => (is === value ? [family] : [])))
  return {
    tables: about('table').map(([family = '', name = '']) => ({ family, name })),
    drops: families('policy', 'DROP'),
    bridged: families('bridged', '1'),
    unlisted: reasons('unlisted'),
    unread: reasons('unread'),
  }
}
