/** The native API's JSON of what owners choose beside their rules. */
import { type Static, type TSchema, Type } from 'typebox'
import { cutFlows } from '../../core/model/policy.ts'
import type { QuotaName } from '../../storage/storage.ts'
import { CutFlows, choiceOf, closed } from './schema-words.ts'

/** What can be limited, in words. */
const limited = {
  servers: 'servers',
  policies: 'policies by themselves: those that a server or an interface comes with are not counted',
  rules: 'rules of all policies',
  credentials: 'credentials',
  addresses: 'addresses and prefixes of pools that it holds, or that are set aside for it',
} as const satisfies Record<QuotaName, string>

const byQuota = <T extends TSchema>(schema: (what: string) => T) =>
  Type.Object(
    Object.fromEntries(Object.entries(limited).map(([name, what]) => [name, schema(what)])) as Record<
      QuotaName,
      T
    >,
  )

export const Account = Type.Object({
  account: Type.String({ description: 'Its id' }),
  cutFlows: choiceOf(cutFlows, 'Of policies that say nothing themselves'),
  quotas: byQuota((what) =>
    Type.Union([Type.Integer({ minimum: 0 }), Type.Null()], { description: `Most ${what}; null: no limit` }),
  ),
  usage: byQuota((what) => Type.Integer({ minimum: 0, description: `How many there are: ${what}` })),
})

export const AccountChange = Type.Object(
  {
    cutFlows: Type.Optional(
      CutFlows('Of policies that say nothing themselves; null: as if never set, `never`'),
    ),
  },
  { ...closed, examples: [{ cutFlows: 'revoked' }] },
)
export type AccountChange = Static<typeof AccountChange>
