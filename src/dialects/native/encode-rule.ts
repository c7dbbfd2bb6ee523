/** Stored rules → the native API's JSON. */
import type { JsonObject } from '../../core/json.ts'
import { encodeMatch } from '../../core/model/codec.ts'
import { ruleText } from '../../core/model/rule-text.ts'
import type { RuleRecord } from '../../storage/storage.ts'
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
