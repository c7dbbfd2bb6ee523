/** All services over one store. */
import { createResolver } from '../compile/resolve.ts'
import type { Storage } from '../storage/storage.ts'
import { createChainService } from './chains.ts'
import { createDocumentService } from './documents.ts'
import { createEnforcement } from './enforcement.ts'
import { createGroupService } from './groups.ts'
import { createHistoryService } from './history.ts'
import { createPolicyService } from './policies.ts'
import { createRuleLists } from './rule-lists.ts'
import { createServerService } from './servers.ts'
import type { Services, Settings } from './services.ts'
import { createZoneService } from './zones.ts'

/** Documentation and benchmark ranges (RFC 2544, RFC 3849): addresses that are nobody's. */
export const defaultSettings: Settings = {
  transitionMs: 0,
  holdMs: 0,
  restartMs: 8000,
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
    history: createHistoryService(storage),
    enforcement,
    settings,
  }
}
