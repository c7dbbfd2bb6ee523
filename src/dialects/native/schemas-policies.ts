/** The native API's JSON of policies, their rules, and what they are attached to. */
import { type Static, Type } from 'typebox'
import { matchFieldNames, matchFields } from '../../core/model/match-fields.ts'
import { logLevels } from '../../core/model/rule.ts'
import { limits } from './limits.ts'
import { CutFlows, choiceOf, closed, DateTime, nextPage, nullable, pageQuery } from './schema-words.ts'

const id = (description: string) => Type.String({ minLength: 1, maxLength: 255, description })
const Action = choiceOf(['allow', 'deny', 'reject'])
const Direction = choiceOf(['ingress', 'egress'])

const values = <T extends Parameters<typeof Type.Array>[0]>(items: T, description: string) =>
  nullable(Type.Array(items, { minItems: 1, maxItems: limits.valuesPerList }), description)
const addresses = (what: string) =>
  values(
    Type.String({ maxLength: 100 }),
    `${what}: addresses, prefixes and ranges \`first-last\`, of either family; null: any`,
  )
const port = Type.Union([
  Type.Integer({ minimum: 0, maximum: 65_535 }),
  Type.String({ maxLength: 11, description: 'A port, or a range `first-last`' }),
])
const byte = (description: string) => nullable(Type.Integer({ minimum: 0, maximum: 255 }), description)

/** What a rule matches, as its writer says it: every field must match, one of a list is enough, null matches anything. */
export const matchMembers = {
  family: choiceOf(['ipv4', 'ipv6', null], 'Null: either'),
  protocol: nullable(
    Type.Union([Type.Integer({ minimum: 0, maximum: 255 }), Type.String({ maxLength: 16 })]),
    'Name or number. `icmp` means ICMPv6 where the family is `ipv6`; a number means that number',
  ),
  sources: addresses('Senders'),
  destinations: addresses('Receivers'),
  sourcePorts: values(port, 'Needs a protocol that has ports'),
  destinationPorts: values(port, 'Needs a protocol that has ports'),
  icmpType: byte('Needs ICMP of one family'),
  icmpCode: byte('Needs ICMP of one family'),
  sourceMac: nullable(Type.String({ maxLength: 17 }), 'Of the sender'),
}

const log = choiceOf(
  [...logLevels, null],
  'Level at which samples of what it lets pass are told as decisions; null: they are not. What it does not let pass always is',
)
const comment = Type.String({ maxLength: 1000 })

const Match = Type.Object(
  Object.fromEntries(
    matchFieldNames.map((name) => [name, Type.Optional(Type.Unsafe(matchFields[name].schema))]),
  ),
  closed,
)

/** Made from the rest; a body may repeat them as they were answered. */
const derived = {
  matches: Type.Array(Match, {
    readOnly: true,
    description: 'What it matches in canonical form: any of these, with all its fields',
  }),
  text: Type.String({ readOnly: true, description: 'The rule in one line, for people' }),
}

export const Rule = Type.Object({
  id: Type.String(),
  position: Type.Integer({
    minimum: 1,
    description: 'From 1, without gaps; the first rule that matches decides',
  }),
  action: Action,
  direction: Direction,
  enabled: Type.Boolean({ description: 'A disabled rule keeps its position and never matches' }),
  log,
  ...derived,
  include: Type.Optional(
    Type.String({ description: 'Id of the policy whose rules are looked at in its place' }),
  ),
  interface: Type.Optional(Type.Integer({ description: 'Index of the only interface that it is for' })),
  ...Object.fromEntries(
    Object.entries({ ...matchMembers, comment }).map(([name, type]) => [name, Type.Optional(type)]),
  ),
})

const optional = <T extends Record<string, Parameters<typeof Type.Optional>[0]>>(members: T) =>
  Object.fromEntries(Object.entries(members).map(([name, type]) => [name, Type.Optional(type)])) as {
    [K in keyof T]: ReturnType<typeof Type.Optional<T[K]>>
  }

