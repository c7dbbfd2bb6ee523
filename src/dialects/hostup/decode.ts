/** Bodies of both generations → rules and options as text, with each generation's own types and required keys. */
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import type { PolicySettings, TrafficSwitches } from '../../core/model/policy.ts'
import type { Direction, LogLevel } from '../../core/model/rule.ts'
import { err, type Result } from '../../core/result.ts'
import type { NewRule, RuleRecord, SettingsChange } from '../../storage/storage.ts'
import { actions, decodeRule, levelOf, logWords, type RuleText } from './decode-rule.ts'
import { Fields, isUnset } from './fields.ts'
import { manifest } from './manifest.ts'

const { rulesPerGroup } = manifest.limits

export const invalid = (field: string, reason: string, code?: string) =>
  err<RequestError>({ kind: 'invalid', field, reason, ...(code && { code }) })

const required = ['type', 'action', 'proto', 'dport', 'source', 'comment', 'enable'] as const
const extras = ['sport', 'dest', 'iface', 'macro', 'log', 'icmp-type'] as const
const readOnly = ['pos', 'digest', 'ipversion', 'errors']
const v1Keys: ReadonlySet<string> = new Set([...required, ...extras, ...readOnly])
const types = ['in', 'out', 'group'] as const

function textFields(
  fields: Fields,
  keys: readonly string[],
  rename: (key: string) => string = (key) => key,
): Readonly<Record<string, string>> {
  const texts = keys.map((key) => [rename(key), fields.optionalText(key)] as const)
  return Object.fromEntries(texts.filter((entry): entry is [string, string] => entry[1] !== undefined))
}

function typeAndAction<T extends RuleText['type']>(
  fields: Fields,
  allowed: readonly T[],
): Pick<RuleText, 'type' | 'action'> | undefined {
  const type = allowed.find((each) => each === fields.given.type)
  if (type === undefined) return fields.report('type', { kind: 'one-of', allowed })
  const { action } = fields.given
  if (typeof action === 'string' && action !== '') return { type, action }
  return fields.refuse('action', 'expected text that is not empty')
}

const bit = (value: JsonValue): 0 | 1 | undefined => (value === 0 || value === 1 ? value : undefined)

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
  const fields = Fields.of(body)
  fields.needs(method === 'POST' ? required : always)
  fields.refuseUnknown(v1Keys)
  const head = typeAndAction(fields, types)
  const enable = fields.read('enable', bit, 'expected 0 or 1')
  const digest = fields.digest()
  const texts = textFields(fields, ['proto', 'dport', 'source', 'comment', ...extras])
  if (!head || enable === undefined) return fields.failed()
  const { given } = fields
  return fields.result(() => ({
    text: { ...head, enable, ...texts },
    echo: Object.fromEntries(Object.entries(given).filter(([key]) => !readOnly.includes(key))),
    digest,
    named: new Set(extras.filter((key) => given[key] !== undefined)),
  }))
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

/** The caller's condition in a body that is decoded later, which then fails if it is no object. */
export function decodeDigest(body: JsonValue | undefined): Result<string | undefined, RequestError> {
  const fields = Fields.of(objectOf(body) ?? {})
  const digest = fields.digest()
  return fields.result(() => digest)
}

/** What rules have and v2 cannot say. */
const beyondV2 = ['iface', 'macro', 'log', 'icmp-type'] as const
const v2Texts = ['proto', 'dport', 'sport', 'source', 'dest', 'description']
const v2ReadOnly = ['pos', 'editable', 'digest']
const v2Keys: ReadonlySet<string> = new Set(['type', 'action', 'enabled', ...v2Texts, ...v2ReadOnly])

/**
 * POST and PUT of v2: what is left out is unset, and a rule is disabled unless it says otherwise. What v2 cannot say stays
 * as `old` has it: a rule that is read here and written back must not come to match more.
 */
