/** Bodies of both generations → rules and options as text, with each generation's own types and required keys. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { Guards, PolicySettings } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { NewRule, RuleRecord } from '../../storage/storage.ts'
import { actions, decodeRule, type RuleText } from './decode-rule.ts'

export const mostRules = 100
const mostGroupRules = 100

export const invalid = (field: string, reason: string, code?: string) =>
  err<RequestError>({ kind: 'invalid', field, reason, ...(code && { code }) })

export function objectOf(body: JsonValue | undefined): Result<JsonObject, RequestError> {
  if (body === undefined) return err({ kind: 'malformed', reason: 'a JSON body is needed' })
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return err({ kind: 'malformed', reason: 'the body must be a JSON object' })
  }
  return ok(body as JsonObject)
}

const required = ['type', 'action', 'proto', 'dport', 'source', 'comment', 'enable'] as const
const extras = ['sport', 'dest', 'iface', 'macro', 'log', 'icmp-type'] as const
const readOnly = ['pos', 'digest', 'ipversion', 'errors']
const types = ['in', 'out', 'group'] as const

/** `""`, `"-"` and null are how a field is said to be unset. */
const isUnset = (value: JsonValue | undefined) => value === null || value === '' || value === '-'

function textFields(
  given: JsonObject,
  keys: readonly string[],
  rename: (key: string) => string = (key) => key,
): Result<Record<string, string>, RequestError> {
  const texts: Record<string, string> = {}
  for (const key of keys) {
    const value = given[key]
    if (value === undefined || isUnset(value)) continue
    if (typeof value !== 'string') return invalid(key, 'expected text')
    texts[rename(key)] = value
  }
  return ok(texts)
}

function typeAndAction(
  given: JsonObject,
  allowed: readonly string[],
): Result<Pick<RuleText, 'type' | 'action'>, RequestError> {
  const { type, action } = given
  if (typeof type !== 'string' || !allowed.includes(type))
    return invalid('type', `expected ${allowed.join(', ')}`)
  if (typeof action !== 'string' || action === '') return invalid('action', 'expected text that is not empty')
  return ok({ type: type as RuleText['type'], action })
}

export interface V1Rule {
  readonly text: RuleText
  /** The request, as it is echoed. */
  readonly echo: JsonObject
  readonly digest: string | undefined
  /** Fields beyond the seven that the body names, if only to clear them. */
  readonly named: ReadonlySet<string>
}

/** What a row as it is listed always has; the others of the seven are absent there when they are not set. */
const always: readonly string[] = ['type', 'action', 'enable']

/** POST of v1 must name all seven keys; a PUT may be a row as it is listed. */
export function decodeV1Rule(
  body: JsonValue | undefined,
  method: 'POST' | 'PUT',
): Result<V1Rule, RequestError> {
  const object = objectOf(body)
  if (!object.ok) return object
  const given = object.value
  for (const key of method === 'POST' ? required : always)
    if (given[key] === undefined) return invalid(key, 'is required')
  const known = new Set<string>([...required, ...extras, ...readOnly])
  const unknown = Object.keys(given).find((key) => !known.has(key))
  if (unknown !== undefined) return invalid(unknown, 'is not known')
  const head = typeAndAction(given, types)
  if (!head.ok) return head
  const { enable } = given
  if (enable !== 0 && enable !== 1) return invalid('enable', 'expected 0 or 1')
  const digest = decodeDigest(given)
  if (!digest.ok) return digest
  const texts = textFields(given, ['proto', 'dport', 'source', 'comment', ...extras])
  if (!texts.ok) return texts
  return ok({
    text: { ...head.value, enable, ...texts.value },
    echo: Object.fromEntries(Object.entries(given).filter(([key]) => !readOnly.includes(key))),
    digest: digest.value,
    named: new Set(extras.filter((key) => given[key] !== undefined)),
  })
}

/** What a PUT of v1 leaves alone keeps its old value. */
export function merge({ text, named }: V1Rule, old: RuleText): RuleText {
  const kept = extras.filter((key) => !named.has(key) && old[key] !== undefined)
  const marked = old.assigned && { assigned: old.assigned }
  return { ...text, ...Object.fromEntries(kept.map((key) => [key, old[key]])), ...marked }
}

export function ruleOf(text: RuleText, include?: string): Result<NewRule, RequestError> {
  const rule = decodeRule(text, include)
  return rule.ok ? rule : invalid(rule.error.field, rule.error.reason)
}

/** The caller's condition on what it changes; null is none. */
export function decodeDigest({ digest }: JsonObject): Result<string | undefined, RequestError> {
  if (digest === undefined || digest === null) return ok(undefined)
  return typeof digest === 'string' ? ok(digest) : invalid('digest', 'expected text')
}

/** What rules have and v2 cannot say. */
const beyondV2 = ['iface', 'macro', 'log', 'icmp-type'] as const
const v2ReadOnly = ['pos', 'editable', 'digest']
const v2Keys = ['type', 'action', 'enabled', 'proto', 'dport', 'sport', 'source', 'dest', 'description']

