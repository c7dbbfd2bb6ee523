/** One interface as it is answered, with the revision of its server. */
import type { JsonObject } from '../../core/json.ts'
import { err, ok } from '../../core/result.ts'
import type { Placement } from '../../service/effective.ts'
import type { Outcome } from '../../service/outcome.ts'
import type { ServerRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { encodePlacement } from './encode.ts'
import type { Resource } from './endpoint.ts'

export const encodeInterface = (
  request: DialectRequest,
  server: ServerRecord,
  placement: Placement,
): JsonObject => ({
  ...encodePlacement(request, server, placement),
  ...{ server: server.id, revision: server.revision },
})

export async function interfaceResource(request: DialectRequest, id: string): Outcome<Resource> {
  const { fleet, effective } = request.services
  const found = await fleet.interface(request, id)
  if (!found.ok) return found
  const server = await effective.server(request, found.value.server.id)
  if (!server.ok) return server
  const placement = server.value.placements.find((each) => each.interface.id === id)
  if (!placement) return err({ kind: 'not-found', resource: 'interface', id })
  const owner = server.value.server
  return ok({ body: encodeInterface(request, owner, placement), revision: owner.revision })
}
