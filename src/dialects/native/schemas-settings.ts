/** The native API's JSON of what owners choose beside their rules. */
import { type Static, Type } from 'typebox'
import { cutFlows } from '../../core/model/policy.ts'
import { logLevels } from '../../core/model/rule.ts'
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

export const Account = Type.Object({
  account: Type.String({ description: 'Its id' }),
  cutFlows: choiceOf(cutFlows, 'Of policies that say nothing themselves'),
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
