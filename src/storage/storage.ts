/**
 * The store as the services see it: records, typed reads, and writes that are whole transactions.
 *
 * A write is a named *program* (`programs/*.ts`) with plain-data arguments, because on SQLite it runs in the
 * writer's thread. A program checks, writes, bumps the revision and appends the audit event in one
 * transaction; it is written once, as a generator of statements, and both engines drive it.
 * It does not authenticate, validate values or know any provider.
 */
import type { JsonObject, JsonValue } from '../core/json.ts'
import type { HostStatus, InterfaceStatus } from '../core/model/desired.ts'
import type { RequestError, ResourceKind } from '../core/model/error.ts'
import type { Interface } from '../core/model/interface.ts'
import type { CutFlows, Policy, PolicySettings, TrafficSwitches } from '../core/model/policy.ts'
import type { Pool } from '../core/model/pool.ts'
import type { InterfacePolicies, Profile } from '../core/model/profile.ts'
import type { Direction, LogLevel, Rule } from '../core/model/rule.ts'
import type { Claimed, Sighting } from '../core/model/sighting.ts'
import type { Result } from '../core/result.ts'
import type { InventoryDifference, InventoryOptions } from './inventory/difference.ts'
import type { StoredInventory } from './inventory/stored.ts'
import type { KeyRange } from './lease-keys.ts'

export interface AccountRecord {
  readonly id: string
  readonly name: string
  /** What dialects keep of an account. */
  readonly attributes: JsonObject
  /** Its own, in place of the installation's. */
  readonly quotas: Quotas
  /** Milliseconds since 1970; null: before that was noted down. */
  readonly createdAt: number | null
  /** Of its last change; 0: before that was noted down. */
  readonly revision: number
}

/** An account as whoever runs the installation sees it. */
export interface ManagedAccount extends AccountRecord {
  /** It answers to nobody, nothing of it is enforced, and it keeps everything. */
  readonly closed: boolean
  /** Null while it is closed: whoever opens it has it. */
  readonly origin: Origin | null
}

/** On which device of which host an interface is. */
export interface BindingRecord {
  readonly interface: string
  readonly mac: string
  readonly server: string
  readonly account: string
  readonly host: string
  readonly device: string
  readonly boundBy: BoundBy
  /** Milliseconds since 1970; null: before that was noted down, or by the inventory. */
  readonly boundAt: number | null
  /** The server's. */
  readonly revision: number
}

/** A device of a guest, as the agent of its host saw it last, and what was made of it. */
export interface SightingRecord extends Sighting {
  readonly host: string
  /** MAC address of the interface that it is looked for, or its last five octets; null: nobody on the host knows. */
  readonly sought: string | null
  /** Since when that is so, milliseconds since 1970. */
  readonly since: number
  /** The interface that is on it, as its agent was told last; null: none. */
  readonly interface: string | null
  /** Why none is, in words for the operator; null: one is, or its agent has not been told of a change yet. */
  readonly why: string | null
  /** Whether an interface that it could be is elsewhere, or several are: that may change though none of them does. */
  readonly contested: boolean
}

/** Place in the list of all sightings. */
export type SightingKey = Pick<SightingRecord, 'host' | 'device'>

/** Where an interface shall be; null: nowhere. */
export interface BindingChange {
  readonly interface: string
  readonly to: { readonly host: string; readonly device: string } | null
  /** The interface that has the device until now and gives it up; absent: none has it, or one that this write moves. */
  readonly from?: string
  /** The server's, else `conflict` (binding). */
  readonly ifRevision?: number
}

/**
 * What an account may have so many of. Servers: those that the inventory has dropped are not counted, nor are their rules.
 * Policies: those by themselves; what a server or an interface comes with is not counted. Rules: of all policies. Addresses:
 * addresses and prefixes of pools that it holds, or has set aside for a write.
 */
export const quotaNames = ['servers', 'policies', 'rules', 'credentials', 'addresses'] as const
export type QuotaName = (typeof quotaNames)[number]
/** The most of each; absent: what the installation says, and where it says nothing no limit. */
export type Quotas = Partial<Readonly<Record<QuotaName, number>>>
export type Usage = Readonly<Record<QuotaName, number>>

/** An account whose counts are not what there is. */
export interface Miscount {
  readonly account: string
  readonly name: QuotaName
  readonly counted: number
  readonly there: number
}

/** Whether the inventory file or an API made it, and thus who may end it. */
export type Origin = 'inventory' | 'api'

/** Who says where an interface is; `mac`: its host does, which sees its MAC address there. */
export type BoundBy = Origin | 'mac'

export type CredentialKind =
  /** Username and password (Basic). `lookup` is the username, `hash` a scrypt string. */
  | 'password'
  /** A bearer token or API key. `lookup` is its SHA-256 in hex, `hash` the same. */
  | 'token'
  /** An access key with its secret key; only the secret authenticates. `lookup` is the secret's SHA-256 in hex. */
  | 'secret-key'

export interface CredentialRecord {
  readonly id: string
  /** `operator`: of whoever runs the installation; `host`: of the agent of one host. */
  readonly holder: 'account' | 'operator' | 'host'
  /** Empty unless an account holds it. */
  readonly account: string
  /** The one whose agent holds it; null unless a host does. */
  readonly host: string | null
  readonly kind: CredentialKind
  /** Unique in the installation, together with `kind`. */
  readonly lookup: string
  readonly hash: string
  /** The secret before the last rotation, which holds until then, milliseconds since 1970; null: there is none. */
  readonly previous: { readonly lookup: string; readonly hash: string; readonly until: number } | null
  /** Empty: every scope of its holder. */
  readonly scopes: readonly string[]
  /** Dialects that it may be used with, and servers that it may see; null: all. Never empty. */
  readonly profiles: readonly Profile[] | null
  readonly servers: readonly string[] | null
  /** Accounts that the agent of a host may adopt guests into, by id; empty: none, as of every other holder; null: all. */
  readonly adopts: readonly string[] | null
  /** For the audit: username, access key, or the token's first characters. Never a secret. */
  readonly label: string
  readonly origin: Origin
  /** Milliseconds since 1970; null: before that was noted down. */
  readonly createdAt: number | null
  /** From then on it is refused, milliseconds since 1970; null: never. */
  readonly expiresAt: number | null
  /** To within a minute, milliseconds since 1970; null: never, or before that was noted down. */
  readonly lastUsedAt: number | null
  /** Of its last change; 0: before that was noted down. */
  readonly revision: number
  /** What dialects need to know: `accessKey`, and what the key names. */
  readonly attributes: JsonObject
}

export interface ServerRecord {
  readonly id: string
  readonly account: string
  readonly profile: Profile
  readonly name: string
  /** The number its profile knows it by, unique there; null when it has none. */
  readonly number: number | null
  /** What the profile calls a zone; empty when it has none. */
  readonly zone: string
  readonly state: string
  /** The state it will have from `nextStateAt` on (milliseconds since 1970); null when it stays. */
  readonly nextState: string | null
  readonly nextStateAt: number | null
  /** Milliseconds since 1970. */
  readonly createdAt: number
  /** The dialect's own: hostname, plan, labels, storage devices. */
  readonly attributes: JsonObject
  /** Revision of the last change to the server or its interfaces. */
  readonly revision: number
}

export interface PolicyRecord extends PolicySettings {
  readonly id: string
  readonly account: string
  readonly profile: Profile
  readonly name: string
  /** The server that it belongs to and is deleted with; null for a policy that stands by itself. */
  readonly server: string | null
  /** The interface of that server that it belongs to; null for the server's own chain. */
  readonly interface: string | null
  /** As of a server. */
  readonly zone: string
  /** What it is the default of: servers made there that name no policy get it. One per account, profile and text. */
  readonly defaultFor: string | null
  /** Milliseconds since 1970; of the policy or any of its rules. */
  readonly createdAt: number
  readonly modifiedAt: number
  readonly attributes: JsonObject
  /** Revision of the last change to the policy or its rules. */
  readonly revision: number
}

