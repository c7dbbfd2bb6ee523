/**
 * Limits of tracked connections per interface, as nft text (decision 0025): what counts a connection when it begins,
 * refuses it, and says how long the kernel remembers it. Packets of known connections pay for one look at their flow.
 *
 * The kernel counts a connection only at its first packet, half-open ones included, and refuses to count an assured one
 * (nf_conncount.c since 6.18). So connections begun outside are never refused at their first packet for being too many:
 * beyond the limit they are let through on trial, and judged when the other side has answered and they are assured.
 */
import { hangsAt } from './places.ts'
import type { Hook } from './ruleset.ts'
import type { RenderedSet } from './table.ts'

/** Bits of the flow's label. Nobody else's save or restore of marks touches them. */
const label = { judged: 126, trial: 127 } as const
/** Bits of the flow's status, in the kernel's numbers. */
const status = { assured: '0x4', known: '0x8' } as const

/** Connections in one of the kernel's lists: it walks one at each new connection, some 0.3 µs for each entry. */
const perList = 128
/** Below it one list is fast enough, and exact: connections are not spread evenly when they come and go. */
const oneList = 1024
/** New connections on trial to one interface in a second, which bounds what a pulse can complete at once. */
export const trialsPerSecond = 8192
/** A set that is full would stop limiting. */
const size = 1_048_576
/** So long nobody is taken on trial when one could not be admitted: pulses come seldom, and admit nobody. */
const shutSeconds = 30
/** As long as an idle connection is remembered: what was admitted on trial has gone by then. */
const trialsAgainSeconds = 7440

/** Seconds without a packet until the kernel forgets a connection (docs/semantics.md §7). */
export const timeouts = {
  'tcp-from-vm': {
    protocol: 'tcp',
    policy: {
      ...{ syn_sent: 30, syn_recv: 30, established: 7440, fin_wait: 60, close_wait: 60 },
      ...{ last_ack: 30, time_wait: 30, close: 10, retrans: 120, unack: 120 },
    },
  },
  'tcp-to-vm': {
    protocol: 'tcp',
    policy: {
      ...{ syn_sent: 5, syn_recv: 15, established: 7440, fin_wait: 60, close_wait: 60 },
      ...{ last_ack: 30, time_wait: 30, close: 10, retrans: 120, unack: 30 },
    },
  },
  'tcp-on-trial': {
    protocol: 'tcp',
    policy: {
      ...{ syn_sent: 3, syn_recv: 5, established: 120, fin_wait: 10, close_wait: 10 },
      ...{ last_ack: 5, time_wait: 1, close: 1, retrans: 10, unack: 5 },
    },
  },
  'udp-usual': { protocol: 'udp', policy: { unreplied: 30, replied: 180 } },
  'udp-on-trial': { protocol: 'udp', policy: { unreplied: 10, replied: 30 } },
} as const satisfies Record<string, { protocol: 'tcp' | 'udp'; policy: Record<string, number> }>
type Timeout = keyof typeof timeouts

/** Device of a packet at a hook. */
const deviceOf = { 'from-vm': 'iif', 'to-vm': 'oif' } as const satisfies Record<Hook, string>
const ways = ['from-vm', 'to-vm'] as const satisfies readonly Hook[]

const limited = (way: Hook) => `limited-${way}`
/** The set of interfaces of a limit. */
export const interfacesOf = (limit: number) => `limited-${limit}`
const full = (way: Hook) => `full-${way}`
/** Flows that were refused after they were tracked, in a bridge. */
const ended = [
  { set: 'ended4', key: 'meta l4proto . ip saddr . ip daddr . th sport . th dport' },
  { set: 'ended6', key: 'meta l4proto . ip6 saddr . ip6 daddr . th sport . th dport' },
] as const
/** As long as the kernel remembers a connection on trial that nothing keeps. */
const endedSeconds = 120
/** Before connections are tracked, from -200 on. */
const untracking = { name: 'ended', hook: 'prerouting', priority: -250 } as const
/** The set that counts refusals. */
export const refusedOf = (way: Hook) => `refused-${way}`
const counted = (limit: number, way: Hook) => `connections-${limit}-${way}`
/** The set of interfaces that had to admit connections on trial. */
export const trialsOf = (limit: number) => `trials-${limit}`
const trialRate = 'trial-rate'
/** The set of interfaces that take nobody on trial. */
export const shut = 'trials-shut'

