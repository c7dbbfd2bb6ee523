/** What has been changed, by whom and through what; and how long that is kept. */
import { isDeepStrictEqual } from 'node:util'
import { err, ok } from '../core/result.ts'
import type {
  Actor,
  AuditEvent,
  NewEvent,
  RequestRecord,
  RevisionRecord,
  Storage,
} from '../storage/storage.ts'
import type { Context } from './context.ts'
import type { Outcome } from './outcome.ts'

/** Newest first. */
export interface HistoryPage<T> {
  readonly items: readonly T[]
  /** `before` of the next page; null at the end. */
  readonly next: number | null
}

export interface HistoryService {
  /** `before` is an exclusive revision. */
  revisions(ctx: Context, page: { before?: number; limit: number }): Promise<HistoryPage<RevisionRecord>>
  /** With what was before and after: about a megabyte of it at most, but at least one event. */
  audit(ctx: Context, page: { before?: number; limit: number }): Promise<HistoryPage<AuditEvent>>
  revision(ctx: Context, revision: number): Outcome<AuditEvent>
  /** One logged request of a dialect; `not-found` (revision) also when it is another account's, or older than history is kept. */
  request(ctx: Context, requestId: string): Outcome<RequestRecord>
  /** Logged requests, newest first. */
  requests(ctx: Context, limit: number): Promise<readonly RequestRecord[]>
  /** Records what is no write: a login, a change of the guard. `account` of `by` says whose it is; empty: nobody's. */
  record(by: Actor, event: NewEvent): Promise<void>
  /** Records a setting of the installation, if it is another than the last that was recorded. */
  recordSetting(by: Actor, event: Omit<NewEvent, 'before'>): Promise<void>
}

/** Bytes of what was before and after in one answer. */
const maxBytes = 1024 * 1024

export function createHistoryService(storage: Storage): HistoryService {
  /** Where the next page begins, if there is one. */
  async function next(
    account: string,
    items: readonly { readonly revision: number }[],
  ): Promise<number | null> {
    const before = items.at(-1)?.revision
    if (before === undefined) return null
    const [older] = await storage.revisions({ account, before, limit: 1 })
    return older ? before : null
  }

  const record: HistoryService['record'] = async (by, event) => {
    await storage.run('recordEvent', { event }, by)
  }
  return {
    record,
    async recordSetting(by, event) {
      const before = (await storage.lastEvent(by.account, event.operation, event.id))?.after ?? null
      if (!isDeepStrictEqual(before, event.after)) await record(by, { ...event, before })
    },
    async revisions(ctx, page) {
      const { account } = ctx.principal
      const items = await storage.revisions({ account, ...page })
      return { items, next: await next(account, items) }
    },
    async audit(ctx, page) {
      const { account } = ctx.principal
      const items = await storage.audit({ account, ...page, bytes: maxBytes })
      return { items, next: await next(account, items) }
    },
    async revision(ctx, revision) {
      const event = await storage.auditEvent(ctx.principal.account, revision)
      return event ? ok(event) : err({ kind: 'not-found', resource: 'revision', id: String(revision) })
    },
    async request(ctx, requestId) {
      const event = await storage.loggedRequest(ctx.principal.account, ctx.dialect, requestId)
      return event ? ok(event) : err({ kind: 'not-found', resource: 'revision', id: requestId })
    },
    requests: (ctx, limit) => storage.loggedRequests(ctx.principal.account, ctx.dialect, limit),
  }
}
