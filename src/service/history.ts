/** What has been changed, by whom and through what; and how long that is kept. */
import { isDeepStrictEqual } from 'node:util'
import { err, ok } from '../core/result.ts'
import type { Storage } from '../storage/storage.ts'
import type { HistoryService } from './services.ts'

/** Bytes of what was before and after in one answer. */
const mostBytes = 1024 * 1024

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
      const items = await storage.audit({ account, ...page, bytes: mostBytes })
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
