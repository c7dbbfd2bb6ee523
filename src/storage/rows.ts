/** Rows to records and back: the one place that knows how values are kept in columns. */
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts'
import { decodeMatch, encodeMatch } from '../core/model/codec.ts'
import type { Interface } from '../core/model/interface.ts'
import type { Policy, PolicySettings } from '../core/model/policy.ts'
import type { Direction, LogLevel, Rule } from '../core/model/rule.ts'
import type { Adoption, Guest } from '../core/model/sighting.ts'
import { cutFlowsOf } from './account-settings.ts'
import type { KeyRange } from './lease-keys.ts'
import type { Row, SqlValue } from './statement.ts'
import type {
  AccountRecord,
  AuditEvent,
  BindingRecord,
  BoundBy,
  CredentialRecord,
  DocumentRecord,
  HitRecord,
  HostRecord,
  HostSession,
  KnownHost,
  LeaseRecord,
  ManagedAccount,
  NewRule,
  Once,
  OutcomeRecord,
  PastPolicy,
  PolicyRecord,
  PolicyStep,
  RequestRecord,
  RevisionRecord,
  RuleRecord,
  ServerRecord,
  SightingRecord,
} from './storage.ts'

const json = (value: SqlValue | undefined) => JSON.parse(String(value)) as JsonValue
const object = (value: SqlValue | undefined) => json(value) as JsonObject
const text = (value: SqlValue | undefined) => String(value)
const texts = (value: SqlValue | undefined) => json(value) as readonly string[]
const number = (value: SqlValue | undefined) => Number(value)
const nullable = <T>(value: SqlValue | undefined, read: (value: SqlValue) => T): T | null =>
  value === null || value === undefined ? null : read(value)

export const leaseColumns = 'first, last, address, account, profile, state, kind, id, until'
/** With its keys, which only storage knows. */
export type StoredLease = LeaseRecord & KeyRange
export function toLease(row: Row): StoredLease {
  return {
    first: text(row.first),
    last: text(row.last),
    address: text(row.address),
    account: text(row.account),
    profile: text(row.profile) as LeaseRecord['profile'],
    state: text(row.state) as LeaseRecord['state'],
    kind: text(row.kind),
    id: text(row.id),
    until: nullable(row.until, number),
  }
}

export const accountColumns = 'id, name, attributes, quotas, created_at, revision'
export function toAccount(row: Row): AccountRecord {
  return {
    id: text(row.id),
    name: text(row.name),
    attributes: object(row.attributes),
    quotas: (nullable(row.quotas, object) ?? {}) as AccountRecord['quotas'],
    createdAt: nullable(row.created_at, number),
    revision: number(row.revision),
  }
}
/** With who made it, or that it is closed. */
export function toManagedAccount(row: Row): ManagedAccount {
  const closed = row.origin === 'left'
  const origin = closed ? null : (text(row.origin) as ManagedAccount['origin'])
  return { ...toAccount(row), closed, origin }
}
export function fromAccount(a: AccountRecord): SqlValue[] {
  const [attributes, quotas] = [a.attributes, a.quotas].map((value) => JSON.stringify(value))
  return [a.id, a.name, attributes ?? '', quotas ?? '', a.createdAt, a.revision]
}

export const onceColumns = 'key, request, id, sealed, until'
export function toOnce(row: Row): Once {
  return {
    key: text(row.key),
    request: text(row.request),
    id: text(row.id),
    sealed: nullable(row.sealed, text),
    until: number(row.until),
  }
}

export const credentialColumns =
  'id, holder, account, host, kind, lookup, hash, previous_lookup, previous_hash, previous_until, scopes, profiles, servers, adopts, label, attributes, origin, created_at, expires_at, last_used_at, revision'