export function decodeV2Rule(
  body: JsonValue | undefined,
  old?: RuleText,
): Result<{ readonly rule: NewRule; readonly digest: string | undefined }, RequestError> {
  const fields = Fields.of(body)
  fields.refuseUnknown(v2Keys)
  for (const key of ['type', 'action']) {
    if (fields.isAbsent(key)) fields.refuse(key, 'is required', 'missing_required')
  }
  const head = typeAndAction(fields, ['in'])
  const enabled = fields.boolean('enabled') ?? false
  const digest = fields.digest()
  const texts = textFields(fields, v2Texts, (key) => (key === 'description' ? 'comment' : key))
  if (!head) return fields.failed()
  const kept = beyondV2.filter((key) => old?.[key] !== undefined).map((key) => [key, old?.[key]])
  const text = { ...head, enable: enabled ? 1 : 0, ...texts, ...Object.fromEntries(kept) } as const
  const rule = decodeRule(text)
  if (rule.ok) return fields.result(() => ({ rule: rule.value, digest }))
  const { field, reason } = rule.error
  fields.refuse(field === 'comment' ? 'description' : field, reason)
  return fields.failed()
}

/** What rules of a group have and its GET does not show. */
const beyondGroups = ['log', 'icmp-type'] as const

export interface DecodedGroup {
  readonly digest: string | undefined
  readonly name?: string
  readonly description?: string | null
  readonly rules?: readonly { readonly rule: NewRule; readonly id?: string }[]
}

const groupKeys: ReadonlySet<string> = new Set([
  ...['name', 'description', 'rules', 'id', 'client_id', 'is_system', 'created_at', 'updated_at'],
  ...['rules_count', 'digest'],
])
const groupRuleKeys: ReadonlySet<string> = new Set([...v1Keys, 'id', 'created_at', 'updated_at'])
const switches: ReadonlySet<JsonValue> = new Set([0, 1, true, false])

const isName = (value: JsonValue) =>
  typeof value === 'string' && /^[^\p{Cc}]{1,100}$/u.test(value) ? value : undefined
const isDescription = (value: JsonValue) =>
  value === null || (typeof value === 'string' && value.length <= 1024) ? { text: value } : undefined

/** `needed` names keys that must be there; `old` are the rules that the group has. */
export function decodeGroup(
  body: JsonValue | undefined,
  needed: readonly string[],
  old: readonly RuleRecord[] = [],
): Result<DecodedGroup, RequestError> {
  const fields = Fields.of(body)
  fields.refuseUnknown(groupKeys)
  fields.needs(needed)
  const name = fields.read('name', isName, 'expected 1 to 100 characters')
  const description = fields.read('description', isDescription, 'expected text or null')
  const digest = fields.digest()
  const rules = fields.isAbsent('rules') ? undefined : decodeGroupRules(fields, old)
  return fields.result(() => ({
    digest,
    ...(name !== undefined && { name }),
    ...(description && { description: description.text }),
    ...(rules && { rules }),
  }))
}

function decodeGroupRules(
  fields: Fields,
  old: readonly RuleRecord[],
): NonNullable<DecodedGroup['rules']> | undefined {
  const known = new Map(old.map(({ id, spec }) => [id, spec]))
  const { rules } = fields.given
  if (!Array.isArray(rules)) return fields.refuse('rules', 'expected a list')
  if (rules.length > rulesPerGroup) return fields.refuse('rules', `at most ${rulesPerGroup} rules`)
  return (rules as readonly JsonValue[]).flatMap((element, index) => {
    const each = fields.inside(element, `rules[${index}]`)
    return (each && decodeGroupRule(each, known)) ?? []
  })
}

function decodeGroupRule(
  fields: Fields,
  known: ReadonlyMap<string, JsonObject>,
): { readonly rule: NewRule; readonly id?: string } | undefined {
  fields.refuseUnknown(groupRuleKeys)
  const head = typeAndAction(fields, ['in', 'out'])
  const { given } = fields
  const { enable = 0, id } = given
  if (!switches.has(enable)) fields.refuse('enable', 'expected 0, 1, true or false')
  if (!isUnset(given.iface)) fields.refuse('iface', 'is not possible in a group')
  const texts = textFields(fields, ['proto', 'dport', 'source', 'comment', ...extras])
  if (!head) return undefined
  const before = typeof id === 'string' ? known.get(id) : undefined
  const kept = beyondGroups.filter((key) => given[key] === undefined && before?.[key] !== undefined)
  const rule = decodeRule({
    ...head,
    enable: enable === 1 || enable === true ? 1 : 0,
    ...texts,
    ...Object.fromEntries(kept.map((key) => [key, before?.[key]])),
  })
  if (!rule.ok) return fields.refuse(rule.error.field, rule.error.reason)
  return { rule: rule.value, ...(typeof id === 'string' && { id }) }
}

