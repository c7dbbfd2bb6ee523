/** Which server and which of its interfaces a question means, when it does not say so by id. */
import type { RequestError } from '../core/model/error.ts'
import type { Interface } from '../core/model/interface.ts'
import { type Family, formatAddress, parseAddress } from '../core/net/address.ts'
import { err, ok, type Result } from '../core/result.ts'
import { rangeOf } from '../core/semantics/scopes.ts'
import { addressSet, contains } from '../core/sets/address-set.ts'
import type { ServerRecord } from '../storage/storage.ts'

/** Candidates that an error lists. */
const maxListed = 10

/** The one of that name; which there are, when there are several. */
export function onlyServer(
  name: string,
  servers: readonly ServerRecord[],
): Result<ServerRecord, RequestError> {
  const [server, ...others] = servers
  if (!server) return err({ kind: 'not-found', resource: 'server', id: name })
  if (others.length === 0) return ok(server)
  return err({ kind: 'invalid', field: 'server', reason: ambiguous('servers', name, servers.map(candidate)) })
}

const candidate = ({ id, profile, number }: ServerRecord) =>
  `${profile} ${id}${number === null ? '' : ` (${number})`}`

/** By id, or by a name that only one of them has. */
export function interfaceCalled<T extends { readonly interface: Interface }>(
  called: string,
  all: readonly T[],
): Result<T, RequestError> {
  const byId = all.find((each) => each.interface.id === called)
  if (byId) return ok(byId)
  const named = all.filter((each) => each.interface.attributes.name === called)
  const [found, ...others] = named
  if (!found) return err({ kind: 'not-found', resource: 'interface', id: called })
  if (others.length === 0) return ok(found)
  const ids = named.map((each) => each.interface.id)
  return err({ kind: 'invalid', field: 'interface', reason: ambiguous('interfaces', called, ids) })
}

function ambiguous(what: string, name: string, candidates: readonly string[]): string {
  const listed = candidates.slice(0, maxListed).join(', ')
  const more = candidates.length > maxListed ? `, and ${candidates.length - maxListed} more` : ''
  return `${candidates.length} ${what} are called ${name}; say which by id: ${listed}${more}`
}

/**
 * The interface that has the address, or may use it. When none does, the first public one, to which strangers' packets
 * come, and a note that says so.
 */
export function interfaceAt<T extends { readonly interface: Interface }>(
  all: readonly T[],
  family: Family,
  address: bigint,
): { readonly found: T; readonly note?: string } | undefined {
  const has = ({ interface: { addresses } }: T) =>
    addresses.some((text) => {
      const own = parseAddress(text)
      return own.ok && own.value.family === family && own.value.value === address
    })
  const may = ({ interface: { allowedAddresses } }: T) =>
    contains(addressSet(allowedAddresses.map(rangeOf)), family, address)
  const fits = all.find(has) ?? all.find(may)
  if (fits) return { found: fits }
  const otherwise = all.find((each) => each.interface.type === 'public') ?? all[0]
  if (!otherwise) return undefined
  const { index } = otherwise.interface
  const note = `no interface of the server has ${formatAddress(family, address)}; interface ${index} is judged`
  return { found: otherwise, note }
}
