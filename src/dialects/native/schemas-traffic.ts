/** The native API's JSON of what packets have met: counters of rules, and decisions. */
import { Type } from 'typebox'
import { originChecks } from '../../core/model/decider.ts'
import { outcomes } from '../../core/model/decision.ts'
import { essentialNames } from '../../core/model/effective-policy.ts'
import { logLevels } from '../../core/model/rule.ts'
import { Action, choiceOf, DateTime, Direction, nullable, oneOf } from './schema-words.ts'

const id = (description: string) => Type.String({ minLength: 1, maxLength: 255, description })
const LogLevel = oneOf(...logLevels)

const DecidedBy = Type.Object(
  {
    kind: oneOf('rule', 'list', 'default', 'essential', 'state', 'origin', 'malformed', 'frame'),
    policy: Type.Optional(Type.String({ description: 'Of a rule or list' })),
    rule: Type.Optional(Type.String()),
    name: Type.Optional(oneOf(...essentialNames)),
    state: Type.Optional(Type.Literal('invalid')),
    check: Type.Optional({ ...oneOf(...originChecks), description: 'What of its sender it did not keep to' }),
  },
  {
    description:
      '`list`: one of the policy’s allowing rules, on a host that cannot count them one by one. `malformed`: a fragment or header that rules cannot be asked about. `frame`: in a bridge, a frame that is no IP packet.',
  },
)

const hits = {
  packets: Type.Integer({ minimum: 0 }),
  bytes: Type.Integer({
    minimum: 0,
    description: 'From the IP header on; of frames in a bridge: from the Ethernet header on',
  }),
  lastHit: nullable(DateTime, 'When an increase was read last; null: never'),
}
const Hits = Type.Object(hits)

const Step = Type.Object({
  decidedBy: DecidedBy,
  policy: nullable(Type.String(), 'Of a rule: its policy'),
  policyName: nullable(Type.String()),
  position: nullable(Type.Integer({ minimum: 1 }), 'Of a rule: its place in the policy'),
  rule: nullable(Type.String(), 'Its id'),
  text: Type.String({
    description: 'What it does, in one line to be read; long lists are cut short',
    examples: ['allow tcp from 198.51.100.0/24 to port 22'],
  }),
  action: Action,
  enabled: Type.Boolean(),
  log: nullable(LogLevel, 'Level at which what it lets pass is told as decisions; null: it is not told'),
  ...hits,
  unusedSince: nullable(
    DateTime,
    'Its last hit here, else since when it is here and counted; null where that is not known, because it is not counted',
  ),
  total: Type.Union([Hits, Type.Null()], {
    description: 'Of a rule: over all interfaces of the account that share its policy',
  }),
  counted: Type.Boolean({ description: 'False: the counts may lack packets, because `why`' }),
  why: Type.Optional(Type.String()),
  together: Type.Optional({
    ...Hits,
    description:
      'Of an allowing rule that is counted together with others of its policy: their counts in all',
  }),
})

const Steps = Type.Optional(
  Type.Array(Step, {
    description:
      'In the order in which packets are asked. In a direction that is not filtered: what checks the sender, or nothing',
  }),
)

export const RuleCounts = Type.Object({
  server: Type.String({ description: 'Its id' }),
  interfaces: Type.Array(
    Type.Object({
      id: Type.String(),
      index: Type.Integer({ minimum: 1 }),
      countedAt: nullable(DateTime, 'When the counters were read: later packets are missing; null: never'),
      since: nullable(DateTime, 'Since when they count; null: nobody has counted here yet'),
      suppressed: Type.Object(
        { ingress: Type.Integer(), egress: Type.Integer() },
        { description: 'Decisions that were not told because there were too many' },
      ),
      ingress: Steps,
      egress: Steps,
    }),
  ),
})

export const RuleCountsQuery = Type.Object({
  unused: Type.Optional(
    Type.Integer({
      ...{ minimum: 1, maximum: 36_500 },
      description:
        'Days: only rules that no packet has hit for so long, here or where their policy is shared',
      examples: [30],
    }),
  ),
  interface: Type.Optional(id('Id or name of the only interface that is listed')),
  direction: Type.Optional(choiceOf(['ingress', 'egress'], 'The only direction that is listed')),
})

const Packet = Type.Object(
  {
    text: Type.String({ examples: ['tcp 203.0.113.9:40000 > 198.51.100.4:22, 60 bytes'] }),
    etherType: Type.Integer(),
    length: Type.Integer({
      description: 'Bytes of the whole packet from the IP header on; of frames from the Ethernet header on',
    }),
    sourceMac: Type.Optional(Type.String()),
    protocol: Type.Optional(Type.Integer({ description: 'IP protocol number' })),
    source: Type.Optional(Type.String({ description: 'Of ARP: what it says of its sender' })),
    destination: Type.Optional(Type.String()),
    sourcePort: Type.Optional(Type.Integer()),
    destinationPort: Type.Optional(Type.Integer()),
    icmpType: Type.Optional(Type.Integer()),
    icmpCode: Type.Optional(Type.Integer()),
  },
  { description: 'What could be read of it' },
)

export const Decision = Type.Object({
  id: Type.String({ description: 'For `Last-Event-ID`; a restart of the service begins anew' }),
  at: DateTime,
  account: Type.Optional(Type.String({ description: 'To operators only: whose interface it is' })),
  host: Type.Optional(Type.String({ description: 'To operators only: where it was judged' })),
  server: Type.String(),
  serverName: Type.String(),
  interface: Type.String(),
  interfaceIndex: Type.Integer({ minimum: 1 }),
  interfaceName: nullable(Type.String()),
  direction: Direction,
  outcome: oneOf(...outcomes),
  observed: Type.Boolean({ description: 'It passed: the outcome is what would have been' }),
  decidedBy: DecidedBy,
  position: nullable(
    Type.Integer({ minimum: 1 }),
    'Place of the rule in its policy as of that revision; null when no rule decided',
  ),
  level: { ...LogLevel, description: 'What its rule or default asks for; `info` where they ask for nothing' },
  revision: Type.Integer({ description: 'Whose rules judged' }),
  packet: Packet,
})

export const DecisionList = Type.Object({
  decisions: Type.Array(Decision, {
    description: 'Newest first: samples, of what this process has been told',
  }),
})

export const DecisionQuery = Type.Object({
  server: Type.Optional(id('Its id, its vmid as text, or its name where only one has it')),
  interface: Type.Optional(id('By id; by name too where a server is given')),
  direction: Type.Optional(choiceOf(['ingress', 'egress'])),
  outcome: Type.Optional(choiceOf(outcomes)),
  policy: Type.Optional(id('Of the rule that decided')),
  rule: Type.Optional(id('The rule that decided')),
  since: Type.Optional(
    Type.String({
      format: 'date-time',
      description: 'Only those of this moment and later',
      examples: ['2026-01-31T12:00:00Z'],
    }),
  ),
  limit: Type.Optional(
    Type.Integer({
      ...{ minimum: 1, maximum: 1000, default: 100 },
      description: 'Most in one answer; a stream has no such limit, and begins with new ones',
    }),
  ),
})
