/** The native API's JSON of hosts, for operators. */
import { type Static, Type } from 'typebox'
import { interfaceStates } from '../../core/model/desired.ts'
import { sightingSources } from '../../core/model/sighting.ts'
import { choiceOf, closed, DateTime, nextPage, nullable, oneOf, pageQuery } from './schema-words.ts'
import { Connections, FilterMode, InterfaceState, PerDirection, Unanswered } from './schemas.ts'

export const HostList = Type.Object({
  hosts: Type.Array(
    Type.Object({
      host: Type.String(),
      target: Type.String(),
      observe: Type.Boolean(),
      state: oneOf('starting', 'applying', 'applied', 'failing'),
      error: nullable(Type.String(), 'Why it fails'),
      desiredRevision: nullable(Type.Integer({ minimum: 0 }), 'Newest that its agent knows'),
      appliedRevision: nullable(Type.Integer({ minimum: 0 }), 'Newest that is in force'),
      repairs: Type.Integer({ minimum: 0, description: 'Changes by others that were repaired' }),
      warnings: Type.Array(Type.String()),
      agent: nullable(
        Type.Object({
          connected: Type.Boolean({ description: 'What it has put in force stays while it is not' }),
          since: Type.String({
            format: 'date-time',
            description: 'When it has connected, or was disconnected',
          }),
          release: Type.String({ description: 'Of its program' }),
          protocol: Type.Integer({ minimum: 1, description: 'Version that is spoken with it' }),
          refused: nullable(Type.String(), 'Why one was sent away since: its protocol, for example'),
        }),
        'Null: of before the store kept it',
      ),
      interfaces: Type.Array(
        Type.Object({
          id: Type.String(),
          account: Type.String(),
          server: Type.String(),
          device: Type.String(),
          state: InterfaceState,
          mode: nullable(FilterMode),
          error: nullable(Type.String()),
          notes: Type.Array(Type.String()),
          denials: Type.Optional(PerDirection),
          connections: Type.Optional(Connections),
          unanswered: Type.Optional(Unanswered),
        }),
      ),
    }),
  ),
  ...nextPage,
})

export const UnclaimedList = Type.Object(
  {
    devices: Type.Array(
      Type.Object({
        device: Type.String(),
        present: Type.Boolean({
          description: 'False: it is not there yet, and its name is known before it comes',
        }),
        mac: nullable(Type.String(), 'Its guest’s; null: nobody on the host says'),
        address: nullable(Type.String(), 'Its own; null: it is not there yet, or none of Ethernet'),
        guest: nullable(
          Type.Object({
            id: Type.String({ description: 'Its UUID or number at its hypervisor' }),
            name: Type.String(),
          }),
          'Null: nobody on the host says whose it is',
        ),
        source: choiceOf(sightingSources, 'Who knows whose it is; links: nobody, the kernel has it'),
        guarded: Type.Boolean({ description: 'Whether nothing passes there: the agent’s guard closes it' }),
        since: DateTime,
        why: Type.String({ description: 'Why no interface is on it' }),
      }),
    ),
    ...nextPage,
  },
  {
    examples: [
      {
        devices: [
          {
            ...{ device: 'vnet3', present: true, mac: '52:54:00:12:34:56', address: 'fe:54:00:12:34:56' },
            guest: { id: '5d1c1b1e-6f0f-4a57-9c83-1a6f0b1f9a10', name: 'web1' },
            ...{ source: 'libvirt', guarded: true, since: '2026-11-26T12:00:00.000Z' },
            why: 'no interface has the MAC address 52:54:00:12:34:56',
          },
        ],
        next: null,
      },
    ],
  },
)
const short = (description: string, maxLength = 255) => Type.String({ minLength: 1, maxLength, description })
const several = (description: string) =>
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 100, description })

export const DeviceAdoption = Type.Object(
  {
    device: short('Its name on the host', 15),
    account: short('By id'),
    profile: short('Of the server'),
    zone: Type.Optional(
      short('Or the datacenter that the server is in; absent: the first of the profile, or of the account'),
    ),
    name: Type.Optional(short('Of the server; absent: as the guest is called')),
    mac: Type.Optional(short('Of the guest’s card; needed where nobody on the host says it', 17)),
    addresses: Type.Optional(several('From which it may send; absent: none')),
    policies: Type.Optional(several('By id, in order; absent: what the profile attaches by itself')),
  },
  {
    ...closed,
    examples: [{ device: 'vnet3', account: '7b0c6a52-6f0e-4b6e-8a7e-0d2f8f5f7c11', profile: 'upcloud' }],
  },
)
export type DeviceAdoption = Static<typeof DeviceAdoption>

export const UnclaimedQuery = Type.Object({ ...pageQuery })

export const HostQuery = Type.Object({
  host: Type.Optional(Type.String({ maxLength: 255 })),
  account: Type.Optional(
    Type.String({ maxLength: 255, description: 'Id: only its interfaces, and hosts that have some' }),
  ),
  state: Type.Optional(choiceOf(interfaceStates, 'Only interfaces in it, and hosts that have some')),
  ...pageQuery,
})
