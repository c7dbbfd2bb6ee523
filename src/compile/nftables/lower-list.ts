/** A policy's list of rules → its chain, the chains behind it, and the sets that they look packets up in. */

import type { Decider } from '../../core/model/decider.ts'
import { numberOf } from '../../core/model/decider-number.ts'
import type { RuleList } from '../../core/model/effective-policy.ts'
import type { Action, Rule } from '../../core/model/rule.ts'
import { type Family, familyBits, formatAddress } from '../../core/net/address.ts'
import { protocolName } from '../../core/net/protocol.ts'
import type { Range } from '../../core/sets/range.ts'
import { type BoxField, type FieldValue, productOf } from './boxes.ts'
import { byLength, type Lengths } from './by-length.ts'
import { byValue, mostTellingFirst } from './by-value.ts'
import { type Leaf, leavesOf } from './leaves.ts'
import { lowerMatch } from './lower-match.ts'
import { type Purpose, policyChain } from './names.ts'
import type { Outcomes } from './outcomes.ts'
import type { NftChain, NftDeciding, NftEnding, NftKeyField, NftMatch, NftRule, NftSet } from './ruleset.ts'
import { type Lookup, type RunElement, type Step, type StepBox, stepsOf } from './runs.ts'

/** What a list becomes, whatever its actions mean where it is asked. */
export interface ListPlan {
  /** The chain to enter, and those behind it. */
  readonly chains: (purpose: Purpose, outcomes: Outcomes) => readonly [NftChain, ...NftChain[]]
  /** How many rules and alternatives of rules are asked one after the other. */
  readonly inTurn: number
}

/** Concatenated intervals in one set: a change costs some 5 µs for each of them, and more where addresses are longer. */
const maxIntervals = { ipv4: 500, ipv6: 200 } as const satisfies Record<Family, number>
/** As many leaves are found by asking for one after the other. */
const fewLeaves = 4

interface Alternative {
  readonly rule: Rule
  readonly matches: readonly NftMatch[]
}

/** A rule of the plan: what it decides, by one rule of the list or by the one that a packet is found at, or which part of the plan it asks next. */
type Planned =
  | { readonly matches: readonly NftMatch[]; readonly rule: Rule }
  | { readonly matches: readonly NftMatch[]; readonly found: Found }
  | {
      readonly matches: readonly NftMatch[]
      readonly key: NftKeyField
      /** Whether parts are of more than one value. */
      readonly interval: boolean
      readonly name: string
      readonly parts: readonly Part[]
    }
/** Elements of rules, disjoint. */
interface Found {
  /** Behind the name of the policy's chain. */
  readonly name: string
  readonly key: readonly NftKeyField[]
  readonly interval: boolean
  readonly elements: readonly { readonly key: readonly Range<FieldValue>[]; readonly rule: Rule }[]
}
interface Part {
  readonly range: Range<FieldValue>
  readonly name: string
  readonly rules: readonly Planned[]
}

