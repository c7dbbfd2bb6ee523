/**
 * Guests that a host sees and nobody has → servers of an account, as a rule of the host or an operator says.
 *
 * They are read as the inventory file's servers are, so each profile makes of them what it makes of any other. A host reaches no account that
 * its credential does not permit, and learns nothing of it.
 */
import { randomUUID } from 'node:crypto'
import type { JsonObject } from '../core/json.ts'
import type { RequestError } from '../core/model/error.ts'
import { inOrder } from '../core/model/profile.ts'
import type { Adoption, Sighting } from '../core/model/sighting.ts'
import { formatAddress, parseAddress } from '../core/net/address.ts'
import { err, ok, type Result } from '../core/result.ts'
import type { Actor, Programs, Storage } from '../storage/storage.ts'
import { derivedId } from './derived-id.ts'
import type { Provider } from './inventory/provider.ts'
import { createNewServers, type NewServer } from './new-servers.ts'
import type { Outcome } from './outcome.ts'

/** A guest's interface, as it is to be made. */
export interface Wanted extends Adoption {
  readonly device: string
  readonly mac: string
  /** The guest's number where its hypervisor counts them. */
  readonly number: number | null
}

export type Adopting = Programs['adopt']['args']

export interface AdoptionReader {
  /**
   * What is written for it; faults name fields of `Adoption`. `credential`: of the host that says so, which must permit the account; null: nobody
   * that is limited says so. `now` is milliseconds since 1970.
   */
  read(
    wanted: Wanted,
    by: { readonly host: string; readonly credential: string | null; readonly now: number },
  ): Outcome<
    Pick<Adopting, 'account' | 'profile' | 'credential' | 'guest' | 'servers' | 'number' | 'index'> & {
      readonly within: Actor['within']
    }
  >
  /** Undefined: the credential permits the account. A host is told the same of one that does not exist. */
  refused(
    account: string,
    by: { readonly host: string; readonly credential: string | null; readonly now: number },
  ): Promise<RequestError | undefined>
}

export function createAdoptionReader(storage: Storage, providers: readonly Provider[]): AdoptionReader {
  const newServers = createNewServers(storage, providers)
  const having = inOrder(providers).filter(({ states }) => states.length > 0)

  const refused: AdoptionReader['refused'] = async (account, { host, credential, now }) => {
    if (credential !== null) {
      const found = await storage.credentialById(credential)
      const permits =
        found?.holder === 'host' &&
        found.host === host &&
        (found.expiresAt === null || found.expiresAt > now) &&
        (found.adopts === null || found.adopts.includes(account))
      if (!permits) return { kind: 'forbidden', resource: 'account', id: account }
    }
    const known = await storage.managedAccount(account)
    return known && !known.closed ? undefined : { kind: 'not-found', resource: 'account', id: account }
  }

  /** Keys of the entry that say where the server is. */
  async function placeOf(
    { inventory: { documents }, profile, offers }: Provider,
    { account, zone }: Wanted,
  ): Outcome<JsonObject> {
    if (documents?.server.as !== 'zone') {
      const first = zone ?? offers.zones?.[0]
      return ok(first === undefined ? {} : { zone: first })
    }
    if (zone !== undefined) return ok({ [documents.server.key]: zone })
    const all = await storage.documents({ account, profile, kind: documents.kind })
    const [oldest] = all.toSorted((a, b) => Number(a.body.createdAt) - Number(b.body.createdAt))
    return oldest
      ? ok({ [documents.server.key]: oldest.id })
      : invalid('zone', `the account has no ${documents.key}`)
  }

  return {
    refused,
    async read(wanted, by) {
      const { account, profile, mac, addresses, policies, index, number } = wanted
      const not = await refused(account, by)
      if (not) return err(not)
      const provider = having.find((each) => each.profile === profile)
      if (!provider) {
        return invalid('profile', `expected one of ${having.map((each) => each.profile).join(', ')}`)
      }
      const place = await placeOf(provider, wanted)
      if (!place.ok) return place
      const { number: numbered } = provider.inventory
      const entry: JsonObject = {
        ...{ ...place.value, profile, name: wanted.server.name },
        interfaces: [{ id: randomUUID(), mac, addresses: addresses.map(canonical) }],
        ...(numbered && { [numbered.key]: number ?? 1 }),
      }
      const servers: NewServer[] = []
      for (const id of idsOf(wanted)) {
        const read = await newServers.read(entry, { id, account, now: by.now })
        if (!read.ok) return err(inWordsOfAdoption(read.error, provider))
        servers.push({ ...read.value, ...(policies.length > 0 && { attach: policies }) })
      }
      const { zoneKind } = provider
      const zone = servers[0]?.server.zone ?? ''
      return ok({
        ...{ account, profile, credential: by.credential, guest: wanted.server.id, servers, index },
        ...(numbered && { number: { prefer: number, most: mostOf(numbered.schema) } }),
        within: zoneKind === undefined ? undefined : { profile, kind: zoneKind, id: zone },
      })
    },
  }
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Clients of most profiles know servers by UUIDs alone. The second is for where the first is somebody else's. */
function idsOf({ account, profile, server: { id } }: Wanted): readonly string[] {
  const own = derivedId('guest', account, profile, id)
  return uuid.test(id) ? [id, own] : [own, derivedId('guest', account, profile, id, 'again')]
}

export function canonical(text: string): string {
  const address = parseAddress(text)
  return address.ok ? formatAddress(address.value.family, address.value.value) : text
}

/** Of a number that its provider may have. */
const mostOf = (schema: { readonly maximum?: unknown }): number =>
  typeof schema.maximum === 'number' ? schema.maximum : Number.MAX_SAFE_INTEGER

/** A fault of the entry that was made of it. */
function inWordsOfAdoption(error: RequestError, { inventory: { documents } }: Provider): RequestError {
  if (error.kind !== 'invalid') return error
  const field = error.field.replace(/^interfaces\[0\]\./, '')
  return { ...error, field: field === documents?.server.key ? 'zone' : field }
}

const invalid = (field: string, reason: string): Result<never, RequestError> =>
  err({ kind: 'invalid', field, reason })

/** The guest's number, where its hypervisor names it by one. */
export const numberOf = ({ guest }: Pick<Sighting, 'guest'>): number | null =>
  guest && /^[1-9]\d{0,8}$/.test(guest.id) ? Number(guest.id) : null

/** Why a device is not adopted, in words for the operator of its host. */
export function whyNot(error: RequestError): string {
  switch (error.kind) {
    case 'forbidden':
      return `its host may not adopt into account ${error.id ?? ''}: see the credential of the host (adopts)`
    case 'invalid':
      return `it is not adopted: ${error.field}: ${error.reason}`
    case 'conflict':
      return `it is not adopted: ${error.reason}`
    case 'not-found':
      return `it is not adopted: there is no ${error.resource} ${error.id}`
    case 'limit-reached':
      return error.of
        ? `it is not adopted: the account’s quota is reached: ${error.resource}, ${error.limit} at most`
        : `it is not adopted: the limit of ${error.limit} is reached`
    default:
      return `it is not adopted: ${error.kind}`
  }
}
