/**
 * What can be done to the model, one interface per resource: authorise, check, store, audit.
 *
 * Every operation takes the caller's `Context`, answers expected failure as a `RequestError`, and is provider-neutral:
 * a server of another profile is `not-found`, one of another account is `forbidden` (dialects that hide accounts
 * from each other spell that as not found).
 */
import type { JsonObject } from '../core/json.ts'
import type { FilterMode, HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import type { EffectivePolicy } from '../core/model/effective-policy.ts'
import type { RequestError } from '../core/model/error.ts'
import type { Interface, PolicySettings, Profile } from '../core/model/inventory.ts'
import type { Pool, PoolKind } from '../core/model/pool.ts'
import type { Direction } from '../core/model/rule.ts'
import type { Packet } from '../core/net/packet.ts'
import type { Result } from '../core/result.ts'
import type { Rejection } from '../core/semantics/rejection.ts'
import type { Trace } from '../core/semantics/trace.ts'
import type {
  AccountRecord,
  Actor,
  AddressChange,
  AddressMoves,
  AuditEvent,
  DocumentRecord,
  Holding,
  LeaseRecord,
  Member,
  NewDocument,
  NewEvent,
  NewRule,
  PlacedInterface,
  PolicyRecord,
  PoolUse,
  RequestRecord,
  RevisionRecord,
  RuleRecord,
  ServerRecord,
  SettingsChange,
  ZoneChange,
} from '../storage/storage.ts'
import type { Context } from './context.ts'

export type Outcome<T> = Promise<Result<T, RequestError>>

/** A server with what a dialect renders of it. `state` is already the effective one at `ctx.now`. */
export interface ServerView {
  readonly server: ServerRecord
  readonly interfaces: readonly Interface[]
  /** The chain that belongs to the server; undefined for profiles whose servers have none of their own. */
  readonly chain: PolicyRecord | undefined
}

/** Rules of the chain that belongs to a server (`upcloud`, `hostup`). */
export interface ChainService {
  list(ctx: Context, profile: Profile, server: string): Outcome<readonly RuleRecord[]>
  /**
   * The same list as `render` makes it, kept as bytes until the policy changes. `form` names the rendering
   * (one per dialect and representation) and must be the same for the same `render`.
   */
  listBytes(
    ctx: Context,
    profile: Profile,
    server: string,
    form: string,
    render: (rules: readonly RuleRecord[]) => Buffer,
  ): Outcome<Buffer>
  /** `position` is 1-based. */
  get(ctx: Context, profile: Profile, server: string, position: number): Outcome<RuleRecord>
  insert(
    ctx: Context,
    profile: Profile,
    server: string,
    rule: NewRule,
    options: ChainWriteOptions & { position?: number },
  ): Outcome<RuleRecord>
  view(ctx: Context, profile: Profile, server: string): Outcome<ChainView>
  /** The rule keeps its id and place. */
  update(
    ctx: Context,
    profile: Profile,
    server: string,
    position: number,
    rule: NewRule,
    options: Omit<ChainWriteOptions, 'maxRules'>,
  ): Outcome<RuleRecord>
  /** All or nothing, in order. */
  replace(
    ctx: Context,
    profile: Profile,
    server: string,
    rules: readonly NewRule[],
    options: ChainWriteOptions,
  ): Outcome<void>
  remove(
    ctx: Context,
    profile: Profile,
    server: string,
    position: number,
    options: Omit<ChainWriteOptions, 'maxRules'>,
  ): Outcome<void>
  /**
   * Whether the chain may be written now: existence, ownership, then state, in that order. Dialects that report these
   * before they look at the body's attributes call it first; the write itself checks again, inside its transaction.
   */
  writable(
    ctx: Context,
    profile: Profile,
    server: string,
    refuseStates: readonly string[],
  ): Outcome<ServerRecord>
}

export interface ChainWriteOptions extends Condition {
  readonly maxRules: number
  readonly refuseStates: readonly string[]
}

/** The chain as it is read: the policy, and its rules, at least as new. */
export interface ChainView {
  readonly policy: PolicyRecord
  readonly rules: readonly RuleRecord[]
}

export interface NewPolicy {
  readonly name: string
  readonly settings: PolicySettings
  readonly attributes: JsonObject
  /** Zone or datacenter it is in; absent: none. It stays there. */
  readonly zone?: string
  /** What it is the default of, in place of any other; absent or null: of nothing. */
  readonly defaultFor?: string | null
  readonly rules: readonly NewRule[]
  readonly ruleIds?: readonly string[]
}

export interface Condition {
  /** Refuse with `conflict` (policy) unless it is still of this revision. */
  readonly ifRevision?: number
}

/** Not yet, or the host's agent cannot. */
export type Unapplied = 'applying' | 'failing'

/** Policies that stand by themselves: groups; and those of one interface. Another account's are `not-found`. */
export interface GroupService {
  /** Oldest first. */
  list(
    ctx: Context,
    profile: Profile,
    zone?: string,
  ): Promise<readonly (PolicyRecord & { readonly ruleCount: number })[]>
  /** Its rules as `render` makes them, kept as bytes until it changes; `form` as of `ChainService.listBytes`. */
  rulesBytes(
    policy: PolicyRecord,
    form: string,
    render: (rules: readonly RuleRecord[]) => Buffer,
  ): Promise<Buffer>
  /** Without its rules. */
  find(ctx: Context, profile: Profile, id: string): Outcome<PolicyRecord>
  get(ctx: Context, profile: Profile, id: string): Outcome<ChainView>
  create(ctx: Context, profile: Profile, policy: NewPolicy): Outcome<ChainView>
  /** Rules, when given, replace all there are; `ruleIds` are theirs, in order. */
  update(
    ctx: Context,
    profile: Profile,
    id: string,
    change: Partial<Omit<NewPolicy, 'zone'>>,
    condition?: Condition,
  ): Outcome<ChainView>
  /** `conflict` while it is attached anywhere: deleting what protects a server would open it. */
  remove(ctx: Context, profile: Profile, id: string, condition?: Condition): Outcome<void>
  /** Absent `position`: appended. */
  insertRule(
    ctx: Context,
    profile: Profile,
    id: string,
    rule: NewRule,
    options: { readonly maxRules: number; readonly position?: number; readonly id?: string },
  ): Outcome<RuleRecord>
  /** It keeps its place unless `moveTo` names another; beyond the end is the last. */
  updateRule(
    ctx: Context,
    profile: Profile,
    id: string,
    ruleId: string,
    rule: NewRule,
    options?: Condition & { readonly moveTo?: number },
  ): Outcome<RuleRecord>
  removeRule(ctx: Context, profile: Profile, id: string, ruleId: string): Outcome<void>
  /** What all of them, one of them, or those of one server are attached to. */
  members(
    ctx: Context,
    profile: Profile,
    of?: { readonly policy?: string; readonly server?: string },
  ): Promise<readonly Member[]>
  /** Which policies, by id, are not in force yet as they are stored, on a host that has an agent. */
  unapplied(ctx: Context, policy?: string): Promise<ReadonlyMap<string, Unapplied>>
  /** Groups of that exact name, or whose id begins so: few, oldest first. */
  named(
    ctx: Context,
    profile: Profile,
    of: { readonly name: string; readonly idPrefix?: string },
  ): Promise<readonly PolicyRecord[]>
  /** Includes it at the head of the server's chain, by `rule`, in place of the rule with the id `instead`; null: of none. */
  include(
    ctx: Context,
    profile: Profile,
    server: string,
    group: string,
    options: ChainWriteOptions & { readonly rule: NewRule; readonly instead: string | null },
  ): Outcome<void>
}

export type Progress = 'waiting' | 'applying' | 'failing'

/** An interface whose host has an agent and does not enforce yet what is stored. */
export interface Pending {
  readonly server: string
  readonly zone: string
  readonly interface: string
  readonly policies: PlacedInterface['policies']
  /** Revision of the last change to the server or its interfaces. */
  readonly serverRevision: number
  /** Revision that is in force on it, -1 before the first: older changes are done. */
  readonly applied: number
  /** `waiting`: nothing is in force on it yet; `failing`: its agent cannot, or has said nothing for some time. */
  readonly progress: Progress
}

export interface PendingOf {
  readonly server?: string
  readonly interface?: string
  readonly policy?: string
}

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

export interface NewServer {
  readonly id: string
  readonly name: string
  readonly zone: string
  readonly state: string
  readonly next?: { readonly state: string; readonly afterMs: number }
  readonly attributes: JsonObject
  readonly interfaces: readonly Omit<Interface, 'server'>[]
  /** The chain made with it; absent for profiles whose servers have none. */
  readonly chain?: PolicySettings
  /** Policies by themselves that are attached to it, in order. `not-found` (policy) when one is not there. */
  readonly attach?: readonly string[]
  /** Attaches what is the default of this place, or makes this policy the default first. */
  readonly attachDefault?: { readonly for: string; readonly otherwise?: NewPolicy }
  readonly documents: readonly ServerDocument[]
  /** Addresses that other servers of the account give up for it. */
  readonly addresses?: AddressMoves
}

/** `ifRevision` is the chain's; the server's own where it has no chain. */
export interface ServerChange extends Condition {
  /** The server must be in one of these states, else `conflict`. */
  readonly requireStates?: readonly string[]
  /** None of its attributes may have the value that is given here, else `conflict`. */
  readonly refuseAttributes?: JsonObject
  /** The server must not be in one of these, else `conflict`. */
  readonly refuseStates?: readonly string[]
  readonly name?: string
  readonly zone?: string
  /** Replaces the current state and any transition under way. */
  readonly state?: {
    readonly now: string
    readonly next?: { readonly state: string; readonly afterMs: number }
  }
  /** Merged over the stored attributes, key by key; null removes a key. */
  readonly attributes?: JsonObject
  /** Merged over the chain's settings inside the transaction, the guards too. */
  readonly chain?: SettingsChange
  /** Policies by themselves that are attached to it from now on, in order, in place of others. */
  readonly attach?: readonly string[]
  /** Written with it, all or nothing; their bodies are in no event, so they may hold secrets. */
  readonly documents?: {
    readonly put?: readonly ServerDocument[]
    readonly remove?: readonly { readonly kind: string; readonly id: string }[]
  }
  /** Addresses that its interfaces get and give up, and that other servers of the account give up for it. */
  readonly addresses?: AddressMoves
}

/** Without `ifRevision` it is made; with it, it is there and of that one, and is replaced, else `conflict` (document). */
export type ServerDocument = Omit<NewDocument, 'account' | 'profile'> & Condition

export interface ServerService {
  list(ctx: Context, profile: Profile): Promise<readonly ServerView[]>
  get(ctx: Context, profile: Profile, id: string): Outcome<ServerView>
  /** The one that has this address, canonical text; the first when there are several. */
  withAddress(ctx: Context, profile: Profile, address: string): Promise<ServerView | undefined>
  /** By the number its profile knows it by. */
  find(ctx: Context, profile: Profile, number: number): Outcome<ServerView>
  create(ctx: Context, profile: Profile, server: NewServer): Outcome<ServerView>
  update(ctx: Context, profile: Profile, id: string, change: ServerChange): Outcome<ServerView>
  remove(
    ctx: Context,
    profile: Profile,
    id: string,
    options: {
      requireStates?: readonly string[]
      refuseAttributes?: JsonObject
      refuseStates?: readonly string[]
      documents: readonly { kind: string; id: string }[]
      /** Documents that outlive it, as they are afterwards. */
      outlive?: readonly ServerDocument[]
    } & Condition,
  ): Outcome<void>
  account(ctx: Context): Promise<AccountRecord>
}

/**
 * Addresses and prefixes of the configured pools, canonical text. What an interface or a document (`addresses`) is written
 * with is held for it in the same transaction, and given back when it no longer has it; given back, it is nobody's for as
 * long as the operator says. An address that cannot be had is a `conflict` (ip-address) of whatever write names it.
 */
export interface AddressService {
  /**
   * Sets the lowest free ones aside for the account, for a write within ten minutes: all that is wanted, in that order,
   * or nothing. `pool-empty` says how many are left; `zone` is where they are for, as the dialect calls it.
   */
  take(
    ctx: Context,
    profile: Profile,
    ...wanted: readonly { readonly pool: PoolKind; readonly zone?: string; readonly count?: number }[]
  ): Outcome<readonly string[]>
  /** Reserves, attaches, moves, detaches and releases, all or nothing. */
  change(ctx: Context, profile: Profile, change: AddressChange): Outcome<void>
  /** What the account holds, in order of address. */
  list(
    ctx: Context,
    profile: Profile,
    of?: { readonly kind?: string; readonly id?: string },
  ): Promise<readonly LeaseRecord[]>
  /** What naming an address or prefix would come to. */
  holding(ctx: Context, address: string): Promise<Holding>
  /** How full the pools are. `now` is milliseconds since 1970. */
  use(now: number): Promise<readonly PoolUse[]>
}

/** Resources of a dialect that take no part in filtering (storages, images, labels), kept as JSON. */
export interface DocumentService {
  get(ctx: Context, profile: Profile, kind: string, id: string): Outcome<DocumentRecord>
  list(ctx: Context, profile: Profile, kind: string): Promise<readonly DocumentRecord[]>
  /** Made, or replaced; on condition, when one is given (0: that there is none), else `conflict` (document). */
  put(ctx: Context, document: Omit<NewDocument, 'account'>, condition?: Condition): Outcome<void>
  remove(ctx: Context, profile: Profile, kind: string, id: string, condition?: Condition): Outcome<void>
}

export interface Placement {
  readonly interface: Interface
  /** Revision of the newest change that bears on the interface. */
  readonly desiredGeneration: number
  /** The generation that is in force, never above the desired one; null before the first, and when nobody enforces it. */
  readonly appliedGeneration: number | null
  /** Null when nobody enforces it. */
  readonly inForce: InForce | null
}

export interface EffectiveInterface extends Placement {
  readonly policy: EffectivePolicy
}

/** Whole servers of any profile, for the native API. */
export interface PolicyService {
  servers(
    ctx: Context,
    filter: { profile?: Profile },
  ): Promise<readonly (ServerView & { readonly placements: readonly Placement[] })[]>
  /**
   * By id, by the number its profile knows it by as text, or by name: `invalid` (server) lists those that share it. Another
   * account's is `not-found`.
   */
  server(
    ctx: Context,
    called: string,
  ): Outcome<ServerView & { readonly placements: readonly EffectiveInterface[] }>
  /**
   * The server as of `server`, the interface by id or name. Without `interface`: the one that has or may use the packet's
   * address; else the first public one, else the first, and then `note` says so.
   */
  trace(
    ctx: Context,
    query: { server: string; interface?: string; direction: Direction; packet: Packet },
  ): Outcome<
    Trace & {
      readonly interface: string
      /** Where its packets are judged now; null when nobody enforces it. */
      readonly mode: FilterMode | null
      /** Of a rejected packet: what its sender is told. */
      readonly told?: Rejection
      readonly note?: string
    }
  >
}

/** Newest first. */
export interface HistoryPage<T> {
  readonly items: readonly T[]
  /** `before` of the next page; null at the end. */
  readonly next: number | null
}

export interface HistoryService {
  /** `before` is an exclusive revision. */
  revisions(ctx: Context, page: { before?: number; limit: number }): Promise<HistoryPage<RevisionRecord>>
  /** With what was before and after: about a megabyte of it at most, but at least one event. */
  audit(ctx: Context, page: { before?: number; limit: number }): Promise<HistoryPage<AuditEvent>>
  revision(ctx: Context, revision: number): Outcome<AuditEvent>
  /** One logged request of a dialect; `not-found` (revision) also when it is another account's, or older than history is kept. */
  request(ctx: Context, requestId: string): Outcome<RequestRecord>
  /** Logged requests, newest first. */
  requests(ctx: Context, limit: number): Promise<readonly RequestRecord[]>
  /** Records what is no write: a login, a change of the guard. `account` of `by` says whose it is; empty: nobody's. */
  record(by: Actor, event: NewEvent): Promise<void>
  /** Records a setting of the installation, if it is another than the last that was recorded. */
  recordSetting(by: Actor, event: Omit<NewEvent, 'before'>): Promise<void>
}

/** What is in force on an interface, as its agent says. */
export interface InForce
  extends Pick<InterfaceStatus, 'state' | 'mode' | 'error' | 'notes' | 'connections' | 'unanswered'> {
  /** Newest revision that is in force; null before the first. */
  readonly appliedRevision: number | null
}

/** What agents say of their hosts and interfaces. Every process gives the same answers, but for moments. */
export interface EnforcementService {
  /** For agents in this process. Kept in the store soon after, for the others. */
  report(status: HostStatus): void
  /** Of agents in this process, as they spoke last. */
  hosts(): readonly HostStatus[]
  host(name: string): HostStatus | undefined
  /** Of the hosts that carry interfaces of the account, with these interfaces only. */
  hostsOf(ctx: Context): Promise<readonly HostStatus[]>
  /** By interface, those that nobody enforces left out. `of` names what they have in common. */
  inForce(
    placed: readonly PlacedInterface[],
    now: number,
    of: { readonly server: string } | { readonly account: string },
  ): Promise<ReadonlyMap<string, InForce>>
  /** Of the account, interfaces on hosts with an agent that are not in force as they are stored. */
  pending(ctx: Context, of?: PendingOf): Promise<readonly Pending[]>
  /** Forgets what agents of other hosts have said: there are none any more, and nothing waits for them. */
  forgetOthers(hosts: readonly string[]): Promise<void>
  /** Tells the store what it has not been told yet. */
  close(): Promise<void>
}

export interface Settings {
  /** How long a server takes from one state to the next, milliseconds; 0 is at once. */
  readonly transitionMs: number
  /** How long a dialect that tells of progress says that a change is under way, milliseconds, for testing clients. */
  readonly holdMs: number
  /** How long UpCloud's servers show that they restart, at least, milliseconds: its clients wait to see it. */
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
  readonly policies: PolicyService
  readonly zones: ZoneService
  readonly history: HistoryService
  readonly enforcement: EnforcementService
  readonly settings: Settings
}
