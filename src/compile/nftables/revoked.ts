/**
 * Connections that were cut, remembered so that nothing of them begins one the other way round (decision 0051): tracking
 * takes an answer without its connection for the first packet of a new one.
 */

import type { Decider } from '../../core/model/decider.ts'
import { numberOf } from '../../core/model/decider-number.ts'
import { type Family, families, formatAddress } from '../../core/net/address.ts'
import { hasPorts, isIcmp, TCP } from '../../core/net/protocol.ts'
import type { Command } from './commands.ts'
import { markText } from './endings.ts'
import type { LiveTable } from './live-table.ts'
import { decidedChain } from './names.ts'
import { hangsAt } from './places.ts'
import type { Place } from './render.ts'
import type { RenderedSet } from './table.ts'

/** Who sends to whom, as in the headers of its packets where the kernel has translated nothing. */
export interface Sending {
  readonly family: Family
  readonly protocol: number
  readonly source: bigint
  readonly destination: bigint
  /** Of protocols with ports. */
  readonly sourcePort?: number
  readonly destinationPort?: number
}

const invalid: Decider = { kind: 'state', state: 'invalid' }
const ip = { ipv4: 'ip', ipv6: 'ip6' } as const satisfies Record<Family, string>
const digit = { ipv4: 4, ipv6: 6 } as const satisfies Record<Family, number>
/** One that could not be remembered would not be cut. */
const size = 1_048_576

/**
 * How long after its last packet: as long as the kernel would have remembered the connection (nf_conntrack_proto_*.c, RFC
 * 5382 and 4787 ask for less), because for so long its other end may go on.
 */
const kinds = [
  { kind: 'tcp', holds: (protocol: number) => protocol === TCP, ports: true, seconds: 432_000 },
  { kind: 'ports', holds: hasPorts, ports: true, seconds: 180 },
  { kind: 'other', holds: () => true, ports: false, seconds: 600 },
] as const

const entries = kinds.flatMap(({ kind, holds, ports, seconds }) =>
  families.map((family) => {
    const word = ip[family]
    const type = `type inet_proto . ${family}_addr . ${family}_addr${ports ? ' . inet_service . inet_service' : ''}`
    const set: RenderedSet = {
      kind: 'set',
      type: `${type}\nsize ${size}\nflags dynamic,timeout\ntimeout ${seconds}s`,
      elements: new Map(),
    }
    return {
      ...{ family, holds, ports, set, name: `revoked-${kind}${digit[family]}` },
      key: `meta l4proto . ${word} saddr . ${word} daddr${ports ? ' . th sport . th dport' : ''}`,
    }
  }),
)

/** Right before packets are judged, and where this host sends its own. */
const places = {
  inet: [
    { name: 'revoked', hook: 'prerouting', priority: -146 },
    { name: 'revoked-local', hook: 'output', priority: -1 },
  ],
  bridge: [
    { name: 'revoked', hook: 'prerouting', priority: -146 },
    { name: 'revoked-local', hook: 'postrouting', priority: -1 },
  ],
} as const satisfies Record<Place, unknown>

const chain = 'revoked-flows'

/**
 * Has the table remember, or not any more: it costs each packet a look at its state, and those of new connections more.
 * What a VM sends of them is counted as invalid.
 */
export function remember(live: LiveTable, place: Place, stands: boolean): void {
  const end = `meta mark set ${markText(numberOf(invalid))} goto ${decidedChain('denied', 'egress', 'enforce')}`
  const put = (name: string, text: string): void => live.setChain(name, stands ? text : undefined)
  for (const each of entries) {
    live.setSet(each.name, stands ? each.set : undefined)
    // Its packets go on: so does the memory. If there is no room for that, it is dropped all the same.
    put(`${each.name}-again`, `update @${each.name} { ${each.key} }\n${end}`)
  }
  put(chain, entries.map(({ key, name }) => `${key} @${name} goto ${name}-again`).join('\n'))
  for (const each of places[place]) put(each.name, `${hangsAt(each)}\nct state 0x8 jump ${chain}`)
}

/** What adds them to a table that remembers. Nothing of ICMP: its answers begin no connection. */
export function revoke(table: string, flows: readonly Sending[]): readonly Command[] {
  const keys = new Map<(typeof entries)[number], Map<string, string>>()
  for (const flow of flows) {
    if (isIcmp(flow.protocol)) continue
    const entry = entries.find(({ family, holds }) => family === flow.family && holds(flow.protocol))
    if (!entry) continue
    const { protocol, source, destination, sourcePort = 0, destinationPort = 0 } = flow
    const text = `${protocol} . ${formatAddress(flow.family, source)} . ${formatAddress(flow.family, destination)}`
    const some = keys.get(entry) ?? new Map<string, string>()
    some.set(entry.ports ? `${text} . ${sourcePort} . ${destinationPort}` : text, '')
    keys.set(entry, some)
  }
  return [...keys].map(([entry, elements]) => ({
    ...{ do: 'add-elements', table, set: entry.name, elements },
    ...{ kind: 'set', type: entry.set.type },
  }))
}
