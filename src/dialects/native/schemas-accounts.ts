/** The native API's JSON of accounts, and of what providers list in them. */
import { type Static, Type } from 'typebox'
import { cutFlows } from '../../core/model/policy.ts'
import { limited } from '../../service/accounts.ts'
import { choiceOf, closed, DateTime, nextPage, nullable, pageQuery } from './schema-words.ts'

const id = Type.String({ minLength: 1, maxLength: 100, description: 'Absent: made up' })
const name = Type.String({ minLength: 1, maxLength: 255, description: 'Unique' })
const CutFlows = choiceOf(
  [...cutFlows, null],
  'What becomes of connections when rules change, of policies that say nothing themselves; null: as if never set, `never`',
)
const own = 'Keys of providers, as docs/inventory.md has them for accounts, are members beside these.'

const quota = (value: ReturnType<typeof Type.Integer>) =>
  Type.Object(
    Object.fromEntries(limited.map((each) => [each, Type.Optional(nullable(value))])) as Record<
      (typeof limited)[number],
      ReturnType<typeof Type.Optional<ReturnType<typeof nullable<typeof value>>>>
    >,
    { ...closed, description: 'Most of each that the account may have; null or absent: not limited' },
  )
const Quotas = quota(Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

export const ManagedAccount = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    closed: Type.Boolean({
      description: 'It answers to nobody and keeps everything; hosts close its devices',
    }),
    origin: nullable(
      choiceOf(['inventory', 'api'] as const),
      'Whether the inventory file or an API owns it; null while it is closed',
    ),
    cutFlows: CutFlows,
    quotas: Quotas,
    created: nullable(DateTime),
    revision: Type.Integer(),
  },
  { additionalProperties: true, description: own },
)

export const ManagedAccountList = Type.Object({ accounts: Type.Array(ManagedAccount), ...nextPage })

export const AccountQuery = Type.Object({
  ...pageQuery,
  name: Type.Optional(Type.String({ description: 'Exactly' })),
  closed: Type.Optional(choiceOf(['true', 'false'], 'Absent: both')),
})

export const AccountCreation = Type.Object(
  {
    name,
    id: Type.Optional(id),
    cutFlows: Type.Optional(CutFlows),
    quotas: Type.Optional(Quotas),
  },
  {
    additionalProperties: true,
    description: own,
    examples: [{ name: 'acme', quotas: { servers: 100, rules: 10_000 } }],
  },
)
export type AccountCreation = Static<typeof AccountCreation>

export const AccountUpdate = Type.Object(
  {
    name: Type.Optional(name),
    cutFlows: Type.Optional(CutFlows),
    quotas: Type.Optional(Quotas),
    closed: Type.Optional(Type.Boolean()),
  },
  {
    additionalProperties: true,
    description: `What is given changes; null takes it back. ${own}`,
    examples: [{ quotas: { servers: 200, rules: null } }, { closed: true }],
  },
)
export type AccountUpdate = Static<typeof AccountUpdate>

const listed = {
  profile: Type.String(),
  id: Type.String(),
  name: Type.String(),
  account: Type.Optional(
    nullable(Type.String(), 'Only told to operators; null: a catalogue offers it to all'),
  ),
  revision: Type.Integer({ description: '0: a catalogue offers it, and it cannot be changed here' }),
}
const ofProvider =
  'Keys of its provider, as docs/inventory.md has them for what accounts list, are members beside these.'
export const Listed = Type.Object(listed, { additionalProperties: true, description: ofProvider })
export const ProjectList = Type.Object({ projects: Type.Array(Listed), ...nextPage })
export const ZoneList = Type.Object({ zones: Type.Array(Listed), ...nextPage })

export const ListedQuery = Type.Object({
  ...pageQuery,
  profile: Type.Optional(Type.String({ description: 'Of this provider alone' })),
})

const creation = (profile: string) =>
  Type.Object(
    {
      profile: Type.String({ maxLength: 32, description: 'The dialect that has such ones' }),
      name: Type.String({ minLength: 1, maxLength: 255 }),
      id: Type.Optional(id),
      account: Type.Optional(Type.String({ maxLength: 100, description: 'Of operators that act in none' })),
    },
    { additionalProperties: true, description: ofProvider, examples: [{ profile, name: 'production' }] },
  )
export const ProjectCreation = creation('scaleway')
export const ZoneCreation = creation('ionos')
export type ListedCreation = Static<typeof ProjectCreation>

export const ListedUpdate = Type.Object(
  { name: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })) },
  { additionalProperties: true, description: ofProvider, examples: [{ name: 'staging' }] },
)