const ruleMembers = {
  ...optional({ enabled: Type.Boolean({ default: true }), log, ...matchMembers, comment, ...derived }),
  position: Type.Optional(Type.Integer({ minimum: 1, description: 'In a list it is the place in the list' })),
}
const beside = optional({
  before: id('Of another rule of the policy, in place of a position'),
  after: id('Of another rule of the policy, in place of a position'),
})
const example = {
  ...{ action: 'allow', direction: 'ingress', protocol: 'tcp' },
  ...{ sources: ['198.51.100.0/24', '2001:db8::1-2001:db8::ff'], destinationPorts: [22, '8000-8080'] },
}

export const NewRuleBody = Type.Object(
  { action: Action, direction: Direction, ...ruleMembers, ...beside },
  { ...closed, description: 'Without a place it goes behind the others', examples: [example] },
)
export const RuleBody = Type.Object(
  {
    id: Type.Optional(id('As in the path')),
    action: Action,
    direction: Direction,
    ...ruleMembers,
    ...beside,
  },
  {
    ...closed,
    description: 'The whole rule; it stays where it is unless a place is given',
    examples: [example],
  },
)
export const RuleChange = Type.Object(
  {
    id: Type.Optional(id('As in the path')),
    ...optional({ action: Action, direction: Direction }),
    ...ruleMembers,
    ...beside,
  },
  {
    ...closed,
    description: 'What is given changes, null takes it back; a place moves the rule',
    examples: [{ position: 1 }, { destinationPorts: [443] }],
  },
)
const ListedRule = Type.Object(
  {
    id: Type.Optional(id('Of a rule that is there and stays the same one')),
    ...{ action: Action, direction: Direction, ...ruleMembers },
  },
  closed,
)
export const RuleListBody = Type.Object(
  {
    rules: Type.Array(ListedRule, { maxItems: limits.rulesPerPolicy, description: 'All of them, in order' }),
  },
  { ...closed, examples: [{ rules: [example] }] },
)
export const RuleList = Type.Object({ rules: Type.Array(Rule) })
export type RuleBody = Static<typeof RuleChange>
export type RuleListBody = Static<typeof RuleListBody>

const Labels = Type.Record(Type.String(), Type.String({ maxLength: 255 }), {
  maxProperties: 32,
  description: 'Keys of 1 to 63 characters',
})
const Filters = Type.Array(Direction, {
  uniqueItems: true,
  description:
    'Directions that its rules and default are for. What no attached policy filters is judged as if none were attached',
})
const named = {
  name: Type.String({ maxLength: 255, description: 'Of a native one at least a character' }),
  description: Type.String({ maxLength: 1000 }),
  labels: Labels,
  enabled: Type.Boolean({ description: 'Off, it is as if it were not attached' }),
  stateful: Type.Boolean({
    description: 'Whether answers pass. An interface is stateful if any of its policies in force is',
  }),
  filters: Filters,
}
const level = choiceOf(
  [...logLevels, null],
  'Of what the default decides; null: what it lets pass is not told',
)

const policySettings = {
  cutFlows: CutFlows(
    'What becomes of tracked connections when rules change: `never`: they live on; `revoked`: those that the rules would not let begin any more are ended, and no others; null: what the account says',
  ),
  logAllowed: choiceOf(
    [...logLevels, null],
    'Level at which what allowing rules let pass is told as decisions where they have none themselves; null: it is not',
  ),
}

export const Policy = Type.Object({
  id: Type.String(),
  account: Type.String({ description: 'Id of the account that has it' }),
  profile: Type.String({ description: 'The dialect that manages its rules' }),
  ...named,
  server: nullable(Type.String({ description: 'The server that it belongs to; null: none' })),
  interface: nullable(Type.String({ description: 'The interface that it belongs to; null: none' })),
  order: choiceOf(['first-match', 'allow-list']),
  defaults: Type.Object({ ingress: Action, egress: Action }),
  ...policySettings,
  log: Type.Object({ ingress: level, egress: level }),
  ruleCount: Type.Integer({ minimum: 0 }),
  created: DateTime,
  modified: DateTime,
  revision: Type.Integer({ minimum: 0, description: 'Of the last change to it or its rules' }),
})