/** Throws when the policy's id cannot be part of a name. */
export function planOf(list: RuleList): ListPlan {
  const alternatives = alternativesOf(list)
  const steps = stepsOf(alternatives.map(({ matches }) => productOf(matches)))
  const base = policyChain(list.policy, list.direction, list.part, 'enforce')
  const seen = new Map<string, number>()
  /** The same content follows the same name, whatever stands elsewhere: numbers count what would be called alike. */
  const nameOf = (text: string): string => {
    const number = (seen.get(text) ?? 0) + 1
    seen.set(text, number)
    return number === 1 ? text : `${text}.${number}`
  }
  const rules = steps.flatMap((step) => plannedOf(step, alternatives, base, nameOf))
  const deciderOf = ({ id }: Rule): Decider => ({ kind: 'rule', policy: list.policy, rule: id })
  return {
    chains(purpose, outcomes) {
      const name = policyChain(list.policy, list.direction, list.part, purpose)
      const behind: NftChain[] = []
      const endingOf = (rule: Rule): NftEnding => {
        const decided = [rule.action, deciderOf(rule), rule.log !== undefined] as const
        behind.push(...outcomes.behind(...decided))
        return outcomes.of(...decided)
      }
      /** The rules that look up what is decided alike; they are disjoint, so that their order does not matter. */
      const lookedUp = (matches: readonly NftMatch[], { elements, ...found }: Found): NftRule[] =>
        kinds.flatMap(({ action, told }): NftRule[] => {
          const looked = outcomes.looked(action, told)
          const own = elements.filter(({ rule }) => rule.action === action && isTold(rule, outcomes) === told)
          const [first] = own
          if (!first) return []
          const called = `${looked.shared ? base : name}.${found.name}.${told ? 'told' : action}`
          const keyed = { ...found, name: called }
          if (looked.as === 'verdicts') {
            // A rule may have many elements.
            const ended = new Map(own.map(({ rule }) => [rule, undefined]))
            const verdicts = new Map([...ended.keys()].map((rule) => [rule, endingOf(rule).verdict]))
            const map = own.map(({ key, rule }) => ({
              ...{ key, rule: rule.id, verdict: verdicts.get(rule) as NftEnding['verdict'] },
            }))
            return [{ matches, lookup: { ...keyed, elements: map } }]
          }
          if (looked.as === 'numbers') {
            const numbered = own.map(({ key, rule }) => ({
              ...{ key, rule: rule.id, number: numberOf(deciderOf(rule)) },
            }))
            return [{ matches, ...decidedBy({ ...keyed, elements: numbered }, endingOf(first.rule)) }]
          }
          const set: NftSet = { ...keyed, elements: own.map(({ key, rule }) => ({ key, rule: rule.id })) }
          const ending = outcomes.of(action, { kind: 'list', policy: list.policy })
          return [{ matches: [...matches, { kind: 'in-set', set }], ...ending }]
        })
      const chain = (own: string, planned: readonly Planned[]): NftChain => ({
        name: own,
        rules: planned.flatMap((each): NftRule[] => {
          if ('rule' in each) return [{ matches: each.matches, ...endingOf(each.rule) }]
          if ('found' in each) return lookedUp(each.matches, each.found)
          const elements = each.parts.map((part) => {
            const next = chain(`${name}.${part.name}`, part.rules)
            behind.push(next)
            return { key: [part.range], verdict: { kind: 'jump', chain: next.name } as const }
          })
          const { key, interval } = each
          const map = { name: `${name}.${each.name}`, key: [key], interval, elements }
          return [{ matches: each.matches, lookup: map }]
        }),
      })
      const first = chain(name, rules)
      return [first, ...behind]
    },
    inTurn: steps.reduce(
      (sum, step) => sum + (step.kind === 'rules' ? step.boxes.length : step.kind === 'product' ? 1 : 0),
      0,
    ),
  }
}

const kinds = [
  { action: 'allow', told: false },
  { action: 'allow', told: true },
  { action: 'deny', told: false },
  { action: 'reject', told: false },
] as const satisfies readonly { action: Action; told: boolean }[]

/** Whether what it lets pass ends otherwise than what others do. */
const isTold = ({ action, log }: Rule, outcomes: Outcomes): boolean =>
  action === 'allow' && log !== undefined && outcomes.looked(action, true).as === 'verdicts'

/** The ending, with a map in the place of a number. */
const decidedBy = (map: NftDeciding, { counts, marks, verdict }: NftEnding): NftEnding => ({
  ...(counts && { counts: { hook: counts.hook, by: map } }),
  ...(marks !== undefined && { marks: map }),
  verdict,
})

/** Each of one protocol or none. */
function alternativesOf({ rules }: RuleList): Alternative[] {
  return rules.flatMap((rule) =>
    rule.enabled
      ? rule.matches
          .flatMap(lowerMatch)
          .flatMap(perProtocol)
          .map((matches) => ({ rule, matches }))
      : [],
  )
}

/** Ports of any protocol are those of several. */
function perProtocol(matches: readonly NftMatch[]): (readonly NftMatch[])[] {
  const several = matches.find((match) => match.kind === 'protocol')?.protocols ?? []
  if (several.length < 2) return [matches]
  const hasPorts = matches.some(({ kind }) => kind === 'port')
  return several.map((protocol) =>
    matches.flatMap((match): NftMatch[] => {
      if (match.kind === 'port') return [{ ...match, protocol }]
      if (match.kind !== 'protocol') return [match]
      return hasPorts ? [] : [{ kind: 'protocol', protocols: [protocol] }]
    }),
  )
}

function plannedOf(
  step: Step,
  alternatives: readonly Alternative[],
  base: string,
  nameOf: (text: string) => string,
): Planned[] {
  if (step.kind === 'rules') {
    return step.boxes.map((box) => {
      const { matches, rule } = alternatives[box.owner] as Alternative
      return { matches: narrowed(matches, box), rule }
    })
  }
  if (step.kind === 'product') {
    const { rule, matches } = alternatives[step.owner] as Alternative
    return [{ matches: inSets(matches, rule.id, (field) => `${base}.${nameOf(`product.${field}`)}`), rule }]
  }
  const setsOf: SetsOf = (lookup, called, lengths = []) => [
    {
      matches: askedBefore(lookup),
      found: {
        name: `${called}${step.ranged && !lookup.ranged ? '.exact' : ''}`,
        key: lookup.key.map((field, at) => cutTo(lengths[at], keyFieldOf(field, lookup))),
        interval: lookup.ranged,
        elements: lookup.elements.map(({ ranges, owner }) => ({
          key: ranges,
          rule: (alternatives[owner] as Alternative).rule,
        })),
      },
    },
  ]
  const words = [
    ...(step.family === undefined ? [] : [familyWord[step.family]]),
    ...(step.protocol === undefined ? [] : [protocolName(step.protocol)]),
    ...step.key.map((field) => fieldWords[field]),
  ]
  return lookupsOf(step, nameOf(`${words.join('-')}${step.ranged ? '.ranges' : ''}`), setsOf)
}

