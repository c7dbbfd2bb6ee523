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
import { type BindingService, createBindingService } from './bindings.ts'
import { type ChainService, createChainService } from './chains.ts'
import { type CredentialService, createCredentialService } from './credentials.ts'
import { createDecisionService, type DecisionService } from './decisions.ts'
import { createDocumentService, type DocumentService } from './documents.ts'
import { createEffectiveService, type EffectiveService } from './effective.ts'
import { createEnforcement, type EnforcementService } from './enforcement.ts'
import { createFleetService, type FleetService } from './fleet.ts'
import { createGroupService, type GroupService } from './groups.ts'
import { createHistoryService, type HistoryService } from './history.ts'
import { createHitsService, type HitsService } from './hits.ts'
import type { Provider } from './inventory/provider.ts'
import { createInventoryService, type InventoryService } from './inventory/service.ts'
import type { InventoryReader } from './inventory.ts'
import { createListingService, type ListingService } from './listings.ts'
import { createPolicyService, type PolicyService } from './policies.ts'
import { createRepeatService, type RepeatService } from './repeats.ts'
import { createRevertService, type RevertService } from './revert.ts'
import { createRuleLists } from './rule-lists.ts'
import { createServerService, type ServerService } from './servers.ts'
import { createOwnerSettings, type OwnerSettingsService } from './settings.ts'
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
  readonly repeats: RepeatService
  readonly credentials: CredentialService
  readonly inventory: InventoryService
  readonly accounts: AccountService
  readonly bindings: BindingService
  readonly fleet: FleetService
  readonly listings: ListingService
  /** Names of all that are served, in the order of lists over several. */
  readonly profiles: readonly Profile[]
  readonly settings: Settings
}

export const defaultSettings: Settings = { transitionMs: 0, holdMs: 0, restartMs: 8000, pools: [] }

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
  const effective = createEffectiveService(storage, createResolver(), enforcement, names)
  return {
    chains: createChainService(storage, lists),
    groups: createGroupService(storage, enforcement, lists),
    servers: createServerService(storage),
    addresses: createAddressService(storage, settings.pools),
    documents: createDocumentService(storage),
    effective,
    zones: createZoneService(storage, enforcement, providers),
    history: createHistoryService(storage),
    reverts: createRevertService(storage, providers),
    enforcement,
    ownerSettings: createOwnerSettings(storage),
    policies: createPolicyService(storage),
    hits: createHitsService(storage, effective, enforcement),
    decisions: createDecisionService(storage, effective),
    repeats: createRepeatService(storage),
    inventory: createInventoryService(storage, reader),
    credentials: createCredentialService(storage, providers),
    accounts: createAccountService(storage, providers),
    bindings: createBindingService(storage, providers),
    fleet: createFleetService(storage, providers),
    listings: createListingService(storage, providers),
    profiles: names,
    settings,
  }
}
