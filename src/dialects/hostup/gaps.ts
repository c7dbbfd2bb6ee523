/** What of HostUp's API is not imitated here, and why. */
import type { Gap } from '../manifest.ts'

/** Steps of the cases that every dialect runs (conformance.ts) and that the provider’s own API does not have. */
export const missing = {
  oneRule: { what: 'Reading one rule', why: 'The API reads lists alone.' },
  positions: {
    what: 'Creating a rule at a position, or moving one',
    why: 'A new rule goes to the top, and the API moves none.',
  },
  wholeChain: { what: 'Replacing a whole chain', why: 'The API writes one rule of a chain at a time.' },
  partOfARule: {
    what: 'Changing a part of a rule',
    why: 'Each write of a rule of a VM names all documented fields.',
  },
  ruleOfAGroup: {
    what: 'Writing one rule of a group',
    why: 'The API writes the rules of a group all at once, with the group.',
  },
  chainsOfTheirOwn: { what: 'Chains apart from VMs', why: 'A chain comes and goes with its VM.' },
} as const satisfies Readonly<Record<string, Gap>>

export const gaps: readonly Gap[] = [
  { what: 'Session cookies', why: 'They belong to the dashboard; keys are for programs.' },
  {
    what: 'IP sets and aliases in source and dest',
    why: 'No endpoint makes them: every reference is refused by name.',
  },
  {
    what: 'A log of a VM to read, and nolog for what is denied',
    why: 'The API has no call for a log: GET /v1/decisions tells of packets, with log, log_level_in and log_level_out as their levels. Samples of what is denied or rejected are always told, those of nolog as info.',
  },
  {
    what: 'A rule of type group that names no group',
    why: 'It is kept and matches nothing, until it is written again while there is a group of that name.',
  },
  { what: 'Rate limits (429)', why: 'None are published; put a limit in front of the listener.' },
  {
    what: 'System groups',
    why: 'Nobody makes them here; their protection is in place for stores that hold some.',
  },
  {
    what: 'Everything that is not the firewall (servers, DNS, keys, orders)',
    why: 'GET /api/v2/vps lists what there is.',
  },
  {
    what: 'ARP from another address (part of ipfilter)',
    why: 'Enforced where packets are routed; ARP ends before.',
  },
]
