/** What of IONOS Cloud's API is not imitated here, and why. */
import type { Gap } from '../manifest.ts'

/** Steps of the cases that every dialect runs (conformance.ts) and that the provider’s own API does not have. */
export const missing = {
  order: {
    what: 'Positions of rules',
    why: 'All rules allow, so their order decides nothing; lists are in order of creation.',
  },
  rulesWithTheirNic: {
    what: 'Replacing all rules of a NIC',
    why: 'The API writes one rule of a NIC at a time, and the list comes and goes with the NIC.',
  },
} as const satisfies Readonly<Record<string, Gap>>

export const takenAddresses: Gap = {
  what: 'Hiding that another contract has an address',
  why: 'No two NICs have one address, so it is refused as not available (422), where a free one is taken.',
}

export const gaps: readonly Gap[] = [
  takenAddresses,
  {
    what: 'Contents of images',
    why: 'The catalogue lists what a server is said to run; nothing is installed. Images of the vendor’s are taken by any id.',
  },
  {
    what: 'Servers with GPUs: 422',
    why: 'No template has one.',
  },
  {
    what: 'Labels of the whole contract: /labels',
    why: 'Labels are listed with the datacenter, server, volume or IP block that has them.',
  },
  {
    what: 'Disks behind volumes',
    why: 'A volume is a description: it is made, attached, changed and deleted so that clients find what they asked for.',
  },
  {
    what: 'Passwords, keys and user data of guests',
    why: 'Nobody starts a guest here: they are checked, and neither kept nor returned.',
  },
  {
    what: 'Backup units: a backupunitId is refused with 422',
    why: 'Nothing is backed up, and who names one believes that it is.',
  },
  {
    what: 'CD-ROMs, snapshots, load balancers, gateways, backup units',
    why: 'They take no part in filtering: their collections are empty.',
  },
  {
    what: 'Writing flow logs to their buckets',
    why: 'They are kept as they were described, so that clients find them; no bucket is looked at, and nothing is written. GET /v1/decisions tells samples of what is denied, whatever a flow log says, and of what is let through where the policy has logAllowed.',
  },
  {
    what: 'Traffic between LANs that a cross connect joins',
    why: 'A cross connect lists the LANs that name it; to a trace they stay separate segments, and the network is the operator’s.',
  },
  {
    what: 'Guests behind start, stop, reboot, suspend and resume',
    why: 'A server here is a place for NICs: the state is a word that is kept, and rules and addresses stay in force.',
  },
  {
    what: 'Deny rules, order and priority',
    why: 'The API has none: what another dialect denies cannot be shown here, and is not; its servers are not listed.',
  },
  {
    what: 'The privilege createNetworkSecurityGroups',
    why: 'A credential that may write may write groups; users and their groups are not modelled.',
  },
  {
    what: 'DHCP, and routes to reserved addresses and IPv6 blocks',
    why: 'The service hands out addresses and lets their packets pass; servers and routers of the network are the operator’s.',
  },
  {
    what: 'Another MAC for a NIC that has a device, or addresses that are neither the inventory’s, nor of the contract’s IP blocks, nor in its own /80: 422',
    why: 'They say who it may send as, and are the operator’s: whoever could change them could send as a neighbour.',
  },
  {
    what: 'An IP block of more than 1,024 addresses: 422; reservableIps of the contract',
    why: 'One request should write no more than that; the configured pool is the limit.',
  },
  {
    what: 'A broken body of a path whose resource does not exist is 400, not 404',
    why: 'Bodies are read before resources are looked up, in every dialect.',
  },
  {
    what: 'secAuthProtection',
    why: 'Nobody is asked for a second factor: true is refused, because it would be believed.',
  },
  {
    what: 'Requests beyond the newest 1,000 in a list',
    why: 'Each is still found by its id.',
  },
  {
    what: 'If-Match, orderBy, maxResults, filters of metadata, X-RateLimit headers',
    why: 'No client sends the first; the others are ignored as unknown parameters are. Requests are not counted, so no count is told.',
  },
]