/** `lengths` absent: of whole addresses. */
type SetsOf = (lookup: Lookup, called: string, lengths?: Lengths) => Planned[]

function lookupsOf(lookup: Lookup, name: string, setsOf: SetsOf): Planned[] {
  if (!lookup.ranged) return setsOf(lookup, name)
  const { by, rest } = byLength(lookup, (field) =>
    field === 'source' || field === 'destination' ? familyBits[known(lookup.family)] : undefined,
  )
  return [
    ...by.flatMap(({ lengths, lookup: own }) => {
      const cut = lengths.flatMap((length, at) =>
        length === undefined ? [] : [`.${fieldWords[own.key[at] as BoxField]}/${length}`],
      )
      return setsOf(own, `${name}${cut.join('')}`, lengths)
    }),
    ...(rest ? inIntervals(rest, name, setsOf) : []),
  ]
}

function inIntervals(lookup: Lookup, name: string, setsOf: SetsOf): Planned[] {
  if (lookup.key.length === 1) return setsOf(lookup, name)
  const { by, rest } = byValue(lookup)
  const inRest = rest ? inLeaves(rest, name, setsOf) : []
  if (!by) return inRest
  const key = keyFieldOf(by.field, lookup)
  const word = fieldWords[by.field]
  const parts = by.lookups.map(({ value, lookup: own }): Part => {
    const called = `${name}.${word}-${valueName(key, value.first)}`
    return { range: value, name: called, rules: lookupsOf(own, called, setsOf) }
  })
  const matches = askedBefore({ ...lookup, key: [by.field] })
  return [{ matches, key, interval: false, name: `${name}.${word}-values`, parts }, ...inRest]
}

/** Leaves that every packet is looked up in, and those that it is looked up in by the value of one field. */
function inLeaves(lookup: Lookup, name: string, setsOf: SetsOf): Planned[] {
  const { key, elements, ...same } = mostTellingFirst(lookup)
  const called = key[0] === lookup.key[0] ? name : `${name}.${fieldWords[key[0] as BoxField]}-first`
  const keyFields = key.map((field) => keyFieldOf(field, lookup))
  const most = maxIntervals[keyFields.some(isOfIpv6) ? 'ipv6' : 'ipv4']
  const leaves = leavesOf(elements, keyFields.map(bitsOf), most)
  // With a hyphen: names that end in a full stop and a number are those of other lookups.
  const setsIn = (own: readonly Pick<Leaf<RunElement>, 'elements'>[], as: string): Planned[] =>
    own.flatMap((leaf, n) =>
      setsOf({ ...same, key, elements: leaf.elements }, n === 0 ? as : `${as}-${n + 1}`),
    )
  const open = leaves.filter(({ guard }) => guard === undefined)
  const guarded = Map.groupBy(
    leaves.flatMap(({ guard, elements }) => (guard ? [{ guard, elements }] : [])),
    ({ guard }) => guard.field,
  )
  return [
    ...[...guarded].flatMap(([at, own]): Planned[] => {
      const field = key[at] as BoxField
      const keyField = keyFields[at] as NftKeyField
      const word = fieldWords[field]
      const parts = [
        ...Map.groupBy(own, ({ guard }) => `${guard.range.first}-${guard.range.last}`).values(),
      ].map((alike): Part => {
        const { range } = (alike[0] as (typeof own)[number]).guard
        const as = `${called}.${word}-${leafName(keyField, range)}`
        return { range, name: as, rules: setsIn(alike, as) }
      })
      if (parts.length > fewLeaves) {
        const matches = askedBefore({ ...lookup, key: [field] })
        return [{ matches, key: keyField, interval: true, name: `${called}.${word}`, parts }]
      }
      return parts.flatMap(({ range, rules }) =>
        rules.map((rule) =>
          'found' in rule ? { ...rule, matches: [matchOf(keyField, range), ...rule.matches] } : rule,
        ),
      )
    }),
    ...setsIn(open, called),
  ]
}

