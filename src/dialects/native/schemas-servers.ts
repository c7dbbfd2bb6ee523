/** The native API's JSON of servers, their interfaces, and where those are. */
import { type Static, Type } from 'typebox'
import { choiceOf, closed, DateTime, nextPage, nullable, oneOf, pageQuery } from './schema-words.ts'
import { Connections, DirectionPolicy, FilterMode, InterfaceState, Unanswered } from './schemas.ts'

/** Whatever else a part has is its provider's. */
const open = (what: string) => ({
  additionalProperties: true,
  description: `Keys of its provider, as docs/inventory.md has them for ${what}, are members beside these.`,
})

const Place = Type.Object({ host: Type.String(), device: Type.String() })

const interfaceFields = {
  id: Type.String(),
  index: Type.Integer({ minimum: 1 }),
  mac: Type.String(),
  addresses: Type.Array(Type.String()),
  allowedAddresses: Type.Array(Type.String(), { description: 'Prefixes that it may also send from' }),
  senderCheck: Type.Boolean({ description: 'Whether what it sends must come from its MAC and addresses' }),
  observe: Type.Boolean({ description: 'Packets are judged and counted, and none is dropped' }),
  vlanTrunk: Type.Boolean({ description: 'In a bridge, whether VLAN-tagged frames pass both ways' }),
  allowedFrames: Type.Array(Type.Integer(), {
    description: 'In a bridge, Ethernet types that pass beside IP and ARP',
  }),
  maxConnections: nullable(
    Type.Integer(),
    'Tracked connections that it may begin, and as many towards it; 0: no limit, null: what its host says',
  ),
  type: oneOf('public', 'utility', 'private'),
  binding: Type.Optional(
    nullable(Place, 'Only told to operators; null: it is nowhere, and nobody enforces it'),
  ),
  desiredGeneration: Type.Integer({ description: 'Revision of the newest change that bears on it' }),
  appliedGeneration: nullable(
    Type.Integer({ description: 'The generation in force; equal to the desired one when it has caught up' }),
  ),
  state: nullable(InterfaceState),
  mode: nullable(FilterMode),
  error: nullable(Type.String({ description: 'Why it fails or is closed' })),
  notes: Type.Array(Type.String()),
  connections: Type.Optional(Connections),
  unanswered: Type.Optional(Unanswered),
}

const serverFields = {
  id: Type.String(),
  profile: oneOf('hostup', 'upcloud', 'ionos', 'scaleway', 'native'),
  name: Type.String(),
  zone: Type.String(),
  state: Type.String(),
  created: DateTime,
  account: Type.Optional(Type.String({ description: 'Only told to operators' })),
  plan: Type.Unknown({ description: 'As its provider has it; null: none' }),
  labels: Type.Record(Type.String(), Type.Unknown()),
  revision: Type.Integer({ description: 'Of the last change to the server or its interfaces' }),
}

export const ServerList = Type.Object({
  servers: Type.Array(
    Type.Object(
      { ...serverFields, interfaces: Type.Array(Type.Object(interfaceFields, open('interfaces'))) },
      open('servers'),
    ),
  ),
  ...nextPage,
})

export const ServerQuery = Type.Object({
  ...pageQuery,
  profile: Type.Optional(Type.String()),
  name: Type.Optional(Type.String({ description: 'Exactly' })),
  zone: Type.Optional(Type.String()),
  host: Type.Optional(Type.String({ description: 'Of operators: those with an interface there' })),
  account: Type.Optional(Type.String({ description: 'Of operators that act in none: its id' })),
})

const Origin = Type.Object(
  {
    mac: nullable(Type.String()),
    addresses: nullable(Type.Array(Type.Array(Type.String({ description: 'First and last' })))),
  },
  {
    description: 'Who the interface may send as, whatever is filtered; null, whole or in part: unchecked',
  },
)

export const Server = Type.Object(
  {
    ...serverFields,
    interfaces: Type.Array(
      Type.Object(
        {
          ...interfaceFields,
          attached: Type.Array(Type.String(), {
            description:
              'Ids of the policies attached to it or its server, in order; none: nothing comes in but answers',
          }),
          policy: Type.Object({
            stateful: Type.Boolean(),
            essentials: Type.Array(Type.String()),
            origin: nullable(Origin),
            ingress: DirectionPolicy,
            egress: DirectionPolicy,
          }),
        },
        open('interfaces'),
      ),
    ),
  },
  open('servers'),
)

const text = (maxLength: number, description?: string) =>
  Type.String({ minLength: 1, maxLength, ...(description !== undefined && { description }) })
const strings = (maxItems: number) => Type.Array(Type.String({ maxLength: 64 }), { maxItems })