/**
 * POST and PUT of v2: what is left out is unset, and a rule is disabled unless it says otherwise. What v2 cannot say stays
 * as `old` has it: a rule that is read here and written back must not come to match more.
 */
export function decodeV2Rule(
  body: JsonValue | undefined,
  old?: RuleText,
): Result<{ readonly rule: NewRule; readonly digest: string | undefined }, RequestError> {
  const object = objectOf(body)
  if (!object.ok) return object
  const given = object.value
  const unknown = Object.keys(given).find((key) => !v2Keys.includes(key) && !v2ReadOnly.includes(key))
  if (unknown !== undefined) return invalid(unknown, 'is not known')
  for (const key of ['type', 'action'])
    if (given[key] === undefined) return invalid(key, 'is required', 'missing_required')
  const head = typeAndAction(given, ['in'])
  if (!head.ok) return head
  const { enabled = false } = given
  if (typeof enabled !== 'boolean') return invalid('enabled', 'expected true or false')
  const digest = decodeDigest(given)
  if (!digest.ok) return digest
  const texts = textFields(given, ['proto', 'dport', 'sport', 'source', 'dest', 'description'], (key) =>
    key === 'description' ? 'comment' : key,
  )
  if (!texts.ok) return texts
  const kept = beyondV2.filter((key) => old?.[key] !== undefined).map((key) => [key, old?.[key]])
  const text = {
    ...head.value,
    enable: enabled ? 1 : 0,
    ...texts.value,
    ...Object.fromEntries(kept),
  } as const
  const rule = decodeRule(text)
  if (rule.ok) return ok({ rule: rule.value, digest: digest.value })
  const { field, reason } = rule.error
  return invalid(field === 'comment' ? 'description' : field, reason)
}

/** What rules of a group have and its GET does not show. */
const beyondGroups = ['log', 'icmp-type'] as const

export interface DecodedGroup {
  readonly digest: string | undefined
  readonly name?: string
  readonly description?: string | null
  readonly rules?: readonly { readonly rule: NewRule; readonly id?: string }[]
}

const groupRuleKeys = [...required, ...extras, ...readOnly, 'id', 'created_at', 'updated_at']

/** `needed` names keys that must be there; `old` are the rules that the group has. */
export function decodeGroup(
  body: JsonValue | undefined,
  needed: readonly string[],
  old: readonly RuleRecord[] = [],
): Result<DecodedGroup, RequestError> {
  const object = objectOf(body)
  if (!object.ok) return object
  const given = object.value
  const groupKeys = [
    'name',
    'description',
    'rules',
    'id',
    'client_id',
    'is_system',
    'created_at',
    'updated_at',
    'rules_count',
    'digest',
  ]
  const unknown = Object.keys(given).find((key) => !groupKeys.includes(key))
  if (unknown !== undefined) return invalid(unknown, 'is not known')
  for (const key of needed) if (given[key] === undefined) return invalid(key, 'is required')
  const { name, description, rules } = given
  if (name !== undefined && (typeof name !== 'string' || !/^[^\p{Cc}]{1,100}$/u.test(name))) {
    return invalid('name', 'expected 1 to 100 characters')
  }
  if (
    description !== undefined &&
    description !== null &&
    (typeof description !== 'string' || description.length > 1024)
  ) {
    return invalid('description', 'expected text or null')
  }
  const digest = decodeDigest(given)
  if (!digest.ok) return digest
  const decoded = rules === undefined ? undefined : decodeGroupRules(rules, old)
  if (decoded && !decoded.ok) return decoded
  return ok({
    digest: digest.value,
    ...(typeof name === 'string' && { name }),
    ...(description !== undefined && { description: description as string | null }),
    ...(decoded && { rules: decoded.value }),
  })
}

function decodeGroupRules(
  rules: JsonValue,
  old: readonly RuleRecord[],
): Result<NonNullable<DecodedGroup['rules']>, RequestError> {
  const known = new Map(old.map(({ id, spec }) => [id, spec]))
  if (!Array.isArray(rules)) return invalid('rules', 'expected a list')
  if (rules.length > mostGroupRules) return invalid('rules', `at most ${mostGroupRules} rules`)
  const decoded: { rule: NewRule; id?: string }[] = []
  for (const [index, element] of (rules as readonly JsonValue[]).entries()) {
    const at = (field: string) => `rules[${index}].${field}`
    const object = objectOf(element)
    if (!object.ok) return invalid(`rules[${index}]`, 'expected an object')
    const given = object.value
    const unknown = Object.keys(given).find((key) => !groupRuleKeys.includes(key))
    if (unknown !== undefined) return invalid(at(unknown), 'is not known')
    const head = typeAndAction(given, ['in', 'out'])
    if (!head.ok) return prefixed(head.error, at)
    const { enable = 0, id } = given
    if (![0, 1, true, false].includes(enable as number))
      return invalid(at('enable'), 'expected 0, 1, true or false')
    if (!isUnset(given.iface ?? null)) return invalid(at('iface'), 'is not possible in a group')
    const texts = textFields(given, ['proto', 'dport', 'source', 'comment', ...extras])
    if (!texts.ok) return prefixed(texts.error, at)
    const before = typeof id === 'string' ? known.get(id) : undefined
    const kept = beyondGroups.filter((key) => given[key] === undefined && before?.[key] !== undefined)
    const rule = decodeRule({
      ...head.value,
      enable: enable === 1 || enable === true ? 1 : 0,
      ...texts.value,
      ...Object.fromEntries(kept.map((key) => [key, before?.[key]])),
    })
    if (!rule.ok) return invalid(at(rule.error.field), rule.error.reason)
    decoded.push({ rule: rule.value, ...(typeof id === 'string' && { id }) })
  }
  return ok(decoded)
}

