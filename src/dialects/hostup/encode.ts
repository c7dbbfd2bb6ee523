/** The model → HostUp's JSON: v1 leaves out what is not set, groups and v2 say null. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { parsePrefix } from '../../core/net/prefix.ts'
import type { Placement } from '../../service/effective.ts'
import type { PolicyWithRules } from '../../service/groups.ts'
import type { PolicyRecord, RuleRecord } from '../../storage/storage.ts'
import { optionsOf } from './decode.ts'
import type { RuleText } from './decode-rule.ts'
import { clientId, digestOf } from './ids.ts'
import { manifest } from './manifest.ts'

const { rulesPerChain } = manifest.limits

export const textOf = (rule: RuleRecord): RuleText => rule.spec as unknown as RuleText

export function encodeV1Rules({ policy, rules }: PolicyWithRules): JsonObject[] {
  const digest = digestOf(policy)
  return rules.map((rule) => {
    const { comment, assigned: _, ...text } = textOf(rule)
    const trimmed = comment?.trim()
    const ipversion = versionOf(text as RuleText)
    return {
      ...text,
      ...(trimmed && { comment: trimmed }),
      ...(ipversion && { ipversion }),
      digest,
      pos: rule.position - 1,
    }
  })
}

/** The family a rule is tied to, if it is. */
function versionOf({ proto, source, dest }: RuleText): 4 | 6 | undefined {
  if (proto === 'icmp' || proto === '1') return 4
  if (proto && ['icmpv6', 'ipv6-icmp', '58'].includes(proto)) return 6
  const first = (source ?? dest)?.split(/[,-]/)[0]
  if (first === undefined) return undefined
  const parsed = parsePrefix(first.includes('/') ? first : `${first}/0`, { hostBits: 'mask' })
  return parsed.ok ? (parsed.value.family === 'ipv4' ? 4 : 6) : undefined
}

export function encodeGroup({ id, account, name, attributes }: PolicyRecord): JsonObject {
  const { description = null, is_system = false, created_at = null, updated_at = null } = attributes
  return { id, client_id: clientId(account), name, description, is_system, created_at, updated_at }
}

export function encodeGroupRules(rules: readonly RuleRecord[]): JsonObject[] {
  return rules.map((rule) => {
    const text = textOf(rule)
    const { created_at = null, updated_at = null } = rule.spec
    return {
      id: rule.id,
      type: text.type,
      action: text.action,
      enable: rule.enabled,
      pos: rule.position - 1,
      proto: text.proto ?? null,
      dport: text.dport ?? null,
      sport: text.sport ?? null,
      source: text.source ?? null,
      dest: text.dest ?? null,
      comment: text.comment ?? null,
      iface: text.iface ?? null,
      macro: text.macro ?? null,
      created_at,
      updated_at,
    }
  })
}

export function encodeV2Rule(rule: RuleRecord): JsonObject {
  const text = textOf(rule)
  return {
    pos: rule.position - 1,
    type: text.type,
    action: text.action,
    enabled: rule.enabled,
    proto: text.proto ?? null,
    dport: text.dport ?? null,
    sport: text.sport ?? null,
    source: text.source ?? null,
    dest: text.dest ?? null,
    description: text.comment ?? null,
    editable: text.type === 'in',
  }
}

const permitted = { allowed: true, reason: null, code: null }

/** What is really so, where an agent says what it enforces; without one everything is taken to be as it is set. */
interface Enforced {
  /** Why what is set is not in force; null when it is, or nobody says. */
  readonly reason: string | null
  /** Whether something is dropped at all. */
  readonly filtering: boolean
}

export function enforcedOn(placements: readonly Placement[]): Enforced {
  const known = placements.map(({ inForce }) => inForce).filter((each) => each !== null)
  const failing = known.find(({ state }) => state === 'failing')
  const observed = known.some(({ state }) => state === 'observing')
  const reason = observed
    ? 'The operator of the host only observes: nothing is blocked.'
    : failing
      ? `The firewall could not be applied, and the interface is closed: ${failing.error}`
      : null
  const begun = known.every(({ state, appliedRevision }) => state !== 'applying' || appliedRevision !== null)
  return { reason, filtering: begun && !observed }
}

export function encodeV2Firewall({ policy, rules }: PolicyWithRules, enforced: Enforced): JsonObject {
  const left = rulesPerChain - rules.length
  return {
    available: enforced.reason === null,
    reason: enforced.reason,
    enabled: policy.enabled,
    ...words(
      policy,
      enforced,
      'Traffic that does not match one of the rules below is blocked before it reaches the VM.',
    ),
    limits: { maxRules: rulesPerChain, currentRules: rules.length, remainingRules: left },
    rules: rules.map(encodeV2Rule),
    actions: {
      canAddRule:
        left > 0
          ? permitted
          : {
              allowed: false,
              reason: `At most ${rulesPerChain} rules per VPS.`,
              code: 'firewall_rule_limit_reached',
            },
    },
  }
}

export function encodeV2Options(policy: PolicyRecord, enforced: Enforced): JsonObject {
  const { policy_in } = optionsOf(policy)
  const mode = !policy.enabled
    ? 'disabled'
    : policy_in === 'ACCEPT'
      ? 'enabled_permissive'
      : 'enabled_restrictive'
  return {
    enabled: policy.enabled,
    inboundPolicy: policy_in as JsonValue,
    platformFilteringInbound: policy.enabled && enforced.filtering,
    available: enforced.reason === null,
    reason: enforced.reason,
    source: 'live',
    mode,
    ...words(
      policy,
      enforced,
      'Traffic that does not match an allow rule is blocked before it reaches the VM.',
    ),
    actions: { canUpdate: permitted },
  }
}

function words(
  policy: PolicyRecord,
  { reason }: Enforced,
  restrictive: string,
): { summary: string; detail: string } {
  if (!policy.enabled) {
    return {
      summary: 'Firewall protection is off. All traffic passes.',
      detail: 'Rules are kept and have no effect.',
    }
  }
  if (reason !== null) return { summary: 'Firewall protection is on, but not in force.', detail: reason }
  if (policy.defaultIngress === 'allow') {
    return {
      summary: 'Firewall protection is on. Incoming traffic passes unless a rule blocks it.',
      detail: 'Traffic that does not match one of the rules passes.',
    }
  }
  return {
    summary: 'Firewall protection is on. Incoming traffic must match an allow rule to pass.',
    detail: restrictive,
  }
}
