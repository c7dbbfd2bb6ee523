/** Calls the service: the address and the credential of every command that is a client of it, and what can go wrong. */
import { setDefaultCACertificates } from 'node:tls'
import { type Command, Option } from 'commander'
import { isObject, type JsonValue } from '../core/json.ts'
import { certificateTrouble } from '../core/net/certificate-trouble.ts'
import { err, ok, type Result } from '../core/result.ts'
import { authoritiesFor, type ConnectionOptions, caOption, howToTrust, insecureOption } from './connection.ts'
import { printable } from './output.ts'
import { inWords } from './words.ts'

/** The three ways to say who one is, and the header of each. */
const kinds = [
  {
    needs: ['token'],
    header: ({ token }: Credentials) => ({ authorization: `Bearer ${token}` }),
  },
  {
    needs: ['username', 'password'],
    header: ({ username, password }: Credentials) => ({
      authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`,
    }),
  },
  {
    needs: ['secretKey'],
    header: ({ secretKey }: Credentials) => ({ 'x-auth-token': String(secretKey) }),
  },
] as const

interface Credentials {
  readonly token?: string
  readonly username?: string
  readonly password?: string
  readonly secretKey?: string
}

/** The account that an operator acts in, as the bytes of UTF-8; nobody else may send it. */
const onBehalfOf = ({ onBehalfOf: account }: { readonly onBehalfOf?: string }) =>
  account === undefined ? {} : { 'on-behalf-of': Buffer.from(account).toString('latin1') }

/** A header's value with characters that none may have. */
const isUnsendable = (value: string) => /[^\t -~\u0080-\u00ff]/.test(value.trim())

/** Adds `--url`, how it is reached, and what credentials are given by; each has an environment variable, because arguments can be seen by others. */
export function withCaller(command: Command): Command {
  return command
    .addOption(
      new Option('--url <url>', 'of the service').default('http://127.0.0.1:8080').env('PORTCULLIS_URL'),
    )
    .addOption(caOption())
    .addOption(insecureOption())
    .addOption(new Option('--token <token>', 'of an account or an operator').env('PORTCULLIS_TOKEN'))
    .addOption(new Option('--username <name>', 'in place of a token').env('PORTCULLIS_USERNAME'))
    .addOption(new Option('--password <password>', 'of that user').env('PORTCULLIS_PASSWORD'))
    .addOption(
      new Option('--secret-key <key>', 'in place of a token: a Scaleway key').env('PORTCULLIS_SECRET_KEY'),
    )
    .addOption(
      new Option('--on-behalf-of <account>', 'id or name of the account that an operator acts in').env(
        'PORTCULLIS_ON_BEHALF_OF',
      ),
    )
}

/** Headers for the one credential that is given; what is on the command line comes before the environment. */
function credentialOf(command: Command): Result<Readonly<Record<string, string>>> {
  const given: Credentials = command.opts()
  const named = (name: string) => command.getOptionValueSource(name) === 'cli'
  const complete = kinds.filter(({ needs }) => needs.every((name) => given[name]))
  const chosen = complete.filter(({ needs }) => needs.some(named))
  const [kind, another] = chosen.length > 0 ? chosen : complete
  if (another) return err('one credential is needed, not several: --token, --username or --secret-key')
  if (kind) return ok(kind.header(given))
  const half = given.username !== undefined || given.password !== undefined
  if (half) return err('--username and --password (PORTCULLIS_PASSWORD) go together')
  return err(
    'a credential is needed: --token, --username with --password, or --secret-key, or PORTCULLIS_TOKEN and the like',
  )
}

/** Why there is no answer, in one line. */
export interface Refusal {
  readonly text: string
  /** Absent: nobody answered, or nobody was asked. */
  readonly status?: number
}

export interface Question {
  /** Absent: POST with a body, GET without one. */
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Sent as JSON. */
  readonly body?: object
  /** Sent as it is, in place of a body. */
  readonly text?: string
  /** Only while the resource is of this revision (`If-Match`). */
  readonly ifRevision?: number | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal
}

/**
 * Asks the service that the command is a client of. `path` has no slash at its beginning, and no part that is empty, `.` or `..`:
 * as ids they would lead to something else than what was meant.
 */
export async function ask(
  command: Command,
  path: string,
  { method, body, text, ifRevision, headers = {}, signal }: Question = {},
): Promise<Result<Response, Refusal>> {
  const credential = credentialOf(command)
  if (!credential.ok) return err({ text: credential.error })
  const who: Readonly<Record<string, string>> = { ...credential.value, ...onBehalfOf(command.opts()) }
  const unsendable = Object.keys(who).find((name) => isUnsendable(who[name] ?? ''))
  // Without the value: it may be a secret.
  if (unsendable !== undefined) return err({ text: `no header may have what is given for ${unsendable}` })
  const astray = path
    .split('?', 1)[0]
    ?.split('/')
    .find((part) => /^\.{0,2}$/.test(part))
  if (astray !== undefined) return err({ text: `nothing has the id '${astray}'` })
  const { url } = command.opts<{ url: string }>()
  const base = URL.parse(url.endsWith('/') ? url : `${url}/`)
  if (!base)
    return err({ text: withoutSecrets(`--url ${url}: expected a URL such as https://api.example.com`) })
  const connected = await connect(command, base)
  if (!connected.ok) return err({ text: withoutSecrets(`--url ${url}: ${connected.error}`) })
  try {
    const response = await fetch(new URL(path, base), {
      headers: {
        ...who,
        ...(ifRevision !== undefined && { 'if-match': `"${ifRevision}"` }),
        ...(body && { 'content-type': 'application/json' }),
        ...(text !== undefined && { 'content-type': 'application/yaml' }),
        ...headers,
      },
      method: method ?? (body ? 'POST' : 'GET'),
      ...(body && { body: JSON.stringify(body) }),
      ...(text !== undefined && { body: text }),
      ...(signal && { signal }),
      // The service leads nowhere, and a credential is not taken where something else does.
      redirect: 'manual',
    })
    if (response.ok) return ok(response)
    const { status } = response
    const elsewhere = response.headers.get('location')
    if (status >= 300 && status < 400 && elsewhere !== null) {
      return err({
        status,
        text: printable(withoutSecrets(`${url} leads to ${elsewhere}: call that by --url`)),
      })
    }
    return err({ status, text: printable(problemOf(status, await response.text())) })
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
    return err({ text: withoutSecrets(`${url} does not answer: ${reasonOf(cause, base)}`) })
  }
}

/** Of each command the authorities are read once, however often it asks. */
const connections = new WeakMap<Command, Promise<Result<undefined>>>()

/** Has connections of this process verified as the command says; the error says why there may be none. */
function connect(command: Command, url: URL): Promise<Result<undefined>> {
  const known = connections.get(command)
  if (known) return known
  const made = (async (): Promise<Result<undefined>> => {
    const authorities = await authoritiesFor(url, command.opts<ConnectionOptions>())
    if (!authorities.ok) return authorities
    if (authorities.value) {
      setDefaultCACertificates(authorities.value)
      // Node's own way to verify nothing.
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    }
    return ok(undefined)
  })()
  connections.set(command, made)
  return made
}

function reasonOf(error: unknown, { protocol, host }: URL): string {
  if (!(error instanceof Error)) return String(error)
  const trouble = certificateTrouble(error, howToTrust)
  if (trouble !== undefined) return trouble
  // It is closed without a word where TLS is expected.
  const closed = protocol === 'http:' && 'code' in error && error.code === 'UND_ERR_SOCKET'
  if (closed) return `${error.message}; if it speaks TLS, call https://`
  return `${inWords(error)}; is the service running at ${host}? --url or PORTCULLIS_URL says where it is`
}

/** An address may have a password in it, and complaints are kept in logs. */
const withoutSecrets = (text: string): string => text.replaceAll(/\/\/[^/\s]*@/g, '//')

/** The answer, read as JSON; `member` is what tells it from the answers of something else that listens there. */
export async function readAnswer<T extends object>(
  response: Response,
  member: keyof T & string,
): Promise<Result<T, Refusal>> {
  try {
    const body: JsonValue = JSON.parse(await response.text())
    if (isObject(body) && Object.hasOwn(body, member)) return ok(body as object as T)
  } catch {
    // Something else, or less than all of it.
  }
  return err(strange(response))
}

export const strange = ({ url }: Response): Refusal => ({
  text: withoutSecrets(`${url} does not answer as the service does`),
})

/** What to look at next, in the words of the command line. */
const hints: Readonly<Record<number, string>> = {
  401: 'look at --token or PORTCULLIS_TOKEN',
  403: '`portcullis whoami` says what it permits; operators act in an account with --on-behalf-of',
  412: '--if-revision is not its revision any more',
}

function problemOf(status: number, body: string): string {
  try {
    const { title, detail } = JSON.parse(body) as { title?: string; detail?: string }
    const said = detail ?? title ?? `the service answered ${status}`
    const hint = hints[status]
    return hint === undefined ? said : `${said} (${hint})`
  } catch {
    return `the service answered ${status}`
  }
}
