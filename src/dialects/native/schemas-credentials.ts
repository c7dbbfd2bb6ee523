/** The native API's JSON of credentials. */
import { type Static, Type } from 'typebox'
import { linePattern } from '../../service/config/fields.ts'
import { mostOverlap, usualOverlap } from '../../service/credentials.ts'
import { choiceOf, closed, DateTime, nextPage, nullable, oneOf, pageQuery } from './schema-words.ts'

const scopeWords = ['read', 'write', 'read:vm', 'write:vm'] as const
export const kinds = ['token', 'password', 'secret-key'] as const
export const holders = ['account', 'operator', 'host'] as const

const names = (description: string) =>
  nullable(
    Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
      ...{ minItems: 1, maxItems: 1000, uniqueItems: true },
    }),
    description,
  )
const limits = {
  profiles: names('Dialects that it may be used with, and that the native API shows to it; null: all'),
  servers: names('Servers that it may see and change, by id; null: all'),
}
const adopts = nullable(
  Type.Array(Type.String({ minLength: 1, maxLength: 255 }), { maxItems: 1000, uniqueItems: true }),
  'Of one that a host holds: accounts that its agent may adopt guests into, by id; empty: none; null: all',
)
const expiresAt = nullable(DateTime, 'From then on it is refused; null: never')
const label = (description: string) =>
  Type.String({ minLength: 1, maxLength: 255, pattern: linePattern, description })
const Scopes = Type.Array(choiceOf(scopeWords), {
  ...{ minItems: 1, maxItems: 4, uniqueItems: true },
  description: 'What it permits',
})

const held = {
  holder: oneOf(...holders),
  account: nullable(Type.String({ description: 'Id of the account that holds it' })),
  host: nullable(Type.String({ description: 'The one whose agent holds it' })),
  label: Type.String({ description: 'What the audit calls who uses it' }),
  kind: oneOf(...kinds),
  scopes: Type.Array(Type.String()),
  ...{ ...limits, adopts },
  expiresAt,
}

export const Credential = Type.Object({
  id: Type.String(),
  ...held,
  username: nullable(Type.String({ description: 'Of a password' })),
  accessKey: nullable(Type.String({ description: 'Of a secret key' })),
  project: nullable(
    Type.String({
      description: 'Of a secret key: id of the project that it is in; null: the account’s first',
    }),
  ),
  origin: oneOf('inventory', 'api'),
  createdAt: nullable(DateTime),
  expired: Type.Boolean(),
  previousUntil: nullable(DateTime, 'So long the secret before the last rotation holds; null: there is none'),
  lastUsedAt: nullable(DateTime, 'To within a minute'),
  revision: Type.Integer({ minimum: 0, description: 'Of its last change; 0: before that was noted down' }),
})

/** Answered once, and again to the same `Idempotency-Key`. */
export const CredentialWithSecret = Type.Object({
  ...Credential.properties,
  token: Type.Optional(Type.String()),
  password: Type.Optional(Type.String()),
  secretKey: Type.Optional(Type.String()),
})

export const CredentialList = Type.Object({ credentials: Type.Array(Credential), ...nextPage })

export const CredentialQuery = Type.Object({
  ...pageQuery,
  account: Type.Optional(Type.String({ description: 'By id. Of operators alone' })),
  holder: Type.Optional(choiceOf(holders)),
  host: Type.Optional(Type.String()),
  kind: Type.Optional(choiceOf(kinds)),
  expired: Type.Optional(choiceOf(['true', 'false'])),
})
export const HostCredentialQuery = Type.Object(pageQuery)

const password = Type.String({
  ...{ minLength: 12, maxLength: 256, pattern: linePattern },
  description: 'Absent: made here',
})

export const NewCredential = Type.Object(
  {
    account: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: 255 },
        description: 'Whose it is to be, by id: operators name one',
      }),
    ),
    kind: choiceOf(
      kinds,
      'A bearer token or API key; a username with a password; or an access key with a secret key',
    ),
    label: Type.Optional(label('Absent: the username, the access key, or a part of the token’s digest')),
    scopes: Scopes,
    profiles: Type.Optional(limits.profiles),
    servers: Type.Optional(limits.servers),
    expiresAt: Type.Optional(expiresAt),
    username: Type.Optional(
      Type.String({
        // RFC 7617: the user's name has no colon.
        ...{ minLength: 1, maxLength: 255, pattern: linePattern.replace('[^', '[^:') },
        description: 'Of a password, which needs one',
      }),
    ),
    password: Type.Optional(password),
    profile: Type.Optional(
      Type.String({
        maxLength: 255,
        description: 'Whose form a secret key has; absent where only one has secret keys',
      }),
    ),
    project: Type.Optional(
      Type.String({
        ...{ minLength: 1, maxLength: 255, pattern: linePattern },
        description: 'In which of the account’s projects a secret key is, by id; absent: the first',
      }),
    ),
  },
  {
    ...closed,
    examples: [
      { kind: 'token', label: 'deploy', scopes: ['read', 'write'], expiresAt: '2027-01-31T00:00:00Z' },
    ],
  },
)
export type NewCredential = Static<typeof NewCredential>

export const NewHostCredential = Type.Object(
  {
    label: Type.Optional(label('Absent: a part of the token’s digest')),
    adopts: Type.Optional(adopts),
    expiresAt: Type.Optional(expiresAt),
  },
  { ...closed, examples: [{ label: 'kvm7', adopts: [] }] },
)
export type NewHostCredential = Static<typeof NewHostCredential>

export const CredentialChange = Type.Object(
  {
    label: Type.Optional(label('What the audit calls who uses it')),
    scopes: Type.Optional(Scopes),
    profiles: Type.Optional(limits.profiles),
    servers: Type.Optional(limits.servers),
    adopts: Type.Optional(adopts),
    expiresAt: Type.Optional(expiresAt),
  },
  { ...closed, description: 'What is given changes', examples: [{ expiresAt: '2027-01-31T00:00:00Z' }] },
)
export type CredentialChange = Static<typeof CredentialChange>

export const Rotation = Type.Object(
  {
    overlap: Type.Optional(
      Type.Integer({
        ...{ minimum: 0, maximum: mostOverlap, default: usualOverlap },
        description:
          'Seconds that the secret before holds on. One that held on from an earlier rotation ends',
      }),
    ),
    password: Type.Optional(password),
  },
  { ...closed, examples: [{ overlap: 3600 }] },
)
export type Rotation = Static<typeof Rotation>

export const WhoAmI = Type.Object({ credential: Type.String({ description: 'Its id' }), ...held })