/** A rule as stored: the model's, and beside it the provider's own spelling, which is what its dialect answers. */
export interface RuleRecord extends Rule {
  readonly spec: JsonObject
}

export interface Attachment {
  readonly policy: string
  readonly server: string
  /** Null: all interfaces of the server, present and future. */
  readonly interface: string | null
}

/** Free-form resource of a dialect that takes no part in filtering: a storage, a label, an image. */
export interface DocumentRecord {
  readonly account: string
  readonly profile: Profile
  readonly kind: string
  readonly id: string
  readonly body: JsonObject
  /** Of its last change. */
  readonly revision: number
}
export type NewDocument = Omit<DocumentRecord, 'revision'> & {
  /** All addresses and prefixes of pools that belong to it from now on, canonical text; absent: as before. */
  readonly addresses?: readonly string[]
}

/** An address or prefix of a pool that is not free. */
export interface LeaseRecord {
  /** Canonical text; a prefix with its length. */
  readonly address: string
  /** In quarantine: the last one. */
  readonly account: string
  readonly profile: Profile
  /** `pending`: set aside for a write that is about to use it. */
  readonly state: 'held' | 'pending' | 'quarantined'
  /** What holds it: `interface`, or the kind of a document; empty unless it is held. */
  readonly kind: string
  readonly id: string
  /** When it is free again, milliseconds since 1970; null while it is held. */
  readonly until: number | null
}

/**
 * Whether an account may have an address by naming it: `own` and `free`: yes; `taken`: it is another's, in quarantine or
 * excluded; `outside`: no pool has it, and the service does not say whose it is.
 */
export type Holding = 'own' | 'free' | 'taken' | 'outside'

/** A pool as the store keeps it; ends of ranges are inclusive keys (lease-keys.ts). */
export interface PoolRecord extends Pick<Pool, 'name' | 'kind' | 'profile' | 'zone'> {
  readonly whole: readonly KeyRange[]
  readonly ranges: readonly KeyRange[]
}

/** How many addresses or prefixes of a pool are what; together they are all that it can hand out. */
export interface PoolUse extends Pick<Pool, 'name' | 'kind' | 'profile' | 'zone'> {
  readonly free: number
  /** Those that are pending included. */
  readonly held: number
  readonly quarantined: number
}
export type NewPolicyRecord = Omit<PolicyRecord, 'revision'>

/** A policy by itself, and what it is attached to. */
export interface Member {
  readonly policy: string
  readonly server: string
  readonly serverName: string
  /** Null: all of the server. */
  readonly interface: string | null
}

/** Something that a policy by itself is or may be attached to. */
export type Place = Omit<Attachment, 'policy'>

/** What one policy is attached to, in the order of `Storage.members`. */
export interface Places {
  /** Of the last change to that; 0: before that was noted down. */
  readonly revision: number
  readonly members: readonly Member[]
}

/** Where a rule goes: to a position, beyond the end the last; or beside another rule of the policy, by its id. */
export type RulePlace = number | { readonly before: string } | { readonly after: string }

/** What an agent says of one interface, without its names. */
export type InterfaceOutcome = Omit<InterfaceStatus, 'id' | 'device'>

/** What an agent said last of its host. */
export interface HostRecord extends Omit<HostStatus, 'interfaces'> {
  /** Milliseconds since 1970; an agent that is alive speaks every few seconds. */
  readonly seenAt: number
  /** What holds for each of its interfaces that has no outcome of its own. */
  readonly usual: InterfaceOutcome
}

/** The agent that speaks for a host, in whatever process. */
export interface HostSession {
  /** Counts agents that have spoken for the host, from 1; what an earlier one says is refused. */
  readonly session: number
  /** Of its program. */
  readonly release: string
  /** Version of the protocol. */
  readonly protocol: number
  /** Another one for each start of an agent. */
  readonly instance: string
  /** Whether it is a child of its service. */
  readonly own: boolean
  /** When it has connected, milliseconds since 1970. */
  readonly since: number
  /** When it has gone; null: it is connected, unless its process ended without a word. */
  readonly leftAt: number | null
  /** Why another one was sent away since; null: none was. */
  readonly refused: string | null
}

/** A host that has an agent, with the session that it speaks in; null: one of before sessions were kept. */
export interface KnownHost extends HostRecord {
  readonly connection: HostSession | null
}

/** What an agent said last of one interface, where that is not the usual on its host. */
export interface OutcomeRecord extends InterfaceOutcome {
  readonly host: string
  readonly interface: string
}

/** Interfaces that may not be in force as they are stored: all that are not, and some that are. */
export interface Behind {
  readonly hosts: readonly KnownHost[]
  readonly outcomes: readonly OutcomeRecord[]
  readonly interfaces: readonly (PlacedInterface & {
    readonly zone: string
    readonly serverRevision: number
  })[]
}

/** What one decider of an interface has counted in all. */
export interface HitRecord {
  readonly interface: string
  readonly direction: Direction
  /** As `deciderText` writes it; or `suppressed`, which none is called: packets of which nothing was told. */
  readonly decider: string
  readonly packets: number
  readonly bytes: number
  /** Milliseconds since 1970, of the first reading that saw the last increase; null: there was none. */
  readonly lastHit: number | null
  /** Of the epochs that were read last, the oldest first; what earlier ones counted is in the sum. */
  readonly epochs: readonly EpochCount[]
}