export function toCredential(row: Row): CredentialRecord {
  return {
    id: text(row.id),
    holder: text(row.holder) as CredentialRecord['holder'],
    account: nullable(row.account, text) ?? '',
    host: nullable(row.host, text),
    kind: text(row.kind) as CredentialRecord['kind'],
    lookup: text(row.lookup),
    hash: text(row.hash),
    previous: nullable(row.previous_lookup, (lookup) => ({
      lookup: text(lookup),
      hash: text(row.previous_hash),
      until: number(row.previous_until),
    })),
    scopes: texts(row.scopes),
    profiles: nullable(row.profiles, texts),
    servers: nullable(row.servers, texts),
    adopts: nullable(row.adopts, texts),
    label: text(row.label),
    attributes: object(row.attributes),
    origin: text(row.origin) as CredentialRecord['origin'],
    createdAt: nullable(row.created_at, number),
    expiresAt: nullable(row.expires_at, number),
    lastUsedAt: nullable(row.last_used_at, number),
    revision: number(row.revision),
  }
}
export function fromCredential(c: CredentialRecord): SqlValue[] {
  const { previous, profiles, servers, adopts } = c
  return [
    ...[c.id, c.holder, c.account === '' ? null : c.account, c.host, c.kind, c.lookup, c.hash],
    ...[previous?.lookup ?? null, previous?.hash ?? null, previous?.until ?? null],
    ...[JSON.stringify(c.scopes), profiles && JSON.stringify(profiles), servers && JSON.stringify(servers)],
    adopts && JSON.stringify(adopts),
    ...[c.label, JSON.stringify(c.attributes), c.origin, c.createdAt, c.expiresAt, c.lastUsedAt, c.revision],
  ]
}

export const serverColumns =
  'id, account, profile, name, number, zone, state, next_state, next_state_at, created_at, attributes, revision'
export function toServer(row: Row): ServerRecord {
  return {
    id: text(row.id),
    account: text(row.account),
    profile: text(row.profile) as ServerRecord['profile'],
    name: text(row.name),
    number: nullable(row.number, number),
    zone: text(row.zone),
    state: text(row.state),
    nextState: nullable(row.next_state, text),
    nextStateAt: nullable(row.next_state_at, number),
    createdAt: number(row.created_at),
    attributes: object(row.attributes),
    revision: number(row.revision),
  }
}
export function fromServer(s: ServerRecord): SqlValue[] {
  const state = [s.state, s.nextState, s.nextStateAt]
  return [
    s.id,
    s.account,
    s.profile,
    s.name,
    s.number,
    s.zone,
    ...state,
    s.createdAt,
    JSON.stringify(s.attributes),
    s.revision,
  ]
}

export const interfaceColumns =
  'id, server, number, mac, addresses, allowed_addresses, sender_check, observe, max_connections, vlan_trunk, allowed_frames, type, host, device, attributes'
export function toInterface(row: Row): Interface {
  return {
    id: text(row.id),
    server: text(row.server),
    index: number(row.number),
    mac: text(row.mac),
    addresses: json(row.addresses) as unknown as string[],
    allowedAddresses: json(row.allowed_addresses) as unknown as string[],
    senderCheck: row.sender_check === 1,
    observe: row.observe === 1,
    vlanTrunk: row.vlan_trunk === 1,
    allowedFrames: json(row.allowed_frames) as unknown as number[],
    maxConnections: nullable(row.max_connections, number),
    type: text(row.type) as Interface['type'],
    host: nullable(row.host, text),
    device: nullable(row.device, text),
    attributes: object(row.attributes),
  }
}
export function fromInterface(i: Interface): SqlValue[] {
  const sender = [JSON.stringify(i.addresses), JSON.stringify(i.allowedAddresses), Number(i.senderCheck)]
  const frames = [Number(i.vlanTrunk), JSON.stringify(i.allowedFrames)]
  const operation = [Number(i.observe), i.maxConnections, ...frames, i.type, i.host, i.device]
  return [i.id, i.server, i.index, i.mac, ...sender, ...operation, JSON.stringify(i.attributes)]
}

