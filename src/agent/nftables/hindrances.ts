/**
 * Who else drops packets of VMs that policies let pass, in words for the operator. Only where chains hang, what they do by
 * default and how they are called is known: of rules what their makers always write.
 */
import type { Link } from '../../core/model/link.ts'
import { type BaseChain, tables } from './kernel.ts'
import type { Legacy } from './legacy.ts'

const makers: readonly (readonly [who: string, table: RegExp | null, chain: RegExp | null])[] = [
  ['firewalld', /^inet firewalld(_policy_drop)?$/, null],
  ['docker', / docker-bridges$/, /^DOCKER(-|$)/],
  ['ufw', null, /^ufw6?-/],
  ['libvirt', / libvirt_network$/, /^LIBVIRT_/],
  ['Kubernetes', / kube-proxy$/, /^KUBE-/],
]

/** Whose a table may be; several may share one. */
function makersOf({ table, among }: BaseChain): readonly string[] {
  return makers
    .filter(([, named, holds]) => named?.test(table) || (holds && among.some((name) => holds.test(name))))
    .map(([who]) => who)
}

const forwardedBy: ReadonlySet<string> = new Set(['ip', 'ip6', 'inet'])
const routedHooks: ReadonlySet<string> = new Set(['prerouting', 'forward', 'postrouting'])

/** A string says why it could not be read; what is not known is told. */
export function hindrances(
  chains: readonly BaseChain[] | string,
  legacy: Legacy | string,
  links: Iterable<Link>,
): readonly string[] {
  const known = typeof chains === 'string' ? [] : chains
  const old = typeof legacy === 'string' ? undefined : legacy
  const networks = [...new Set([...links].map(({ master }) => master?.name ?? ''))].filter((name) =>
    name.startsWith('virbr'),
  )
  const foreign = known.filter(({ table, type }) => !tables.includes(table) && type === 'filter')
  const said = foreign.flatMap((chain): string[] => {
    const [family = ''] = chain.table.split(' ', 1)
    const where = `the chain ${chain.table} ${chain.name}${bridgedToo(family)}`
    const who = makersOf(chain)
    const passes = family === 'bridge' ? chain.hook !== 'input' && chain.hook !== 'output' : forwards(chain)
    if (!passes) return []
    if (chain.drops)
      return [`${who.join(' or ') || 'somebody'} drops by default, whatever policies allow: ${where}`]
    if (chain.hook !== 'forward') return []
    return who.flatMap((each) => {
      if (each === 'firewalld') return [`firewalld rejects what its zones do not forward: ${where}`]
      return each === 'libvirt' && networks.length > 0
        ? [`libvirt rejects connections from outside to its networks ${networks.join(', ')}: ${where}`]
        : []
    })
  })
  const dropped = [...(old?.drops ?? [])].map(
    (family) =>
      `somebody drops by default, whatever policies allow: ${forwardOf(family)}${bridgedToo(family)}`,
  )
  const untold = [
    ...(typeof chains === 'string' ? [`chains of others: ${chains}`] : []),
    ...(typeof legacy === 'string' ? [`the legacy iptables: ${legacy}`] : []),
    ...[...(old?.unlisted ?? []), ...(old?.unread ?? [])].map(
      ([family, why]) => `${forwardOf(family)}: ${why}`,
    ),
  ].map((each) => `it cannot be told whether somebody drops what policies allow: ${each}`)
  return [...said, ...dropped, ...untold].map((each) => `${each}; see docs/coexistence.md`)

  function bridgedToo(family: string): string {
    const bridged = old?.bridged ?? new Set()
    const seen = family === 'inet' ? bridged.size > 0 : bridged.has(family)
    return seen ? ', which bridged packets pass too (bridge-nf-call-iptables)' : ''
  }
}

const forwardOf = (family: string): string => `the chain FORWARD of the legacy ${family}tables`

const forwards = ({ table, hook }: BaseChain): boolean =>
  forwardedBy.has(table.split(' ', 1)[0] ?? '') && routedHooks.has(hook)