export interface Options {
  readonly settings: SettingsChange
  readonly digest: string | undefined
}

const switchOptions = {
  dhcp: 'dhcp',
  ndp: 'neighbourDiscovery',
  radv: 'routerAdvertisement',
  macfilter: 'sourceMac',
  ipfilter: 'sourceAddress',
} as const satisfies Record<string, keyof TrafficSwitches>

const policyOf = (value: JsonValue) =>
  typeof value === 'string' && Object.hasOwn(actions, value) ? actions[value] : undefined
const wrongPolicy = ['expected ACCEPT, DROP or REJECT'] as const
/** The directions of default policies whose packets are told of. */
const levelOptions = { log_level_in: 'ingress', log_level_out: 'egress' } as const
const wordOf = (value: JsonValue) => logWords.find((word) => word === value)

export function decodeV1Options(body: JsonValue | undefined): Result<Options, RequestError> {
  const fields = Fields.of(body)
  const settings: { -readonly [K in keyof PolicySettings]?: PolicySettings[K] } = {}
  const switches: { -readonly [K in keyof TrafficSwitches]?: TrafficSwitches[K] } = {}
  const log: Partial<Record<Direction, LogLevel | null>> = {}
  const digest = fields.digest()
  fields.needs(['enable', 'policy_in'])
  for (const key of Object.keys(fields.given)) {
    if (key === 'policy_in' || key === 'policy_out') {
      const action = fields.read(key, policyOf, ...wrongPolicy)
      if (action) settings[key === 'policy_in' ? 'defaultIngress' : 'defaultEgress'] = action
    } else if (key === 'log_level_in' || key === 'log_level_out') {
      const word = fields.read(key, wordOf, `expected one of ${logWords.join(', ')}`)
      log[levelOptions[key]] = levelOf(word) ?? null
    } else if (key === 'enable' || Object.hasOwn(switchOptions, key)) {
      const on = fields.read(key, bit, 'expected 0 or 1') === 1
      if (key === 'enable') settings.enabled = on
      else switches[switchOptions[key as keyof typeof switchOptions]] = on
    } else if (key !== 'digest') fields.report(key, { kind: 'unknown' })
  }
  return fields.result(() => ({ settings: { ...settings, guards: switches, log }, digest }))
}

/** What GET answers beside what PUT changes. */
const v2OptionsReadOnly = [
  ...['platformFilteringInbound', 'available', 'reason', 'source', 'mode', 'summary', 'detail', 'actions'],
  'digest',
]
const v2OptionsKeys: ReadonlySet<string> = new Set(['enabled', 'inboundPolicy', ...v2OptionsReadOnly])

export function decodeV2Options(body: JsonValue | undefined): Result<Options, RequestError> {
  const fields = Fields.of(body)
  fields.refuseUnknown(v2OptionsKeys)
  if (fields.isAbsent('enabled') && fields.isAbsent('inboundPolicy'))
    fields.refuse('', 'enabled or inboundPolicy is needed', 'missing_required')
  const enabled = fields.boolean('enabled')
  const policy = fields.read('inboundPolicy', policyOf, ...wrongPolicy)
  const settings = { ...(enabled !== undefined && { enabled }), ...(policy && { defaultIngress: policy }) }
  const digest = fields.digest()
  return fields.result(() => ({ settings, digest }))
}

/** v1's options as they are now, defaults filled in. */
export function optionsOf(settings: PolicySettings): Record<string, JsonValue> {
  const { guards: switches } = settings
  const spelled = (action: PolicySettings['defaultIngress']) =>
    Object.keys(actions).find((key) => actions[key] === action) ?? 'DROP'
  return {
    enable: Number(settings.enabled),
    policy_in: spelled(settings.defaultIngress),
    policy_out: spelled(settings.defaultEgress),
    ...Object.fromEntries(Object.entries(switchOptions).map(([key, name]) => [key, Number(switches[name])])),
    ...Object.fromEntries(
      Object.entries(levelOptions).map(([key, name]) => [key, settings.log?.[name] ?? 'nolog']),
    ),
  }
}
