/** What of HostUp's API is not imitated here, and why. */
import type { Gap } from '../dialect.ts'

export const gaps: readonly Gap[] = [
  { what: 'Session cookies', why: 'They belong to the dashboard; keys are for programs.' },
  {
    what: 'IP sets and aliases in source and dest',
    why: 'No endpoint makes them: every reference is refused by name.',
  },
  {
    what: 'Logging of packets (log, log_level_in, log_level_out)',
    why: 'Accepted, kept and answered; nothing is logged yet.',
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