/** First rule of the chain of packets that pass: new connections, and those that are not judged yet, are looked at. */
export const consult: Readonly<Record<Hook, string>> = {
  'from-vm': `ct status ! ${status.known} jump ${limited('from-vm')}`,
  'to-vm': `ct label ! ${label.judged} jump ${limited('to-vm')}`,
}

export interface RenderedConnections {
  /** Objects of the table that are neither chains nor sets: by kind and name, with their body. */
  readonly objects: ReadonlyMap<string, string>
  readonly chains: ReadonlyMap<string, string>
  readonly sets: ReadonlyMap<string, RenderedSet>
}

/**
 * What every limit needs. In a bridge nobody can be sent a reset where packets to a VM are judged: what is refused there
 * after its handshake is dropped before it is tracked, so that its sender cannot keep it in the table (decision 0037).
 */
export function connectionsOf(family: 'inet' | 'bridge'): RenderedConnections {
  const chains = new Map<string, string>([
    ['begun-from-vm', keptFor('tcp-from-vm', 'udp-usual')],
    ['begun-to-vm', lines(`ct label set ${label.judged}`, keptFor('tcp-to-vm', 'udp-usual'))],
    [
      'on-trial',
      lines(
        `oif @${shut} goto refused-to-vm`,
        `add @${trialRate} { oif limit rate over ${trialsPerSecond}/second burst ${trialsPerSecond} packets } goto refused-to-vm`,
        `ct label set ${label.trial}`,
        keptFor('tcp-on-trial', 'udp-on-trial'),
      ),
    ],
    ['full-from-vm', lines(`add @${full('from-vm')} { iif }`, 'goto refused-from-vm')],
    ['full-to-vm', lines(`add @${full('to-vm')} { oif }`, 'goto on-trial')],
    ['not-admitted', lines(`add @${shut} { oif }`, 'goto refused-to-vm')],
    ['refused-from-vm', lines(`add @${refusedOf('from-vm')} { iif }`, 'drop')],
    [
      'refused-to-vm',
      lines(
        `add @${refusedOf('to-vm')} { oif }`,
        ...(family === 'inet'
          ? // The kernel takes a connection that it resets for closed, and soon forgets it.
            [`meta l4proto 6 ct status ${status.known} reject with tcp reset`]
          : ended.map((flow) => `ct status ${status.known} add @${flow.set} { ${flow.key} }`)),
        'drop',
      ),
    ],
  ])
  const sets = new Map<string, RenderedSet>([
    [trialRate, dynamic('type iface_index')],
    [shut, dynamic('type iface_index', { seconds: shutSeconds })],
  ])
  if (family === 'bridge') {
    chains.set(
      untracking.name,
      lines(hangsAt(untracking), ...ended.map(({ key, set }) => `${key} @${set} drop`)),
    )
    for (const { key, set } of ended)
      sets.set(set, dynamic(`typeof ${key}`, { seconds: endedSeconds, most: 65_535 }))
  }
  for (const way of ways) {
    // While it is full nothing is counted: what is refused would be counted too, and the list walked for nothing.
    sets.set(full(way), dynamic('type iface_index', { seconds: 1 }))
    sets.set(refusedOf(way), dynamic('type iface_index', { counts: true }))
  }
  const objects = Object.keys(timeouts).map((name) => timeoutObject(name as Timeout))
  return { objects: new Map(objects), chains, sets }
}

