/**
 * The inventory file, as one schema: it checks the file, and docs/inventory.md is made from it.
 *
 * `expected` completes the message `accounts[0].name: expected …`. What depends on the profile or on other values is
 * checked where the values are read (accounts.ts, servers.ts).
 */
import { type Static, Type } from 'typebox'
import { mostConnections } from '../../core/model/desired.ts'
import { interfaceTypes } from '../../core/model/inventory.ts'
import { scopeNames } from '../authenticate.ts'
import { closed, id, line, linePattern, list, optional, whole } from '../config/fields.ts'

/** Printable ASCII without spaces: what a header can carry. */
const secret = (description: string) =>
  Type.String({
    ...{ pattern: '^[!-~]{1,1000}$', description },
    expected: 'text of 1 to 1000 printable ASCII characters without spaces',
  })

const Interface = Type.Object(
  {
    id: optional(id('Made from the server’s id and the interface’s place in the list when absent.')),
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
        maximum: mostConnections,
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
        description:
          'Network device on that host, each once: `tap12i0`, `vnet3`. Absent: nothing is enforced.',
        expected: '1 to 15 letters, digits, dots, hyphens or underscores',
      }),
    ),
    lan: optional(whole('Profile `ionos`: number of its LAN; 1 when absent.', 2 ** 31 - 1)),
    firewallActive: optional(
      Type.Boolean({
        description:
          'Profile `ionos`: whether the NIC is filtered. Absent: as the API left it, at first off.',
      }),
    ),
    firewallType: optional(
      Type.Enum(['INGRESS', 'EGRESS', 'BIDIRECTIONAL'], {
        description:
          'Profile `ionos`: directions that are filtered. Absent: as the API left it, at first `INGRESS`.',
      }),
    ),
  },
  closed,
)

const Server = Type.Object(
  {
    profile: Type.Enum(['hostup', 'upcloud', 'ionos', 'scaleway'], {
      description: 'The dialect that manages it. `native` is refused until it has policies.',
    }),
    id: optional(
      id(
        'A UUID in lower case where clients of `upcloud` and `scaleway` are to find it. Made from account, profile and vmid or name when absent.',
      ),
    ),
    name: line('Its name or title.'),
    vmid: optional(whole('Profile `hostup`: its number, needed there and refused elsewhere.', 999_999_999)),
    zone: optional(line('One that the provider offers; needed for `scaleway`.', 63)),
    datacenter: optional(
      id('Profile `ionos`: one of the account’s datacenters, needed there and refused elsewhere.'),
    ),
    project: optional(id('One of the account’s projects; the first when absent.')),
    state: optional(
      line('State of a new server: `started` or `stopped`, and what else its provider has.', 63),
    ),
    plan: optional(line('Its size; for `upcloud` and `scaleway` one that the provider offers.', 63)),
    labels: optional(
      Type.Record(Type.String(), Type.String({ pattern: linePattern, maxLength: 255 }), {
        description: 'Keys of at most 32 characters, and values of at most 255.',
        expected: 'keys and values, all of them text',
        maxProperties: 50,
      }),
    ),
    firewall: optional(
      Type.Boolean({
        description:
          'Profiles `upcloud` and `hostup`: whether it is filtered. Absent: as the API left it, at first off.',
      }),
    ),
    interfaces: optional(
      list(Interface, 'In order; the first is number 1, `net0` or whatever the provider calls it.'),
    ),
  },
  closed,
)

const Credential = Type.Object(
  {
    username: optional(
      Type.String({
        ...{ pattern: '^[^:\\u0000-\\u001f\\u007f-\\u009f\\ud800-\\udfff]{1,255}$' },
        description: 'With `password`: Basic, for UpCloud and IONOS.',
        expected: 'text of 1 to 255 characters in one line; a user’s name has no colon (RFC 7617)',
      }),
    ),
    password: optional(line('Stored as a scrypt hash.', 1000)),
    token: optional(secret('Bearer and X-API-Key: UpCloud, IONOS, HostUp, native. Stored as a hash.')),
    accessKey: optional(
      line('With `secretKey`: Scaleway’s pair, each once in the file; it is shown in events.', 100),
    ),
    secretKey: optional(secret('X-Auth-Token: Scaleway. Stored as a hash.')),
    project: optional(
      id('With `secretKey`: the key’s own project, one that the account lists; the first when absent.'),
    ),
    scopes: optional(
      list(Type.Enum(Object.keys(scopeNames)), 'What it may do; without this key everything.', {
        minItems: 1,
        expected: `a list of at least one of ${Object.keys(scopeNames).join(', ')}`,
      }),
    ),
  },
  { ...closed, secret: true, description: 'Exactly one of `username`, `token` and `secretKey`.' },
)

const Project = Type.Object(
  { id: optional(id('Made from account and name when absent.')), name: line('Its name.') },
  closed,
)

const Datacenter = Type.Object(
  {
    id: optional(id('Made from account and name when absent.')),
    name: line('Its name.'),
    location: optional(line('`de/txl` when absent.', 63)),
  },
  closed,
)

const Account = Type.Object(
  {
    name: line('Unique in the file.'),
    id: optional(id('Made from the name and kept when absent.')),
    contractNumber: optional(
      whole('IONOS. Each once in the file; made from the id when absent.', 9_999_999_999),
    ),
    credentials: optional(list(Credential, 'Who may act for it; nobody when empty.')),
    projects: optional(
      list(
        Project,
        'Scaleway. The first one’s id is the organization’s; without any there is one of the account’s id.',
      ),
    ),
    datacenters: optional(list(Datacenter, 'IONOS.')),
    servers: optional(list(Server, 'Its VMs.')),
  },
  closed,
)

export const InventoryFile = Type.Object(
  {
    accounts: list(Account, 'Every account there is.', {
      minItems: 1,
      expected: 'a list of at least one account',
    }),
  },
  { ...closed, expected: 'keys and values, beginning with accounts' },
)

export type InventoryFile = Static<typeof InventoryFile>
export type AccountEntry = Static<typeof Account>
export type CredentialEntry = Static<typeof Credential>
export type ServerEntry = Static<typeof Server>
export type InterfaceEntry = Static<typeof Interface>
