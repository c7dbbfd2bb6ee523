/** Resources of a dialect that take no part in filtering, kept as JSON. */
import { err, ok } from '../core/result.ts'
import type { Storage } from '../storage/storage.ts'
import { actorOf } from './context.ts'
import type { DocumentService } from './services.ts'

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
