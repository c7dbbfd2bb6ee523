/**
 * Tracked connections of limited interfaces: how many there are, from the kernel's table, and how many were refused.
 *
 * Reading gives back as well: an interface that had to admit connections on trial, and has few, may do so again.
 */
import { readFile } from 'node:fs/promises'
import type { Command } from '../../compile/nftables/commands.ts'
import { mostWithin, refusedOf, shut, trialLimit, trialsOf } from '../../compile/nftables/connections.ts'
import type { LoweredInterface } from '../../compile/nftables/lower.ts'
import type { Hook } from '../../compile/nftables/ruleset.ts'
import { indexElements } from '../../compile/nftables/table.ts'
import type { Connections, Desired, PerDirection } from '../../core/model/desired.ts'
import { eachLine, within } from '../run.ts'
import { type Counters, countedIn, tableOf } from './counters.ts'
import { type Kernel, RefusedError } from './kernel.ts'
import { createSums } from './sums.ts'

export interface ConnectionCounters extends Pick<Counters, 'begin'> {
  /** As of `Counters`. */
  watch(
    changed: readonly LoweredInterface[],
    gone: readonly string[],
    passed: ReadonlySet<string>,
    desired: Desired,
  ): void
  /** By id of the interface. Takes as long as the table is large: about a second for 262,144 connections. */
  read(): Promise<ReadonlyMap<string, Connections>>
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

export function createConnections(kernel: Kernel, netns: string | undefined): ConnectionCounters {
  const limited = new Map<string, Limited>()
  /** Connections that all limits together let the kernel track. */
  let most = 0
  const refusals = createSums()
  let uses: ReadonlyMap<string, PerDirection> = new Map()
  let problem: string | null = null
  let readAgain = 0
  /** What `warnings` answers; undefined while that has to be found out. */
  let warned: readonly string[] | undefined

  /** Counts what `conntrack -L` prints. */
  async function count(): Promise<void> {
    const started = performance.now()
    if (started < readAgain) return
    const owners = new Map(
      [...limited.values()].flatMap(({ id, addresses }) => addresses.map((each) => [each, id] as const)),
    )
    const counted = new Map([...limited.keys()].map((id) => [id, { ingress: 0, egress: 0 }]))
    const command = within(netns, ['conntrack', '-L'])
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

  async function giveBack(): Promise<void> {
    const all = [...limited.values()]
    const places = new Map(all.map(({ table, limit }) => [`${table} ${limit}`, { table, limit }]))
    for (const { table, limit } of places.values()) {
      const used = await kernel.counters(table, trialsOf(limit))
      if (used.size === 0) continue
      const closed = await kernel.counters(table, shut)
      const few = all.filter((each) => {
        const use = uses.get(each.id)
        const isHere = each.table === table && each.limit === limit && used.has(each.index)
        return isHere && use !== undefined && use.ingress < trialLimit(limit)
      })
      for (const { index } of few) {
        try {
          const sets = closed.has(index) ? [trialsOf(limit), shut] : [trialsOf(limit)]
          await kernel.commit(sets.map((set) => deleteDevice(table, set, index)))
        } catch (error) {
          // It has just left by itself.
          if (!(error instanceof RefusedError)) throw error
        }
      }
    }
  }

  /** Undefined: it is not limited any more. */
  function set(id: string, next: Limited | undefined): void {
    const before = limited.get(id)
    if (before?.limit !== next?.limit) warned = undefined
    most += (next ? mostWithin(next.limit) : 0) - (before ? mostWithin(before.limit) : 0)
    if (next) limited.set(id, next)
    else limited.delete(id)
  }
  function forget(id: string): void {
    set(id, undefined)
    refusals.forget(id)
  }

  /** By index of the device, from all tables that limit any. */
  async function refusedAt(way: Hook): Promise<ReadonlyMap<number, number>> {
    const each = [...limited.values()]
    const tables = [...new Set(each.map(({ table }) => table))]
    const all = await Promise.all(tables.map((name) => kernel.counters(name, refusedOf(way))))
    return new Map(
      each.map(({ index, table }) => [index, all[tables.indexOf(table)]?.get(index) ?? 0] as const),
    )
  }

  return {
    async begin() {
      refusals.begin(await countedIn(kernel, Object.values(tableOf), refusedOf))
    },
    watch(changed, gone, passed, { interfaces }) {
      for (const id of passed) refusals.pass(id)
      for (const id of gone) forget(id)
      for (const { id, index, mode, limit } of changed) {
        if (limit === undefined || index === undefined || mode === null) forget(id)
        else {
          const { addresses = [] } = interfaces.get(id) ?? {}
          set(id, { id, index, limit, table: tableOf[mode], addresses })
          refusals.watch(id, index)
        }
      }
    },
    async read() {
      if (limited.size === 0) return new Map()
      warned = undefined
      let refused: ReadonlyMap<string, PerDirection> = new Map()
      try {
        const [egress, ingress] = await Promise.all([refusedAt('from-vm'), refusedAt('to-vm')])
        refused = refusals.add((index) => ({
          ingress: ingress.get(index) ?? 0,
          egress: egress.get(index) ?? 0,
        }))
        await count()
        await giveBack()
      } catch (error) {
        // Somebody took our table away; a round that puts it back is on its way.
        if (!(error instanceof RefusedError)) throw error
        refused = refusals.sums()
      }
      return new Map(
        [...limited.values()].map(({ id, limit, addresses }) => [
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
      warned ??= await findWarnings()
      return warned
    },
  }

  async function findWarnings(): Promise<readonly string[]> {
    const room = await readRoom()
    return [
      ...(room !== undefined && most > room
        ? [
            `the limits of ${limited.size} interfaces add up to ${most} tracked connections, and the kernel has room for ${room}: raise net.netfilter.nf_conntrack_max or lower --max-connections`,
          ]
        : []),
      ...(problem === null ? [] : [`tracked connections are limited and not counted: ${problem}`]),
    ]
  }
}

/** Takes a device out of a set that packets fill. */
export const deleteDevice = (table: string, set: string, index: number): Command => ({
  ...{ do: 'delete-elements', table, set, kind: 'set', type: 'type iface_index' },
  elements: indexElements([index]),
})

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