/** Of interfaces that are bound. */
export const boundByOf = ({ bound_by: by }: Row): BoundBy =>
  // The inventory did not always say so.
  by === 'api' || by === 'mac' ? by : 'inventory'

/** Of interfaces `i` and servers `s`, of those that are bound. */
export const bindingColumns =
  'i.id, i.mac, i.server, i.host, i.device, i.bound_by, i.bound_at, s.account, s.revision'
export function toBinding(row: Row): BindingRecord {
  return {
    ...{ interface: text(row.id), mac: text(row.mac), server: text(row.server), account: text(row.account) },
    ...{ host: text(row.host), device: text(row.device), boundAt: nullable(row.bound_at, number) },
    boundBy: boundByOf(row),
    revision: number(row.revision),
  }
}

export const settingsColumns =
  'enabled, rule_order, default_ingress, default_egress, stateful, filters, applies_to, guards, built_in, log, log_allowed, cut_flows, closes'
const scopeColumns = 'server, interface, zone, default_for, created_at, modified_at'
export const policyColumns = `id, account, profile, name, ${scopeColumns}, ${settingsColumns}, attributes, revision`
export function toSettings(row: Row): PolicySettings {
  return {
    enabled: row.enabled === 1,
    order: text(row.rule_order) as PolicySettings['order'],
    defaultIngress: text(row.default_ingress) as PolicySettings['defaultIngress'],
    defaultEgress: text(row.default_egress) as PolicySettings['defaultEgress'],
    stateful: row.stateful === 1,
    filters: json(row.filters) as unknown as PolicySettings['filters'],
    appliesTo: json(row.applies_to) as unknown as PolicySettings['appliesTo'],
    guards: json(row.guards) as unknown as PolicySettings['guards'],
    builtIn: nullable(row.built_in, text) as PolicySettings['builtIn'],
    ...(row.log !== null && { log: json(row.log) as unknown as NonNullable<PolicySettings['log']> }),
    ...(row.log_allowed !== null && { logAllowed: text(row.log_allowed) as LogLevel }),
    ...(row.cut_flows !== null && {
      cutFlows: text(row.cut_flows) as NonNullable<PolicySettings['cutFlows']>,
    }),
    ...(row.closes === 1 && { closes: true as const }),
  }
}
export function toPolicy(row: Row): PolicyRecord {
  return {
    id: text(row.id),
    account: text(row.account),
    profile: text(row.profile) as PolicyRecord['profile'],
    name: text(row.name),
    server: nullable(row.server, text),
    interface: nullable(row.interface, text),
    zone: text(row.zone),
    defaultFor: nullable(row.default_for, text),
    createdAt: number(row.created_at),
    modifiedAt: number(row.modified_at),
    ...toSettings(row),
    attributes: object(row.attributes),
    revision: number(row.revision),
  }
}
/** With what its account says, which holds where it says nothing itself. */
export const policyInForceColumns = `${policyColumns},
  (SELECT a.attributes FROM accounts a WHERE a.id = policies.account) AS account_attributes`
export function toPolicyWithRules(row: Row, rules: readonly Rule[]): Policy {
  const cutFlows = cutFlowsOf(object(row.account_attributes))
  const settings = { ...(cutFlows && { cutFlows }), ...toSettings(row) }
  return { id: text(row.id), revision: number(row.revision), ...settings, rules }
}
/** In the order of the columns. */
export function fromSettings(p: PolicySettings): SqlValue[] {
  const defaults = [p.defaultIngress, p.defaultEgress]
  const scope = [p.filters, p.appliesTo, p.guards].map((value) => JSON.stringify(value))
  const told = [fromLog(p.log), p.logAllowed ?? null, p.cutFlows ?? null]
  const last = [p.builtIn, ...told, Number(p.closes ?? false)]
  return [Number(p.enabled), p.order, ...defaults, Number(p.stateful), ...scope, ...last]
}
/** The same text for the same levels. */
function fromLog(log: Partial<Record<Direction, LogLevel>> = {}): string | null {
  const { ingress, egress } = log
  if (!ingress && !egress) return null
  return JSON.stringify({ ...(ingress && { ingress }), ...(egress && { egress }) })
}
export function fromPolicy(p: PolicyRecord): SqlValue[] {
  return [
    p.id,
    p.account,
    p.profile,
    p.name,
    ...[p.server, p.interface, p.zone, p.defaultFor, p.createdAt, p.modifiedAt],
    ...fromSettings(p),
    JSON.stringify(p.attributes),
    p.revision,
  ]
}

