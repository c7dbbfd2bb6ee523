/**
 * Which account and profile a guest's devices are adopted into: by what its own metadata say, else by the first rule that
 * matches. Nothing matches: the device stays closed, and is told of as unclaimed.
 *
 * It proposes: whether the host may adopt into that account, and whether the account may have it, is the service's to say.
 */
import type { Adoption, SightingSource } from '../../core/model/sighting.ts'
import type { Known } from './source.ts'

export interface AdoptionRules {
  /** Whether what a domain's metadata say counts: only where nobody but the host's operator writes them. */
  readonly metadata: boolean
  /**
   * Names the hypervisors that number their guests together; absent: named like the source. Two of them that adopt into one
   * account need different names.
   */
  readonly cluster?: string
  /** The first that matches decides. */
  readonly rules: readonly AdoptionRule[]
}

export interface AdoptionRule {
  /** All that is given must hold. Never empty. */
  readonly match: {
    readonly source?: SightingSource
    readonly pool?: string
    readonly tag?: string
    /** The whole name of the guest: `*` is any characters or none, `?` is one; capital letters are others. */
    readonly name?: string
  }
  readonly account: string
  readonly profile: string
  /** Absent: the profile's first, or the account's. */
  readonly zone?: string
  /** Ids of policies; empty: what the profile attaches by itself. */
  readonly policies: readonly string[]
  /** Those of the hypervisor's configuration, or none. */
  readonly addresses: 'configured' | 'none'
}

/** Nothing is adopted. */
export const noAdoption: AdoptionRules = { metadata: false, rules: [] }

type Said = Pick<AdoptionRule, 'account' | 'profile' | 'zone' | 'policies' | 'addresses'>

/** What is to be made of a device; undefined where nothing speaks of it. */
export function adoptionOf(
  { metadata, cluster, rules }: AdoptionRules,
  source: SightingSource,
  { guest, labels, addresses, index }: Known,
): Adoption | undefined {
  const own = metadata ? labels.adoption : undefined
  const said: Said | undefined = own
    ? { ...own, addresses: 'configured' }
    : rules.find(({ match }) => matches(match, source, { guest, labels }))
  if (!said) return undefined
  const { account, profile, zone, policies } = said
  // What metadata say counts or does not as a whole: else who defines a domain chooses what it may send from.
  const isUnheard = labels.adoption !== undefined && !metadata
  return {
    ...{ account, profile, ...(zone !== undefined && { zone }) },
    server: { id: serverId(cluster ?? source, guest.id), name: serverName(guest) },
    ...{ index, addresses: said.addresses === 'none' || isUnheard ? [] : addresses, policies },
  }
}

function matches(
  { source: ofSource, pool, tag, name }: AdoptionRule['match'],
  source: SightingSource,
  { guest, labels }: Pick<Known, 'guest' | 'labels'>,
): boolean {
  return (
    (ofSource === undefined || ofSource === source) &&
    (pool === undefined || pool === labels.pool) &&
    (tag === undefined || labels.tags.includes(tag)) &&
    (name === undefined || matchesGlob(name, guest.name))
  )
}

/** By characters, and with time that grows with the product of both lengths at most: names are the guests' owners' to choose. */
export function matchesGlob(pattern: string, text: string): boolean {
  const [wanted, given] = [[...pattern], [...text]]
  let [at, place] = [0, 0]
  /** Where the last star stands, and up to where it has taken what is there. */
  let [star, taken] = [-1, 0]
  while (place < given.length) {
    if (wanted[at] === '*') {
      star = at++
      taken = place
    } else if (at < wanted.length && (wanted[at] === '?' || wanted[at] === given[place])) {
      at++
      place++
    } else if (star >= 0) {
      at = star + 1
      place = ++taken
    } else return false
  }
  return wanted.slice(at).every((each) => each === '*')
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Numbers mean something in one cluster alone. The service makes of it what the profile has for ids. */
function serverId(cluster: string, guest: string): string {
  if (uuid.test(guest)) return guest.toLowerCase()
  return `${cluster}-${guest}`.slice(0, mostText).toWellFormed().replaceAll('\0', '?')
}

/** As the sighting may have it. */
const mostText = 128

/** One line, that the owner may change later. */
function serverName({ id, name }: Known['guest']): string {
  const line = [...name.toWellFormed()]
    .map((each) => (/[\p{Cc}\u2028\u2029\ufffd]/u.test(each) ? '?' : each))
    .join('')
    .slice(0, mostText)
    .toWellFormed()
    .replaceAll('\ufffd', '')
    .trim()
  return line === '' ? id : line
}
