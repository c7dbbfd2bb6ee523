/**
 * The way to the kernel by netlink: a transaction is one batch, what stands is dumped, and tables are owned where the
 * kernel can (decision 0043). Works in the network namespace of this process; calls are done before they return.
 */
import { type Command, scriptOf } from '../../compile/nftables/commands.ts'
import { KernelError, OutcomeUnknownError } from '../netlink/errors.ts'
import { type Events, openEvents } from '../netlink/events.ts'
import { MalformedError, MessageBuilder } from '../netlink/message.ts'
import { beginBatch, sendBatch } from '../netlink/nfnetlink.ts'
import { NetlinkSocket } from '../netlink/socket.ts'
import { openTransport, protocols } from '../netlink/transport.ts'
import { baseChainsOf } from './base-chains.ts'
import { epochOf } from './epochs.ts'
import { declaredOf, type HitKind, hitText } from './hit-keys.ts'
import { type Change, type HitKey, type Kernel, OwnedError, RefusedError } from './kernel.ts'
import { writeCommands } from './netlink/commands.ts'
import { Dumps } from './netlink/dump.ts'
import { standing } from './netlink/standing.ts'
import { createWatch } from './netlink/watch.ts'
import { wholeCounts } from './whole-counts.ts'

export interface NetlinkKernelOptions {
  /** Whether tables are owned where the kernel can; absent means true. */
  readonly own?: boolean
  /** Opens its two sockets; absent: those of libc. Tests have theirs fail. */
  readonly transport?: typeof openTransport
}

const subsystem = 10
const eventGroup = 7
/** Nobody else changes the table; it outlives its owner, and then the next may own it. */
const flags = { owner: 0x2, persist: 0x4 } as const
/** How often a table is read that others change meanwhile. */
const attempts = 5
/** Elements that are taken away at once: as many messages, and as many answers where none is there any more. */
const mostForgotten = 1000

