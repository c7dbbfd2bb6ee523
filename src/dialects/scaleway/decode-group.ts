/** Bodies about groups → what the services take (contract: scaleway §2.2). */
import { type JsonObject, type JsonValue, objectOf } from '../../core/json.ts'
import type { PolicySettings } from '../../core/model/policy.ts'
import type { Result } from '../../core/result.ts'
import type { PolicyRecord } from '../../storage/storage.ts'
import { attributesOf } from './encode.ts'
import type { Failure } from './errors.ts'
import { Fields, maxCharacters, maxTags } from './fields.ts'
import { manifest } from './manifest.ts'
import { type GroupAttributes, type WireAction, wireActions } from './wire.ts'

/** What of a group a client can say; what is absent is not said. */
interface GroupFields {
  readonly name?: string | undefined
  readonly description?: string | null | undefined
  readonly tags?: readonly string[] | undefined
  readonly stateful?: boolean | undefined
  readonly inbound?: WireAction | undefined
  readonly outbound?: WireAction | undefined
  readonly defaultSecurity?: boolean | undefined
  readonly isDefault?: boolean | undefined
  readonly project?: string | undefined
  readonly organization?: string | undefined
}

export interface GroupState {
  readonly name: string
  readonly settings: PolicySettings
  readonly attributes: GroupAttributes
  readonly isDefault: boolean
}

export interface NewGroup extends Omit<GroupState, 'attributes'> {
  readonly attributes: Omit<GroupAttributes, 'project'>
  readonly project: string | undefined
  readonly organization: string | undefined
}

export function decodeNewGroup(body: JsonValue | undefined): Result<NewGroup, Failure> {
  const fields = Fields.of(body)
  const given = read(fields, true)
  checkServers(fields, [])
  fields.required('name', given.name || undefined)
  return fields.result(() => ({
    name: given.name ?? '',
    // Absent is false: clients leave a false out, and what they show as the default they send.
    settings: settingsOf(made, { ...given, stateful: given.stateful ?? false }),
    attributes: { description: given.description ?? null, tags: given.tags ?? [] },
    isDefault: given.isDefault ?? false,
    project: given.project,
    organization: given.organization,
  }))
}

export interface GroupChange {
  readonly fields: Fields
  readonly given: GroupFields
}

/** What can be told of a change without the group: the body comes before the ids. PUT is the whole object. */
export function decodeGroupChange(body: JsonValue | undefined, whole: boolean): Result<GroupChange, Failure> {
  const fields = Fields.of(body)
  const given = read(fields, whole)
  if (given.name === '') fields.refuse('name', 'required', 'a value is required')
  if (whole && fields.given.tags === null) fields.refuse('tags', 'constraint', 'expected a list')
  return fields.result(() => ({ fields, given }))
}

/** What the group is after the change; omitted keys keep their values. */
export function applyGroupChange(
  { fields, given }: GroupChange,
  old: PolicyRecord,
  { organization, servers }: { readonly organization: string; readonly servers: readonly string[] },
): Result<GroupState, Failure> {
  const attributes = attributesOf(old)
  const check = fields.again()
  checkServers(check, servers)
  for (const [key, value] of [
    ['project', attributes.project],
    ['organization', organization],
  ] as const) {
    if (given[key] !== undefined && given[key] !== value) check.refuse(key, 'constraint', 'cannot be changed')
  }
  const { description = attributes.description, tags = attributes.tags } = given
  return check.result(() => ({
    name: given.name ?? old.name,
    settings: settingsOf(old, given),
    attributes: { project: attributes.project, description, tags },
    isDefault: given.isDefault ?? old.defaultFor !== null,
  }))
}

/** Of a group as it is answered. */
const groupKeys: ReadonlySet<string> = new Set([
  ...['stateful', 'inbound_default_policy', 'outbound_default_policy', 'enable_default_security', 'servers'],
])

/** Servers move through their own path: who names others here must not believe that they are filtered. */
function checkServers(fields: Fields, servers: readonly string[]): void {
  const { servers: given } = fields.given
  if (given === undefined || given === null) return
  const ids = Array.isArray(given) ? given.map((each) => objectOf(each)?.id) : undefined
  const same = ids?.length === servers.length && servers.every((id) => ids.includes(id))
  if (!same) fields.refuse('servers', 'constraint', 'servers are moved with PATCH of the server')
}

/** Where it is, is said when it is made or set as a whole. */
function read(fields: Fields, placed: boolean): GroupFields {
  fields.refuseUnknownAbout(groupKeys, /policy|security|firewall|filter|stateful|rule|server|acl/i)
  const byProject = fields.boolean('project_default')
  return {
    name: fields.text('name', maxCharacters.name),
    // Null is a value here: a description that is cleared.
    description:
      fields.given.description === null ? null : fields.text('description', maxCharacters.description),
    tags: fields.texts('tags', maxTags),
    stateful: fields.boolean('stateful'),
    inbound: fields.oneOf('inbound_default_policy', wireActions),
    outbound: fields.oneOf('outbound_default_policy', wireActions),
    defaultSecurity: fields.boolean('enable_default_security'),
    isDefault: byProject ?? fields.boolean('organization_default'),
    project: placed ? fields.uuid('project') : undefined,
    organization: placed ? fields.uuid('organization') : undefined,
  }
}

const made = manifest.defaultPolicy.settings

function settingsOf(base: PolicySettings, given: GroupFields): PolicySettings {
  const { enabled, order, filters, appliesTo, guards } = base
  const action = (word: WireAction | undefined, otherwise: PolicySettings['defaultIngress']) =>
    word === undefined ? otherwise : word === 'accept' ? 'allow' : 'deny'
  const { defaultSecurity = base.builtIn !== null } = given
  return {
    ...{ enabled, order, filters, appliesTo, guards },
    defaultIngress: action(given.inbound, base.defaultIngress),
    defaultEgress: action(given.outbound, base.defaultEgress),
    stateful: given.stateful ?? base.stateful,
    builtIn: defaultSecurity ? 'no-smtp' : null,
  }
}

/** Whether a change changes anything: one that does not leaves dates alone. */
export function differs(old: PolicyRecord, next: GroupState): boolean {
  const was: GroupState = {
    name: old.name,
    settings: settingsOf(old, {}),
    attributes: attributesOf(old),
    isDefault: old.defaultFor !== null,
  }
  return comparable(was) !== comparable(next)
}

const comparable = ({ name, settings, attributes, isDefault }: GroupState): string => {
  const { project, description, tags } = attributes
  const { defaultIngress, defaultEgress, stateful, builtIn } = settings
  return JSON.stringify([
    name,
    defaultIngress,
    defaultEgress,
    stateful,
    builtIn,
    project,
    description,
    tags,
    isDefault,
  ])
}

export const asAttributes = (attributes: GroupAttributes): JsonObject => attributes as unknown as JsonObject
