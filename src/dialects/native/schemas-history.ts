/** JSON of what has been changed, and of what takes it back. */
import { type Static, Type } from 'typebox'
import { closed, DateTime, nullable, oneOf } from './schema-words.ts'

const revisionFields = {
  revision: Type.Integer({ minimum: 1 }),
  at: DateTime,
  actor: Type.String(),
  credential: Type.Optional(
    nullable(
      Type.Object({
        id: Type.String(),
        label: Type.String({ description: 'As it was called then; it may be gone since' }),
      }),
      'For operators alone: which credential did it; null: the system did, or it is older than this field',
    ),
  ),
  account: Type.Optional(
    nullable(
      Type.String(),
      'For operators alone: id of the account that it is about, which may be gone since; null: the installation',
    ),
  ),
  dialect: Type.String(),
  requestId: Type.String(),
  operation: Type.String(),
  resource: Type.String(),
  id: Type.String(),
  server: nullable(Type.String()),
  policy: nullable(Type.String()),
}
const next = nullable(
  Type.Integer({
    description:
      '`before` of the next page; null at the end. A page may hold fewer than its limit, or none, before the end.',
  }),
)
const payload = Type.Unknown({
  description:
    'Lists of rules are `rules`, whole; or `ruleCount` and `changedRules`, only those that differ, with their positions',
})
export const RevisionList = Type.Object({ revisions: Type.Array(Type.Object(revisionFields)), next })
export const Event = Type.Object({ ...revisionFields, before: payload, after: payload })
export const EventList = Type.Object({ events: Type.Array(Event), next })

const text = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 255, description }))
const moment = (description: string) =>
  Type.Optional(Type.String({ format: 'date-time', maxLength: 64, description }))

/** Pages go back in time: `before` is an exclusive revision. */
export const HistoryQuery = Type.Object({
  before: Type.Optional(Type.Integer({ minimum: 1, description: 'An exclusive revision' })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
  account: text('For operators that act in none: id of the account that the change is about; absent: all'),
  server: text('Id of the server that the change is about'),
  policy: text('Id of the policy that the change is about'),
  actor: text('Label of the credential that made the change; or `inventory`, `operator`'),
  credential: text(
    'For operators alone: id of the credential that made the change, `actor` being `operator` or another',
  ),
  dialect: text('API that the change was made through; or `system`'),
  operation: text('`rule.create`, `policy.revert`, …'),
  since: moment('Changes are in order of revisions: those from the first one at this moment or later on'),
  until: moment('Those before the first one at this moment or later'),
})

const Field = Type.Object({
  field: Type.String({ description: 'Names from the outside in, with dots; empty: all of it' }),
  before: Type.Unknown({ description: 'Null: it was not there' }),
  after: Type.Unknown({ description: 'Null: it is not there any more' }),
})
const Rule = Type.Object({
  rule: Type.String(),
  position: Type.Integer({ minimum: 1 }),
  text: Type.String({ description: 'For people: `ingress: allow tcp to port 22`' }),
})
const policyDiff = {
  added: Type.Array(Rule),
  removed: Type.Array(Rule),
  changed: Type.Array(Type.Object({ before: Rule, after: Rule, fields: Type.Array(Field) }), {
    description:
      'Rules that say something else; fields of the spelling of the API that wrote them begin with `spec.`',
  }),
  moved: Type.Array(Type.Object({ before: Rule, after: Rule }), {
    description: 'The fewest rules that stand elsewhere among those that stay',
  }),
  settings: Type.Array(Field),
}

export const RevisionDiff = Type.Object({
  ...revisionFields,
  fields: Type.Array(Field, { description: 'What changed beside rules and settings of policies' }),
  policies: Type.Array(
    Type.Object({
      policy: Type.String(),
      profile: Type.String(),
      name: Type.String(),
      server: nullable(Type.String()),
      change: oneOf('created', 'changed', 'deleted'),
      ...policyDiff,
    }),
    {
      description:
        'Policies whose rules or settings changed, at most 100. None of changes that are older than the history of policies: then `fields` has all there is.',
    },
  ),
  more: Type.Boolean({ description: 'Whether there are more policies' }),
})

export const RevertRequest = Type.Object(
  {
    to: Type.Integer({
      minimum: 1,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'Rules and settings become those that the policy had right after this revision',
    }),
    dryRun: Type.Optional(Type.Boolean({ description: 'Only say what would change. Absent: false' })),
    ifRevision: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: Number.MAX_SAFE_INTEGER,
        description: 'Only while the policy is of this revision, as `If-Match`',
      }),
    ),
  },
  { ...closed, examples: [{ to: 17 }] },
)
export type RevertRequest = Static<typeof RevertRequest>

export const Reverted = Type.Object({
  policy: Type.String(),
  revision: Type.Integer({ description: 'Of the policy now' }),
  changed: Type.Boolean({
    description: 'Whether anything was written; of a dry run, whether anything would be',
  }),
  diff: Type.Object(policyDiff),
})
