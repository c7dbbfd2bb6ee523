/** When credentials were last used: kept here, and written together, so that no request waits for it. */
import type { Storage } from '../storage/storage.ts'

export interface LastUsed {
  /** Milliseconds since 1970. */
  used(credential: string, at: number): void
  /** Writes what is still here. */
  close(): Promise<void>
}

/** Milliseconds: a credential is written at most so often. */
const every = 60_000
/** Beyond so many in that time the others are left out: what is kept must not grow with what is used. */
const most = 10_000

export function createLastUsed(storage: Storage, interval = every): LastUsed {
  let pending = new Map<string, number>()
  let timer: NodeJS.Timeout | undefined

  async function write(): Promise<void> {
    clearTimeout(timer)
    timer = undefined
    const used = [...pending].map(([id, at]) => ({ id, at }))
    pending = new Map()
    if (used.length === 0) return
    const at = Math.max(...used.map((each) => each.at))
    const actor = { account: '', actor: 'last-used', dialect: 'system', requestId: '', at } as const
    // What is lost is a time, and the next use tells a later one.
    await storage.run('touchCredentials', { used }, actor).catch(() => {})
  }

  return {
    used(credential, at) {
      if (pending.size >= most && !pending.has(credential)) return
      pending.set(credential, at)
      timer ??= setTimeout(write, interval).unref()
    },
    close: write,
  }
}
