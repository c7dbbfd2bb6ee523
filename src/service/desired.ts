/** Sends an agent what its host should enforce, and from then on what changes of it. */
import type { DesiredFeed, DesiredUpdate, Placement } from '../core/model/desired-update.ts'
import type { HostChanges, PlacedInterface, Storage } from '../storage/storage.ts'

export interface WaitingFeed extends DesiredFeed {
  /** As `poll`, but waits until there is something. Rejects with the reason of the signal when it is aborted. */
  next(since: number | null, signal?: AbortSignal): Promise<DesiredUpdate>
}

/** For one agent. Close it when the agent is gone. */
export function createDesiredFeed(storage: Storage, host: string): WaitingFeed {
  /** Revision of what was handed out last; null: nothing yet. */
  let handed: number | null = null
  /** Whether anything was committed that has not been read. */
  let dirty = true
  let busy = false
  const listeners = new Set<() => void>()
  const stop = storage.onCommit(({ topics }) => {
    if (!topics.includes('servers') && !topics.includes('rules')) return
    dirty = true
    for (const listener of [...listeners]) listener()
  })
  function onChange(listener: () => void): () => void {
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  async function poll(since: number | null): Promise<DesiredUpdate | null> {
    if (busy) throw new Error('an agent asks for one update at a time')
    const known = since !== null && since === handed ? since : null
    if (known !== null && !dirty) return null
    busy = true
    dirty = false
    try {
      const changes = await storage.desired(host, known)
      handed = changes.revision
      return toUpdate(changes)
    } catch (error) {
      dirty = true
      throw error
    } finally {
      busy = false
    }
  }

  return {
    poll,
    async next(since, signal) {
      for (;;) {
        signal?.throwIfAborted()
        const changed = Promise.withResolvers<void>()
        const unsubscribe = onChange(changed.resolve)
        const aborted = () => changed.resolve()
        signal?.addEventListener('abort', aborted, { once: true })
        try {
          const update = await poll(since)
          if (update) return update
          await changed.promise
          // Whoever made the change is answered first.
          await new Promise((resolve) => setImmediate(resolve))
        } finally {
          unsubscribe()
          signal?.removeEventListener('abort', aborted)
        }
      }
    },
    onChange,
    close: stop,
  }
}

function toUpdate({ from, revision, policies, placed, departed }: HostChanges): DesiredUpdate {
  const put = placed.flatMap((each) => (each.device === null ? [] : [toPlacement(each, each.device)]))
  return { from, revision, policies, interfaces: { put, remove: departed } }
}

function toPlacement(each: PlacedInterface, device: string): Placement {
  const { id, index, type, mac, addresses, allowedAddresses, senderCheck } = each
  const { observe, vlanTrunk, allowedFrames, maxConnections } = each
  const policies = each.policies.map((policy) => policy.id)
  return {
    ...{ id, device, index, type, mac, addresses, allowedAddresses, senderCheck },
    ...{ observe, vlanTrunk, allowedFrames, maxConnections, policies },
  }
}
