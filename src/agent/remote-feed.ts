/** What a host should enforce, as a service sends it: one update a round, of all that has changed during the round before. */
import type { DesiredFeed, DesiredUpdate } from '../core/model/desired-update.ts'

export interface RemoteFeed extends Pick<DesiredFeed, 'poll' | 'onChange'> {
  /** Asks for everything; resolves when it has come. */
  begin(): Promise<void>
  /**
   * There is another connection: asks there what has not been answered yet. `anew`: to a service with another history, from
   * which only everything leads on.
   */
  again(anew?: boolean): void
  /** The connection is no more. */
  lost(): void
  /** Whether the last update that was read came over the connection that stands. */
  isLive(): boolean
  /** The service answers. */
  update(update: DesiredUpdate): void
}

/** `want` asks for what is newer than a revision, for everything where it is null; another question takes the place of the last. */
export function createRemoteFeed(want: (since: number | null) => void): RemoteFeed {
  const listeners = new Set<() => void>()
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
  /** What is being asked; undefined: nothing. */
  let asked: number | null | undefined
  /** Has come, and waits for the next round. */
  let next: { readonly update: DesiredUpdate; readonly over: number } | undefined
  /** Connections so far, and the one that spoke last. */
  let connection = 0
  let spoke: number | undefined
  /** Whether what is held is of another history. */
  let strange = false
  function ask(since: number | null): void {
    asked = since
    want(since)
  }
  return {
    begin() {
      ask(null)
      return begun
    },
    again(anew = false) {
      if (asked === undefined && !next) return
      if (anew) {
        strange = true
        next = undefined
        asked = null
      }
      if (asked !== undefined) want(asked)
    },
    lost() {
      connection++
    },
    isLive: () => spoke === connection,
    async poll(since) {
      const [update, over] = [next?.update, next?.over]
      next = undefined
      const held = strange ? null : since
      if (update && (update.from === null || update.from === held)) {
        strange = false
        spoke = over
        ask(update.revision)
        return update
      }
      // Answers to what is asked no more lead nowhere.
      if (asked !== held) ask(held)
      return null
    },
    update(update) {
      asked = undefined
      next = { update, over: connection }
      begin()
      for (const listener of listeners) listener()
    },
    onChange(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}
