/** Zones of profiles whose servers, interfaces and groups are made and changed together, each change all or nothing. */
import { err, ok } from '../core/result.ts'
import { type Storage, zoneKind } from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import { whileOvertaken } from './retry.ts'
import type { EnforcementService, ZoneService } from './services.ts'

export function createZoneService(storage: Storage, enforcement: EnforcementService): ZoneService {
  const find: ZoneService['find'] = async (ctx, profile, id) => {
    const document = await storage.document(profile, zoneKind, id)
    if (document?.account === ctx.principal.account) return ok(document)
    return err({ kind: 'not-found', resource: 'document', id })
  }
  const account = (ctx: Context) => ctx.principal.account
  const logUnchanged: ZoneService['unchanged'] = async (ctx, zone) => {
    // Not within the zone: that would renew it.
    const { within: _, ...actor } = actorOf(ctx)
    const event = {
      operation: 'request.unchanged',
      resource: 'document',
      id: zone,
      before: null,
      after: null,
    } as const
    const done = await storage.run('recordEvent', { event }, actor)
    return done.ok ? ok(undefined) : done
  }

  return {
    find,
    list: (ctx, profile) => storage.documents({ account: account(ctx), profile, kind: zoneKind }),
    servers: (ctx, profile, zone) => storage.servers({ account: account(ctx), profile, zone }),
    interfaces: (ctx, profile, zone) => storage.interfacesOf(account(ctx), profile, zone),
    async server(ctx, profile, zone, id) {
      const server = await storage.server(profile, id)
      if (server?.account === account(ctx) && server.zone === zone) return ok(server)
      return err({ kind: 'not-found', resource: 'server', id })
    },
    interfacesOf: (server) => storage.interfaces(server),
    rules: (policy) => storage.rules(policy),
    policy: (id) => storage.policy(id),
    pending: (ctx, of) => enforcement.pending(ctx, of),
    unchanged: logUnchanged,
    change: (ctx, profile, zone, decide) =>
      whileOvertaken(`${account(ctx)} ${zone}`, async () => {
        const there = await storage.document(profile, zoneKind, zone)
        if (there && there.account !== account(ctx)) {
          return err({ kind: 'not-found', resource: 'document', id: zone })
        }
        const decided = await decide(there)
        if (!decided.ok) return decided
        const { change, request } = decided.value
        if (!change) return logUnchanged({ ...ctx, ...(request && { request }) }, zone)
        const args = { ...change, account: account(ctx), profile, zone, ifRevision: there?.revision ?? 0 }
        const done = await storage.run('changeZone', args, actorOf({ ...ctx, ...(request && { request }) }))
        return done.ok ? ok(undefined) : done
      }),
  }
}
