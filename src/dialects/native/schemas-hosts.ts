/** The native API's JSON of hosts, for operators. */
import { Type } from 'typebox'
import { interfaceStates } from '../../core/model/desired.ts'
import { choiceOf, nextPage, nullable, oneOf, pageQuery } from './schema-words.ts'
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

export const HostQuery = Type.Object({
  host: Type.Optional(Type.String({ maxLength: 255 })),
  account: Type.Optional(
    Type.String({ maxLength: 255, description: 'Id: only its interfaces, and hosts that have some' }),
  ),
  state: Type.Optional(choiceOf(interfaceStates, 'Only interfaces in it, and hosts that have some')),
  ...pageQuery,
})