export const PolicyList = Type.Object({ policies: Type.Array(Policy), ...nextPage })
export const PolicyQuery = Type.Object({
  ...pageQuery,
  name: Type.Optional(Type.String({ description: 'Just this one' })),
  profile: Type.Optional(Type.String({ description: 'Only those of one dialect' })),
  server: Type.Optional(Type.String({ description: 'Id: attached to it or to one of its interfaces' })),
})

const written = {
  ...optional({ description: named.description, labels: Labels, enabled: named.enabled }),
  ...optional({ stateful: named.stateful, filters: Filters, ...policySettings }),
  defaults: Type.Optional(Type.Object(optional({ ingress: Action, egress: Action }), closed)),
  log: Type.Optional(Type.Object(optional({ ingress: level, egress: level }), closed)),
}
export const NewPolicy = Type.Object(
  { name: named.name, ...written, rules: Type.Optional(RuleListBody.properties.rules) },
  {
    ...closed,
    description: 'By default nothing comes in but answers, and everything goes out',
    examples: [{ name: 'web', defaults: { egress: 'deny' }, rules: [example] }],
  },
)
export type NewPolicy = Static<typeof NewPolicy>

/** A body may repeat what cannot be changed, as it was answered. */
export const PolicyChange = Type.Object(
  { name: Type.Optional(named.name), ...written, ...optional(fixedMembers()) },
  {
    ...closed,
    description:
      'What is given changes; null takes back. Of another dialect’s policy only `cutFlows`, `log` and `logAllowed` change',
    examples: [{ cutFlows: 'revoked', log: { ingress: 'warning' } }, { defaults: { egress: 'reject' } }],
  },
)
export type PolicyChange = Static<typeof PolicyChange>

function fixedMembers() {
  const {
    id,
    account,
    profile,
    server,
    interface: nic,
    order,
    ruleCount,
    created,
    modified,
    revision,
  } = Policy.properties
  return { id, account, profile, server, interface: nic, order, ruleCount, created, modified, revision }
}

const Interface = nullable(id('Id of one of its interfaces'), 'Null: all its interfaces, now and later')
export const PlaceBody = Type.Object(
  { server: id('Id of a server'), interface: Type.Optional(Interface) },
  { ...closed, description: 'It goes behind what is attached there', examples: [{ server: 'web1' }] },
)
export type PlaceBody = Static<typeof PlaceBody>
export const Place = Type.Object({ server: Type.String(), serverName: Type.String(), interface: Interface })
const Repeated = Type.Object(
  { ...PlaceBody.properties, serverName: Type.Optional(Type.String({ readOnly: true })) },
  closed,
)
export const PlaceListBody = Type.Object(
  { attachments: Type.Array(Repeated, { maxItems: limits.placesPerPolicy }) },
  {
    ...closed,
    description: 'All of them',
    examples: [{ attachments: [{ server: 'web1', interface: null }] }],
  },
)
export type PlaceListBody = Static<typeof PlaceListBody>
export const PlaceList = Type.Object({ attachments: Type.Array(Place) })

export const Attached = Type.Object({
  server: Type.String(),
  interface: nullable(Type.String()),
  policies: Type.Array(Type.Object({ id: Type.String(), name: Type.String() }), {
    description:
      'In the order in which their rules are looked at; those of a server come before those of an interface',
  }),
})
export const AttachedBody = Type.Object(
  { policies: Type.Array(id('Of a policy'), { maxItems: limits.policiesPerPlace }) },
  { ...closed, description: 'All of them, in order', examples: [{ policies: ['base', 'web'] }] },
)
export type AttachedBody = Static<typeof AttachedBody>
