/** The model → the native API's JSON. */
import type { JsonObject } from '../../core/json.ts'
import { encodeMatch } from '../../core/model/codec.ts'
import type { Connections, HostStatus } from '../../core/model/desired.ts'
import type { DirectionPolicy, EffectivePolicy, Origin } from '../../core/model/effective-policy.ts'
import { encodeAddresses } from '../../core/model/match-fields.ts'
import type { Placement } from '../../service/effective.ts'
import type { ServerView } from '../../service/servers.ts'

export function encodeServer({ server }: ServerView): JsonObject {
  const { id, profile, name, zone, state, createdAt } = server
  return { id, profile, name, zone, state, created: new Date(createdAt).toISOString() }
}

export function encodePlacement({
  interface: nic,
  desiredGeneration,
  appliedGeneration,
  inForce,
}: Placement): JsonObject {
  const { id, index, mac, addresses, allowedAddresses, senderCheck, type, host, device } = nic
  const { state = null, mode = null, error = null, notes = [], connections, unanswered } = inForce ?? {}
  return {
    ...{ id, index, mac, addresses, allowedAddresses, senderCheck, type, host, device },
    ...{ desiredGeneration, appliedGeneration, state, mode, error, notes },
    ...encodeConnections(connections),
    ...(unanswered && { unanswered: { ...unanswered } }),
  }
}

/** A host as the owner of these of its interfaces may see it: nothing of the installation. */
export function encodeHost({ host, target, observe, state, interfaces }: HostStatus): JsonObject {
  return {
    host,
    target,
    observe,
    state,
    interfaces: interfaces.map(
      ({ id, device, state, mode = null, error, notes, denials, connections, unanswered }) => ({
        ...{ id, device, state, mode, error, notes },
        ...(denials && { denials: { ...denials } }),
        ...encodeConnections(connections),
        ...(unanswered && { unanswered: { ...unanswered } }),
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
