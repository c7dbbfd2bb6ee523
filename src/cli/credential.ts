/** `portcullis credential` and `portcullis host-credential`: who may ask the service. */
import { Command, Option } from 'commander'
import type { JsonObject } from '../core/json.ts'
import type { Question } from './caller.ts'
import { complain, note } from './output.ts'
import { call, ifRevisionOption, list, type ResourceFlags, remove, show, table, verb } from './resource.ts'
import { expiresOption, overlapOption } from './until.ts'

interface Credential {
  readonly id: string
  readonly holder: string
  readonly account: string | null
  readonly host: string | null
  readonly kind: string
  readonly label: string
  readonly scopes: readonly string[]
  readonly profiles: readonly string[] | null
  readonly servers: readonly string[] | null
  /** Null: all. */
  readonly adopts: readonly string[] | null
  readonly expiresAt: string | null
  readonly expired: boolean
  readonly previousUntil: string | null
  readonly lastUsedAt: string | null
  readonly revision: number
}

interface Secret extends Credential {
  readonly token?: string
  readonly username?: string | null
  readonly password?: string
  readonly accessKey?: string | null
  readonly secretKey?: string
}

interface Flags extends ResourceFlags {
  readonly account?: string
  readonly holder?: string
  readonly host?: string
  readonly kind?: string
  readonly expired?: true
  readonly label?: string
  readonly scopes?: readonly string[]
  readonly profiles?: readonly string[]
  readonly servers?: readonly string[]
  readonly adopts?: readonly string[]
  readonly adoptsAny?: true
  readonly expires?: number
  readonly never?: true
  readonly user?: string
  readonly project?: string
  readonly overlap: number
}

const kinds = ['token', 'password', 'secret-key']
const base = 'v1/credentials'
const path = (id: string) => `${base}/${encodeURIComponent(id)}`
const items = (text: string) => text.split(',').filter((each) => each !== '')

const withLimits = (command: Command) =>
  command
    .option('--label <text>', 'what the audit calls who uses it')
    .addOption(new Option('--scopes <list>', 'read,write').argParser(items))
    .addOption(new Option('--profiles <list>', 'only with these dialects; none: all').argParser(items))
    .addOption(new Option('--servers <list>', 'only these servers, by id; none: all').argParser(items))
    .addOption(expiresOption())

export function credentialCommand(): Command {
  return new Command('credential')
    .description('credentials of accounts: made, rotated, changed and revoked')
    .addCommand(
      verb('list', 'credentials, without their secrets', 'portcullis credential list --expired')
        .option('--account <id>', 'only of this account')
        .addOption(new Option('--holder <holder>', 'only of these').choices(['account', 'operator', 'host']))
        .option('--host <name>', 'only of the agent of this host')
        .addOption(new Option('--kind <kind>', 'only of this kind').choices(kinds))
        .option('--expired', 'only those that have ended')
        .action(listAll),
    )
    .addCommand(
      verb('show', 'one credential, without its secret', 'portcullis credential show 7f8c2e9a')
        .argument('<credential>', 'its id')
        .action(async (id: string, flags: Flags, command: Command) =>
          show(flags, await call<Credential & JsonObject>(command, path(id), 'id'), inWords),
        ),
    )
    .addCommand(
      withLimits(
        verb(
          'create',
          'make one; its secret is answered now and never again',
          'portcullis credential create --scopes read,write --expires 90d',
        ),
      )
        .addOption(new Option('--kind <kind>', 'what it is').choices(kinds).default('token'))
        .option('--account <id>', 'whose it is to be, where an operator acts in no account')
        .option('--user <name>', 'of a password, which is made here')
        .option(
          '--project <id>',
          'of a secret key: in which of the account’s projects it is; none: the first',
        )
        .action(async (flags: Flags, command: Command) => {
          const { account, kind, user: username, project } = flags
          const body = {
            scopes: ['read'],
            kind,
            ...given({ account, username, project }),
            ...limitsOf(flags),
          }
          await tellSecret(flags, command, base, { body })
        }),
    )
    .addCommand(
      rotation(
        'portcullis credential rotate 7f8c2e9a --overlap 1h',
        'give it a new secret; the one before holds on for a time',
      ),
    )
    .addCommand(
      withLimits(
        verb(
          'update',
          'change what it permits and when it ends',
          'portcullis credential update 7f8c2e9a --expires 30d',
        ),
      )
        .argument('<credential>', 'its id')
        .option('--never', 'it does not end')
        .addOption(adoptsOption())
        .addOption(adoptsAnyOption())
        .addOption(ifRevisionOption())
        .action(async (id: string, flags: Flags, command: Command) => {
          const body = { ...limitsOf(flags), ...(flags.never && { expiresAt: null }) }
          const asked = { method: 'PATCH', body, ifRevision: flags.ifRevision } as const
          show(flags, await call<Credential & JsonObject>(command, path(id), 'id', asked), inWords)
        }),
    )
    .addCommand(revocation('portcullis credential revoke 7f8c2e9a'))
}