/** The chains that look for an interface's limit, of which there is at least one. */
export const limitedBy = (limits: Iterable<number>): ReadonlyMap<string, string> => {
  // In an order that is the same whatever came first.
  const all = [...limits].sort((a, b) => a - b)
  return new Map(
    // Sets, not a map to chains: the kernel checks every jump of a map again with every change.
    ways.map((way) => [
      limited(way),
      lines(...all.map((limit) => `${deviceOf[way]} @${interfacesOf(limit)} goto ${counted(limit, way)}`)),
    ]),
  )
}

/** What one limit needs: connections begun by a VM, and as many begun towards it; at least 1. */
export function connectionsWithin(limit: number): Omit<RenderedConnections, 'objects'> {
  const chains = new Map<string, string>()
  const sets = new Map<string, RenderedSet>()
  const lists = limit < oneList ? 1 : Math.floor(limit / perList)
  const each = Math.floor(limit / lists)
  const count = (way: Hook) =>
    `add @${counted(limit, way)} { ${deviceOf[way]} . numgen inc mod ${lists} ct count over ${each} } goto full-${way}`
  for (const way of ways) {
    sets.set(counted(limit, way), dynamic(`typeof ${deviceOf[way]} . numgen inc mod ${lists}`))
  }
  sets.set(trialsOf(limit), dynamic('type iface_index', { seconds: trialsAgainSeconds }))
  chains.set(
    counted(limit, 'from-vm'),
    lines(`iif @${full('from-vm')} goto refused-from-vm`, count('from-vm'), 'goto begun-from-vm'),
  )
  chains.set(
    counted(limit, 'to-vm'),
    lines(
      `ct status ${status.known} goto trial-${limit}`,
      `oif @${full('to-vm')} goto on-trial`,
      count('to-vm'),
      'goto begun-to-vm',
    ),
  )
  chains.set(
    `trial-${limit}`,
    lines(
      // An answer, or a connection that is older than the table.
      `ct label ! ${label.trial} ct label set ${label.judged} return`,
      // An answer of a VM on this host, to another one.
      'ct direction 1 return',
      `ct status ! ${status.assured} return`,
      `add @${trialsOf(limit)} { oif limit rate over 1/minute burst ${trialLimit(limit)} packets } goto not-admitted`,
      `ct label set ${label.judged}`,
    ),
  )
  return { chains, sets }
}

/** Connections on trial that may stay, until fewer than so many are there or the time is over. */
export const trialLimit = (limit: number): number => Math.ceil(limit / 2)

/** Connections that the kernel tracks for an interface of that limit, at most. */
export const mostWithin = (limit: number): number =>
  // Begun by the VM; begun outside, and the same again in two halves on trial.
  3 * limit

const lines = (...all: string[]): string => all.join('\n')
const keptFor = (tcp: Timeout, udp: Timeout): string =>
  lines(`meta l4proto 6 ct timeout set "${tcp}"`, `meta l4proto 17 ct timeout set "${udp}"`)

function timeoutObject(name: Timeout): readonly [string, string] {
  const { protocol, policy } = timeouts[name]
  const values = Object.entries(policy).map(([state, seconds]) => `${state} : ${seconds}`)
  return [`ct timeout ${name}`, `protocol ${protocol}\npolicy = { ${values.join(', ')} }`]
}

/** A set that the kernel fills itself; an element that is given `seconds` leaves after them. */
function dynamic(
  type: string,
  { seconds, counts = false, most = size }: { seconds?: number; counts?: boolean; most?: number } = {},
): RenderedSet {
  return {
    kind: 'set',
    type: lines(
      type,
      `size ${most}`,
      `flags dynamic${seconds === undefined ? '' : `,timeout\ntimeout ${seconds}s`}`,
      ...(counts ? ['counter'] : []),
    ),
    elements: new Map(),
  }
}
