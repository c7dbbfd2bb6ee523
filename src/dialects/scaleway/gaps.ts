/** What of Scaleway's API is not imitated here, and why. */
import type { Gap } from '../manifest.ts'

/** Steps of the cases that every dialect runs (conformance.ts) and that the provider’s own API does not have. */
export const missing = {
  textOfARule: { what: 'Text of a rule', why: 'Rules have neither name nor comment.' },
} as const satisfies Readonly<Record<string, Gap>>

export const gaps: readonly Gap[] = [
  {
    what: 'instance/v2alpha1 for groups and rules',
    why: 'SDKs carry it and no client calls it yet; the one list of it that is called while a server is refreshed is answered.',
  },
  {
    what: 'Private networks, placement groups, snapshots, images of one’s own, other products',
    why: 'Not part of a firewall workflow: those paths answer 404 and name the path; ids of such things in bodies are unknown.',
  },
  {
    what: 'Reverse names of flexible IPs',
    why: 'No DNS is served here, so no name resolves to an address: a name is refused, null is taken.',
  },
  {
    what: 'Encrypted administrator passwords (`admin_password_encryption_ssh_key_id`)',
    why: 'No system is behind a server that could have a password: the key is refused by name.',
  },
  {
    what: 'User data in guests',
    why: 'No metadata service exists: values are kept for clients to read back, and no guest reads them.',
  },
  {
    what: 'Private interfaces of an inventory in the API',
    why: 'The product that lists them is another one; they are there, and are not filtered.',
  },
  {
    what: 'Content of volumes, scratch volumes, snapshots of volumes',
    why: 'No disk exists behind the API; volumes are kept with name, size, IOPS and place so that servers can be created, refreshed and destroyed.',
  },
  {
    what: 'Backups of servers',
    why: 'No disk exists: the action is listed, as clients expect it, and refused by name.',
  },
  {
    what: 'Quotas of the real service',
    why: 'They depend on the account; here a group has at most 1,000 rules of its own.',
  },
  {
    what: 'Errors in the shapes of before 2025',
    why: 'Clients understand the current ones; one of the old ones breaks the Python SDK.',
  },
]
