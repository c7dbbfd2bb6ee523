/**
 * Tracked connections of limited interfaces: how many there are, from the kernel's table, and how many were refused.
 *
 * Reading gives back as well: an interface that had to admit connections on trial, and has few, may do so again.
 */
import { readFile } from 'node:fs/promises'
import { refusedOf, shut, sumOfLimits, trialLimit, trialsOf } from '../../compile/nftables/connections.ts'
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import { bridgeTable, table } from '../../compile/nftables/names.ts'
import type { Hook } from '../../compile/nftables/ruleset.ts'
import type { Connections, Desired, PerDirection } from '../../core/model/desired.ts'
import { type Command, eachLine, ProgramError, within } from '../run.ts'
import type { Nft } from './nft.ts'
import { createSums } from './sums.ts'

type IndexOf = (device: string) => number | undefined

export interface ConnectionCounters {
  /** From now on these are the limited interfaces. */
  watch(interfaces: readonly LoweredInterface[], desired: Desired): void
  /** By id of the interface. Takes as long as the table is large: about a second for 262,144 connections. */
  read(indexOf: IndexOf): Promise<ReadonlyMap<string, Connections>>
  /** What the operator should know of the limits. */
  warnings(): Promise<readonly string[]>
}

/** A table of many connections is read seldom: each read pauses for so many times as long as it took. */
const pauseFactor = 50

interface Limited {
  readonly id: string
  readonly index: number
  readonly limit: number
  /** The table that limits it. */
  readonly table: string
  readonly addresses: readonly string[]
}

export function createConnections(nft: Nft, netns: string | undefined): ConnectionCounters {
  let limited: readonly Limited[] = []
  const refusals = createSums()
  let uses: ReadonlyMap<string, PerDirection> = new Map()
  let problem: string | null = null
  let readAgain = 0

  /** Counts what `conntrack -L` prints. */
  async function count(): Promise<void> {
    const started = performance.now()
    if (started < readAgain) return
    const owners = new Map(
      limited.flatMap(({ id, addresses }) => addresses.map((each) => [each, id] as const)),
    )
    const counted = new Map(limited.map(({ id }) => [id, { ingress: 0, egress: 0 }]))
    const command: Command = within(netns, ['conntrack', '-L'])
    try {
      await eachLine(command, (line) => {
        const flow = readFlow(line)
        if (!flow) return
        const by = owners.get(flow.from)
        const from = by === undefined ? undefined : counted.get(by)
        if (from) from.egress++
        // Half-open connections begun outside use up nothing.
        const towards = flow.assured ? (owners.get(flow.to) ?? owners.get(flow.answeredBy)) : undefined
        const to = towards === undefined ? undefined : counted.get(towards)
        if (to) to.ingress++
      })
      uses = counted
      problem = null
    } catch (error) {
      uses = new Map()
      problem = error instanceof Error ? error.message : String(error)
    }
    const now = performance.now()
    readAgain = now + (now - started) * pauseFactor
  }

  async function giveBack(indexOf: IndexOf): Promise<void> {
    const places = new Map(limited.map(({ table, limit }) => [`${table} ${limit}`, { table, limit }]))
    for (const { table, limit } of places.values()) {
      const used = await nft.counters(table, trialsOf(limit), indexOf)
      if (used.size === 0) continue
      const closed = await nft.counters(table, shut, indexOf)
      const few = limited.filter((each) => {
        const use = uses.get(each.id)
        const isHere = each.table === table && each.limit === limit && used.has(each.index)
        return isHere && use !== undefined && use.ingress < trialLimit(limit)
      })
      for (const { index } of few) {
        try {
          const sets = closed.has(index) ? [trialsOf(limit), shut] : [trialsOf(limit)]
          await nft.commit(sets.map((set) => `delete element ${table} ${set} { ${index} }\n`).join(''))
        } catch (error) {
          // It has just left by itself.
          if (!(error instanceof ProgramError)) throw error
        }
      }
    }
  }

  /** By index of the device, from all tables that limit any. */
  async function refusedAt(way: Hook, indexOf: IndexOf): Promise<ReadonlyMap<number, number>> {
    const tables = [...new Set(limited.map((each) => each.table))]
    const all = await Promise.all(tables.map((name) => nft.counters(name, refusedOf(way), indexOf)))
    return new Map(
      limited.map(({ index, table }) => [index, all[tables.indexOf(table)]?.get(index) ?? 0] as const),
    )
  }

  return {
    watch(interfaces, desired) {
      limited = interfaces.flatMap(({ id, index, limit, mode }) => {
        if (index === undefined || limit === undefined) return []
        const addresses = desired.interfaces.get(id)?.addresses ?? []
        return [{ table: mode === 'bridged' ? bridgeTable : table, limit, id, index, addresses }]
      })
      refusals.watch(limited)
    },
    async read(indexOf) {
      if (limited.length === 0) return new Map()
      let refused: ReadonlyMap<string, PerDirection> = new Map()
      try {
        const [egress, ingress] = await Promise.all([
          refusedAt('from-vm', indexOf),
          refusedAt('to-vm', indexOf),
        ])
        refused = refusals.add((index) => ({
          ingress: ingress.get(index) ?? 0,
          egress: egress.get(index) ?? 0,
        }))
        await count()
        await giveBack(indexOf)
      } catch (error) {
        // Somebody took our table away; a round that puts it back is on its way.
        if (!(error instanceof ProgramError)) throw error
        refused = refusals.sums()
      }
      return new Map(
        limited.map(({ id, limit, addresses }) => [
          id,
          {
            limit,
            uses: addresses.length === 0 ? null : (uses.get(id) ?? null),
            refusals: refused.get(id) ?? { ingress: 0, egress: 0 },
          },
        ]),
      )
    },
    async warnings() {
      const sum = sumOfLimits(limited.map(({ limit }) => limit))
      const room = await readRoom()
      return [
        ...(room !== undefined && sum > room
          ? [
              `the limits of ${limited.length} interfaces add up to ${sum} tracked connections, and the kernel has room for ${room}: raise net.netfilter.nf_conntrack_max or lower --max-connections`,
            ]
          : []),
        ...(problem === null ? [] : [`tracked connections are limited and not counted: ${problem}`]),
      ]
    },
  }
}

/** Connections that the kernel tracks at most, on the whole host; undefined while it tracks none. */
async function readRoom(): Promise<number | undefined> {
  try {
    return Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8'))
  } catch {
    return undefined
  }
}

interface Flow {
  readonly from: string
  readonly to: string
  /** Differs from `to` where destinations are translated. */
  readonly answeredBy: string
  readonly assured: boolean
}

/** Reads a line of `conntrack -L`; undefined when it is no connection, or one that has ended. */
export function readFlow(line: string): Flow | undefined {
  const [, from = '', to = '', answeredBy = ''] = / src=(\S+) dst=(\S+) .*? src=(\S+) /.exec(line) ?? []
  if (from === '' || / (?:CLOSE|TIME_WAIT) /.test(line)) return undefined
  return { from, to, answeredBy, assured: line.includes(' [ASSURED] ') }
}
