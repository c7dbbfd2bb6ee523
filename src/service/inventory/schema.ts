/**
 * The inventory file, as one schema: it checks the file, and docs/inventory.md is made from it.
 *
 * `expected` completes the message `accounts[0].name: expected …`. What depends on the profile or on other values is
 * checked where the values are read (accounts.ts, servers.ts).
 */
import {
  type Static,
  type TInteger,
  type TObject,
  type TObjectOptions,
  type TOptional,
  type TProperties,
  type TSchema,
  Type,
} from 'typebox'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import { maxConnections } from '../../core/model/desired.ts'
import { interfaceTypes } from '../../core/model/interface.ts'
import { cutFlows } from '../../core/model/policy.ts'
import { inOrder } from '../../core/model/profile.ts'
import { logLevels } from '../../core/model/rule.ts'
import { type QuotaName, quotaNames } from '../../storage/storage.ts'
import { scopeNames } from '../authenticate.ts'
import { closed, id, line, linePattern, list, optional, whole } from '../config/fields.ts'
import type { NamedDocuments, Provider } from './provider.ts'

/** Printable ASCII without spaces: what a header can carry. */
const secret = (description: string) =>
  Type.String({
    ...{ pattern: '^[!-~]{1,1000}$', description },
    expected: 'text of 1 to 1000 printable ASCII characters without spaces',
  })

const secretHashOf = (key: string) =>
  Type.String({
    pattern: '^[0-9a-f]{64}$',
    description: `In place of \`${key}\`: as an export says it.`,
    expected: '64 hexadecimal digits',
  })

const levels = [...logLevels, 'none'] as const

const interfaceKeys = {
  id: optional(id('Made from the server’s id and the interface’s number when absent.')),
  index: optional(
    whole(
      'Its number, where an earlier one has been deleted. Absent: one more than that of the one before.',
      2 ** 31 - 1,
    ),
  ),
  mac: optional(
    Type.String({
      description: 'Pairs separated by colons or hyphens, of one card. Made from the id when absent.',
      expected: 'a MAC address such as 52:54:00:00:00:01',
    }),
  ),
  addresses: optional(
    list(
      Type.String(),
      'IPv4 and IPv6 addresses, each once on a host. Empty: senders are checked by MAC alone.',
      {
        maxItems: 1000,
        expected: 'a list of at most 1000',
      },
    ),
  ),
  allowedAddresses: optional(
    list(Type.String(), 'Prefixes that it may also send from: routers, VPN gateways, VRRP.', {
      maxItems: 1000,
      expected: 'a list of at most 1000',
    }),
  ),
  senderCheck: optional(
    Type.Boolean({
      description: 'Whether what it sends must come from its MAC and addresses.',
      default: true,
    }),
  ),
  observe: optional(
    Type.Boolean({ description: 'Packets are judged and counted, and none is dropped.', default: false }),
  ),
  vlanTrunk: optional(
    Type.Boolean({
      description: 'In a bridge, whether VLAN-tagged frames pass both ways. No rule judges what is inside.',
      default: false,
    }),
  ),
  allowedFrames: optional(
    list(
      Type.Integer({ minimum: 0x0600, maximum: 0xffff }),
      'In a bridge, Ethernet types that pass both ways beside IP and ARP, such as 0x88cc (LLDP).',
      { maxItems: 100, expected: 'a list of at most 100' },
    ),
  ),
  maxConnections: optional(
    Type.Integer({
      minimum: 0,
      maximum: maxConnections,
      description:
        'Tracked connections that its VM may begin, and as many towards it; 0 is no limit. What `--max-connections` says when absent.',
    }),
  ),
  type: optional(
    Type.Enum([...interfaceTypes], {
      description: 'Kind of network; some profiles do not filter private ones.',
      default: 'public',
    }),
  ),
  host: optional(
    Type.String({
      pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$',
      description: 'Hypervisor that carries the VM, as `--host` names it. Absent: it is placed nowhere.',
      expected: 'a host’s name of letters, digits, dots, hyphens or underscores',
    }),
  ),
  device: optional(
    Type.String({
      description: 'Network device on that host, each once: `tap12i0`, `vnet3`. Absent: nothing is enforced.',
      expected: '1 to 15 letters, digits, dots, hyphens or underscores',
    }),
  ),
}

