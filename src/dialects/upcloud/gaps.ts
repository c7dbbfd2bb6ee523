/** What of UpCloud's API is not imitated here, and why. */
import type { Gap } from '../dialect.ts'

export const gaps: readonly Gap[] = [
  { what: 'XML answers', why: 'No current client asks for them; Accept is ignored and JSON answered.' },
  {
    what: 'Firewall rulesets (/1.3/firewall-ruleset)',
    why: 'Their Terraform resource has the provider’s own address built in and cannot be pointed elsewhere.',
  },
  {
    what: 'FIREWALL_RULE_EXISTS',
    why: 'What makes two rules identical is not documented; duplicates are stored, as first match makes them harmless.',
  },
  {
    what: 'Networks, routers, floating addresses, server groups, tags, hosts, Kubernetes, databases, object storage',
    why: 'Not part of a firewall workflow: those paths answer 404 NOT_FOUND.',
  },
  {
    what: 'Storage operations besides list, get and delete',
    why: 'No disks exist behind the API; storages are kept so that servers can be created and destroyed.',
  },
  {
    what: 'Filtering of private interfaces, and other defaults than accept (firewall_private, firewall_private_default_…, firewall_public_default_…)',
    why: 'Not enforced yet: setting them is refused with 400, and answers do not have them.',
  },
  {
    what: 'Encrypted storages, backups (simple_backup), private networks',
    why: 'No disks or networks exist behind the API: encrypted is refused, simple_backup and a network are kept or ignored.',
  },
  {
    what: 'Credits and quotas (402)',
    why: 'An account here is not billed; the account endpoint answers a fixed balance.',
  },
  {
    what: 'Changing the interfaces of a server through the API',
    why: 'Interfaces are devices of a hypervisor: they come from the inventory, or with the server.',
  },
  {
    what: 'Apply time of one to two minutes',
    why: 'Rules are enforced within milliseconds; GET /v1/servers/{id} tells the generation in force.',
  },
]
