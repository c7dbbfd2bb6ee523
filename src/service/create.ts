/** All services over one store. */
import { createResolver } from '../compile/resolve.ts'
import type { Storage } from '../storage/storage.ts'
import { createAddressService } from './addresses.ts'
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

export const defaultSettings: Settings = { transitionMs: 0, holdMs: 0, restartMs: 8000, pools: [] }

export function createServices(storage: Storage, settings: Settings): Services {
  const enforcement = createEnforcement(storage)
  const lists = createRuleLists(storage)
  return {
    chains: createChainService(storage, lists),
    groups: createGroupService(storage, enforcement, lists),
    servers: createServerService(storage),
    addresses: createAddressService(storage, settings.pools),
    documents: createDocumentService(storage),
    policies: createPolicyService(storage, createResolver(), enforcement),
    zones: createZoneService(storage, enforcement),
    history: createHistoryService(storage),
    enforcement,
    settings,
  }
}
