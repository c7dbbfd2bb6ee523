/** Counters and decisions → the native API's JSON. */
import type { JsonObject } from '../../core/json.ts'
import { parseDecider } from '../../core/model/decider.ts'
import type { Direction } from '../../core/model/rule.ts'
import { deciderPhrase, packetText, ruleText } from '../../core/model/rule-text.ts'
import type { NamedDecision } from '../../service/decisions.ts'
import type { Hits, InterfaceRules, Step } from '../../service/hits.ts'

/** `listed`: which steps of it, and of which directions. */
export function encodeInterfaceRules(
  { interface: { id, index }, countedAt, since, suppressed, ...steps }: InterfaceRules,
  listed: (step: Step) => boolean,
  directions: readonly Direction[],
): JsonObject {
  return {
    ...{ id, index, countedAt: time(countedAt), since: time(since), suppressed: { ...suppressed } },
    ...Object.fromEntries(directions.map((each) => [each, steps[each].filter(listed).map(encodeStep)])),
  }
}

function encodeStep(step: Step): JsonObject {
  const { by, action, log = null, rule, hits, sum, unusedSince, counted, why, together } = step
  return {
    decidedBy: { ...by },
    ...{ policy: rule?.policy ?? null, policyName: rule?.policyName ?? null },
    ...{ position: rule?.position ?? null, rule: rule?.rule.id ?? null },
    text: rule ? ruleText(rule.rule) : deciderPhrase(by, action),
    ...{ action, enabled: rule?.rule.enabled ?? true, log },
    ...encodeHits(hits),
    unusedSince: time(unusedSince),
    total: sum ? encodeHits(sum) : null,
    counted,
    ...(why !== undefined && { why }),
    ...(together && { together: encodeHits(together) }),
  }
}

const encodeHits = ({ packets, bytes, lastHit }: Hits): JsonObject => ({
  packets,
  bytes,
  lastHit: time(lastHit),
})

const time = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString())

/** `operator`: for one, who reads whose it is and where. */
export function encodeDecision(decision: NamedDecision, operator: boolean): JsonObject {
  const { id, at, server, serverName, index, interfaceName, direction, outcome, observed } = decision
  const { by, position, level, revision, packet, account, host } = decision
  const decider = parseDecider(by)
  // Whoever gave it has read it.
  if (!decider.ok) throw new Error(decider.error)
  return {
    ...{ id, at: new Date(at).toISOString() },
    ...(operator && { account, host }),
    ...{ server, serverName },
    ...{ interface: decision.interface, interfaceIndex: index, interfaceName },
    ...{ direction, outcome, observed, decidedBy: { ...decider.value }, position, level, revision },
    packet: { text: packetText(packet), ...packet },
  }
}
