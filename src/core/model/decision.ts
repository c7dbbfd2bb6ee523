/** One packet that was judged, as an agent tells of it: plain JSON. They are samples, so many in a second at most. */
import type { JsonValue } from '../json.ts'
import { parseDecider } from './decider.ts'
import { type Direction, type LogLevel, logLevels } from './rule.ts'
import { exactly, flag, integerFrom, listOf, momentOf, oneOf, orNull, textOf } from './strict.ts'

export const outcomes = ['allowed', 'denied', 'rejected'] as const

/** What it was, as far as it can be read. */
export interface SeenPacket {
  /** Ethernet type: 0x0800, 0x86dd, or that of a frame which is no IP packet. */
  readonly etherType: number
  /** Of the whole packet, bytes from the IP header on; of frames from the Ethernet header on. */
  readonly length: number
  readonly sourceMac?: string
  /** IP protocol number. Absent, as all that follows, in frames that are no IP packets. */
  readonly protocol?: number
  /** Canonical text; of ARP what it says of its sender. */
  readonly source?: string
  readonly destination?: string
  readonly sourcePort?: number
  readonly destinationPort?: number
  readonly icmpType?: number
  readonly icmpCode?: number
}

export interface Decision {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly host: string
  readonly interface: string
  readonly direction: Direction
  readonly outcome: (typeof outcomes)[number]
  /** The interface is observed: it passed, and the outcome is what would have been. */
  readonly observed: boolean
  /** What decided, as `deciderText` writes it. */
  readonly by: string
  /** Place of the rule in its policy as of that revision; null when no rule decided. */
  readonly position: number | null
  /** What its rule or default asks for; `info` where they ask for nothing. */
  readonly level: LogLevel
  /** Whose rules judged. */
  readonly revision: number
  readonly packet: SeenPacket
}

const number = integerFrom('number', 0)
const short = integerFrom('number of 16 bits', 0, 65_535)
const octet = integerFrom('octet', 0, 255)
/** Of hosts and interfaces. What names a rule has three such, at most. */
const name = textOf('name', (text) => text.length <= 255)
const mac = textOf('MAC', (text) => /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/.test(text))
const address = textOf('address', (text) => /^[0-9a-f:.]{2,45}$/.test(text))
const decisions = listOf(
  'decisions',
  exactly<Decision>('decision', {
    at: momentOf('moment'),
    host: name,
    interface: name,
    direction: oneOf('direction', ['ingress', 'egress']),
    outcome: oneOf('outcome', outcomes),
    observed: flag('observed'),
    by: textOf('decider', (each) => each.length <= 800 && parseDecider(each).ok),
    position: orNull(integerFrom('position', 1)),
    level: oneOf('level', logLevels),
    revision: number,
    packet: exactly<SeenPacket>(
      'packet',
      {
        ...{ etherType: short, length: number, sourceMac: mac, protocol: octet, source: address },
        ...{ destination: address, sourcePort: short, destinationPort: short },
        ...{ icmpType: octet, icmpCode: octet },
      },
      [
        ...(['sourceMac', 'protocol', 'source', 'destination', 'sourcePort', 'destinationPort'] as const),
        ...(['icmpType', 'icmpCode'] as const),
      ],
    ),
  }),
)

/** Reads what was written as JSON; throws on anything else. */
export const decodeDecisions = (json: JsonValue): readonly Decision[] => decisions(json)
