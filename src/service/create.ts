/** All services over one store. */
import { createResolver } from '../compile/resolve.ts'
import { err, ok } from '../core/result.ts'
import type { Storage } from '../storage/storage.ts'
import { createChainService } from './chains.ts'
import { createDocumentService } from './documents.ts'
import { createEnforcement } from './enforcement.ts'
import { createGroupService } from './groups.ts'
import { createPolicyService } from './policies.ts'
import { createRuleLists } from './rule-lists.ts'
import { createServerService } from './servers.ts'
import type { HistoryService, Services, Settings } from './services.ts'
import { createZoneService } from './zones.ts'

/** Documentation and benchmark ranges (RFC 2544, RFC 3849): addresses that are nobody's. */
export const defaultSettings: Settings = {
  transitionMs: 0,
  holdMs: 0,
  pools: {
    'public-ipv4': '198.18.0.0/15',
    'public-ipv6': '2001:db8:5000::/36',
    'utility-ipv4': '10.4.0.0/14',
  },
}

export function createServices(storage: Storage, settings: Settings): Services {
  const enforcement = createEnforcement(storage)
  const lists = createRuleLists(storage)
  return {
    chains: createChainService(storage, lists),
    groups: createGroupService(storage, enforcement, lists),
    servers: createServerService(storage, settings),
    documents: createDocumentService(storage),
    policies: createPolicyService(storage, createResolver(), enforcement),
    zones: createZoneService(storage, enforcement),
    history: createHistory(storage),
    enforcement,
    settings,
  }
}

function createHistory(storage: Storage): HistoryService {
  return {
    audit: (ctx, page) => storage.audit({ account: ctx.principal.account, ...page }),
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
