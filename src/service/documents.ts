/** Resources of a dialect that take no part in filtering, kept as JSON. */

import type { Profile } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import type { DocumentRecord, NewDocument, Storage } from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import type { Condition, Outcome } from './outcome.ts'

/** Resources of a dialect that take no part in filtering (storages, images, labels), kept as JSON. */
export interface DocumentService {
  get(ctx: Context, profile: Profile, kind: string, id: string): Outcome<DocumentRecord>
  list(ctx: Context, profile: Profile, kind: string): Promise<readonly DocumentRecord[]>
  /** Made, or replaced; on condition, when one is given (0: that there is none), else `conflict` (document). */
  put(ctx: Context, document: Omit<NewDocument, 'account'>, condition?: Condition): Outcome<void>
  remove(ctx: Context, profile: Profile, kind: string, id: string, condition?: Condition): Outcome<void>
}

export function createDocumentService(storage: Storage): DocumentService {
  return {
    async get(ctx, profile, kind, id) {
      const document = await storage.document(profile, kind, id)
      if (document?.account === ctx.principal.account) return ok(document)
      return err({ kind: 'not-found', resource: 'document', id })
    },
    list: (ctx, profile, kind) => storage.documents({ account: ctx.principal.account, profile, kind }),
    async put(ctx, document, condition = {}) {
      const { account } = ctx.principal
      const args = { document: { ...document, account }, ...condition }
      const done = await storage.run('putDocument', args, actorOf(ctx))
      return done.ok ? ok(undefined) : done
    },
    async remove(ctx, profile, kind, id, condition = {}) {
      const { account } = ctx.principal
      const done = await storage.run(
        'deleteDocument',
        { account, profile, kind, id, ...condition },
        actorOf(ctx),
      )
      return done.ok ? ok(undefined) : done
    },
  }
}
