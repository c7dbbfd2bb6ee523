/** The native API's JSON: one schema for each body, which checks requests and describes them in the OpenAPI document. */
import { type Static, Type } from 'typebox'
import { interfaceStates } from '../../core/model/desired.ts'
import { fieldOf, matchFieldNames } from '../../core/model/match-fields.ts'
import { Action, closed, Direction, nullable, oneOf } from './schema-words.ts'

const port = (description: string) => Type.Integer({ minimum: 0, maximum: 65_535, description })
const byte = (description: string) => Type.Integer({ minimum: 0, maximum: 255, description })

export const PacketSchema = Type.Object(
  {
    protocol: Type.String({
      maxLength: 16,
      description:
        'Name or number, 0 to 255. `icmp` between IPv6 addresses means ICMPv6, as does `icmpv6`; a number means that number.',
    }),
    source: Type.String({ maxLength: 64, description: 'IPv4 or IPv6 address' }),
    destination: Type.String({ maxLength: 64, description: 'Of the same family as the source' }),
    sourcePort: Type.Optional(port('Only with a protocol that has ports')),
    destinationPort: Type.Optional(port('Only with a protocol that has ports')),
    icmpType: Type.Optional(byte('Only with ICMP of that family')),
    icmpCode: Type.Optional(byte('Only with ICMP of that family')),
    target: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          'The address that a neighbour solicitation or advertisement (ICMPv6 135, 136) is about; absent: unknown',
      }),
    ),
    sourceMac: Type.Optional(Type.String({ maxLength: 17, description: 'Absent: unknown' })),
    hopLimit: Type.Optional(byte('TTL or hop limit as it reaches the host that filters; absent: unknown')),
    link: Type.Optional(
      Type.Boolean({
        description:
          'Ingress: sent by the link itself, which in routed mode is the host that carries the VM, and not forwarded. ' +
          'Egress: addressed to an address of that host. Absent: false.',
      }),
    ),
    state: Type.Optional(
      Type.Union(
        ['new', 'established', 'related', 'invalid'].map((value) => Type.Literal(value)),
        { description: 'What connection tracking says of it; `new` when absent' },
      ),
    ),
  },
  closed,
)

export const TraceRequest = Type.Object(
  {
    server: Type.String({
      minLength: 1,
      maxLength: 255,
      description: 'Its id, its vmid as text, or its name where only one has it',
    }),
    interface: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description:
          'Its id or name. Absent: the one that has the packet’s address, else the first public one',
      }),
    ),
    direction: Direction,
    packet: PacketSchema,
  },
  {
    ...closed,
    examples: [
      {
        ...{ server: 'web1', direction: 'ingress' },
        packet: {
          ...{ protocol: 'tcp', source: '198.51.100.10', sourcePort: 40000 },
          ...{ destination: '203.0.113.10', destinationPort: 22 },
        },
      },
    ],
  },
)
export type TraceRequest = Static<typeof TraceRequest>

export const FilterMode = oneOf('routed', 'bridged')

export const TraceAnswer = Type.Object({
  action: Action,
  decidedBy: Type.Object({
    kind: oneOf('rule', 'default', 'essential', 'state', 'origin', 'off'),
    rule: Type.Optional(Type.String()),
    position: Type.Optional(Type.Integer()),
    policy: Type.Optional(Type.String()),
    name: Type.Optional(Type.String()),
    state: Type.Optional(Type.String()),
    check: Type.Optional({
      ...oneOf('mac', 'address', 'neighbour'),
      description: 'What of its sender it did not keep to (docs/semantics.md §6)',
    }),
  }),
  interface: Type.String({ description: 'Id of the interface that was judged' }),
  mode: nullable({
    ...FilterMode,
    description: 'Where its packets are judged now; null when nobody enforces it',
  }),
  told: Type.Optional({
    ...oneOf('tcp-reset', 'port-unreachable', 'prohibited', 'silence'),
    description: 'Of a rejected packet: what its sender is told where it can be (docs/semantics.md §8, §11)',
  }),
  note: Type.Optional(
    Type.String({ description: 'When no interface has the packet’s address, or no policy is attached' }),
  ),
  path: Type.Array(
    Type.Object({
      rule: Type.String(),
      position: Type.Integer(),
      policy: Type.String(),
      matched: Type.Boolean(),
      mismatch: Type.Optional(Type.String({ description: 'The first field that did not match' })),
    }),
    { description: 'Every rule that was looked at, in order' },
  ),
})

export const InterfaceState = oneOf(...interfaceStates)

export const PerDirection = Type.Object({ ingress: Type.Integer(), egress: Type.Integer() })
export const Connections = Type.Object({
  limit: Type.Integer(),
  uses: nullable(PerDirection),
  refusals: PerDirection,
})

export const Unanswered = Type.Object(PerDirection.properties, {
  description: 'Rejected packets whose sender could not be told, since the agent started; absent: none',
})

/** A field that is absent matches anything. */
const Match = Type.Object(
  Object.fromEntries(matchFieldNames.map((name) => [name, Type.Optional(Type.Unsafe(fieldOf(name).schema))])),
  closed,
)

export const DirectionPolicy = Type.Object({
  filtered: Type.Boolean({ description: 'False: every packet passes' }),
  default: Type.Optional(Action),
  lists: Type.Optional(
    Type.Array(
      Type.Object({
        policy: Type.String(),
        rules: Type.Array(
          Type.Object({
            id: Type.String(),
            position: Type.Integer(),
            action: Action,
            enabled: Type.Boolean(),
            matches: Type.Array(Match, { description: 'The rule matches when any of these does' }),
          }),
        ),
      }),
      { description: 'In order; the first matching rule of all decides' },
    ),
  ),
})

export const Problem = Type.Object({
  type: Type.String(),
  title: Type.String(),
  status: Type.Integer(),
  detail: Type.String(),
  field: Type.Optional(Type.String()),
  requestId: Type.String(),
})