function prefixed(error: RequestError, at: (field: string) => string) {
  return err<RequestError>(error.kind === 'invalid' ? { ...error, field: at(error.field) } : error)
}

export interface Options {
  readonly settings: Partial<PolicySettings>
  readonly guards: Partial<Guards>
  readonly levels: JsonObject
  readonly digest: string | undefined
}

const guardOptions = {
  dhcp: 'dhcp',
  ndp: 'neighbourDiscovery',
  radv: 'routerAdvertisement',
  macfilter: 'sourceMac',
  ipfilter: 'sourceAddress',
} as const satisfies Record<string, keyof Guards>
const logLevels = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug', 'nolog']

export function decodeV1Options(body: JsonValue | undefined): Result<Options, RequestError> {
  const object = objectOf(body)
  if (!object.ok) return object
  const settings: { -readonly [K in keyof PolicySettings]?: PolicySettings[K] } = {}
  const guards: { -readonly [K in keyof Guards]?: Guards[K] } = {}
  const levels: Record<string, JsonValue> = {}
  const digest = decodeDigest(object.value)
  if (!digest.ok) return digest
  for (const key of ['enable', 'policy_in'])
    if (object.value[key] === undefined) return invalid(key, 'is required')
  for (const [key, value] of Object.entries(object.value)) {
    if (key === 'policy_in' || key === 'policy_out') {
      const action = typeof value === 'string' && Object.hasOwn(actions, value) ? actions[value] : undefined
      if (!action) return invalid(key, 'expected ACCEPT, DROP or REJECT')
      settings[key === 'policy_in' ? 'defaultIngress' : 'defaultEgress'] = action
    } else if (key === 'log_level_in' || key === 'log_level_out') {
      if (typeof value !== 'string' || !logLevels.includes(value))
        return invalid(key, `expected one of ${logLevels.join(', ')}`)
      // What is stored is what is not the default.
      levels[key] = value === 'nolog' ? null : value
    } else if (key === 'enable' || Object.hasOwn(guardOptions, key)) {
      if (value !== 0 && value !== 1) return invalid(key, 'expected 0 or 1')
      if (key === 'enable') settings.enabled = value === 1
      else guards[guardOptions[key as keyof typeof guardOptions]] = value === 1
    } else if (key !== 'digest') return invalid(key, 'is not known')
  }
  return ok({ settings, guards, levels, digest: digest.value })
}

/** What GET answers beside what PUT changes. */
const optionsReadOnly = [
  ...['platformFilteringInbound', 'available', 'reason', 'source', 'mode', 'summary', 'detail', 'actions'],
  'digest',
]

export function decodeV2Options(body: JsonValue | undefined): Result<Options, RequestError> {
  const object = objectOf(body)
  if (!object.ok) return object
  const { enabled, inboundPolicy, ...rest } = object.value
  const unknown = Object.keys(rest).find((key) => !optionsReadOnly.includes(key))
  if (unknown !== undefined) return invalid(unknown, 'is not known')
  if (enabled === undefined && inboundPolicy === undefined)
    return invalid('', 'enabled or inboundPolicy is needed', 'missing_required')
  if (enabled !== undefined && typeof enabled !== 'boolean')
    return invalid('enabled', 'expected true or false')
  const policy =
    typeof inboundPolicy === 'string' && Object.hasOwn(actions, inboundPolicy)
      ? actions[inboundPolicy]
      : undefined
  if (inboundPolicy !== undefined && !policy)
    return invalid('inboundPolicy', 'expected ACCEPT, DROP or REJECT')
  const settings = { ...(enabled !== undefined && { enabled }), ...(policy && { defaultIngress: policy }) }
  const digest = decodeDigest(object.value)
  return digest.ok ? ok({ settings, guards: {}, levels: {}, digest: digest.value }) : digest
}

/** v1's options as they are now, defaults filled in. */
export function optionsOf(settings: PolicySettings): Record<string, JsonValue> {
  const { guards } = settings
  const spelled = (action: PolicySettings['defaultIngress']) =>
    Object.keys(actions).find((key) => actions[key] === action) ?? 'DROP'
  return {
    enable: Number(settings.enabled),
    policy_in: spelled(settings.defaultIngress),
    policy_out: spelled(settings.defaultEgress),
    ...Object.fromEntries(Object.entries(guardOptions).map(([key, guard]) => [key, Number(guards[guard])])),
  }
}
