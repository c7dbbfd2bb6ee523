/** Groups and rules as they are stored: made new, or in place of those that a group has. */
import { randomUUID } from 'node:crypto'
import type { RequestError } from '../../core/model/error.ts'
import { groupSettings } from '../../core/model/profile.ts'
import { policyRecord } from '../../service/records.ts'
import type { NewPolicyRecord, RuleRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import type { WantedRule } from './decode.ts'
import { modelRule } from './decode-rule.ts'
import { sameRule } from './encode.ts'
import { stamped, stampOf } from './stamp.ts'
import type { RuleText } from './wire.ts'
import { profile } from './world.ts'

export function newGroup(
  request: DialectRequest,
  zone: string,
  { name, description }: { readonly name: string; readonly description: string | null },
  defaultFor: string | null = null,
): NewPolicyRecord {
  const settings = groupSettings[profile]
  if (!settings) throw new Error('groups of ionos have no settings')
  const attributes = { ...(description !== null && { description }), meta: stamped(request) }
  const fields = { id: randomUUID(), account: request.principal.account, profile, name, zone, defaultFor }
  return policyRecord(settings, request.now, { ...fields, attributes } as const)
}

export function newRules(request: DialectRequest, policy: string, rules: readonly RuleText[]) {
  const meta = stamped(request)
  return {
    policy,
    rules: rules.map((rule) => modelRule(rule, meta)),
    ids: rules.map(() => randomUUID() as string),
  }
}

/** All rules of a group as they are to be; undefined when they are so already. Those that stay keep their id and their stamp. */
export function rulesInstead(
  request: DialectRequest,
  policy: string,
  wanted: readonly WantedRule[],
  old: readonly RuleRecord[],
): ReturnType<typeof newRules> | undefined {
  const there = new Map(old.map((rule) => [rule.id, rule]))
  const next = wanted.map(({ id, text }) => {
    const before = id === undefined ? undefined : there.get(id)
    if (!before) return { id: randomUUID() as string, rule: modelRule(text, stamped(request)), same: false }
    const { id: own, position: _, ...kept } = before
    const same = sameRule(before.spec, text)
    const stamp = stampOf(before.spec.meta, request.principal.account, 0)
    return { id: own, rule: same ? kept : modelRule(text, stamped(request, stamp)), same }
  })
  const unchanged =
    next.length === old.length && next.every(({ id, same }, index) => same && id === old[index]?.id)
  return unchanged
    ? undefined
    : { policy, rules: next.map(({ rule }) => rule), ids: next.map(({ id }) => id) }
}

export function tooMany(rules: readonly unknown[], most: number): RequestError | undefined {
  return rules.length > most ? { kind: 'limit-reached', resource: 'rule', limit: most } : undefined
}

/** Everything out; in, whatever comes from the datacenter's own networks. */
export function defaultRules(ipv6CidrBlock: string | undefined): readonly RuleText[] {
  const rule = (change: Partial<RuleText>): RuleText => ({
    ...{ name: null, protocol: 'ANY', sourceMac: null, ipVersion: null, sourceIp: null, targetIp: null },
    ...{ icmpCode: null, icmpType: null, portRangeStart: null, portRangeEnd: null, type: 'INGRESS' },
    ...change,
  })
  return [
    rule({ type: 'EGRESS', ipVersion: 'IPv4' }),
    rule({ type: 'EGRESS', ipVersion: 'IPv6' }),
    rule({ sourceIp: '10.0.0.0/24' }),
    ...(ipv6CidrBlock === undefined ? [] : [rule({ sourceIp: ipv6CidrBlock })]),
  ]
}
