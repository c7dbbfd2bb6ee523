/** Desired state from a feed, wherever its service runs, and from what was kept until that is heard. */
import type { DesiredSource } from '../core/model/desired.ts'
import type { DesiredFeed, DesiredUpdate } from '../core/model/desired-update.ts'
import type { Comparisons } from './comparisons.ts'
import { createDesiredState, type DesiredState } from './desired-state.ts'

export interface SourceFeed extends Pick<DesiredFeed, 'poll' | 'onChange'> {
  /** Whether the service is there and has said what it wants; absent: it is. */
  isLive?(): boolean
}

export interface DesiredSourceOptions {
  /** What was kept, if anything; led on from here. */
  readonly state?: DesiredState
  /** Told how that was led on. */
  readonly took?: (news: DesiredUpdate) => void
  /** When everything is to be compared with what the service has. */
  readonly comparisons?: Pick<Comparisons, 'isDue' | 'done' | 'onDue'>
}

/** For one reader: reads must not overlap. */
export function createDesiredSource(feed: SourceFeed, options: DesiredSourceOptions = {}): DesiredSource {
  const { state = createDesiredState(), took, comparisons } = options
  const { desired, apply } = state
  /** Null: what is held cannot be led on from. */
  let since: number | null = null
  let first = true
  const now = () => (feed.isLive?.() === false ? { ...desired, unvouched: true as const } : desired)
  return {
    async read() {
      const update = await feed.poll(comparisons?.isDue() ? null : since)
      const began = first
      first = false
      if (!update)
        return { desired: now(), delta: began ? null : { policies: new Set(), interfaces: new Set() } }
      since = null
      const { delta, news, differing } = apply(update)
      since = update.revision
      took?.(news)
      if (update.from === null) comparisons?.done()
      const { length: policies } = differing.policies
      const { length: interfaces } = differing.interfaces
      return {
        desired: now(),
        delta: began ? null : delta,
        ...(policies + interfaces > 0 && { differing: { policies, interfaces } }),
      }
    },
    onChange(listener) {
      const stops = [feed.onChange(listener), ...(comparisons ? [comparisons.onDue(listener)] : [])]
      return () => {
        for (const stop of stops) stop()
      }
    },
  }
}