/** As it was read, which every reading begins from. */
export interface EpochCount {
  readonly epoch: string
  readonly packets: number
  readonly bytes: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** An interface that is there, with all that is kept of what it counted. */
export interface CountedInterface {
  readonly interface: string
  /** Where it is; null: nowhere. */
  readonly host: string | null
  readonly account: string
  /** Since when it is counted, milliseconds since 1970; null: not yet. */
  readonly since: number | null
  /** When the counters of its host were read that are kept; null: never. */
  readonly countedAt: number | null
  readonly hits: readonly HitRecord[]
}

/** Over all interfaces of an account. */
export type HitSum = Pick<HitRecord, 'decider' | 'packets' | 'bytes' | 'lastHit'>

/** Place in the list of sums. */
export interface HitSumKey {
  readonly account: string
  readonly policy: string
  readonly decider: string
}

/** Whose an interface is, and what it is called. */
export interface InterfaceOwner {
  readonly interface: string
  readonly index: number
  /** What its dialect calls it; null: nothing. */
  readonly name: string | null
  /** Where it is; null: nowhere. */
  readonly host: string | null
  readonly account: string
  readonly profile: Profile
  readonly server: string
  readonly serverName: string
}

/** A credential that did something, as it was called then. */
export interface ActingCredential {
  readonly id: string
  readonly label: string
}

/** Who does it and through what; stored with every change. */
export interface Actor {
  readonly account: string
  /** What the account is told: the credential's label, `operator` or `host`; or `inventory`. */
  readonly actor: string
  /** For operators alone: which of them acted. Absent: the system did, or the event is older than this. */
  readonly credential?: ActingCredential
  readonly dialect: Profile | 'system'
  readonly requestId: string
  /** What a dialect keeps of the request, for its own log. Never a secret. */
  readonly request?: JsonObject
  /** The document that it happens within, of the dialect unless a profile is named: its revision becomes the change's. */
  readonly within?: { readonly profile?: Profile; readonly kind: string; readonly id: string }
  /** The request may be sent again, and must be done once. */
  readonly once?: Once
  /** Milliseconds since 1970. */
  readonly at: number
}

/** For so long at most an answer is repeated, milliseconds. */
export const longestOnce = 24 * 3_600_000

/** A request that is done once, however often it is sent. */
export interface Once {
  /** A digest of who asks and the key that they chose. */
  readonly key: string
  /** A digest of what is asked. */
  readonly request: string
  /** Of what it makes. */
  readonly id: string
  /** A secret of the answer, sealed with the key that its caller chose; null: the answer has none. */
  readonly sealed: string | null
  /** When it is forgotten, milliseconds since 1970. */
  readonly until: number
}

/** One committed change, without what was before and after. */
export interface RevisionRecord extends Omit<Actor, 'within' | 'request' | 'once'> {
  readonly revision: number
  /** `rule.create`, `rule.replace`, `server.update`, … */
  readonly operation: string
  readonly resource: string
  readonly id: string
  /** What the resource belongs to, or is; null: to none, or the event is older than these fields. */
  readonly server: string | null
  readonly policy: string | null
}

/** With what its dialect keeps of the request. */
export interface RequestRecord extends RevisionRecord {
  readonly request?: JsonObject
}

/**
 * With what was before and after. Lists of rules are `rules`, whole; or `ruleCount` and `changedRules`, those that differ
 * with their positions.
 */
export interface AuditEvent extends RequestRecord {
  readonly before: JsonValue
  readonly after: JsonValue
}

export interface NewEvent {
  readonly operation: string
  readonly resource: ResourceKind | 'inventory' | 'store'
  readonly id: string
  readonly server?: string | null
  readonly policy?: string | null
  readonly before: JsonValue
  readonly after: JsonValue
}

/** What one interface needs to be resolved; attachments in order of precedence. */
export interface PlacedInterface extends Interface {
  /** Its host found it there by its MAC address. Absent: somebody said that it is there, or it is nowhere. */
  readonly found?: true
  readonly account: string
  /** Policies attached to it or to its server. */
  readonly policies: readonly { readonly id: string; readonly revision: number }[]
  /** Highest revision that bears on it: its server's or any of its policies'. */
  readonly generation: number
}

/** What a host should enforce, or how that changed. */
export interface HostChanges {
  /** The revision it leads on from; null: this is all there is. */
  readonly from: number | null
  readonly revision: number
  /** Policies that changed, or that interfaces named here may be the first to need. Others may be among them. */
  readonly policies: readonly Policy[]
  /** Interfaces with a device on the host whose server changed, or whose attachments did; with all that is attached to them. */
  readonly placed: readonly PlacedInterface[]
  /** Ids of interfaces that left the host. */
  readonly departed: readonly string[]
}

/** Policies that were read before: one of the same revision is the same, and need not be read again. */
export interface PolicyMemory {
  get(id: string, revision: number): Policy | undefined
  put(policy: Policy): void
}

/** Whom it concerns, what was committed after a revision. A host that is not named has nothing to learn. */
export interface Concern {
  readonly revision: number
  /**
   * Hosts with interfaces that changed, came or left; and those of changed policies where these are very many. Null: the
   * store no longer knows, so that everybody may be concerned.
   */
  readonly hosts: readonly string[] | null
  /** Other policies that changed, with the hosts that have interfaces they are attached to. */
  readonly policies: readonly { readonly policy: Policy; readonly hosts: readonly string[] }[]
}

/** A rule before it has an id and a position. */
export type NewRule = Omit<Rule, 'id' | 'position'> & { readonly spec: JsonObject }

/** The holder of a server's own chain, found by server inside the transaction. */
export interface ChainTarget {
  readonly account: string
  readonly profile: Profile
  readonly server: string
  /** Effective server states (see `effectiveState`) in which the write is refused with `conflict`. */
  readonly refuseStates: readonly string[]
  /**
   * When given, the chain must still be of this revision, else `conflict` (policy): somebody else has written. Of a server
   * that has no chain, the server itself, else `conflict` (document).
   */
  readonly ifRevision?: number
}

/** A policy that stands by itself, or belongs to one interface. */
export interface PolicyTarget {
  readonly account: string
  readonly profile: Profile
  readonly policy: string
  /** As of `ChainTarget`. */
  readonly ifRevision?: number
}

/** Whose rules are written. */
export type RuleTarget = ChainTarget | PolicyTarget
/** Which of them. */
export type RuleLocator = { readonly position: number } | { readonly ruleId: string }

/** What a write answers. `changed` is false when everything already was as wanted: then nothing was written. */
export interface Written {
  /** Of what was written; of the last change to it when nothing was. */
  readonly revision: number
  readonly changed?: boolean
}
/** Of a write to rules. */
export interface RulesWritten extends Written {
  readonly policy: string
  /** Whether policies were attached to the server, or taken off it, because its chain includes them or no longer does. */
  readonly attached?: boolean
}

/**
 * Every write there is: arguments, and what a success answers. Failures are `RequestError`s: `limit-reached` is one of every
 * write that lets an account have more of something, beyond its quota, than it had.
 */
export interface Programs {
  /**
   * Inserts one rule. `position` absent, or beyond the end: append. Otherwise the rule at that position and all
   * after it move down by one. `not-found` (rule) when it is to go beside one that is not there. `maxRules` is checked inside the transaction (`limit-reached`). This and the other writes to
   * rules fail with `not-found` (policy) when a rule includes a policy that the account does not have; a chain's server has
   * attached exactly what its rules include.
   */
  insertRule: {
    args: RuleTarget & { rule: NewRule; id: string; position?: RulePlace; maxRules: number }
    answer: RulesWritten & { rule: RuleRecord }
  }
  /** Replaces all rules, in order, or none. `ids` has one id per rule, new or kept. */
  replaceRules: {
    args: RuleTarget & { rules: readonly NewRule[]; ids: readonly string[]; maxRules: number }
    answer: RulesWritten
  }
  /** Deletes a rule; later ones move up. `not-found` (rule) when there is none. */
  deleteRule: {
    args: RuleTarget & RuleLocator
    answer: RulesWritten
  }
  /**
   * Replaces a rule; it keeps its id, and its position unless `moveTo` names another (beyond the end: the last), where the
   * rule itself is not counted, and the others keep their order. `not-found` (rule) when there is none.
   */
  updateRule: {
    args: RuleTarget & RuleLocator & { rule: NewRule; moveTo?: RulePlace }
    answer: RulesWritten & { rule: RuleRecord }
  }
  /** A policy that becomes the default of something takes the place of what was. */
  createPolicy: {
    args: { policy: NewPolicyRecord; rules: readonly NewRule[]; ids: readonly string[] }
    answer: { revision: number }
  }
  /** Changes what is given and keeps the rest; `rules`, when given, replace all there are. */
  updatePolicy: {
    args: PolicyTarget & {
      name?: string
      settings?: Partial<PolicySettings>
      choices?: PolicyChoices
      /** As of `createPolicy`; null: of nothing any more. */
      defaultFor?: string | null
      /** Merged over the stored attributes, key by key. */
      attributes?: JsonObject
      rules?: { readonly rules: readonly NewRule[]; readonly ids: readonly string[] }
    }
    answer: Written
  }
  /** `conflict` (policy) while it is attached anywhere. */
  deletePolicy: { args: PolicyTarget; answer: { revision: number } }
  /**
   * Attaches one policy to all of these and to nothing else, or to one more, or takes it off one. It goes behind what is
   * attached there already. `not-found` (server, interface) when one is not the account's and the profile's, or it is taken off what
   * it is not attached to; `limit-reached` (policy) beyond `maxPerPlace` at one of them. `ifAttached` is of `Places`.
   */
  attachPolicy: {
    args: Omit<PolicyTarget, 'ifRevision'> & {
      to: { readonly all: readonly Place[] } | { readonly add: Place } | { readonly remove: Place }
      ifAttached?: number
      maxPerPlace: number
    }
    answer: Written
  }
  /** Attaches these policies to a server, or to an interface of it, in order, in place of others. `ifRevision` is the server's. */
  attachTo: {
    args: { account: string; profile: Profile; place: Place; policies: readonly string[] } & {
      ifRevision?: number
      maxPerPlace: number
    }
    answer: Written
  }
  /** Changes what is told of a policy's packets, and what becomes of its connections. A policy of any profile, whatever it belongs to. */
  choosePolicy: {
    args: Pick<PolicyTarget, 'account' | 'policy' | 'ifRevision'> & { change: PolicyChoices }
    answer: Written
  }
  /**
   * Makes rules and settings of a policy, of any profile and whatever it belongs to, those that it had after revision `to`,
   * as `rules` and `settings` say. `conflict` (policy) when it is not of `ifRevision` any more; `conflict` (rule)
   * when a rule names a policy or an interface that is gone.
   */
  revertPolicy: {
    args: {
      account: string
      policy: string
      ifRevision: number
      to: number
      /** Only whether it could be done: then nothing changes. */
      dryRun: boolean
      settings: PolicySettings
      rules: readonly NewRule[]
      ids: readonly string[]
      /** Absent: no limit. */
      maxRules?: number
      /** Of the policy's profile. */
      interfacePolicies?: InterfacePolicies
      zoneKind?: string
    }
    answer: Written & { readonly attached?: boolean }
  }
  /** Changes what policies of the account get that say nothing themselves: they are then of a new revision, too. */
  chooseAccount: { args: { account: string; cutFlows: CutFlows | null }; answer: Written }
  /** Includes a policy in the server's chain, by a rule at its head; null: none. Other rules stay, but for those it replaces. */
  includePolicy: {
    args: ChainTarget & {
      policy: string | null
      /** The rule that includes it; absent when `policy` is null. */
      rule?: NewRule
      id: string
      /** Id of the including rule that it replaces, null: none. Absent: all that include a policy. */
      instead?: string | null
      maxRules: number
    }
    answer: { revision: number; attached: boolean }
  }
  /**
   * Makes, changes and deletes whatever is in one zone that is a document, all or nothing. Everything that is named must be
   * the account's and the profile's, else `not-found`. `ifRevision` is of the zone's document, whose revision every change
   * within the zone bumps: when it still holds, what was read after it and decided from it holds too. Else `conflict`
   * (document); 0: the zone is not there yet.
   */
  changeZone: {
    args: ZoneChange & {
      account: string
      profile: Profile
      zone: string
      /** Kind of the document that is the zone. */
      zoneKind: string
      ifRevision: number
      /** Absent: interfaces have no policies of their own. */
      interfacePolicies?: InterfacePolicies
    }
    answer: { revision: number }
  }
  createServer: {
    args: {
      server: Omit<ServerRecord, 'revision'>
      /** Those with a device are bound by the API; `conflict` (binding) when another has it. */
      interfaces: readonly Interface[]
      /** MAC addresses that no other interface may have, else `conflict` (interface). */
      ownMacs?: readonly string[]
      /** Absent: interfaces have no policies of their own. */
      interfacePolicies?: InterfacePolicies
      /** Made with it, its own. */
      policies: readonly NewPolicyRecord[]
      attachments: readonly Attachment[]
      /** Policies by themselves that are attached to it, in order. `not-found` (policy) when one is not there. */
      attach?: readonly string[]
      /** Attaches what is the default of this, or makes this policy the default first. */
      attachDefault?: { for: string; otherwise?: NewPolicyRecord }
      documents: readonly DocumentChange[]
      /** What other servers give up for it. */
      addresses?: AddressMoves
    }
    answer: { revision: number }
  }
  /** Changes what is given and keeps the rest; `policy` changes the settings of the server's own chain. */
  updateServer: {
    args: ChainTarget & {
      /** Of the server itself, whether it has a chain or not; else `conflict` (server). */
      ifServerRevision?: number
      /** When given, the server must be in one of these states, else `conflict`. */
      requireStates?: readonly string[]
      /** None of its attributes may have the value that is given here, else `conflict`. */
      refuseAttributes?: JsonObject
      change?: Partial<Pick<ServerRecord, 'name' | 'zone' | 'state' | 'nextState' | 'nextStateAt'>>
      /** Merged over the stored attributes, key by key; null removes a key. */
      attributes?: JsonObject
      policy?: SettingsChange
      /** Policies by themselves that are attached to it from now on, in order, in place of others. As of `createServer`. */
      attach?: readonly string[]
      /** Written with it; their bodies are in no event. */
      documents?: Changes<DocumentChange, { readonly kind: string; readonly id: string }>
      /** Of its interfaces, and what other servers give up for it. */
      addresses?: AddressMoves
    }
    answer: Written
  }
  /** Deletes the server, its interfaces, its chain and its documents named in `documents` (kind and id). */
  deleteServer: {
    args: ChainTarget & {
      /** As of `updateServer`. */
      ifServerRevision?: number
      /** `conflict` (server) while a document of its profile names it, or holds an address of it: its dialect attached that. */
      unattached?: true
      /** As of `updateServer`. */
      requireStates?: readonly string[]
      refuseAttributes?: JsonObject
      documents: readonly { kind: string; id: string }[]
      /** Documents that outlive it, as they are afterwards. */
      outlive?: readonly DocumentChange[]
    }
    answer: { revision: number }
  }
  /**
   * Made, or replaced. With `ifRevision` only when it is still of that one (0: not there), else `conflict` (document), which
   * also refuses the id of a document that an inventory no longer names.
   */
  putDocument: { args: { document: NewDocument; ifRevision?: number }; answer: Written }
  /** As of `putDocument`. */
  deleteDocument: {
    args: {
      account: string
      profile: Profile
      kind: string
      id: string
      ifRevision?: number
      /** How servers and policies name it: `conflict` (document) while one does, or another document. */
      unusedAs?: 'zone' | { readonly attribute: string }
      /** `conflict` (document) when it is the last of its kind. */
      notLast?: boolean
    }
    answer: { revision: number }
  }
  /**
   * Sets the lowest free addresses or prefixes of pools aside for an account, all or none, until a write holds them or ten
   * minutes have passed. `pool-empty` says of which pool there are too few, and how many. Not audited, no revision.
   */
  takeAddresses: {
    args: { account: string; profile: Profile; wanted: readonly { pool: string; count: number }[] }
    answer: { addresses: readonly string[] }
  }
  /**
   * Writes documents, addresses of interfaces and attributes of servers of one account and profile, all or nothing.
   * Documents as of `DocumentChange`, where `ifRevision` 0 makes one, too; `not-found` (interface, server) when one is not the account's.
   */
  changeAddresses: {
    args: AddressChange & { account: string; profile: Profile }
    answer: { revision: number }
  }
  /** Keeps what was drawn at random for the installation, unless there is something of the name; answers that. */
  keepDrawn: { args: { name: string; value: string }; answer: { value: string; changed?: boolean } }
  /**
   * Makes these all the pools there are. Leases stay; addresses of interfaces that lie in a pool and are nobody's are held
   * from now on. Not audited, no revision.
   */
  configurePools: { args: { pools: readonly PoolRecord[]; quarantineMs: number }; answer: object }
  /** Records what is no write: a login, a change of the guard. `account` of the actor says whose it is; empty: nobody's. */
  recordEvent: { args: { event: NewEvent }; answer: { revision: number } }
  /**
   * Deletes the oldest events that were before `olderThan` (milliseconds since 1970), or that make all of them more than
   * `bytes`; never the newest; and with them what is known of interfaces that left their hosts by then. At most `most`, and not more than a few megabytes at once. No revision, not audited.
   */
  pruneHistory: {
    args: { olderThan: number; bytes: number; most: number }
    answer: { removed: number; changed: boolean }
  }
  /**
   * An agent begins to speak for its host, in place of the one before. `session` is null, and nothing is changed, where the
   * host is enforced by its service itself and the agent is none of its own. No revision, not audited, as with the next ones.
   */
  openSession: {
    args: { host: string; agent: Pick<HostSession, 'release' | 'protocol' | 'instance' | 'own'> }
    answer: { session: number | null }
  }
  /** Its agent has gone; nothing changes when another one speaks by now. */
  closeSession: { args: { host: string; session: number }; answer: object }
  /** An agent that would speak for the host was sent away. */
  refuseSession: { args: { host: string; reason: string }; answer: object }
  /**
   * Keeps what an agent says of its host. `record` is written last, after the outcomes it goes with: without it more of
   * them follow. What it says of interfaces that are not on the host is not kept, and they are named as `foreign`. With a
   * `session` that is not the newest nothing is kept, and `current` is false. No revision, not audited: nothing that is
   * desired changes.
   */
  reportHost: {
    args: {
      host: string
      session?: number
      put: readonly (InterfaceOutcome & { readonly interface: string })[]
      remove: readonly string[]
      record?: HostRecord
    }
    answer: { current: boolean; foreign: readonly string[] }
  }
  /**
   * Keeps what agents say of their hosts when there is nothing else; where that is newer than what is kept, and of the newest
   * session, as far as one is named. No revision, not audited.
   */
  reportHosts: {
    args: { records: readonly (HostRecord & { readonly session?: number })[] }
    answer: object
  }
  /**
   * Keeps what interfaces have counted. `base` is what is kept of a decider so far, 0 where nothing is: where it is something
   * else nothing of the interface is written, and it is named as `stale`; `gone` are those that are not there. `host` is
   * written with the last of what was read there. No revision, not audited: nothing that is desired changes.
   */
  keepHits: {
    args: {
      put: readonly (HitRecord & { readonly base: { readonly packets: number; readonly bytes: number } })[]
      /** Interfaces that are counted from now on; of those that were already it changes nothing. */
      counted: readonly { readonly interface: string; readonly since: number }[]
      host?: { readonly host: string; readonly at: number }
    }
    answer: { stale: readonly string[]; gone: readonly string[] }
  }
  /**
   * Looks at `most` deciders that belong to policies, from `after` on, and forgets what those have counted that are no more.
   * `next` is null at the end. No revision, not audited.
   */
  pruneHits: {
    args: { after: HitSumKey | null; most: number }
    answer: { removed: number; next: HitSumKey | null; changed: boolean }
  }
  /** `conflict` (credential): its username, or its operator's name, is taken; with `first`, there is an operator. */
  createCredential: {
    args: { credential: CredentialRecord; first?: true }
    answer: { revision: number }
  }
  updateCredential: {
    args: {
      target: CredentialTarget
      change: Partial<
        Pick<CredentialRecord, 'label' | 'scopes' | 'profiles' | 'servers' | 'adopts' | 'expiresAt'>
      >
    }
    answer: { revision: number; changed?: boolean }
  }
  /** The secret that it has holds on until then, milliseconds since 1970; any that came before it no longer does. */
  rotateCredential: {
    args: {
      target: CredentialTarget
      secret: Pick<CredentialRecord, 'lookup' | 'hash'>
      until: number
    }
    answer: { revision: number }
  }
  revokeCredential: { args: { target: CredentialTarget }; answer: { revision: number } }
  /** When credentials were last used, milliseconds since 1970. No revision, not audited. */
  touchCredentials: { args: { used: readonly { id: string; at: number }[] }; answer: object }
  /** Forgets requests that were to be done once until then, milliseconds since 1970; at most `most`. No revision, not audited. */
  forgetOnce: { args: { until: number; most: number }; answer: { removed: number; changed: boolean } }
  /**
   * Makes an account with these documents. `conflict` (account) when its id or name is taken, or another has the same value
   * of an attribute that is named in `unique`.
   */
  createAccount: {
    args: {
      account: Pick<AccountRecord, 'id' | 'name' | 'attributes' | 'quotas'>
      unique: readonly string[]
      documents: readonly Omit<NewDocument, 'account'>[]
    }
    answer: { revision: number }
  }
  /**
   * Changes what is given and keeps the rest; null takes an attribute or a quota away. A closed account answers to nobody and
   * keeps everything; hosts close its devices. As of `createAccount`.
   */
  updateAccount: {
    args: {
      account: string
      ifRevision?: number
      name?: string
      attributes?: JsonObject
      quotas?: { readonly [N in keyof Quotas]: number | null }
      closed?: boolean
      unique: readonly string[]
    }
    answer: Written
  }
  /** With all that it has but its history. `conflict` (account) while it has servers. */
  deleteAccount: { args: { account: string; ifRevision?: number }; answer: { revision: number } }
  /**
   * Keeps what an agent sees of guests' devices, and puts interfaces on those by their MAC addresses: such as are nowhere, or were
   * found in the same way on a device that nobody sees any more, or only expects. `remove` are there no more; `again` are looked at
   * once more. `settled`: what was found on devices of the host that are in no sighting is released. Answers what has become of
   * `put`, and what differs of `again` from what the agent was told. A host is away of which nothing was heard since `awayBefore`, milliseconds since 1970;
   * nobody waits for it. `session` as of `reportHost`. No revision and not audited but where an interface moves.
   */
  see: {
    args: {
      host: string
      session?: number
      awayBefore: number
      put: readonly Sighting[]
      remove: readonly string[]
      again: readonly string[]
      settled: boolean
    }
    answer: { current: boolean; claims: readonly Claimed[]; revision?: number; changed?: boolean }
  }
  /**
   * As one: what is given up is given up before anything is taken, so devices can be swapped. What was found by its MAC address
   * is not released while its host sees it (`conflict`, binding).
   */
  bind: { args: { changes: readonly BindingChange[] }; answer: Written }
  /** Adds an interface to a server: of this index where that is free, else as its last. As of `createServer`. */
  addInterface: {
    args: InterfaceTarget & { interface: Interface; index?: number }
    answer: { revision: number }
  }
  /**
   * Makes a server of a guest that a host sees on a device, or adds an interface to the one that was made of it, and looks at the
   * device again as `see` does. Makes nothing where an interface is on the device or has the MAC address: that one is answered.
   * `forbidden` (account) where the credential of the host does not permit the account; `not-found` (account); `conflict`
   * (ip-address) for an address that another account has; `invalid` (device, mac) for what the host does not see so.
   */
  adopt: {
    args: {
      host: string
      session?: number
      awayBefore: number
      device: string
      /** Canonical text. */
      mac: string
      account: string
      profile: Profile
      /** The credential of the agent that says so; null: of one that may adopt into every account, or of an operator. */
      credential: string | null
      /** Tells the guest from all others of the account and profile. */
      guest: string
      /** The server as it would be, with one interface that is nowhere: the first whose id is free. */
      servers: readonly Programs['createServer']['args'][]
      /** Of profiles whose servers have numbers: this one where it is free, else one above all others. */
      number?: { readonly prefer: number | null; readonly most: number }
      /** Which of the guest's interfaces it is, from 1 on; another where the server has that. */
      index: number
      /** Addresses that are followed from now on; null: none are. */
      configured: readonly string[] | null
      /** Whether a server that is made ends with its last device, unless somebody else says anything of it. */
      ephemeral: boolean
      /** Whether its agent is told what is answered: it says so, and has nothing made again that somebody deleted. */
      told: boolean
    }
    answer: {
      current: boolean
      interface: string | null
      claims: readonly Claimed[]
      revision?: number
      changed?: boolean
    }
  }
  /** Keeps why a device is not adopted. `account`: one that its host asked for and may not have, which is audited once; null: another reason. */
  refuseAdoption: {
    args: { host: string; session?: number; device: string; why: string; account: string | null }
    answer: { current: boolean; revision?: number; changed?: boolean }
  }
  /** Of an interface that was adopted and is on a device of the host: the addresses that its hypervisor has for it now. As of `adopt`. */
  followConfigured: {
    args: {
      host: string
      session?: number
      credential: string | null
      interface: string
      addresses: readonly string[]
    }
    answer: { current: boolean; revision?: number; changed?: boolean }
  }
  /** Changes what is given and keeps the rest; attributes are merged, key by key, and null removes one. Where it is stays as it is. */
  updateInterface: {
    args: InterfaceTarget & {
      interface: string
      change: Partial<Omit<Interface, 'id' | 'server' | 'index' | 'host' | 'device'>>
    }
    answer: Written
  }
  /** With its policy and counts. `conflict` (interface) while a document names it, or holds an address of it. */
  removeInterface: { args: InterfaceTarget & { interface: string }; answer: { revision: number } }
  /** Forgets what agents of other hosts have said: there are none any more. No revision, not audited. */
  forgetHosts: { args: { except: readonly string[] }; answer: object }
  /** Sets what accounts may have that have no quota of their own. */
  setDefaultQuotas: { args: { quotas: Quotas }; answer: { changed?: boolean } }
  /**
   * Makes what is named so: accounts, credentials, documents, servers with interfaces and attachments. Rules of what
   * exists are left alone. What the inventory made and does not name ends, unless `keep` says that it stays: credentials are
   * deleted; accounts, documents and servers are kept, answer to nobody, and come back as they were when they are named
   * again; servers give up their devices and numbers, also those of an API that the inventory put somewhere. What an API
   * made stays as it is, and what is named of it becomes so. One revision and audit event when anything changed, none
   * otherwise. `invalid`: the field is the id of the server, interface, account, credential or document at fault.
   *
   * With `difference`, what `inventoryDifference` found, as JSON, and in place of its `make` parts of the rows that come of
   * it (`newServers`, of the revision behind `against`); `total`: how many changes it has, of which it need not list all.
   * `conflict` (revision, stale) when something was written since.
   */
  applyInventory: {
    args:
      | { inventory: InventoryRecords | Uint8Array; keep?: boolean }
      | { difference: Uint8Array; make: readonly Uint8Array[]; total: number }
    answer: { revision: number; changed: boolean }
  }
}

/** The server whose interface is written. */
export interface InterfaceTarget {
  readonly account: string
  readonly profile: Profile
  readonly server: string
  /** The server's, else `conflict` (server). */
  readonly ifRevision?: number
  readonly ownMacs?: readonly string[]
  readonly interfacePolicies?: InterfacePolicies
}

/** What `put` names is made, or replaces what has its id; what goes takes with it what belongs to it. */
export interface ZoneChange {
  /** With `ifRevision` it is there and of that one, else `conflict` (document). */
  readonly documents?: Changes<
    NewDocument & { readonly ifRevision?: number },
    { readonly kind: string; readonly id: string }
  >
  readonly servers?: Changes<Omit<ServerRecord, 'revision'>, string>
  /** Of servers that are there, or made with them. */
  readonly interfaces?: Changes<Interface, string>
  /** Policies by themselves. */
  readonly policies?: Changes<NewPolicyRecord, string>
  /** Replaces the rules of policies that are there, or made with them. */
  readonly rules?: readonly {
    readonly policy: string
    readonly rules: readonly NewRule[]
    readonly ids: readonly string[]
  }[]
  /** Policies by themselves that are attached to just that from now on, in order, in place of others. */
  readonly attach?: readonly (Omit<Attachment, 'policy'> & { readonly policies: readonly string[] })[]
  readonly event: NewEvent & { readonly resource: ResourceKind }
}

export interface AddressChange extends AddressMoves {
  readonly documents?: {
    readonly put?: readonly (Omit<NewDocument, 'account' | 'profile'> & { readonly ifRevision?: number })[]
    readonly remove?: readonly { readonly kind: string; readonly id: string; readonly ifRevision?: number }[]
  }
  /** Of the audit event: what was done, and to what. */
  readonly operation: string
  readonly id: string
}

/**
 * Of any servers of the account; `not-found` (interface, server) when one is not its own. An interface that only gives up
 * addresses may be of a server that an inventory no longer names, or have ended.
 */
export interface AddressMoves {
  /** Removed first, then appended. */
  readonly interfaces?: readonly {
    readonly interface: string
    readonly add?: readonly string[]
    readonly remove?: readonly string[]
  }[]
  /**
   * Merged over the stored attributes, key by key; null removes a key. With `ifRevision` the server must be of that one, else
   * `conflict` (document).
   */
  readonly serverAttributes?: readonly {
    readonly server: string
    readonly attributes: JsonObject
    readonly ifRevision?: number
  }[]
}

/** What is given changes; null takes it back. */
export interface PolicyChoices {
  readonly cutFlows?: CutFlows | null
  readonly logAllowed?: LogLevel | null
  readonly log?: Partial<Readonly<Record<Direction, LogLevel | null>>>
}

/** Settings to change; the rest stays, also inside `guards` and `log`. */
export type SettingsChange = Partial<Omit<PolicySettings, 'guards' | keyof PolicyChoices>> &
  PolicyChoices & { readonly guards?: Partial<TrafficSwitches> }

/**
 * Without `ifRevision` the document is made, and `conflict` (document) says that its id is taken; with it the document must be
 * of that revision, else `conflict` (document).
 */
export type DocumentChange = NewDocument & { readonly ifRevision?: number }

export interface Changes<T, Id> {
  readonly put?: readonly T[]
  readonly remove?: readonly Id[]
}

export interface InventoryRecords {
  /** Without `quotas` an account keeps those that it has. */
  readonly accounts: readonly (Pick<AccountRecord, 'id' | 'name' | 'attributes'> & {
    readonly quotas?: Quotas
  })[]
  readonly credentials: readonly CredentialRecord[]
  /** Merged over what is there, key by key; `initial` only when there is none. */
  readonly documents: readonly (NewDocument & { readonly initial?: JsonObject })[]
  readonly servers: readonly {
    readonly server: Omit<ServerRecord, 'revision'>
    /** Attributes of a new server, beside its own. */
    readonly initial?: JsonObject
    readonly interfaces: readonly Interface[]
    /** The chain made with a new server, absent: none; an existing one keeps its own. */
    readonly policies?: readonly NewPolicyRecord[]
    readonly attachments?: readonly Attachment[]
    /** Switches the chain of an existing server; absent: it stays as an API has switched it. */
    readonly enabled?: boolean
    /** Of the chain, whether it is new or not. */
    readonly choices?: PolicyChoices
    /** As of `createServer`, for a new server. One that is stored stays in its zone, and keeps its value of the attribute `scope`. */
    readonly attachDefault?: NonNullable<Programs['createServer']['args']['attachDefault']> & {
      readonly scope: string
    }
    /** Absent: its interfaces have no policies of their own. */
    readonly interfacePolicies?: InterfacePolicies
  }[]
}

/** A credential that is to be written; `conflict` (credential) when it is the inventory's, or `stale`. */
export interface CredentialTarget {
  readonly id: string
  /** Only one that this account holds: any other is `not-found`. Null: any. */
  readonly account: string | null
  readonly ifRevision?: number
}

/** Absent: whatever it is. */
export interface CredentialFilter {
  readonly holder?: CredentialRecord['holder']
  readonly account?: string
  readonly host?: string
  readonly kind?: CredentialKind
  /** Whether it has ended by `now`, milliseconds since 1970. */
  readonly expired?: boolean
  readonly now: number
}

/** Part of a list that is ordered by a key. */
export interface KeyPage {
  /** Key of the last item of the page before, its parts as text; null: from the beginning. */
  readonly after: readonly string[] | null
  readonly limit: number
}

/** Only events of these; null or absent: of any. One belongs to the profile of its server, or of its policy, else of what it came through. */
export interface EventScope {
  readonly profiles?: readonly Profile[] | null
  /** Ids: events of the account as a whole, and of policies by themselves, are of none. */
  readonly servers?: readonly string[] | null
}

/** Which events of an account: those that fit everything that is given. */
export interface HistoryFilter {
  readonly scope?: EventScope
  /** Empty: what is nobody's. Absent: all accounts, and that. */
  readonly account?: string
  readonly server?: string
  readonly policy?: string
  readonly actor?: string
  readonly dialect?: string
  readonly operation?: string
  /** Id of the credential that did it. */
  readonly credential?: string
  /**
   * Milliseconds since 1970. Moments cut the list, which is in order of revisions: it begins with the first event at `since`
   * or later, and ends before the first one at `until` or later.
   */
  readonly since?: number
  readonly until?: number
}

export interface HistoryPage extends HistoryFilter {
  /** An exclusive revision. */
  readonly before?: number
  readonly limit: number
}

/** Newest first. A page may hold fewer than its limit, or none, before the end: looking on is the next page's work. */
export interface HistoryFound<T> {
  readonly items: readonly T[]
  /** `before` of the next page; null: there are no more. */
  readonly next: number | null
}

/** A policy at some time. */
export interface PastPolicy
  extends Pick<PolicyRecord, 'account' | 'profile' | 'name' | 'server' | 'interface' | 'zone'> {
  /** Revision that made it; 0: an earlier one than steps back reach to. */
  readonly made: number
  readonly settings: PolicySettings
  readonly rules: readonly RuleRecord[]
}

/** What a revision replaced in a policy; `part` tells apart steps of one revision, which go on in order. */
export interface PolicyStep {
  readonly revision: number
  readonly part: number
  readonly step:
    | { readonly settings: PolicySettings }
    /** Rules that it put in, by first position and count, then rules that it took out, with the positions that they had. */
    | {
        readonly take: readonly (readonly [first: number, count: number])[]
        readonly put: readonly (readonly [position: number, rule: Omit<RuleRecord, 'position'>])[]
      }
    /** It deleted the policy, which was this. */
    | { readonly gone: PastPolicy }
}

export type ProgramName = keyof Programs

/** What a commit touched, sent to listeners after it is durable. */
export interface Commit {
  /** Newest revision; in one process commits arrive in order. */
  readonly revision: number
  readonly topics: readonly ('credentials' | 'rules' | 'servers')[]
}

/** What became of a write: kept, without effect, refused with a `RequestError`, or lost to trouble of the engine. */
export type WriteEnd = 'committed' | 'unchanged' | 'refused' | 'failed'

/** A transaction of this process, of one or more writes. */
export interface Transaction {
  /** From its beginning until it was durable or lost. */
  readonly seconds: number
  readonly committed: boolean
  /** What each of its writes recorded, by revision; none unless it was committed. */
  readonly changes: readonly (readonly RevisionRecord[])[]
}

export interface StoreActivity {
  /** Writes of this process that are queued or under way. */
  readonly waiting: number
  /** Writes of this process, since it opened the store. */
  readonly ended: Readonly<Record<WriteEnd, number>>
}

export interface Storage {
  readonly engine: 'sqlite' | 'postgresql'
  /** Runs a program in a transaction. It is durable when the promise resolves with `ok`. Engine trouble rejects. */
  run<P extends ProgramName>(
    program: P,
    args: Programs[P]['args'],
    actor: Actor,
  ): Promise<Result<Programs[P]['answer'], RequestError>>

