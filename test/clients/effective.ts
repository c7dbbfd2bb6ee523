/**
 * The effective policy of an interface as text that can be compared: from what /v1/servers says, and from what a
 * configuration says. The second shares no code with the service: addresses are computed by another library.
 */
import assert from 'node:assert/strict'
import ipaddr from 'ipaddr.js'

/** Rules in order, each as `ruleText` writes it. */
export type Side = 'unfiltered' | { readonly default: 'allow' | 'deny'; readonly rules: readonly string[] }

export interface Effective {
  /** Absent: not said, for an interface that nothing filters. */
  readonly stateful?: boolean
  readonly ingress: Side
  readonly egress: Side
}

export interface RuleFacts {
  readonly action: 'allow' | 'deny'
  readonly family: 'ipv4' | 'ipv6'
  /** IP protocol number; absent: every one. */
  readonly protocol?: number | undefined
  /** Address or prefix; absent, and of length 0: every one of the family. */
  readonly source?: string | undefined
  readonly destination?: string | undefined
  /** Destination ports, both inclusive. */
  readonly ports?: readonly [number, number] | undefined
  readonly icmpType?: number | undefined
  readonly icmpCode?: number | undefined
  readonly mac?: string | undefined
}

/** What `ruleText` writes of a rule that no packet matches. */
export const never = 'allow never'

export function ruleText(facts: RuleFacts): string {
  const { action, family, protocol, source, destination, ports, icmpType, icmpCode, mac } = facts
  return words(action, family, {
    protocol,
    source: source && range(source),
    destination: destination && range(destination),
    ports: ports && `${ports[0]}-${ports[1]}`,
    icmpType,
    icmpCode,
    mac,
  })
}

const words = (
  action: string,
  family: string,
  fields: Readonly<Record<string, string | number | undefined>>,
) =>
  [
    action,
    family,
    ...Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${value}`),
  ].join(' ')

/** First and last address; undefined for every address of the family. */
function range(text: string): string | undefined {
  const [address, length] = ipaddr.parseCIDR(
    text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`,
  )
  if (length === 0) return undefined
  const bytes = address.toByteArray()
  const bound = (fill: 0 | 1) =>
    ipaddr.fromByteArray(
      bytes.map((byte, index) => {
        const kept = Math.min(8, Math.max(0, length - 8 * index))
        const mask = (0xff00 >> kept) & 0xff
        return fill === 1 ? byte | (0xff >> kept) : byte & mask
      }),
    )
  return `${show(bound(0).toString())}-${show(bound(1).toString())}`
}

/** One spelling for either witness. */
const show = (address: string) => ipaddr.parse(address).toNormalizedString()

// biome-ignore lint/suspicious/noExplicitAny: JSON of the native API, judged here
type Json = any

/** Of one interface in an answer to GET /v1/servers/{id}. */
export function effective({ policy }: Json): Effective {
  return { stateful: policy.stateful, ingress: side(policy.ingress), egress: side(policy.egress) }
}

function side(part: Json): Side {
  if (!part.filtered) return 'unfiltered'
  const rules = part.lists.flatMap(({ rules }: Json) => rules.flatMap(texts))
  return { default: part.default, rules }
}

function texts({ action, enabled, matches }: Json): string[] {
  assert.equal(enabled, true, 'no client here makes disabled rules')
  if (matches.length === 0) return [never]
  return matches.map((match: Json) => {
    const {
      family,
      protocol,
      source,
      destination,
      destinationPorts,
      icmpType,
      icmpCode,
      sourceMac,
      ...rest
    } = match
    assert.deepEqual(rest, {}, 'a field that no configuration asked for')
    return words(action, family, {
      protocol,
      source: ranges(source),
      destination: ranges(destination),
      ports: destinationPorts?.map((pair: Json) => pair.join('-')).join(','),
      icmpType,
      icmpCode,
      mac: sourceMac,
    })
  })
}

function ranges(pairs: readonly (readonly string[])[] | undefined): string | undefined {
  const text = pairs?.map((pair) => pair.map(show).join('-')).join(',')
  return text !== undefined && everyone.has(text) ? undefined : text
}

/** A rule about every address of its family says nothing about addresses. */
const everyone: ReadonlySet<string> = new Set([
  '0.0.0.0-255.255.255.255',
  `0:0:0:0:0:0:0:0-${Array(8).fill('ffff').join(':')}`,
])

/** For allow lists, whose order changes nothing. */
export const unordered = (policy: Effective): Effective => ({
  ...policy,
  ingress: sorted(policy.ingress),
  egress: sorted(policy.egress),
})

const sorted = (part: Side): Side =>
  part === 'unfiltered' ? part : { ...part, rules: part.rules.toSorted() }