/** Rejects with a LibraryError where sockets cannot be had: then nft is the way. */
export async function openNetlinkKernel({
  own = true,
  transport = openTransport,
}: NetlinkKernelOptions = {}): Promise<Kernel> {
  const socket = await NetlinkSocket.open(protocols.netfilter, transport)
  const builder = new MessageBuilder(64 * 1024)
  const dumps = new Dumps(socket)
  const listeners = new Set<(what: Change) => void>()
  let known: ReadonlySet<string> = new Set()
  let events: Promise<Events> | undefined
  /** Why nobody listens. */
  let problem: string | null = null
  let tableFlags = own ? flags.owner | flags.persist : 0

  function send(commands: readonly Command[], commit: boolean): void {
    if (commands.length === 0) return
    beginBatch(builder, { subsystem })
    let starts: readonly number[]
    try {
      starts = writeCommands(builder, commands, { tableFlags })
    } catch (error) {
      // What is not in our language nft would refuse.
      if (error instanceof SyntaxError || error instanceof RangeError) throw new RefusedError(error.message)
      throw error
    }
    try {
      sendBatch(socket, builder, { subsystem, commit })
    } catch (error) {
      if (!(error instanceof KernelError)) throw error
      if (error.code === 'EPERM') refuseForeign(new Set(commands.map(({ table }) => table)))
      const [failure] = error.failures
      // The first message is the batch's own.
      const at = starts.findLastIndex((start) => start - 1 <= (failure?.index ?? -1))
      const command = commands[at]
      throw new RefusedError(
        command ? `${error.message}: ${scriptOf([command]).trim().slice(0, 200)}` : error.message,
      )
    }
  }

  function refuseForeign(names: Iterable<string>): void {
    for (const name of names) {
      const owner = dumps.table(name)?.owner ?? 0
      if (owner !== 0 && owner !== socket.port)
        throw new OwnedError(`another agent enforces here: it owns the table ${name}`)
    }
  }

  /** A question whose answer was lost is asked again. */
  function insist<T>(ask: () => T): T {
    for (let attempt = 1; ; attempt++) {
      try {
        return ask()
      } catch (error) {
        if (!(error instanceof OutcomeUnknownError) || attempt === attempts) throw error
      }
    }
  }

  /** The kernel takes a batch away whole or not at all: what it does not find is left out of the next. */
  function forgetSome(table: string, set: string, kind: HitKind, keys: readonly HitKey[]): void {
    let left = keys
    for (let attempt = 1; left.length > 0; attempt++) {
      beginBatch(builder, { subsystem })
      const declared = { table, set, kind: 'set', type: declaredOf(kind) } as const
      // A message each, so that each is answered by itself.
      const commands = left.map(
        (key): Command => ({
          ...{ do: 'delete-elements', ...declared },
          elements: new Map([[hitText(kind, key), '']]),
        }),
      )
      writeCommands(builder, commands)
      try {
        sendBatch(socket, builder, { subsystem, commit: true })
        return
      } catch (error) {
        // Whether they have gone or not, they may be taken away once more.
        if (error instanceof OutcomeUnknownError && attempt < attempts) continue
        if (!(error instanceof KernelError)) throw error
        if (error.code === 'EPERM') refuseForeign([table])
        const missing = new Set(error.failures.map(({ code, index }) => (code === 'ENOENT' ? index : -1)))
        const others = error.failures.filter(({ code }) => code !== 'ENOENT' && code !== 'EINTR')
        if (others.length > 0 || attempt === attempts)
          throw new RefusedError(`${error.message}: ${table} ${set}`)
        left = left.filter((_, index) => !missing.has(index))
      }
    }
  }

  // Asked by a transaction that is only checked.
  if (tableFlags !== 0) {
    try {
      send([{ do: 'add-table', table: 'inet portcullis-asks' }], false)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      tableFlags = 0
    }
  }

  /** Whether it stands; the orphan of a process that has ended is ours from here on. */
  function claim(name: string): boolean {
    const found = dumps.table(name)
    if (!found) return false
    if (tableFlags !== 0 && (found.flags & (flags.owner | flags.persist)) === flags.persist)
      send([{ do: 'add-table', table: name }], true)
    else if (tableFlags !== 0) refuseForeign([name])
    return true
  }

  return {
    async commit(commands) {
      send(commands, true)
    },
    async check(commands) {
      send(commands, false)
    },
    async read(name, wanted) {
      for (let attempt = 1; ; attempt++) {
        const before = claim(name) ? dumps.generation() : undefined
        if (before === undefined) return undefined
        try {
          const found = standing(dumps, name, wanted)
          if (dumps.generation() === before || attempt === attempts) return found
        } catch (error) {
          // A table or set that has just gone.
          if (!(error instanceof KernelError) || attempt === attempts) throw error
        }
      }
    },
    async counters(table, set) {
      try {
        const found = await wholeCounts(() => dumps.counts(table, set, 'device'))
        return new Map(found.map(({ index, packets }) => [index, packets]))
      } catch (error) {
        const refused = error instanceof KernelError || error instanceof MalformedError
        throw refused ? new RefusedError(`${error.message}: ${table} ${set}`) : error
      }
    },
    counts: 'rules',
    async hits(table, set) {
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const handle = dumps.table(table)?.handle
        const kind = insist(() => dumps.hitKind(table, set))
        if (handle === undefined || kind === undefined) return undefined
        try {
          const elements = await wholeCounts(() => dumps.counts(table, set, kind))
          if (dumps.table(table)?.handle === handle) return { epoch: await epochOf(handle), elements }
        } catch (error) {
          // A set that has just gone, or was made anew with other keys.
          if (!(error instanceof KernelError || error instanceof MalformedError)) throw error
        }
      }
      throw new Error(`${table} was made anew each time that ${set} was read`)
    },
    async forget(table, set, keys) {
      const kind = insist(() => dumps.hitKind(table, set))
      // What a process has left that has ended can be read by all, and changed by its next owner.
      if (kind === undefined || !claim(table)) return
      for (let at = 0; at < keys.length; at += mostForgotten)
        forgetSome(table, set, kind, keys.slice(at, at + mostForgotten))
    },
    async baseChains() {
      const all = baseChainsOf(
        dumps.chains().map(({ base, ...chain }) => ({
          ...chain,
          base: base && { type: base.type, hook: base.hook, drops: !base.accepts },
        })),
      )
      known = new Set(all.flatMap(({ table, name }) => [table, `${table} ${name}`]))
      return all
    },
    onChange(listener) {
      listeners.add(listener)
      const tell = (what: Change) => {
        for (const each of listeners) each(what)
      }
      if (!events) {
        const watch = createWatch(socket.port, (name) => known.has(name), tell)
        events = openEvents(protocols.netfilter, [eventGroup], watch, transport)
        // What happened before it listens is not told.
        events.then(
          () => tell({ ours: true, others: true }),
          (error) => {
            problem = error instanceof Error ? error.message : String(error)
          },
        )
      }
      return () => void listeners.delete(listener)
    },
    problem: () => problem,
    async close() {
      socket.close()
      await events?.then(
        (each) => each.close(),
        () => {},
      )
    },
  }
}
