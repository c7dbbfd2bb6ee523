/** The native API's JSON of what owners choose beside their rules. */
import { type Static, type TSchema, Type } from 'typebox'
import { cutFlows } from '../../core/model/policy.ts'
import { logLevels } from '../../core/model/rule.ts'
import type { QuotaName } from '../../storage/storage.ts'
import { choiceOf, closed } from './schema-words.ts'

const CutFlows = (description: string) => choiceOf([...cutFlows, null], description)
const Level = (description: string) => choiceOf([...logLevels, null], description)

const policySettings = {
  cutFlows: CutFlows(
    'What becomes of tracked connections when rules change: `never`: they live on; `revoked`: those that the rules would not let begin any more are ended, and no others; null: what the account says',
  ),
  logAllowed: Level(
    'Level at which what allowing rules let pass is told as decisions where they have none themselves; null: it is not',
  ),
}
const level = Level('Of what the default decides; null: what it lets pass is not told')

export const PolicySettings = Type.Object({
  id: Type.String(),
  name: Type.String(),
  ...policySettings,
  log: Type.Object({ ingress: level, egress: level }),
  revision: Type.Integer({ minimum: 0, description: 'Of the last change to the policy' }),
})

export const PolicyChange = Type.Object(
  {
    cutFlows: Type.Optional(policySettings.cutFlows),
    logAllowed: Type.Optional(policySettings.logAllowed),
    log: Type.Optional(Type.Object({ ingress: Type.Optional(level), egress: Type.Optional(level) }, closed)),
  },
  {
    ...closed,
    description: 'What is given changes; null takes it back',
    examples: [{ cutFlows: 'revoked', log: { ingress: 'warning' } }],
  },
)
export type PolicyChange = Static<typeof PolicyChange>

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