const familyWord = { ipv4: 'ip', ipv6: 'ip6' } as const satisfies Record<Family, string>
const fieldWords = {
  sourceMac: 'mac',
  protocol: 'protocol',
  source: 'source',
  destination: 'destination',
  sourcePort: 'sport',
  destinationPort: 'dport',
  icmpType: 'type',
  icmpCode: 'code',
} as const satisfies Record<BoxField, string>

function keyFieldOf(field: BoxField, { family, protocol }: Pick<Lookup, 'family' | 'protocol'>): NftKeyField {
  switch (field) {
    case 'sourceMac':
      return { kind: 'source-mac' }
    case 'protocol':
      return { kind: 'protocol' }
    case 'source':
    case 'destination':
      return { kind: 'address', family: known(family), side: field }
    case 'sourcePort':
    case 'destinationPort':
      return {
        kind: 'port',
        side: field === 'sourcePort' ? 'source' : 'destination',
        ...(protocol !== undefined && { protocol }),
      }
    case 'icmpType':
    case 'icmpCode':
      return { kind: 'icmp', family: known(family), field: field === 'icmpType' ? 'type' : 'code' }
  }
}

const cutTo = (length: number | undefined, field: NftKeyField): NftKeyField =>
  length !== undefined && field.kind === 'address' ? { ...field, length } : field

function known(family: Family | undefined): Family {
  if (family === undefined) throw new Error('the field is of a family')
  return family
}

/** What the fields of the key do not imply. */
function askedBefore({ family, protocol, key }: Lookup): NftMatch[] {
  const ofFamily = key.some((field) => ['source', 'destination', 'icmpType', 'icmpCode'].includes(field))
  const ofProtocol = key.some(
    (field) => field !== 'sourceMac' && field !== 'source' && field !== 'destination',
  )
  return [
    ...(family === undefined || ofFamily ? [] : [{ kind: 'family', family } as const]),
    ...(protocol === undefined || ofProtocol ? [] : [{ kind: 'protocol', protocols: [protocol] } as const]),
  ]
}

const isOfIpv6 = (field: NftKeyField): boolean => field.kind === 'address' && field.family === 'ipv6'

/** Fields without width are never halved: nothing but a set can ask for part of their values. */
const bitsOf = (field: NftKeyField): number =>
  field.kind === 'address' ? familyBits[field.family] : field.kind === 'port' ? 16 : 0

function matchOf(field: NftKeyField, range: Range<FieldValue>): NftMatch {
  if (field.kind === 'address') return { ...field, ranges: [range as Range<bigint>] }
  if (field.kind === 'port') return { ...field, protocol: field.protocol, ranges: [range as Range<number>] }
  throw new Error(`part of the values of ${field.kind} cannot be asked for`)
}

/** Of characters that names of chains and sets can have. */
const valueName = (field: NftKeyField, value: FieldValue): string =>
  field.kind !== 'address'
    ? String(value)
    : field.family === 'ipv4'
      ? formatAddress('ipv4', BigInt(value))
      : value.toString(16)

/** A prefix, or ports: of characters that names of chains and sets can have. */
function leafName(field: NftKeyField, { first, last }: Range<FieldValue>): string {
  if (field.kind !== 'address') return `${first}-${last}`
  const value = BigInt(first)
  const length = bitsOf(field) - (first === last ? 0 : (BigInt(last) - value).toString(2).length)
  return field.family === 'ipv4'
    ? `${formatAddress('ipv4', value)}/${length}`
    : `${value.toString(16).padStart(32, '0').replace(/0+$/, '')}/${length}`
}

/** The matches, of the box alone. */
function narrowed(matches: readonly NftMatch[], { ranges }: StepBox): NftMatch[] {
  return matches.map((match) =>
    match.kind === 'address'
      ? { ...match, ranges: [ranges[match.side] as Range<bigint>] }
      : match.kind === 'port'
        ? { ...match, ranges: [ranges[portField[match.side]] as Range<number>] }
        : match,
  )
}

const portField = { source: 'sourcePort', destination: 'destinationPort' } as const

/** The matches, with several ranges in sets. */
function inSets(matches: readonly NftMatch[], rule: string, nameOf: (field: string) => string): NftMatch[] {
  return matches.map((match) => {
    if (match.kind !== 'address' && match.kind !== 'port') return match
    const { ranges, ...field } = match
    if (ranges.length === 1) return match
    const word = fieldWords[match.kind === 'address' ? match.side : portField[match.side]]
    const key = field as NftKeyField
    const set: NftSet = {
      name: nameOf(
        match.kind === 'address'
          ? `${familyWord[match.family]}-${word}`
          : `${protocolName(match.protocol as number)}-${word}`,
      ),
      key: [key],
      interval: true,
      elements: ranges.map((range) => ({ key: [range], rule })),
    }
    return { kind: 'in-set', set }
  })
}
