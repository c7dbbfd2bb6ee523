/** Stored policies and their rules → the native API's JSON. */
import type { JsonObject } from '../../core/json.ts'
import { encodeMatch } from '../../core/model/codec.ts'
import { ruleText } from '../../core/model/rule-text.ts'
import type { CountedPolicy } from '../../service/policies.ts'
import type { Member, RuleRecord } from '../../storage/storage.ts'
import { manifest } from './manifest.ts'
import { matchMembers } from './schemas-policies.ts'

const unset = Object.fromEntries(Object.keys(matchMembers).map((name) => [name, null]))

/** With its writer's own spelling where it was written here; another dialect's in the model's form alone. */
export function encodeRule(rule: RuleRecord, profile: string): JsonObject {
  const {
    id,
    position,
    action,
    direction,
    enabled,
    log = null,
    matches,
    include,
    interface: nic,
    spec,
  } = rule
  return {
    ...{ id, position, action, direction, enabled, log },
    ...{ matches: matches.map(encodeMatch), text: ruleText(rule) },
    ...(include !== undefined && { include }),
    ...(nic !== undefined && { interface: nic }),
    ...(profile === manifest.profile && { ...unset, comment: '', ...spec }),
  }
}

export function encodePolicy(policy: CountedPolicy): JsonObject {
  const { id, account, profile, name, server, interface: nic, enabled, order, stateful, filters } = policy
  const { cutFlows = null, logAllowed = null, log = {}, ruleCount, revision, attributes } = policy
  const { ingress = null, egress = null } = log
  const { description = '', labels = {} } = profile === manifest.profile ? attributes : {}
  return {
    ...{ id, account, profile, name, description, labels, server, interface: nic },
    ...{ enabled, order, defaults: { ingress: policy.defaultIngress, egress: policy.defaultEgress } },
    ...{ stateful, filters, cutFlows, logAllowed, log: { ingress, egress }, ruleCount },
    ...{ created: new Date(policy.createdAt).toISOString() },
    ...{ modified: new Date(policy.modifiedAt).toISOString(), revision },
  }
}

export const encodePlace = ({ server, serverName, interface: nic }: Member): JsonObject => ({
  ...{ server, serverName, interface: nic },
})