const serverKeys = (providers: readonly Provider[], interfaces: TSchema) => {
  const numbers = providers.flatMap(({ inventory: { number } }) => (number ? [number.key] : []))
  const named = (which: (provider: Provider) => boolean) =>
    joined(providers.filter(which).map(({ profile }) => `\`${profile}\``))
  const isServed = ({ states }: Provider) => states.length > 0
  const hasChain = ({ chain }: Provider) => chain !== undefined
  return {
    profile: Type.Enum(
      inOrder(providers)
        .filter(isServed)
        .map(({ profile }) => profile),
      { description: 'The dialect that manages it.' },
    ),
    id: optional(
      id(
        `A UUID in lower case where clients of ${named(({ inventory }) => inventory.uuids === true)} are to find it. Made from account, profile and ${[...numbers, 'name'].join(' or ')} when absent.`,
      ),
    ),
    name: line('Its name or title.'),
    zone: optional(
      line(
        `One that the provider offers; needed for ${named(({ defaultPolicy, zoneKind }) => defaultPolicy !== undefined && zoneKind === undefined)}.`,
        63,
      ),
    ),
    state: optional(
      line('State of a new server: `started` or `stopped`, and what else its provider has.', 63),
    ),
    plan: optional(
      line(
        `Its size; for ${named(({ offers }) => offers.plans !== undefined)} one that the provider offers.`,
        63,
      ),
    ),
    labels: optional(
      Type.Record(Type.String(), Type.String({ pattern: linePattern, maxLength: 255 }), {
        description: 'Keys of at most 32 characters, and values of at most 255.',
        expected: 'keys and values, all of them text',
        maxProperties: 50,
      }),
    ),
    firewall: optional(
      Type.Boolean({
        description: `Profiles ${named(hasChain)}: whether it is filtered. Absent: as the API left it, at first off.`,
      }),
    ),
    cutFlows: optional(
      Type.Enum([...cutFlows], {
        description: `Profiles ${named(hasChain)}: what becomes of its connections when its rules change. Absent: as an API left it, at first what the account says.`,
      }),
    ),
    log: optional(
      Type.Object(
        { ingress: optional(Type.Enum(levels)), egress: optional(Type.Enum(levels)) },
        {
          ...closed,
          description: `Profiles ${named(hasChain)}: level of decisions about packets that no rule matches ([§13](semantics.md#13-decisions)); with one, those that pass are told, too. Absent: as an API left it, at first \`none\`.`,
          expected: `ingress and egress, each ${levels.join(', ')}`,
        },
      ),
    ),
    logAllowed: optional(
      Type.Enum(levels, {
        description: `Profiles ${named(hasChain)}: what its rules let pass is told, too, at this level. Absent: as an API left it, at first \`none\`: only where rules say so.`,
      }),
    ),
    interfaces: optional(
      list(interfaces, 'In order; the first is number 1, `net0` or whatever the provider calls it.'),
    ),
  }
}

const credentialKeys = (providers: readonly Provider[]) => {
  const given = (kind: Provider['credentials'][number]) =>
    inOrder(providers).filter(({ credentials }) => credentials.includes(kind))
  const titles = (of: readonly Provider[]) => of.map(({ title }) => title)
  // Those whose clients are given passwords as well come first.
  const tokens = [true, false].flatMap((also) =>
    given('token').filter(({ credentials }) => credentials.includes('password') === also),
  )
  return {
    username: optional(
      Type.String({
        ...{ pattern: '^[^:\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]{1,255}$' },
        description: `With \`password\`: Basic, for ${joined(titles(given('password')))}.`,
        expected: 'text of 1 to 255 characters in one line; a user’s name has no colon (RFC 7617)',
      }),
    ),
    password: optional(line('Stored as a scrypt hash.', 1000)),
    passwordHash: optional(
      Type.String({
        pattern: '^scrypt\\$16384\\$8\\$1\\$[A-Za-z0-9+/]{22}==\\$[A-Za-z0-9+/]{43}=$',
        description: 'In place of `password`: as an export says it.',
        expected: 'a hash as an export says it',
      }),
    ),
    token: optional(secret(`Bearer and X-API-Key: ${titles(tokens).join(', ')}. Stored as a hash.`)),
    tokenHash: optional(secretHashOf('token')),
    accessKey: optional(
      line(
        `With \`secretKey\`: ${joined(titles(given('secret-key')))}’s pair, each once in the file; it is shown in events.`,
        100,
      ),
    ),
    secretKey: optional(secret(`X-Auth-Token: ${titles(given('secret-key')).join(', ')}. Stored as a hash.`)),
    secretKeyHash: optional(secretHashOf('secretKey')),
    label: optional(line('What events call it. Made from the username, access key or token when absent.')),
    expiresAt: optional(
      Type.String({
        pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,3})?Z$',
        description: 'From then on it is refused. Absent: never.',
        expected: 'a moment such as 2026-01-31T12:00:00Z',
      }),
    ),
    profiles: optional(
      list(
        Type.Enum(inOrder(providers).map(({ profile }) => profile)),
        'Dialects that it may be used with; without this key all.',
        {
          minItems: 1,
          expected: `a list of at least one of ${inOrder(providers)
            .map(({ profile }) => profile)
            .join(', ')}`,
        },
      ),
    ),
    servers: optional(
      list(id(''), 'Ids of the servers that it may see; without this key all.', {
        minItems: 1,
        expected: 'a list of at least one id',
      }),
    ),
    scopes: optional(
      list(Type.Enum(Object.keys(scopeNames)), 'What it may do; without this key everything.', {
        minItems: 1,
        expected: `a list of at least one of ${Object.keys(scopeNames).join(', ')}`,
      }),
    ),
  }
}