export const modelColumns =
  'id, policy, position, direction, action, enabled, matches, include, interface, log'
export const ruleColumns = `policy, position, id, direction, action, enabled, matches, include, interface, log, spec`
/** With the time since when it is there, which is no part of it. */
export const storedRuleColumns = `${ruleColumns}, since`
export function toModelRule(row: Row): Rule {
  return {
    id: text(row.id),
    position: number(row.position),
    direction: text(row.direction) as Rule['direction'],
    action: text(row.action) as Rule['action'],
    enabled: row.enabled === 1,
    matches: (json(row.matches) as readonly JsonValue[]).map(decodeMatch),
    ...(row.include !== null && { include: text(row.include) }),
    ...(row.interface !== null && { interface: number(row.interface) }),
    ...(row.log !== null && { log: text(row.log) as LogLevel }),
  }
}
export function toRule(row: Row): RuleRecord {
  return { ...toModelRule(row), spec: object(row.spec) }
}
export function fromRule(policy: string, position: number, id: string, rule: NewRule): SqlValue[] {
  const { direction, action, enabled, matches, include = null, spec } = rule
  const { interface: nic = null, log = null } = rule
  const decided = [direction, action, Number(enabled)]
  const how = [JSON.stringify(matches.map(encodeMatch)), include, nic, log]
  return [policy, position, id, ...decided, ...how, JSON.stringify(spec)]
}

export function toPolicyStep(row: Row): PolicyStep {
  const step = object(row.step)
  return {
    ...{ revision: number(row.revision), part: number(row.part) },
    step: isObject(step.gone)
      ? { gone: toGone(step.gone) }
      : isObject(step.settings)
        ? { settings: step.settings as unknown as PolicySettings }
        : {
            take: (step.take ?? []) as unknown as [number, number][],
            put: ((step.put ?? []) as unknown as [number, JsonObject][]).map(([position, rule]) => [
              position,
              toPastRule(rule),
            ]),
          },
  }
}
function toGone({ rules, ...gone }: JsonObject): PastPolicy {
  const list = (rules as readonly JsonObject[]).map((rule, i) => ({ ...toPastRule(rule), position: i + 1 }))
  return { ...(gone as unknown as PastPolicy), rules: list }
}
/** As `programs/past.ts` keeps it. */
function toPastRule({ matches, enabled = true, ...rule }: JsonObject): Omit<RuleRecord, 'position'> {
  const rest = rule as unknown as Omit<RuleRecord, 'position' | 'matches' | 'enabled'>
  return { ...rest, enabled: enabled === true, matches: (matches as readonly JsonValue[]).map(decodeMatch) }
}

export const documentColumns = 'account, profile, kind, id, body, revision'
export function toDocument(row: Row): DocumentRecord {
  return {
    account: text(row.account),
    profile: text(row.profile) as DocumentRecord['profile'],
    kind: text(row.kind),
    id: text(row.id),
    body: object(row.body),
    revision: number(row.revision),
  }
}
export function fromDocument(d: DocumentRecord): SqlValue[] {
  return [d.account, d.profile, d.kind, d.id, JSON.stringify(d.body), d.revision]
}

export const revisionColumns =
  'revision, at, account, actor, credential, credential_label, dialect, request_id, operation, resource, id, server, policy'
