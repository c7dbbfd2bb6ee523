/**
 * What can be done to the model, one interface per resource: authorise, check, store, audit.
 *
 * Every operation takes the caller's `Context`, answers expected failure as a `RequestError`, and is provider-neutral:
 * a server of another profile is `not-found`, one of another account is `forbidden` (dialects that hide accounts
 * from each other spell that as not found).
 */
import { createResolver } from '../compile/resolve.ts'
import type { Pool } from '../core/model/pool.ts'
import { inOrder, type Profile } from '../core/model/profile.ts'
import type { Storage } from '../storage/storage.ts'
import { type AccountService, createAccountService } from './accounts.ts'
import { type AddressService, createAddressService } from './addresses.ts'
import { type AdoptingService, createAdoptingService } from './adopting.ts'
import { createAdoptionReader } from './adoption.ts'
import { type BindingService, createBindingService } from './bindings.ts'
import { type ChainService, createChainService } from './chains.ts'
import type { Principal } from './context.ts'
import { type CredentialService, createCredentialService } from './credentials.ts'
import { createDecisionService, type DecisionService } from './decisions.ts'
import { createDocumentService, type DocumentService } from './documents.ts'
import { createEffectiveService, type EffectiveService } from './effective.ts'
import { createEnforcement, type EnforcementService } from './enforcement.ts'
import { createFleetService, type FleetService } from './fleet.ts'
import { createGroupService, type GroupService } from './groups.ts'
import { createHistoryService, type HistoryService } from './history.ts'
import { createHitsService, type HitsService } from './hits.ts'
import { newHostSecret } from './host-aliases.ts'
import type { Provider } from './inventory/provider.ts'
import { createInventoryService, type InventoryService } from './inventory/service.ts'
import type { InventoryReader } from './inventory.ts'
import { limitStorage } from './limited-storage.ts'
import { type Limits, limitsOf, permitsServer } from './limits.ts'
import { createListingService, type ListingService } from './listings.ts'
import { createPolicyService, type PolicyService } from './policies.ts'
import { createPolicyCache } from './policy-cache.ts'
import { createRepeatService, type RepeatService } from './repeats.ts'
import { createRevertService, type RevertService } from './revert.ts'
import { createRuleLists } from './rule-lists.ts'
import { createServerService, type ServerService } from './servers.ts'
import { createOwnerSettings, type OwnerSettingsService } from './settings.ts'
import { createSightingService, type SightingService } from './sightings.ts'
import { createZoneService, type ZoneService } from './zones.ts'

export interface Settings {
  /** How long a server takes from one state to the next, milliseconds; 0 is at once. */
  readonly transitionMs: number
  /** How long a dialect that tells of progress says that a change is under way, milliseconds, for testing clients. */
  readonly holdMs: number
  /** How long servers show that they restart, at least, milliseconds, where clients wait to see it. */
  readonly restartMs: number
  /** That addresses come from: what the store was configured with (addresses.ts). */
  readonly pools: readonly Pool[]
  /** That hosts are numbered with before tenants: the installation's (host-aliases.ts). */
  readonly hostSecret: string
}

export interface Services {
  readonly chains: ChainService
  readonly groups: GroupService
  readonly servers: ServerService
  readonly addresses: AddressService
  readonly documents: DocumentService
  readonly effective: EffectiveService
  readonly zones: ZoneService
  readonly history: HistoryService
  readonly reverts: RevertService
  readonly enforcement: EnforcementService
  readonly ownerSettings: OwnerSettingsService
  readonly policies: PolicyService
  readonly hits: HitsService
  readonly decisions: DecisionService
  readonly sightings: SightingService
  readonly repeats: RepeatService
  readonly credentials: CredentialService
  readonly inventory: InventoryService
  readonly accounts: AccountService
  readonly bindings: BindingService
  readonly adopting: AdoptingService
  readonly fleet: FleetService
  readonly listings: ListingService
  /** Names of all that are served, in the order of lists over several. */
  readonly profiles: readonly Profile[]
  readonly settings: Settings
  /** The same, of what this caller's credential is limited to; all of its account where it is not. */
  of(principal: Principal): Services
}

export const defaultSettings: Settings = {
  transitionMs: 0,
  holdMs: 0,
  restartMs: 8000,
  pools: [],
  hostSecret: newHostSecret(),
}

/** `providers`: every profile that is served; `reader`: where inventories are read. */
export function createServices(
  storage: Storage,
  settings: Settings,
  providers: readonly Provider[],
  reader: InventoryReader,
): Services {
  const names = inOrder(providers).map(({ profile }) => profile)
  const enforcement = createEnforcement(storage)
  const lists = createRuleLists(storage)
  const resolve = createResolver()
  const parsed = createPolicyCache(storage, 500)
  const effective = createEffectiveService(storage, resolve, enforcement, names, parsed)
  const hits = createHitsService(storage, effective, enforcement)
  const decisions = createDecisionService(storage, effective)
  const adoption = createAdoptionReader(storage, providers)
  const sightings = createSightingService(storage, enforcement, adoption)

  /** Those that remember nothing: made anew over what a caller may see. */
  const over = (
    view: Storage,
    agents: EnforcementService,
  ): Omit<Services, 'effective' | 'enforcement' | 'hits' | 'decisions' | 'sightings' | 'of'> => ({
    chains: createChainService(view, lists),
    groups: createGroupService(view, agents, lists),
    servers: createServerService(view),
    addresses: createAddressService(view, settings.pools),
    documents: createDocumentService(view),
    zones: createZoneService(view, agents, providers),
    history: createHistoryService(view),
    ownerSettings: createOwnerSettings(view),
    repeats: createRepeatService(view),
    credentials: createCredentialService(view, providers),
    policies: createPolicyService(view),
    reverts: createRevertService(view, providers),
    inventory: createInventoryService(view, reader),
    accounts: createAccountService(view, providers),
    adopting: createAdoptingService(view, createAdoptionReader(view, providers)),
    bindings: createBindingService(view, providers),
    fleet: createFleetService(view, providers),
    listings: createListingService(view, providers),
    profiles: names,
    settings,
  })

  function limited(limits: Limits): Omit<Services, 'of'> {
    const view = limitStorage(storage, limits)
    const agents = enforcement.over(view)
    const its = createEffectiveService(view, resolve, agents, names, parsed)
    return {
      ...over(view, agents),
      ...{ effective: its, enforcement: agents, hits: hits.over(view, its, limits.servers !== null) },
      sightings,
      decisions: decisions.over(view, its, ({ server: id, profile }) =>
        permitsServer(limits, { id, profile }),
      ),
    }
  }

  const all: Services = {
    ...over(storage, enforcement),
    ...{ effective, enforcement, hits, decisions, sightings },
    of(principal) {
      const limits = limitsOf(principal)
      return limits ? { ...limited(limits), of: all.of } : all
    },
  }
  return all
}
