/** What one agent is owed: policies that others are sent as well, or what has to be read for its host alone. */
import type { DesiredFeed, DesiredUpdate, Placement } from '../core/model/desired-update.ts'
import type { Policy } from '../core/model/policy.ts'
import type { HostChanges, PlacedInterface } from '../storage/storage.ts'

/** Who has applied revision `handed` enforces what is desired as of revision `upTo`: nothing since then concerns its host. */
export interface Reach {
  readonly handed: number
  readonly upTo: number
}

export interface WaitingFeed extends DesiredFeed {
  /** As `poll`, but waits until there is something. Rejects with the reason of the signal when it is aborted. */
  next(since: number | null, signal?: AbortSignal): Promise<DesiredUpdate>
  /** Null before anything was handed out. */
  reach(): Reach | null
}

export interface HostFeed extends WaitingFeed {
  readonly host: string
  /**
   * Of all that was committed up to a revision, what concerns the host: changed policies, and whether there is more, which has
   * to be read. Answers whether anything does.
   */
  hear(revision: number, policies: readonly Policy[], more: boolean): boolean
  /** Anything may have been committed. */
  doubt(): void
  /** Whoever waits asks again. */
  wake(): void
}

export interface Reader {
  /** Whether the agent may go on from a revision that another feed of this store handed out. */
  readonly resumes: boolean
  /** Resolves when the feed has heard of what was committed before the call. */
  catchUp(): Promise<void>
  /** `since` is asked when it begins. */
  read(since: () => number | null): Promise<HostChanges>
  closed(): void
}

export function createHostFeed(host: string, { resumes, catchUp, read, closed }: Reader): HostFeed {
  /** Revision of what was handed out last; null: nothing yet. */
  let handed: number | null = null
  /** Who has what was handed out last lacks nothing up to here but what is owed. */
  let complete = -1
  /** The newest revision that was heard of. */
  let heard = -1
  /** Policies that are owed, by id, with the revision at which that was heard. */
  const owed = new Map<string, { readonly policy: Policy; readonly at: number }>()
  /** Whether there is more, which has to be read. */
  let more = true
  let reading = false
  let busy = false
  const listeners = new Set<() => void>()
  function wake(): void {
    for (const listener of [...listeners]) listener()
  }

  async function readChanges(since: number | null): Promise<DesiredUpdate | null> {
    const goesOn = since !== null && since === handed
    const from = goesOn || resumes ? since : null
    let changes: HostChanges
    try {
      changes = await read(() => {
        more = false
        reading = true
        return goesOn ? complete : from
      })
    } catch (error) {
      more = true
      throw error
    } finally {
      reading = false
    }
    const { revision, policies, placed, departed } = changes
    const whole = changes.from === null
    complete = revision
    for (const [id, { at }] of owed) if (at <= revision) owed.delete(id)
    const nothing = !whole && policies.length + placed.length + departed.length === 0
    // Who resumes is told that it has everything.
    if (nothing && goesOn) return null
    handed = revision
    return toUpdate(changes, whole ? null : since)
  }

  function handOut(from: number): DesiredUpdate {
    const policies = [...owed.values()].map(({ policy }) => policy)
    owed.clear()
    handed = heard
    complete = heard
    return { from, revision: heard, policies, interfaces: { put: [], remove: [] } }
  }

  async function poll(since: number | null): Promise<DesiredUpdate | null> {
    if (busy) throw new Error('an agent asks for one update at a time')
    busy = true
    try {
      await catchUp()
      if (since === null || since !== handed || more) {
        const update = await readChanges(since)
        if (update || owed.size === 0) return update
      }
      return since === null || owed.size === 0 ? null : handOut(since)
    } finally {
      busy = false
    }
  }

  return {
    host,
    hear(revision, policies, all) {
      heard = Math.max(heard, revision)
      if (!reading && revision <= complete) return false
      if (policies.length === 0 && !all) {
        if (!reading && !more && owed.size === 0) complete = revision
        return false
      }
      for (const policy of policies) owed.set(policy.id, { policy, at: revision })
      more ||= all
      wake()
      return true
    },
    doubt() {
      more = true
      wake()
    },
    wake,
    poll,
    async next(since, signal) {
      for (;;) {
        signal?.throwIfAborted()
        const changed = Promise.withResolvers<void>()
        listeners.add(changed.resolve)
        signal?.addEventListener('abort', changed.resolve as () => void, { once: true })
        try {
          const update = await poll(since)
          if (update) return update
          await changed.promise
        } finally {
          listeners.delete(changed.resolve)
          signal?.removeEventListener('abort', changed.resolve as () => void)
        }
      }
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    reach: () => (handed === null ? null : { handed, upTo: Math.max(handed, complete) }),
    close: closed,
  }
}

function toUpdate({ revision, policies, placed, departed }: HostChanges, from: number | null): DesiredUpdate {
  const put = placed.flatMap((each) => (each.device === null ? [] : [toPlacement(each, each.device)]))
  return { from, revision, policies, interfaces: { put, remove: departed } }
}

function toPlacement(each: PlacedInterface, device: string): Placement {
  const { id, account, index, type, mac, addresses, allowedAddresses, senderCheck } = each
  const { observe, vlanTrunk, allowedFrames, maxConnections } = each
  const policies = each.policies.map((policy) => policy.id)
  return {
    ...{ id, account, device, index, type, mac, addresses, allowedAddresses, senderCheck },
    ...{ observe, vlanTrunk, allowedFrames, maxConnections, policies },
    ...(each.found && { found: each.found }),
  }
}
