/** Desired state from a feed, wherever its service runs. */
import type { DesiredSource } from '../core/model/desired.ts'
import type { DesiredFeed } from '../core/model/desired-update.ts'
import { createDesiredState } from './desired-state.ts'

/** For one reader: reads must not overlap. */
export function createDesiredSource(feed: Pick<DesiredFeed, 'poll' | 'onChange'>): DesiredSource {
  const { desired, apply } = createDesiredState()
  /** Null: what is held cannot be led on from. */
  let since: number | null = null
  let first = true
  return {
    async read() {
      const update = await feed.poll(since)
      if (!update) return { desired, delta: { policies: new Set(), interfaces: new Set() } }
      since = null
      const delta = apply(update)
      since = update.revision
      const known = first ? null : delta
      first = false
      return { desired, delta: known }
    },
    onChange: feed.onChange,
  }
}
