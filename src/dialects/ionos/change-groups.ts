/** Groups and rules to write: new ones, and those that replace a group's rules. */
import { randomUUID } from 'node:crypto'
import { policyRecord } from '../../service/records.ts'
import type { NewPolicyRecord, RuleRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { authored, authorshipOf } from './authorship.ts'
import type { WantedRule } from './decode.ts'
import { modelRule } from './decode-rule.ts'
import { sameRule } from './encode.ts'
import { allowList } from './manifest.ts'
import { profile, type RuleText } from './wire.ts'

export function newGroup(
  request: DialectRequest,
  zone: string,
  { name, description }: { readonly name: string; readonly description: string | null },
  defaultFor: string | null = null,
): NewPolicyRecord {
  const attributes = { ...(description !== null && { description }), meta: authored(request) }
  const fields = { id: randomUUID(), account: request.principal.account, profile, name, zone, defaultFor }
  return policyRecord(allowList, request.now, { ...fields, attributes } as const)
}

export function newRules(request: DialectRequest, policy: string, rules: readonly RuleText[]) {
  const meta = authored(request)
  return {
    policy,
    rules: rules.map((rule) => modelRule(rule, meta)),
    ids: rules.map(() => randomUUID() as string),
  }
}

/** Replaces all rules of a group; undefined if nothing changes. Rules that stay keep their id and authorship. */
export function replacedRules(
  request: DialectRequest,
  policy: string,
  wanted: readonly WantedRule[],
  old: readonly RuleRecord[],
): ReturnType<typeof newRules> | undefined {
  const stored = new Map(old.map((rule) => [rule.id, rule]))
  const next = wanted.map(({ id, text }) => {
    const before = id === undefined ? undefined : stored.get(id)
    if (!before) return { id: randomUUID() as string, rule: modelRule(text, authored(request)), same: false }
    const { id: own, position: _, ...kept } = before
    const same = sameRule(before.spec, text)
    const authorship = authorshipOf(before.spec.meta, request.principal.account, 0)
    return { id: own, rule: same ? kept : modelRule(text, authored(request, authorship)), same }
  })
  const unchanged =
    next.length === old.length && next.every(({ id, same }, index) => same && id === old[index]?.id)
  return unchanged
    ? undefined
    : { policy, rules: next.map(({ rule }) => rule), ids: next.map(({ id }) => id) }
}

/** Rules of a default group: all egress, and ingress from the datacenter's own networks. */
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
