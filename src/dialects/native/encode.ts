/** The model → the native API's JSON. */
import type { JsonObject } from '../../core/json.ts'
import { encodeMatch } from '../../core/model/codec.ts'
import type { Connections } from '../../core/model/desired.ts'
import type { DirectionPolicy, EffectivePolicy, Origin } from '../../core/model/effective-policy.ts'
import { encodeAddresses } from '../../core/model/match-fields.ts'
import { isOperator } from '../../service/context.ts'
import type { Placement } from '../../service/effective.ts'
import type { HostPage } from '../../service/enforcement.ts'
import type { ServerRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'

/** Operators, who see servers of every account, are told whose it is. */
export function encodeServer(
  { principal, services }: DialectRequest,
  { server }: { readonly server: ServerRecord },
): JsonObject {
  const { id, account, profile, name, zone, state, createdAt, revision } = server
  return {
    ...{ id, profile, name, zone, state, created: new Date(createdAt).toISOString(), revision },
    ...(isOperator(principal) && { account }),
    ...services.fleet.describe(server),
  }
}

/** Owners are not told where an interface is. */
export function encodePlacement(
  { principal, services }: DialectRequest,
  server: ServerRecord,
  { interface: nic, desiredGeneration, appliedGeneration, inForce }: Placement,
): JsonObject {
  const { id, index, mac, addresses, allowedAddresses, senderCheck, type, host, device } = nic
  const { observe, vlanTrunk, allowedFrames, maxConnections } = nic
  const { state = null, mode = null, error = null, notes = [], connections, unanswered } = inForce ?? {}
  return {
    ...{ id, index, mac, addresses, allowedAddresses, senderCheck, type },
    ...{ observe, vlanTrunk, allowedFrames, maxConnections },
    ...services.fleet.describeInterface(server, nic),
    ...(isOperator(principal) && {
      binding: host === null || device === null ? null : { host, device },
    }),
    ...{ desiredGeneration, appliedGeneration, state, mode, error, notes },
    ...encodeConnections(connections),
    ...(unanswered && { unanswered: { ...unanswered } }),
  }
}

function encodeAgent({ agent, connected }: HostPage['hosts'][number]): JsonObject | null {
  if (!agent) return null
  const { release, protocol, since, leftAt, refused } = agent
  return { connected, since: new Date(leftAt ?? since).toISOString(), release, protocol, refused }
}

export function encodeHost(all: HostPage['hosts'][number]): JsonObject {
  const { interfaces, ...host } = all
  const { target, observe, state, error, desiredRevision, appliedRevision, repairs, warnings } = host
  return {
    ...{
      host: host.host,
      target,
      observe,
      state,
      error,
      desiredRevision,
      appliedRevision,
      repairs,
      warnings,
    },
    agent: encodeAgent(all),
    interfaces: interfaces.map(
      ({ id, account, server, device, state, mode = null, error, notes, ...counts }) => ({
        ...{ id, account, server, device, state, mode, error, notes },
        ...(counts.denials && { denials: { ...counts.denials } }),
        ...encodeConnections(counts.connections),
        ...(counts.unanswered && { unanswered: { ...counts.unanswered } }),
      }),
    ),
  }
}

const encodeConnections = (connections: Connections | undefined): JsonObject =>
  connections
    ? {
        connections: {
          limit: connections.limit,
          uses: connections.uses && { ...connections.uses },
          refusals: { ...connections.refusals },
        },
      }
    : {}

export function encodePolicy(policy: EffectivePolicy): JsonObject {
  return {
    stateful: policy.stateful,
    essentials: policy.essentials.map((essential) => essential.name),
    origin: policy.origin ? encodeOrigin(policy.origin) : null,
    ingress: encodeDirection(policy.ingress),
    egress: encodeDirection(policy.egress),
  }
}

const encodeOrigin = ({ mac, addresses }: Origin): JsonObject => ({
  mac: mac ?? null,
  addresses: addresses ? encodeAddresses(addresses) : null,
})

function encodeDirection(part: DirectionPolicy): JsonObject {
  if (!part.filtered) return { filtered: false }
  const lists = part.lists.map(({ policy, rules }) => ({
    policy,
    rules: rules.map(({ id, position, action, enabled, matches }) => ({
      id,
      position,
      action,
      enabled,
      matches: matches.map(encodeMatch),
    })),
  }))
  return { filtered: true, default: part.default, lists }
}
