/** Decisions that a test tells, and traffic of which there is none. */
import { ok } from '../../src/core/result.ts'
import type { Traffic } from '../../src/server/traffic-metrics.ts'
import type {
  DecisionFilter,
  DecisionListener,
  DecisionService,
  NamedDecision,
} from '../../src/service/decisions.ts'

export const noTraffic: Traffic = {
  hits: { totals: () => [], suppressed: () => 0 },
  decisions: { counts: () => ({ told: 0, missed: 0 }) },
}

/** A packet that was denied by the third rule of `web`. */
export const denied: Omit<NamedDecision, 'id'> = {
  ...{
    at: Date.UTC(2026, 0, 31, 12),
    host: 'kvm7',
    account: 'account-1',
    server: 'server-1',
    serverName: 'web1',
    index: 1,
  },
  ...{ interface: 'nic-1', interfaceName: null, direction: 'ingress', outcome: 'denied', observed: false },
  ...{ by: 'rule web deny-rest', position: 3, level: 'info', revision: 7 },
  packet: {
    ...{ etherType: 0x0800, length: 60, protocol: 6, source: '203.0.113.9', destination: '192.0.2.10' },
    ...{ sourcePort: 40_000, destinationPort: 23 },
  },
}

export interface ToldDecisions extends DecisionService {
  /** Tells all that follow, and keeps them; resolves when all have taken them. */
  tell(ids: readonly string[], more?: Partial<NamedDecision> & { readonly lost?: number }): Promise<void>
  /** What was asked for, in order. */
  readonly asked: (DecisionFilter & { readonly after?: string })[]
  /** How many follow. */
  readonly followers: number
  /** Resolves when so many follow. */
  followed(count: number): Promise<void>
}

/** Ids are what the test calls them; filters are recorded, and not applied. */
export function createToldDecisions(): ToldDecisions {
  const kept: NamedDecision[] = []
  const listeners = new Set<DecisionListener>()
  const asked: ToldDecisions['asked'] = []
  let waiting: { readonly count: number; readonly resolve: () => void }[] = []
  function changed(): void {
    for (const { count, resolve } of waiting) if (count === listeners.size) resolve()
    waiting = waiting.filter(({ count }) => count !== listeners.size)
  }
  const told: ToldDecisions = {
    over: () => told,
    asked,
    get followers() {
      return listeners.size
    },
    followed: (count) =>
      new Promise((resolve) => {
        waiting.push({ count, resolve })
        changed()
      }),
    async tell(ids, { lost = 0, ...more } = {}) {
      const news = ids.map((id) => ({ ...denied, ...more, id }))
      kept.push(...news)
      await Promise.all([...listeners].map((listener) => listener(news, lost)))
    },
    hear() {},
    async recent(_ctx, { limit = Number.POSITIVE_INFINITY, ...filter }) {
      asked.push(filter)
      return ok(kept.slice(-limit))
    },
    async follow(_ctx, filter, listener) {
      asked.push(filter)
      const { after } = filter
      const missed = after === undefined ? [] : kept.slice(kept.findIndex(({ id }) => id === after) + 1)
      if (missed.length > 0) queueMicrotask(() => void listener(missed, 0))
      listeners.add(listener)
      changed()
      return ok(() => {
        listeners.delete(listener)
        changed()
      })
    },
    counts: () => ({ told: kept.length, missed: 0 }),
  }
  return told
}