export function toRevision(row: Row): RevisionRecord {
  return {
    revision: number(row.revision),
    at: number(row.at),
    account: text(row.account),
    actor: text(row.actor),
    ...(row.credential !== null && {
      credential: { id: text(row.credential), label: text(row.credential_label) },
    }),
    dialect: text(row.dialect) as AuditEvent['dialect'],
    requestId: text(row.request_id),
    operation: text(row.operation),
    resource: text(row.resource),
    id: text(row.id),
    server: nullable(row.server, text),
    policy: nullable(row.policy, text),
  }
}
export const requestColumns = `${revisionColumns}, request`
export function toLoggedRequest(row: Row): RequestRecord {
  return { ...toRevision(row), ...(row.request !== null && { request: object(row.request) }) }
}
export const auditColumns = `${requestColumns}, before, after`
export function toAuditEvent(row: Row): AuditEvent {
  return { ...toLoggedRequest(row), before: json(row.before), after: json(row.after) }
}

export function toHost(row: Row): HostRecord {
  return {
    ...(object(row.status) as unknown as HostRecord),
    host: text(row.host),
    seenAt: number(row.seen_at),
  }
}
/** Of hosts with their sessions. */
export const knownHosts = `SELECT h.host, h.seen_at, h.status, c.session, c.agent, c.since, c.left_at, c.refused
  FROM hosts h LEFT JOIN host_sessions c ON c.host = h.host`
export function toKnownHost(row: Row): KnownHost {
  return { ...toHost(row), connection: row.session === null ? null : toSession(row) }
}
export function toSession(row: Row): HostSession {
  return {
    ...(object(row.agent) as unknown as Pick<HostSession, 'release' | 'protocol' | 'instance' | 'own'>),
    session: number(row.session),
    since: number(row.since),
    leftAt: nullable(row.left_at, number),
    refused: nullable(row.refused, text),
  }
}
export const hitColumns = 'interface, direction, decider, packets, bytes, last_hit, epochs'
export function toHit(row: Row): HitRecord {
  return {
    interface: text(row.interface),
    direction: text(row.direction) as Direction,
    decider: text(row.decider),
    packets: number(row.packets),
    bytes: number(row.bytes),
    lastHit: nullable(row.last_hit, number),
    epochs: json(row.epochs) as unknown as HitRecord['epochs'],
  }
}
export function fromHit(h: HitRecord): SqlValue[] {
  const counts = [h.packets, h.bytes, h.lastHit]
  return [h.interface, h.direction, h.decider, ...counts, JSON.stringify(h.epochs)]
}

export function toOutcome(row: Row): OutcomeRecord {
  const status = object(row.status) as unknown as OutcomeRecord
  return { ...status, host: text(row.host), interface: text(row.interface) }
}

export const sightingColumns =
  'host, device, present, mac, address, sought, source, guarded, guest, adoption, since, interface, why, contested'
export function toSighting(row: Row): SightingRecord {
  const guest = nullable(row.guest, object) as unknown as Guest | null
  const adoption = nullable(row.adoption, object) as unknown as Adoption | null
  return {
    host: text(row.host),
    device: text(row.device),
    present: row.present === 1,
    mac: nullable(row.mac, text),
    address: nullable(row.address, text),
    source: text(row.source) as SightingRecord['source'],
    guarded: row.guarded === 1,
    ...(guest && { guest }),
    ...(adoption && { adoption }),
    sought: nullable(row.sought, text),
    since: number(row.since),
    interface: nullable(row.interface, text),
    why: nullable(row.why, text),
    contested: row.contested === 1,
  }
}
export function fromSighting(s: SightingRecord): SqlValue[] {
  const { guest, adoption } = s
  const said = [guest, adoption].map((each) => (each ? JSON.stringify(each) : null))
  return [
    ...[s.host, s.device, Number(s.present), s.mac, s.address, s.sought, s.source, Number(s.guarded)],
    ...[...said, s.since, s.interface, s.why, Number(s.contested)],
  ]
}
