/**
 * Keeps the store informed of one host whose agent is heard in this process, so that other processes can answer, too.
 *
 * An agent speaks several times a round; its words are kept soon, but many of them in one write, and of its interfaces
 * only those of which it said something since the last, where that is not the usual.
 */
import type { StatusChange } from '../core/model/status-change.ts'
import type { Actor, HostRecord, InterfaceOutcome, Storage } from '../storage/storage.ts'
import { type HostView, outcomeOf } from './host-view.ts'
import { createTurns, type Turns } from './turns.ts'

export interface HostKeeper {
  /** Resolves when the store has heard of it, or cannot be told. */
  readonly introduced: Promise<void>
  /** The view has heard this change. */
  heard(change: StatusChange): void
  /**
   * Has the store told that the agent is there, and the counts, which change all the time. Answers what the host says of itself
   * where that is all there is to tell: then the caller tells it. Undefined: the keeper does.
   */
  beat(): (HostRecord & { readonly session?: number }) | undefined
  /** Tells the store what it has not been told yet. */
  close(): Promise<void>
  /** Tells the store nothing any more. */
  stop(): void
}

export interface KeptAs {
  /** Of the agent that is heard, as `reportHost` has it. Absent: none is kept. */
  readonly session?: number
  /** Another agent speaks for the host by now: nothing is kept any more. */
  readonly replaced?: () => void
  /** The time of the store, milliseconds since 1970. Absent: that of this process. */
  readonly time?: () => number
}

/** Between two writes about a host, milliseconds. */
const betweenMs = 100
/** Outcomes in one write: more would keep others waiting. */
const maxPerWrite = 500

/** Who writes what agents say. */
export const agent = (at: number): Actor => ({
  ...{ account: '', actor: 'agent', dialect: 'system', requestId: '', at },
})

/** `view` has heard what the agent said first. `turns` are shared with the keepers of other hosts. */
export function createHostKeeper(
  storage: Storage,
  view: HostView,
  turns: Turns = createTurns(1),
  { session, replaced = () => {}, time = Date.now }: KeptAs = {},
): HostKeeper {
  const as = session === undefined ? {} : { session }
  let stopped = false
  /** Outcomes in the store as `textOf` has them, by interface; undefined while that is not known. */
  let kept: Map<string, string> | undefined
  /** The usual one, which `kept` leaves out. */
  let keptUsual: string | undefined
  /** Interfaces of which the agent has spoken since the last write. */
  let spoken = new Set<string>()
  /** Interfaces whose counts in the store are old. */
  const stale = new Set<string>()
  let everything = true
  let writing: Promise<void> | undefined
  let again = false
  let timer: NodeJS.Timeout | undefined
  /** When the timer is due, and when the last write ended; milliseconds of the process's clock. */
  let due = Number.POSITIVE_INFINITY
  let written = Number.NEGATIVE_INFINITY
  let beating = false
  const { promise: introduced, resolve: introduce } = Promise.withResolvers<void>()

  function keep(): void {
    clearTimeout(timer)
    due = Number.POSITIVE_INFINITY
    if (stopped) {
      introduce()
      return
    }
    if (writing) {
      again = true
      return
    }
    const whole = beating
    beating = false
    writing = turns(() => write(whole))
      .catch(() => {
        // The store is not available: whatever it has by now, the next heartbeat tells it all.
        kept = undefined
      })
      .finally(() => {
        introduce()
        writing = undefined
        written = performance.now()
        if (again) keepAt(written + betweenMs)
        again = false
      })
  }
  function keepAt(time: number): void {
    if (time >= due) return
    clearTimeout(timer)
    due = time
    timer = setTimeout(keep, Math.max(0, time - performance.now())).unref()
  }

  /** What the store has and should have of them differs so; `kept` is what it has afterwards. */
  function differing(ids: Iterable<string>, kept: Map<string, string>, usual: string, withCounts: boolean) {
    const put: (InterfaceOutcome & { readonly interface: string })[] = []
    const remove: string[] = []
    for (const id of ids) {
      const status = view.of(id)
      const text = status && textOf(status)
      if (status === undefined || text === undefined || text === usual) {
        if (kept.delete(id)) remove.push(id)
        stale.delete(id)
        continue
      }
      const counts = countsOf(status)
      if (kept.get(id) !== text || (withCounts && counts)) {
        put.push({ ...outcomeOf(status), ...counts, interface: id })
        kept.set(id, text)
        stale.delete(id)
      } else if (counts) stale.add(id)
    }
    return { put, remove }
  }

  async function write(withCounts: boolean): Promise<void> {
    const at = time()
    const { host } = view.words
    if (kept === undefined) {
      const stored = await storage.outcomes({ host })
      kept = new Map(stored.map((each) => [each.interface, textOf(each)]))
      everything = true
    }
    const { words, usual } = view
    const asUsual = textOf(usual)
    if (asUsual !== keptUsual) everything = true
    const ids = everything ? [...view.ids(), ...kept.keys()] : [...spoken, ...(withCounts ? stale : [])]
    everything = false
    spoken = new Set()
    keptUsual = asUsual
    const { put, remove } = differing(new Set(ids), kept, asUsual, withCounts)
    const record = { ...words, seenAt: at, usual }
    for (let from = 0; ; from += maxPerWrite) {
      const more = put.length > from + maxPerWrite
      // What goes and what the host says of itself come last: until then the store says what was.
      const last = more ? { remove: [] } : { remove, record }
      const some = put.slice(from, from + maxPerWrite)
      const done = await storage.run('reportHost', { host, ...as, put: some, ...last }, agent(at))
      if (!done.ok) throw new Error(done.error.kind)
      if (!done.value.current) {
        if (!stopped) replaced()
        stopped = true
        return
      }
      // They may come to the host later, and be said to be as they were.
      for (const id of done.value.foreign) kept.delete(id)
      if (!more) break
    }
  }

  keep()
  return {
    introduced,
    heard({ host, whole, put, remove }) {
      if (whole) everything = true
      else for (const id of [...put.map((each) => each.id), ...remove]) spoken.add(id)
      const now = performance.now()
      // A round that is short is told of once, when it is over.
      keepAt(host.state === 'applying' ? now + betweenMs : Math.max(now, written + betweenMs))
    },
    beat() {
      if (stopped) return undefined
      const { words, usual } = view
      const idle = !writing && due === Number.POSITIVE_INFINITY && kept && !everything
      if (idle && spoken.size + stale.size === 0 && textOf(usual) === keptUsual)
        return { ...words, seenAt: time(), usual, ...as }
      beating = true
      keep()
      return undefined
    },
    async close() {
      while (writing || due < Number.POSITIVE_INFINITY) {
        if (!writing) keep()
        await writing
      }
    },
    stop() {
      stopped = true
      clearTimeout(timer)
      introduce()
    },
  }
}

/** What changes all the time, as far as it is worth being kept; undefined when nothing is. */
function countsOf({ denials, connections, unanswered }: InterfaceOutcome) {
  const refuses = connections && connections.refusals.ingress + connections.refusals.egress > 0
  const counts = {
    ...(denials && { denials }),
    ...(refuses && { connections }),
    ...(unanswered && { unanswered }),
  }
  return Object.keys(counts).length > 0 ? counts : undefined
}

/** What makes a row another than it was. */
const textOf = (outcome: InterfaceOutcome): string =>
  JSON.stringify([outcomeOf(outcome), countsOf(outcome) !== undefined])
