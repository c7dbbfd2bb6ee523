/** Zones of profiles whose servers, interfaces and groups are made and changed together, each change all or nothing. */

import type { JsonObject } from '../core/json.ts'
import type { Interface } from '../core/model/interface.ts'
import { type Profile, type ProfileSpec, specOf } from '../core/model/profile.ts'
import { err, ok } from '../core/result.ts'
import type {
  DocumentRecord,
  PolicyRecord,
  RuleRecord,
  ServerRecord,
  Storage,
  ZoneChange,
} from '../storage/storage.ts'
import { actorOf, type Context } from './context.ts'
import type { EnforcementService, Pending, PendingOf } from './enforcement.ts'
import type { Outcome } from './outcome.ts'
import { retryOnConflict } from './retry.ts'

/** What to do in a zone, and what the dialect's log of requests keeps of it, when not what the context says. */
export interface ZoneDecision {
  /** Null: everything is as the request wants it. It is logged, and nothing gets a new revision. */
  readonly change: ZoneChange | null
  readonly request?: JsonObject
}

/**
 * Zones that are documents, and what is in them: servers, interfaces with a policy of their own, groups. Another account's
 * are `not-found`.
 */
export interface ZoneService {
  find(ctx: Context, profile: Profile, id: string): Outcome<DocumentRecord>
  list(ctx: Context, profile: Profile): Promise<readonly DocumentRecord[]>
  /** Oldest first. */
  servers(ctx: Context, profile: Profile, zone: string): Promise<readonly ServerRecord[]>
  server(ctx: Context, profile: Profile, zone: string, id: string): Outcome<ServerRecord>
  /** In order of server and index. */
  interfaces(ctx: Context, profile: Profile, zone: string): Promise<readonly Interface[]>
  /** Of a server that the caller was found to own. */
  interfacesOf(server: string): Promise<readonly Interface[]>
  /** Of a policy that the caller was found to own. */
  rules(policy: string): Promise<readonly RuleRecord[]>
  policy(id: string): Promise<PolicyRecord | undefined>
  /** Of the account, or only those that one of these is about. */
  pending(ctx: Context, of?: PendingOf): Promise<readonly Pending[]>
  /**
   * Reads, decides and writes as if nobody else did: `decide` is handed the zone as it is, undefined when there is none, and
   * asked again when somebody else changed it in between.
   */
  change(
    ctx: Context,
    profile: Profile,
    zone: string,
    decide: (zone: DocumentRecord | undefined) => Outcome<ZoneDecision>,
  ): Outcome<void>
  /** Logs a request that found everything in the zone as it wanted it; nothing gets a new revision. */
  unchanged(ctx: Context, zone: string): Outcome<void>
}

export function createZoneService(
  storage: Storage,
  enforcement: EnforcementService,
  profiles: readonly ProfileSpec[],
): ZoneService {
  const kindOf = (profile: Profile): string => {
    const { zoneKind } = specOf(profiles, profile)
    if (zoneKind === undefined) throw new Error(`zones of ${profile} are no documents`)
    return zoneKind
  }
  const find: ZoneService['find'] = async (ctx, profile, id) => {
    const document = await storage.document(profile, kindOf(profile), id)
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
    list: (ctx, profile) => storage.documents({ account: account(ctx), profile, kind: kindOf(profile) }),
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
      retryOnConflict(`${account(ctx)} ${zone}`, async () => {
        const zoneKind = kindOf(profile)
        const there = await storage.document(profile, zoneKind, zone)
        if (there && there.account !== account(ctx)) {
          return err({ kind: 'not-found', resource: 'document', id: zone })
        }
        const decided = await decide(there)
        if (!decided.ok) return decided
        const { change, request } = decided.value
        if (!change) return logUnchanged({ ...ctx, ...(request && { request }) }, zone)
        const { interfacePolicies } = specOf(profiles, profile)
        const args = {
          ...{ ...change, account: account(ctx), profile, zone, zoneKind, ifRevision: there?.revision ?? 0 },
          ...(interfacePolicies && { interfacePolicies }),
        }
        const done = await storage.run('changeZone', args, actorOf({ ...ctx, ...(request && { request }) }))
        return done.ok ? ok(undefined) : done
      }),
  }
}
