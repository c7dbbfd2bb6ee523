/** What a dialect attached to servers and interfaces: it would still answer it when they end by another way. */
import type { RequestError } from '../../core/model/error.ts'
import type { Steps } from '../statement.ts'
import type { ServerRecord } from '../storage.ts'
import { documentHeld } from './leases.ts'
import { documentNaming } from './names.ts'

/** The conflict of taking addresses away that a document holds: its dialect attached them, and says so of both. */
export function* attachedAddress(
  server: Pick<ServerRecord, 'account' | 'profile'>,
  addresses: readonly string[],
): Steps<RequestError | undefined> {
  const [address] = yield* documentHeld(server, addresses)
  if (address === undefined) return undefined
  const reason = `the address ${address} is attached through the API of ${server.profile}, which can detach it`
  return { kind: 'conflict', resource: 'ip-address', reason, inUse: true, id: address }
}

/** The conflict of ending what a document of its profile names: its dialect attached that, and would still say so. */
export function* namedInDocument(
  { account, profile }: Pick<ServerRecord, 'account' | 'profile'>,
  resource: 'server' | 'interface',
  id: string,
): Steps<RequestError | undefined> {
  const row = yield* documentNaming({ account, profile }, id)
  if (!row) return undefined
  const reason = `the ${row.kind} ${row.id} belongs to it: the API of ${profile} can end both`
  return { kind: 'conflict', resource, reason, inUse: true, id }
}