export function hostCredentialCommand(): Command {
  const hostPath = (host: string) => `v1/hosts/${encodeURIComponent(host)}/credentials`
  return new Command('host-credential')
    .description('credentials of the agents of hosts, for operators')
    .addCommand(
      verb('list', 'those of one host', 'portcullis host-credential list kvm7')
        .argument('<host>', 'its name')
        .action(async (host: string, flags: Flags, command: Command) =>
          show(flags, await list<Credential>(command, hostPath(host), 'credentials'), rows),
        ),
    )
    .addCommand(
      verb(
        'create',
        'make one, bound to the host’s name; its token is answered now and never again',
        'portcullis host-credential create kvm7',
      )
        .argument('<host>', 'its name')
        .option('--label <text>', 'what it is called in lists')
        .addOption(adoptsOption())
        .addOption(adoptsAnyOption())
        .addOption(expiresOption())
        .action((host: string, flags: Flags, command: Command) =>
          tellSecret(flags, command, hostPath(host), { body: limitsOf(flags) }),
        ),
    )
    .addCommand(
      rotation(
        'portcullis host-credential rotate 7f8c2e9a --overlap 1h',
        'give it a new token; the one before holds on for a time',
      ),
    )
    .addCommand(revocation('portcullis host-credential revoke 7f8c2e9a'))
}

const adoptsOption = () =>
  new Option(
    '--adopts <list>',
    'accounts that the host’s agent may adopt guests into, by id; an empty one: none',
  ).argParser(items)
const adoptsAnyOption = () =>
  new Option('--adopts-any', 'it may adopt guests into every account').conflicts('adopts')

const rotation = (example: string, description: string) =>
  verb('rotate', description, example)
    .argument('<credential>', 'its id')
    .addOption(overlapOption())
    .addOption(ifRevisionOption())
    .action((id: string, flags: Flags, command: Command) =>
      tellSecret(flags, command, `${path(id)}/rotate`, {
        ...{ body: { overlap: flags.overlap }, ifRevision: flags.ifRevision },
      }),
    )

const revocation = (example: string) =>
  verb('revoke', 'end it at once', example)
    .argument('<credential>', 'its id')
    .addOption(ifRevisionOption())
    .action(async (id: string, flags: Flags, command: Command) => {
      if (!(await remove(command, path(id), { ifRevision: flags.ifRevision }))) return
      show(flags, { revoked: id }, () => `${id} is revoked`)
    })

async function listAll(flags: Flags, command: Command): Promise<void> {
  const { account, holder, host, kind, expired } = flags
  const filters = { account, holder, host, kind, expired: expired && 'true' }
  show(flags, await list<Credential>(command, base, 'credentials', filters), rows)
}

/** What is given of these, without what is not. */
const given = (values: JsonLike) =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined))
type JsonLike = Readonly<Record<string, string | readonly string[] | undefined>>

function limitsOf({ label, scopes, profiles, servers, adopts, adoptsAny, expires }: Flags) {
  const expiresAt = expires === undefined ? undefined : new Date(expires).toISOString()
  return {
    ...given({ label, scopes, profiles, servers, adopts, expiresAt }),
    ...(adoptsAny && { adopts: null }),
  }
}

async function tellSecret(flags: Flags, command: Command, at: string, question: Question): Promise<void> {
  const made = await call<Secret & JsonObject>(command, at, 'id', question)
  if (!made) return
  const secret = made.token ?? made.password ?? made.secretKey
  if (secret === undefined) return complain('the service answered without a secret', 1)
  note('the secret is told now and never again: keep it where nobody else reads it')
  const name = made.kind === 'token' ? '' : `${made.username ?? made.accessKey} `
  show(flags, made, () => `${name}${secret}`)
}

const rows = (found: readonly Credential[]): string =>
  table([
    ['id', 'holder', 'kind', 'label', 'scopes', 'adopts', 'ends', 'last used'],
    ...found.map(({ id, holder, account, host, kind, label, scopes, adopts, expiresAt, lastUsedAt }) => [
      ...[id, host ?? account ?? holder, kind, label, scopes.join(',')],
      adopts === null ? 'any' : adopts.join(','),
      ...[expiresAt ?? 'never', lastUsedAt ?? 'never'],
    ]),
  ])

const inWords = (credential: Credential & JsonObject): string =>
  table([
    ['what', 'value'],
    ...Object.entries(credential).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ])
