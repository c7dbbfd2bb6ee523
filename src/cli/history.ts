/** `portcullis history` and `portcullis revert`: who changed what, how it differs, and how it is undone. */
import { Argument, type Command } from 'commander'
import type { JsonValue } from '../core/json.ts'
import { wholeFrom } from './options.ts'
import { call, ifRevisionOption, type ResourceFlags, show, table, verb } from './resource.ts'

export const historyCommand = (): Command =>
  verb(
    'history',
    'committed changes, newest first',
    'portcullis history --server web1 --since 2026-01-31T12:00:00Z',
  )
    .option('--account <id>', 'only changes in this account; for operators, who are shown those of all')
    .option('--server <id>', 'only changes about this server')
    .option('--policy <id>', 'only changes about this policy')
    .option('--actor <label>', 'only changes by this credential, or `inventory`')
    .option('--credential <id>', 'only changes by the credential with this id; for operators')
    .option('--dialect <name>', 'only changes through this API')
    .option('--since <moment>', 'from the first change at this moment on')
    .option('--until <moment>', 'before the first change at this moment')
    .option('--limit <number>', 'at most so many', wholeFrom(1, 1000), 100)
    .action(list)
    .addCommand(
      verb('show', 'what a revision changed, rule by rule', 'portcullis history show 1234')
        .addArgument(revisionArgument())
        .action(showOne),
    )

export const revertCommand = (): Command =>
  verb(
    'revert',
    'give a policy the rules and settings that it had after a revision',
    'portcullis revert POLICY --to 1234 --dry-run',
  )
    .argument('<policy>', 'id of the policy')
    .requiredOption(
      '--to <revision>',
      'as it was right after this one',
      wholeFrom(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--dry-run', 'only say what would change')
    .addOption(ifRevisionOption())
    .action(revert)

const revisionArgument = () =>
  new Argument('<revision>', 'its number').argParser(wholeFrom(1, Number.MAX_SAFE_INTEGER))

interface Revision {
  readonly revision: number
  readonly at: string
  readonly actor: string
  /** Operators are told; null: the installation. */
  readonly account?: string | null
  readonly credential?: { readonly id: string; readonly label: string } | null
  readonly dialect: string
  readonly operation: string
  readonly id: string
}
/** `operator (ada)`: whose label says more than the account is told. */
const whoOf = ({ actor, credential }: Revision) =>
  credential && credential.label !== actor ? `${actor} (${credential.label})` : actor

interface Seen {
  readonly position: number
  readonly text: string
}
interface Field {
  readonly field: string
  readonly before: JsonValue
  readonly after: JsonValue
}
interface Diff {
  readonly added: readonly Seen[]
  readonly removed: readonly Seen[]
  readonly changed: readonly {
    readonly before: Seen
    readonly after: Seen
    readonly fields: readonly Field[]
  }[]
  readonly moved: readonly { readonly before: Seen; readonly after: Seen }[]
  readonly settings: readonly Field[]
}
interface RevisionDiff extends Revision {
  readonly fields: readonly Field[]
  readonly policies: readonly (Diff & {
    readonly policy: string
    readonly name: string
    readonly change: string
  })[]
  readonly more: boolean
}

const filters = ['account', 'server', 'policy', 'actor', 'credential', 'dialect', 'since', 'until'] as const
type ListFlags = ResourceFlags & { readonly limit: number } & Readonly<
    Partial<Record<(typeof filters)[number], string>>
  >

/** Pages may be short of their limit before the end. */
async function list(flags: ListFlags, command: Command): Promise<void> {
  const revisions: Revision[] = []
  const query = new URLSearchParams()
  for (const name of filters) if (flags[name] !== undefined) query.set(name, flags[name])
  let next: number | null = null
  do {
    query.set('limit', String(flags.limit - revisions.length))
    if (next !== null) query.set('before', String(next))
    const page: { revisions: readonly Revision[]; next: number | null } | undefined = await call(
      command,
      `v1/revisions?${query}`,
      'revisions',
    )
    if (!page) return
    revisions.push(...page.revisions)
    next = page.next
  } while (next !== null && revisions.length < flags.limit)
  const told = revisions.some(({ account }) => account !== undefined)
  show(flags, { revisions, next }, ({ revisions }) =>
    table([
      [...['revision', 'at', 'actor', 'through', 'operation', 'id'], ...(told ? ['account'] : [])],
      ...revisions.map((each) => [
        ...[String(each.revision), each.at, whoOf(each), each.dialect, each.operation, each.id],
        ...(told ? [each.account ?? ''] : []),
      ]),
    ]),
  )
}

/** Options that `history` has, too, are read by it, wherever they stand. */
async function showOne(revision: number, _: object, command: Command): Promise<void> {
  const flags: ResourceFlags = command.optsWithGlobals()
  const found = await call<RevisionDiff>(
    command.parent ?? command,
    `v1/revisions/${revision}/diff`,
    'policies',
  )
  show(flags, found, (diff) =>
    [
      `revision ${diff.revision}, ${diff.at}: ${diff.operation} ${diff.id} by ${whoOf(diff)} through ${diff.dialect}`,
      ...diff.fields.map(fieldLine),
      ...diff.policies.flatMap(({ policy, name, change, ...each }) => [
        `policy ${name || policy} (${policy}) ${change}`,
        ...linesOf(each),
      ]),
      ...(diff.more ? ['and more policies'] : []),
    ].join('\n'),
  )
}

interface Reverted {
  readonly policy: string
  readonly revision: number
  readonly changed: boolean
  readonly diff: Diff
}

async function revert(
  policy: string,
  flags: ResourceFlags & { readonly to: number; readonly dryRun?: true },
  command: Command,
): Promise<void> {
  const { to, dryRun = false, ifRevision } = flags
  const path = `v1/policies/${encodeURIComponent(policy)}/revert`
  const done = await call<Reverted>(command, path, 'diff', { body: { to, dryRun }, ifRevision })
  show(flags, done, ({ changed, revision, diff }) =>
    [
      ...(changed ? [dryRun ? 'would change:' : `changed, revision ${revision}:`] : ['nothing differs']),
      ...linesOf(diff),
    ].join('\n'),
  )
}

const at = ({ position, text }: Seen) => `#${position} ${text}`
const fieldLine = ({ field, before, after }: Field) =>
  `    ${field || 'all'}: ${JSON.stringify(before)} -> ${JSON.stringify(after)}`

const linesOf = ({ added, removed, changed, moved, settings }: Diff): readonly string[] => [
  ...removed.map((rule) => `  - ${at(rule)}`),
  ...added.map((rule) => `  + ${at(rule)}`),
  ...changed.flatMap(({ before, after, fields }) => [
    `  ~ ${at(before)}`,
    `    ${at(after)}`,
    // What a rule is about is in its text.
    ...fields.filter(({ field }) => field !== 'matches' || before.text === after.text).map(fieldLine),
  ]),
  ...moved.map(({ before, after }) => `  > #${before.position} to ${at(after)}`),
  ...(settings.length > 0 ? ['  settings:', ...settings.map(fieldLine)] : []),
]