  /** Newest committed revision, 0 in an empty store. */
  revision(): Promise<number>
  account(id: string): Promise<AccountRecord | undefined>
  /** By name, also those that the inventory no longer names. */
  accounts(): Promise<readonly ManagedAccount[]>
  /** By name, open or closed or both. */
  accountPage(
    filter: { readonly name?: string; readonly closed?: boolean },
    page: KeyPage,
  ): Promise<readonly ManagedAccount[]>
  managedAccount(id: string): Promise<ManagedAccount | undefined>
  /** In order of account, age and id, which are the key. `ids` leaves others out. */
  serverPage(
    filter: {
      readonly account?: string
      readonly profile?: Profile
      readonly name?: string
      readonly zone?: string
      readonly host?: string
      readonly ids?: readonly string[]
    },
    page: KeyPage,
  ): Promise<readonly ServerRecord[]>
  /** In order of profile and id, which are the key; of kinds by profile. */
  documentPage(
    filter: { readonly account?: string; readonly kinds: Readonly<Record<Profile, string>> },
    page: KeyPage,
  ): Promise<readonly DocumentRecord[]>
  /** In order of host and device, which are the key. */
  bindingPage(
    filter: {
      readonly account?: string
      readonly host?: string
      readonly device?: string
      readonly server?: string
      readonly mac?: string
    },
    page: KeyPage,
  ): Promise<readonly BindingRecord[]>
  /**
   * Of a host, by device. `due`: what its agent was told may no longer be so. `strays`: interfaces were found on devices that are
   * in no sighting.
   */
  sightings(host: string): Promise<{
    readonly seen: readonly (SightingRecord & { readonly due: boolean })[]
    readonly strays: boolean
  }>
  /**
   * Of all hosts, of what its agent was told may no longer be so since a revision; null: of any. Work grows with what has changed since.
   */
  sightingsDue(
    since: number,
  ): Promise<{ readonly revision: number; readonly devices: readonly SightingKey[] | null }>
  /**
   * Looks at `limit` devices of all hosts whose interface is elsewhere, or of which there are several; answers those of which
   * something else is to be said by now. `awayBefore` as of the program `see`; `next` is null at the end.
   */
  contestedSightings(of: {
    readonly awayBefore: number
    readonly after: SightingKey | null
    readonly limit: number
  }): Promise<{ readonly devices: readonly SightingKey[]; readonly next: SightingKey | null }>
  /** Of interfaces that were adopted and are on devices of a host: the addresses that its hypervisor had for each, by id. */
  configuredOn(host: string): Promise<ReadonlyMap<string, readonly string[]>>
  /** As its agent saw it last. */
  sighting(host: string, device: string): Promise<SightingRecord | undefined>
  /** Devices without an interface, in order of device, which is the key. */
  unclaimedPage(host: string, page: KeyPage): Promise<readonly SightingRecord[]>
  /** Undefined when the interface is nowhere, or not there. */
  binding(interface_: string): Promise<BindingRecord | undefined>
  /** The server of an interface. */
  serverOf(interface_: string): Promise<ServerRecord | undefined>
  /** By its id, else by its name; undefined also when it is closed. */
  accountCalled(text: string): Promise<AccountRecord | undefined>
  /**
   * By its secret, or by the one before while that holds: the caller looks which, and whether it does. None of an account that
   * is closed.
   */
  credential(kind: CredentialKind, lookup: string): Promise<CredentialRecord | undefined>
  /** What an earlier request of that key made; undefined when there was none, or it is forgotten. */
  once(key: string): Promise<Once | undefined>
  credentialById(id: string): Promise<CredentialRecord | undefined>
  /** By id. */
  credentialPage(filter: CredentialFilter, page: KeyPage): Promise<readonly CredentialRecord[]>
  /** Of an account, by id. */
  credentials(account: string): Promise<readonly CredentialRecord[]>
  /**
   * By id, whatever the account: the service decides who may see it. Servers and documents that the inventory made and no
   * longer names are found by no read.
   */
  server(profile: Profile, id: string): Promise<ServerRecord | undefined>
  serverByNumber(profile: Profile, number: number): Promise<ServerRecord | undefined>
  /** By id in any profile. */
  serverById(id: string): Promise<ServerRecord | undefined>
  /** Oldest first. */
  servers(filter: {
    account: string
    profile?: Profile
    zone?: string
    name?: string
  }): Promise<readonly ServerRecord[]>
  /** In order of index. */
  interfaces(server: string): Promise<readonly Interface[]>
  /** Interfaces of many servers in one query, in order of server and index. */
  interfacesOf(account: string, profile?: Profile, zone?: string): Promise<readonly Interface[]>
  /** Those that have this address, canonical text, in the order of `interfacesOf`. */
  interfacesWith(filter: {
    account: string
    profile: Profile
    address: string
  }): Promise<readonly Interface[]>
  /** Of what an account's interfaces and documents hold, in order of address. */
  leases(filter: {
    account: string
    profile: Profile
    kind?: string
    id?: string
  }): Promise<readonly LeaseRecord[]>
  /** What naming an address or prefix would come to, milliseconds since 1970. */
  holding(account: string, address: string, now: number): Promise<Holding>
  /** By name. */
  poolUse(now: number): Promise<readonly PoolUse[]>
  policy(id: string): Promise<PolicyRecord | undefined>
  /** Policies that stand by themselves, oldest first. */
  policiesBy(filter: {
    account: string
    profile: Profile
    zone?: string
  }): Promise<readonly (PolicyRecord & { ruleCount: number })[]>
  /**
   * Policies of any profile, chains and those of interfaces included, by id. `server`: attached to it or to one of its
   * interfaces. `account` absent: of all.
   */
  policiesPage(
    filter: { account?: string; profile?: Profile; name?: string; server?: string },
    page: KeyPage,
  ): Promise<readonly (PolicyRecord & { ruleCount: number })[]>
  ruleCount(policy: string): Promise<number>
  /** What a policy by itself is attached to. */
  places(policy: string): Promise<Places>
  /** Policies that stand by themselves and have that exact name, or an id that begins so; at most 20, oldest first. */
  policiesNamed(filter: {
    account: string
    profile: Profile
    name: string
    /** Letters, digits and hyphens. */
    idPrefix?: string
  }): Promise<readonly PolicyRecord[]>
  /** What policies by themselves are attached to: in order of attachment for one server or interface, servers oldest first. */
  members(filter: {
    account: string
    profile: Profile
    policy?: string
    server?: string
  }): Promise<readonly Member[]>
  /** What an account has of that which can be limited, and its limits: its own or the installation's. */
  usage(
    account: string,
  ): Promise<{ readonly used: Usage; readonly quotas: Readonly<Record<QuotaName, number | null>> }>
  /** Counts everything, and answers where that is not what is kept. Work grows with what there is. */
  miscounts(): Promise<readonly Miscount[]>
  /** What agents said last, of all hosts that have one. */
  hosts(): Promise<readonly KnownHost[]>
  /** Of those interfaces that are there. */
  hits(interfaces: readonly string[]): Promise<readonly CountedInterface[]>
  /** Since when interfaces are counted, milliseconds since 1970; those that are not are left out. */
  countedSince(interfaces: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Of deciders that belong to these policies. */
  hitSums(account: string, policies: readonly string[]): Promise<readonly HitSum[]>
  /** Since when rules are there, by id of the policy and of the rule, milliseconds since 1970; where it is unknown they are left out. */
  ruleTimes(policies: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, number>>>
  policyNames(ids: readonly string[]): Promise<ReadonlyMap<string, string>>
  /** Of those interfaces that are there. */
  owners(interfaces: readonly string[]): Promise<readonly InterfaceOwner[]>
  /** What they said of interfaces that are not as usual. */
  outcomes(
    of: { host: string } | { server: string } | { servers: readonly string[] } | { account: string },
  ): Promise<readonly OutcomeRecord[]>
  /** Of an account; work grows with what has changed and not been applied, not with what there is. */
  behind(filter: { account: string; server?: string; interface?: string; policy?: string }): Promise<Behind>
  /** The chain that belongs to the server. */
  chain(server: string): Promise<PolicyRecord | undefined>
  /** The chains of all servers of the account, in order of server. */
  chainsOf(account: string, profile: Profile): Promise<readonly PolicyRecord[]>
  /** By position; one query. */
  rules(policy: string): Promise<readonly RuleRecord[]>
  rule(policy: string, position: number): Promise<RuleRecord | undefined>
  /** The policies with their rules (without `spec`), read in one snapshot; ids that do not exist are left out. */
  policies(ids: readonly string[]): Promise<readonly Policy[]>
  /**
   * What a host should enforce, in one snapshot: all of it, or what changed after revision `since`, where the work grows
   * with that and not with the host. All of it too when the store no longer knows what ended since then. What `memory`
   * has is not read again, and it is given what is.
   */
  desired(host: string, since: number | null, memory?: PolicyMemory): Promise<HostChanges>
  /** For all hosts at once: work grows with what changed and with whom that concerns. `memory` as of `desired`. */
  concern(since: number, memory?: PolicyMemory): Promise<Concern>
  /** One interface in the same form, placed or not. */
  placedInterfaces(server: string): Promise<readonly PlacedInterface[]>
  /** All of an account, placed or not. */
  placedOf(account: string): Promise<readonly PlacedInterface[]>
  /** Of these servers, placed or not. */
  placedAmong(servers: readonly string[]): Promise<readonly PlacedInterface[]>
  /** All that have a device on the host. */
  placedOn(host: string): Promise<readonly PlacedInterface[]>
  document(profile: Profile, kind: string, id: string): Promise<DocumentRecord | undefined>
  documents(filter: { account: string; profile: Profile; kind: string }): Promise<readonly DocumentRecord[]>
  /** Newest first. Looks at some thousands of events at most, whatever there is. */
  revisions(page: HistoryPage): Promise<HistoryFound<RevisionRecord>>
  /** As `revisions`. At most `bytes` of what was before and after, but at least one event. */
  audit(page: HistoryPage & { bytes?: number }): Promise<HistoryFound<AuditEvent>>
  /** A policy with its rules as it is at the newest revision, in one snapshot; whatever the account. */
  policyNow(id: string): Promise<{ readonly revision: number; readonly policy?: PastPolicy }>
  /** Newest first: of revisions after `after`, and before a step. */
  policySteps(of: {
    policy: string
    after: number
    before: Pick<PolicyStep, 'revision' | 'part'>
    limit: number
  }): Promise<readonly PolicyStep[]>
  /** The oldest revision that steps back lead to; read it after them. */
  policiesSince(): Promise<number>
  /** Policies that a revision made, changed or deleted, by id. */
  policiesOf(revision: number, limit: number): Promise<readonly string[]>
  /** The newest of that operation about that id. */
  lastEvent(
    account: string,
    operation: string,
    id: string,
    scope?: EventScope,
  ): Promise<AuditEvent | undefined>
  auditEvent(
    revision: number,
    of: EventScope & { readonly account?: string },
  ): Promise<AuditEvent | undefined>
  /** What a request changed that its dialect keeps a log of. */
  loggedRequest(
    account: string,
    profile: Profile,
    requestId: string,
    scope?: EventScope,
  ): Promise<RequestRecord | undefined>
  /** Newest first. */
  loggedRequests(
    account: string,
    profile: Profile,
    limit: number,
    scope?: EventScope,
  ): Promise<readonly RequestRecord[]>

  /** What an inventory would change, in one snapshot. Fails as `applyInventory` does. */
  inventoryDifference(
    inventory: InventoryRecords,
    options: InventoryOptions,
  ): Promise<Result<InventoryDifference, RequestError>>

  /** All that an inventory can name, in one snapshot. `kinds`: the documents that are wanted. */
  storedInventory(
    kinds: readonly { readonly profile: Profile; readonly kind: string }[],
  ): Promise<StoredInventory>
  /** Of all accounts, with those that have left. */
  serverCount(): Promise<number>
  /** Interfaces that are on a device, whoever said so, of servers that are there. */
  placedCount(): Promise<number>

  /** Called after every commit, of other processes too where the engine can tell. Answers how to stop. */
  onCommit(listener: (commit: Commit) => void): () => void
  /** Called after every transaction of this process. Answers how to stop. */
  onTransaction(listener: (done: Transaction) => void): () => void
  activity(): StoreActivity
  /** Bytes that it takes on disk, with its journal where that belongs to it. */
  size(): Promise<number>
  /** The time where the store is, milliseconds since 1970: one for all processes that have it open, whatever their own clocks say. */
  clock(): Promise<number>
  /** Rejects when the store cannot be read and written. */
  check(): Promise<void>
  close(): Promise<void>
}

/** The state a server is in at `now`: transitions are stored with the time they end, so none is lost in a crash. */
export function effectiveState(
  server: Pick<ServerRecord, 'state' | 'nextState' | 'nextStateAt'>,
  now: number,
): string {
  return server.nextState !== null && server.nextStateAt !== null && server.nextStateAt <= now
    ? server.nextState
    : server.state
}
