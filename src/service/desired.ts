/**
 * Sends the agents of this process what their hosts should enforce, and from then on what changes of it.
 *
 * One reader finds out for all of them whom a commit concerns. A policy that changed is read once, and everybody who has it
 * is handed the same; a host of which an interface changed is read by itself, a few hosts at a time. Who is not concerned is
 * sent nothing.
 */
import { setImmediate as turn } from 'node:timers/promises'
import type { Policy } from '../core/model/policy.ts'
import type { Storage } from '../storage/storage.ts'
import { createHostFeed, type HostFeed, type WaitingFeed } from './desired-host.ts'
import { createPolicyMemory } from './policy-memory.ts'
import { createTurns } from './turns.ts'

export type { Reach, WaitingFeed } from './desired-host.ts'

export interface DesiredFeeds {
  /**
   * For one agent. Close it when the agent is gone. With `resumes` it is taken at its word which revision of this store it
   * holds, whoever handed that out: what it is sent first leads on from there, and may be nothing but a newer revision.
   */
  of(host: string, options?: { readonly resumes?: boolean }): WaitingFeed
  close(): void
}

/** Reads of single hosts at a time: requests to the service have the other connections, and the event loop between two. */
const readers = 3
/** As many hosts read by themselves: they ask the store no more than the question whom it concerns would. */
const few = 2
/** Agents that are told in one turn of the event loop. */
const lot = 25
/** Rules of policies that are remembered. */
const mostRules = 50_000

export function createDesiredFeeds(storage: Storage): DesiredFeeds {
  const memory = createPolicyMemory(mostRules)
  const turns = createTurns(readers)
  const feeds = new Map<string, Set<HostFeed>>()
  /** All that was committed up to this revision has been told; null: that is not known. */
  let told: number | null = null
  /** Whether anything was committed that has not been told. */
  let dirty = true
  let telling: Promise<void> | undefined
  let following = false
  const stop = storage.onCommit(({ topics }) => {
    if (!topics.includes('servers') && !topics.includes('rules')) return
    dirty = true
    void follow()
  })

  /** Resolves when everybody knows of what was committed before the call. Rejects when the store does. */
  async function catchUp(): Promise<void> {
    // That reading may have begun before the last commit.
    if (telling && dirty) await telling.catch(() => {})
    if (dirty) {
      telling ??= tell().finally(() => {
        telling = undefined
      })
    }
    await telling
  }

  async function follow(): Promise<void> {
    if (following) return
    following = true
    try {
      while (dirty && feeds.size > 0) {
        // Whoever made the change is answered first.
        await turn()
        await catchUp()
      }
    } catch {
      // They ask, and hear why.
      for (const feed of everyone()) feed.wake()
    } finally {
      following = false
    }
  }

  const everyone = (): HostFeed[] => [...feeds.values()].flatMap((each) => [...each])

  async function tell(): Promise<void> {
    dirty = false
    try {
      told = await tellNews(told)
    } catch (error) {
      dirty = true
      throw error
    }
  }

  /** Answers the revision up to which everybody knows. */
  async function tellNews(since: number | null): Promise<number | null> {
    if (feeds.size <= few) {
      for (const feed of everyone()) feed.doubt()
      return null
    }
    const { revision, hosts, policies } =
      since === null
        ? { revision: await storage.revision(), hosts: null, policies: [] }
        : await storage.concern(since, memory)
    const named = new Set(hosts)
    const news = new Map<string, Policy[]>()
    for (const { policy, hosts } of policies) {
      for (const host of hosts) {
        const list = news.get(host)
        if (list) list.push(policy)
        else news.set(host, [policy])
      }
    }
    let woken = 0
    for (const feed of everyone()) {
      const concerned = feed.hear(revision, news.get(feed.host) ?? [], hosts === null || named.has(feed.host))
      if (concerned && ++woken % lot === 0) await turn()
    }
    return revision
  }

  return {
    of(host, { resumes = false } = {}) {
      const feed = createHostFeed(host, {
        resumes,
        catchUp,
        read: (since) => turns(() => storage.desired(host, since(), memory)),
        closed() {
          const ofHost = feeds.get(host)
          ofHost?.delete(feed)
          if (ofHost?.size === 0) feeds.delete(host)
        },
      })
      const ofHost = feeds.get(host)
      if (ofHost) ofHost.add(feed)
      else feeds.set(host, new Set([feed]))
      return feed
    },
    close: stop,
  }
}

/** For one agent, with a reader of its own. */
export function createDesiredFeed(storage: Storage, host: string): WaitingFeed {
  const feeds = createDesiredFeeds(storage)
  const feed = feeds.of(host)
  return {
    ...feed,
    close() {
      feed.close()
      feeds.close()
    },
  }
}
