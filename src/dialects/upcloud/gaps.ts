/** What of UpCloud's API is not imitated here, and why. */
import type { Gap } from '../manifest.ts'

/** Steps of the cases that every dialect runs (conformance.ts) and that the provider’s own API does not have. */
export const missing = {
  changeOfOneRule: {
    what: 'Changing or moving one rule',
    why: 'The API changes a chain as a whole, or deletes and inserts.',
  },
  chainsOfTheirOwn: {
    what: 'Chains apart from servers',
    why: 'A chain comes and goes with its server.',
  },
} as const satisfies Readonly<Record<string, Gap>>

export const foreignServers: Gap = {
  what: 'Hiding that an id is of another account’s server',
  why: 'As documented, such a server is 403 SERVER_FORBIDDEN and an unknown one 404 SERVER_NOT_FOUND.',
}

export const gaps: readonly Gap[] = [
  foreignServers,
  { what: 'XML answers', why: 'No current client asks for them; Accept is ignored and JSON answered.' },
  {
    what: 'Firewall rulesets (/1.3/firewall-ruleset, attach_firewall_ruleset, detach_firewall_ruleset)',
    why: 'Not built yet. Two SDKs can be pointed here; the Terraform resource cannot: it has the provider’s own address built in.',
  },
  {
    what: 'FIREWALL_RULE_EXISTS',
    why: 'What makes two rules identical is not documented; duplicates are stored, as first match makes them harmless.',
  },
  {
    what: 'Routers, floating addresses, server groups, hosts, Kubernetes, databases, object storage',
    why: 'Not part of a firewall workflow: those paths answer 404 NOT_FOUND.',
  },
  {
    what: 'Creating and changing networks, addresses and interfaces (POST /network, POST /ip_address, /server/{uuid}/networking/interface)',
    why: 'Interfaces are devices of a hypervisor: they come from the inventory, or with the server. Networks are those that servers have interfaces in, and can be read.',
  },
  {
    what: 'Plans with GPUs, premium and starter plans',
    why: 'Their sizes and traffic are not documented; --catalogue adds plans.',
  },
  {
    what: 'Prices (/price)',
    why: 'They would be invented; upctl shows plans without them.',
  },
  {
    what: 'Creating, attaching, cloning and backing up storages',
    why: 'No disks exist behind the API; storages come with servers, and their title, size, labels and backup rule are kept.',
  },
  {
    what: 'Resizing of a running server, relocation',
    why: 'Sizes and hosts are the hypervisor’s: a size is kept and answered, a host cannot be chosen.',
  },
  {
    what: 'Tags of a new server in POST /server',
    why: 'They are ignored; clients tag the server with a call of its own.',
  },
  {
    what: 'Filtering of private interfaces, and other defaults than accept (firewall_private, firewall_private_default_…, firewall_public_default_…)',
    why: 'Not built yet: setting them is refused with 400, and answers do not have them.',
  },
  {
    what: 'Encrypted storages, backups (simple_backup, backup_rule), private networks of one’s own choice',
    why: 'No disks or networks exist behind the API: encrypted is refused, backups are kept and not made, a network is ignored.',
  },
  {
    what: 'Credits and quotas (402)',
    why: 'An account here is not billed; the account endpoint answers a fixed balance.',
  },
  {
    what: 'Apply time of one to two minutes',
    why: 'Rules are enforced within milliseconds; GET /v1/servers/{id} tells the generation in force.',
  },
]
