/** Groups and rules of the model → Scaleway's JSON (contract: scaleway §2.1). */
import type { JsonObject } from '../../core/json.ts'
import { builtInRules } from '../../core/model/built-in.ts'
import type { Action } from '../../core/model/rule.ts'
import type { Unapplied } from '../../service/groups.ts'
import type { Member, PolicyRecord, RuleRecord } from '../../storage/storage.ts'
import { textOf } from './decode-rule.ts'
import type { GroupAttributes, WireAction, WireGroup, WireRule } from './wire.ts'

/** Microseconds that nobody measures: clients parse six digits and an offset. */
export const instantOf = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace('Z', '000+00:00')
/** As the other products write it. */
export const instantZ = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace('Z', '000Z')

export const attributesOf = ({ attributes }: Pick<PolicyRecord, 'attributes'>): GroupAttributes =>
  attributes as unknown as GroupAttributes

const policyWord = { allow: 'accept', deny: 'drop', reject: 'drop' } as const satisfies Record<
  Action,
  WireAction
>
const stateWord = { applying: 'syncing', failing: 'syncing_error' } as const satisfies Record<
  Unapplied,
  WireGroup['state']
>

export interface GroupContext {
  /** Id of the account's first project. */
  readonly organization: string
  readonly members: readonly Member[]
  readonly unapplied: Unapplied | undefined
}

export function encodeGroup(
  policy: PolicyRecord,
  { organization, members, unapplied }: GroupContext,
): WireGroup {
  const { project, description, tags } = attributesOf(policy)
  const isDefault = policy.defaultFor !== null
  return {
    id: policy.id,
    creation_date: instantOf(policy.createdAt),
    modification_date: instantOf(policy.modifiedAt),
    name: policy.name,
    description,
    organization,
    project,
    servers: members.map(({ server, serverName }) => ({ id: server, name: serverName })),
    stateful: policy.stateful,
    inbound_default_policy: policyWord[policy.defaultIngress],
    outbound_default_policy: policyWord[policy.defaultEgress],
    organization_default: isDefault,
    project_default: isDefault,
    enable_default_security: policy.builtIn !== null,
    state: unapplied ? stateWord[unapplied] : 'available',
    tags,
    zone: policy.zone,
  }
}

export function encodeRule(rule: Pick<RuleRecord, 'id' | 'position' | 'spec'>, zone: string): WireRule {
  const text = textOf(rule)
  return {
    id: rule.id,
    protocol: text.protocol,
    direction: text.direction,
    ip_range: text.ip_range,
    dest_ip_range: null,
    dest_port_from: text.dest_port_from,
    dest_port_to: text.dest_port_to,
    position: rule.position,
    editable: true,
    action: text.action,
    zone,
  }
}

/** The rules that come with every group that has default security. */
export function encodeBuiltIn(zone: string): readonly WireRule[] {
  return builtInRules['no-smtp'].map(({ id, position, matches: [match] }): WireRule => {
    return {
      id,
      protocol: 'TCP',
      direction: 'outbound',
      ip_range: match?.family === 'ipv6' ? '::/0' : '0.0.0.0/0',
      dest_ip_range: null,
      dest_port_from: match?.destinationPorts?.[0]?.first ?? null,
      dest_port_to: null,
      position,
      editable: false,
      action: 'drop',
      zone,
    }
  })
}

/** As they are listed: those that come with the group first. */
export function encodeRules(
  { builtIn, zone }: Pick<PolicyRecord, 'builtIn' | 'zone'>,
  rules: readonly RuleRecord[],
): readonly WireRule[] {
  return [...(builtIn === null ? [] : encodeBuiltIn(zone)), ...rules.map((rule) => encodeRule(rule, zone))]
}

/** A wire type is JSON, which its interface does not say. */
export const json = (value: object): JsonObject => value as unknown as JsonObject
