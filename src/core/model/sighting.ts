/**
 * Devices of guests, as the agent of their host sees them, and what the service makes of each. Plain data.
 *
 * Said by this host alone: its kernel, its hypervisor, its configuration. What a guest sends or its own agent claims is never in it.
 */
import type { JsonValue } from '../json.ts'
import { parseAddress } from '../net/address.ts'
import { type Mac, parseMac } from '../net/mac.ts'
import { isDeviceName } from './link.ts'
import { exactly, flag, integerFrom, listOf, oneOf, onlyTrue, orNull, type Reader, textOf } from './strict.ts'

/** Which part of the agent knows whose a device is; `links`: none does, the kernel has it. */
export const sightingSources = ['links', 'libvirt', 'proxmox', 'attached'] as const
export type SightingSource = (typeof sightingSources)[number]

/** A guest, as its hypervisor calls it. */
export interface Guest {
  /** Its UUID or number there; tells it from all others of its kind in the same cluster. At most 128 characters. */
  readonly id: string
  /** For people; at most 128 characters. */
  readonly name: string
}

/** What the agent's configuration says is to be made of a device whose MAC no interface has. */
export interface Adoption {
  readonly account: string
  readonly profile: string
  /** The server's zone, or the document that it is in where those are zones; absent: the first there is. */
  readonly zone?: string
  /** The server's; the same for all devices of a guest. */
  readonly server: { readonly id: string; readonly name: string }
  /** Which of the guest's devices it is, from 1 on. */
  readonly index: number
  /** Canonical text; from configuration alone. Empty: none is known. */
  readonly addresses: readonly string[]
  /** Ids of policies to attach, in order; empty: what the profile attaches by itself. */
  readonly policies: readonly string[]
  /** A server that is made ends with its last device, unless somebody else says anything of it. Absent: it stays. */
  readonly ephemeral?: true
}

export interface Sighting {
  /** Its name on the host. */
  readonly device: string
  /** False: it is not there yet, and its name is known before it comes. */
  readonly present: boolean
  /** The guest's; null: nobody on the host says. */
  readonly mac: Mac | null
  /** The device's own, which libvirt makes of the guest's (`fe` in place of the first octet); null: none of Ethernet, or no device yet. */
  readonly address: Mac | null
  readonly source: SightingSource
  /** Whether the guard closes it while it is nobody's. */
  readonly guarded: boolean
  /** Absent: nobody says. */
  readonly guest?: Guest
  /** Absent: no rule of the configuration speaks of it. */
  readonly adoption?: Adoption
}

/** What differs from what was said before. */
export interface SightingChange {
  /** Whether devices that are not in `put` are there no more. */
  readonly whole: boolean
  readonly put: readonly Sighting[]
  /** Names of devices that are there no more, and are nobody's. */
  readonly remove: readonly string[]
}

/** What the service says of a device that was seen. */
export interface Claimed {
  readonly device: string
  /** Id of the interface that is on it; null: none. */
  readonly interface: string | null
  /** Why none is, in words for the operator; null where one is. */
  readonly why: string | null
}

/** Reads what was written as JSON; throws on anything else. */
export const decodeSightings = (json: JsonValue): SightingChange => sightings(json)
export const decodeClaims = (json: JsonValue): { readonly list: readonly Claimed[] } => claims(json)

/** Of one host, at most: more are no devices of guests. */
export const maxSightings = 10_000

/** Accounts that one host asks for in vain and that are remembered. */
export const mostRefusals = 100

/** As every store keeps it: PostgreSQL has no text with NUL, and half a character comes back as another. */
const isKept = (text: string): boolean => text.isWellFormed() && !text.includes('\0')
const short = (what: string, most = 128) => textOf(what, (text) => text.length <= most && isKept(text))
const device = textOf('device', isDeviceName)
const mac: Reader<Mac> = (json) => {
  const parsed = parseMac(textOf('mac')(json))
  if (!parsed.ok || parsed.value !== json) throw new Error('corrupt mac')
  return parsed.value
}
const address = textOf('address', (text) => parseAddress(text).ok)

/** Of one device, at most: more would be a mistake of whoever configures it. */
const few =
  <T>(read: Reader<T[]>): Reader<T[]> =>
  (json) => {
    const list = read(json)
    if (list.length > 1000) throw new Error('corrupt adoption: a list is too long')
    return list
  }

const adoption = exactly<Adoption>(
  'adoption',
  {
    account: short('account'),
    profile: short('profile'),
    zone: short('zone'),
    server: exactly<Adoption['server']>('server', { id: short('id'), name: short('name') }),
    index: integerFrom('index', 1, 1000),
    addresses: few(listOf('addresses', address)),
    policies: few(listOf('policies', short('policy'))),
    ephemeral: onlyTrue('ephemeral'),
  },
  ['zone', 'ephemeral'],
)

const sighting = exactly<Sighting>(
  'sighting',
  {
    device,
    present: flag('present'),
    mac: orNull(mac),
    address: orNull(mac),
    source: oneOf('source', sightingSources),
    guarded: flag('guarded'),
    guest: exactly<Guest>('guest', { id: short('id'), name: short('name') }),
    adoption,
  },
  ['guest', 'adoption'],
)

const sightings = exactly<SightingChange>('sightings', {
  whole: flag('whole'),
  put: listOf('put', sighting),
  remove: listOf('remove', device),
})

const claims = exactly<{ list: readonly Claimed[] }>('claims', {
  list: listOf(
    'claims',
    exactly<Claimed>('claim', {
      device,
      interface: orNull(short('interface')),
      why: orNull(short('why', 1000)),
    }),
  ),
})