/** What a new one may say, and a change of one: the inventory file's rules are checked behind this (service/fleet.ts). */
const interfaceEntry = {
  mac: Type.Optional(nullable(text(17), 'Made from the id when absent. Of operators')),
  addresses: Type.Optional(strings(1000)),
  allowedAddresses: Type.Optional(nullable(strings(1000), 'Of operators')),
  senderCheck: Type.Optional(nullable(Type.Boolean(), 'Of operators; absent: true')),
  observe: Type.Optional(nullable(Type.Boolean(), 'Of operators')),
  vlanTrunk: Type.Optional(nullable(Type.Boolean(), 'Of operators')),
  allowedFrames: Type.Optional(nullable(Type.Array(Type.Integer(), { maxItems: 100 }), 'Of operators')),
  maxConnections: Type.Optional(nullable(Type.Integer({ minimum: 0 }), 'Of operators')),
  type: Type.Optional(nullable(choiceOf(['public', 'utility', 'private'] as const))),
}
const place = {
  host: Type.Optional(text(253, 'With `device`: where it is at once. Of operators')),
  device: Type.Optional(text(15)),
}
const newInterface = { id: Type.Optional(text(100, 'Of operators')), ...interfaceEntry, ...place }

export const InterfaceCreation = Type.Object(newInterface, {
  ...open('interfaces'),
  examples: [{ type: 'public', addresses: ['203.0.113.10', '2001:db8:1::10'] }],
})

export const InterfaceUpdate = Type.Object(interfaceEntry, {
  ...open('interfaces'),
  examples: [{ allowedAddresses: ['198.51.100.0/24'], maxConnections: null }],
})

export const Interface = Type.Object(
  {
    ...interfaceFields,
    server: Type.String(),
    revision: Type.Integer({ description: 'Of the last change to its server' }),
  },
  open('interfaces'),
)
export const InterfaceList = Type.Object({ interfaces: Type.Array(Interface) })

const Labels = Type.Record(Type.String(), Type.String({ maxLength: 255 }), { maxProperties: 50 })

export const ServerCreation = Type.Object(
  {
    profile: text(32, 'The dialect that manages it'),
    name: text(255),
    id: Type.Optional(text(100, 'Of operators; absent: made up')),
    account: Type.Optional(text(100, 'Of operators that act in none')),
    zone: Type.Optional(text(63)),
    state: Type.Optional(text(63, '`started` when absent')),
    plan: Type.Optional(text(63)),
    labels: Type.Optional(Labels),
    firewall: Type.Optional(Type.Boolean()),
    interfaces: Type.Optional(Type.Array(Type.Object(newInterface, open('interfaces')), { maxItems: 1000 })),
  },
  {
    ...open('servers'),
    examples: [
      {
        ...{ profile: 'upcloud', name: 'web1', zone: 'fi-hel1', firewall: true, labels: { tier: 'web' } },
        interfaces: [{ addresses: ['203.0.113.10'], host: 'hypervisor-1', device: 'tap12i0' }],
      },
    ],
  },
)

export const ServerUpdate = Type.Object(
  {
    name: Type.Optional(text(255)),
    state: Type.Optional(text(63)),
    plan: Type.Optional(nullable(text(63))),
    labels: Type.Optional(nullable(Labels, 'All of them')),
    firewall: Type.Optional(Type.Boolean({ description: 'Whether its own rules are in force' })),
  },
  {
    ...closed,
    description: 'What is given changes; null takes it away',
    examples: [{ name: 'web2', labels: { tier: 'web' }, plan: null }],
  },
)
export type ServerUpdate = Static<typeof ServerUpdate>

export const Binding = Type.Object({
  interface: Type.String({ description: 'Id' }),
  mac: Type.String(),
  server: Type.String({ description: 'Id' }),
  account: Type.String({ description: 'Id' }),
  host: Type.String(),
  device: Type.String(),
  boundBy: choiceOf(['inventory', 'api', 'mac'] as const),
  boundAt: nullable(DateTime, 'Null: it was not noted down'),
  revision: Type.Integer({ description: 'Of the last change to its server' }),
})
export const BindingList = Type.Object({ bindings: Type.Array(Binding), ...nextPage })
export const BindingsChanged = Type.Object({
  bindings: Type.Array(Binding, { description: 'Those of the request that are somewhere now, in its order' }),
})

export const BindingQuery = Type.Object({
  ...pageQuery,
  host: Type.Optional(Type.String()),
  device: Type.Optional(Type.String()),
  server: Type.Optional(Type.String({ description: 'Its id' })),
  mac: Type.Optional(Type.String()),
  account: Type.Optional(Type.String({ description: 'Its id' })),
})

const from = Type.Optional(text(100, 'The interface that has the device until now, and gives it up'))
export const BindingClaim = Type.Object(
  { host: text(253), device: text(15), from },
  { ...closed, examples: [{ host: 'hypervisor-2', device: 'tap12i0' }] },
)
export type BindingClaim = Static<typeof BindingClaim>

export const BindingChanges = Type.Object(
  {
    bindings: Type.Array(
      Type.Object(
        { interface: text(100), host: nullable(text(253)), device: nullable(text(15)), from },
        { ...closed, description: 'Host and device null: it is released' },
      ),
      { minItems: 1, maxItems: 1000 },
    ),
  },
  {
    ...closed,
    description: 'All or nothing; what is given up is given up first, so two may swap',
    examples: [
      {
        bindings: [
          { interface: 'nic-1', host: 'hypervisor-1', device: 'tap2' },
          { interface: 'nic-2', host: 'hypervisor-1', device: 'tap1' },
        ],
      },
    ],
  },
)
export type BindingChanges = Static<typeof BindingChanges>
