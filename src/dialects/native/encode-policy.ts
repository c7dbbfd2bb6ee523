/** Stored policies, and what they are attached to → the native API's JSON. */
import type { JsonObject } from '../../core/json.ts'
import type { CountedPolicy } from '../../service/policies.ts'
import type { Member } from '../../storage/storage.ts'
import { manifest } from './manifest.ts'

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