const accountKeys = (credential: TSchema, server: TSchema) => ({
  name: line('Unique in the file.'),
  id: optional(id('Made from the name and kept when absent.')),
  cutFlows: optional(
    Type.Enum([...cutFlows], {
      description:
        'What becomes of connections when rules change: `revoked` ends those that may not begin any more ([§14](semantics.md#14-connections-when-rules-change)). Absent: as an API left it, at first `never`.',
    }),
  ),
  quotas: optional(
    Type.Object(
      Object.fromEntries(quotaNames.map((name) => [name, optional(Type.Integer({ minimum: 0 }))])) as Record<
        QuotaName,
        TOptional<TInteger>
      >,
      {
        ...closed,
        description:
          'The most it may have of each, `serve --quotas` where one is absent. A file that would go further beyond one is refused when it is applied; a comparison does not count. Absent: as an API left them, at first none.',
        expected: `a number for each of ${quotaNames.join(', ')}, or some of them`,
      },
    ),
  ),
  credentials: optional(list(credential, 'Who may act for it; nobody when empty.')),
  servers: optional(list(server, 'Its VMs.')),
})

const documentSchema = ({ keys }: NamedDocuments) =>
  Type.Object(
    { id: optional(id('Made from account and name when absent.')), name: line('Its name.'), ...keys },
    closed,
  )

/** `and` before the last; empty for none. */
const joined = (names: readonly string[]): string =>
  names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`

type Keys = Readonly<Record<string, TSchema>>

/** An object of the general keys, with the providers' own after those of them that `own` names. */
const objectOf = (
  general: TProperties,
  own: Readonly<Record<string, Keys>>,
  options: TObjectOptions = closed,
) =>
  Type.Object(
    Object.fromEntries(
      Object.entries(general).flatMap(([key, schema]) => [
        [key, schema],
        ...Object.entries(own[key] ?? {}).map(([name, type]) => [name, optional(type)] as const),
      ]),
    ),
    options,
  )

/** What the providers list in accounts, those first that every account has. */
export function documentsOf(providers: readonly Provider[]): readonly NamedDocuments[] {
  const all = providers.flatMap(({ inventory: { documents } }) => (documents ? [documents] : []))
  return [
    ...all.filter(({ always }) => always !== undefined),
    ...all.filter(({ always }) => always === undefined),
  ]
}

/** Of a file whose servers are of these providers. `numbered`: whether it may say the numbers of interfaces. */
export function inventoryFile(providers: readonly Provider[], numbered = true) {
  const collect = <T>(part: (inventory: Provider['inventory']) => readonly T[]) =>
    providers.flatMap(({ inventory }) => part(inventory))
  const keysOf = (
    part: (inventory: Provider['inventory']) => readonly (readonly [string, TSchema])[],
  ): Keys => Object.fromEntries(collect(part))
  const { index: _, ...unnumbered } = interfaceKeys
  const nic = objectOf(numbered ? interfaceKeys : unnumbered, {
    device: keysOf((part) => Object.entries(part.interface ?? {})),
  })
  const server = objectOf(serverKeys(providers, nic), {
    name: keysOf(({ number }) => (number ? [[number.key, number.schema]] : [])),
    zone: keysOf(({ documents }) =>
      documents ? [[documents.server.key, id(documents.server.description)]] : [],
    ),
  })
  const credential = objectOf(
    credentialKeys(providers),
    {
      secretKey: keysOf(({ documents }) =>
        documents?.credential ? [[documents.credential.key, id(documents.credential.description)]] : [],
      ),
    },
    {
      ...closed,
      secret: true,
      description:
        'Exactly one of `username`, `token` and `secretKey`, or of `tokenHash` and `secretKeyHash` in their place.',
    },
  )
  const account = objectOf(accountKeys(credential, server), {
    id: keysOf(({ account }) => (account ? [[account.key, account.schema]] : [])),
    credentials: Object.fromEntries(
      documentsOf(providers).map((each) => [each.key, list(documentSchema(each), each.description)]),
    ),
  })
  return Type.Object(
    {
      accounts: list(account, 'Every account there is.', {
        minItems: 1,
        expected: 'a list of at least one account',
      }),
    },
    { ...closed, expected: 'keys and values, beginning with accounts' },
  )
}

/** The general keys; those of providers are read by name. */
type Entry<K extends TProperties> = Static<TObject<K>>
export type InterfaceEntry = Entry<typeof interfaceKeys>
export type ServerEntry = Omit<Entry<ReturnType<typeof serverKeys>>, 'interfaces'> & {
  readonly interfaces?: readonly InterfaceEntry[]
}
export type CredentialEntry = Entry<ReturnType<typeof credentialKeys>>
export type AccountEntry = Omit<Entry<ReturnType<typeof accountKeys>>, 'credentials' | 'servers'> & {
  readonly credentials?: readonly CredentialEntry[]
  readonly servers?: readonly ServerEntry[]
}
export interface InventoryEntries {
  readonly accounts: readonly AccountEntry[]
}

/** The value of a provider's own key, checked by its schema; undefined where the entry has none. */
export const ownValue = (entry: object, key: string): JsonValue | undefined => (entry as JsonObject)[key]
