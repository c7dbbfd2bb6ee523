/** From what a path or a body names to what it means, with the refusals of the generation that asks. */
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { whileOvertaken } from '../../service/retry.ts'
import type { ChainView, ServerView } from '../../service/services.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { routesSpelledBy } from '../route.ts'
import { invalid } from './decode.ts'
import { errorAnswer } from './errors.ts'
import { digestOf, vpsId } from './ids.ts'

export const profile = 'hostup'
/** VMs are written in every state. */
export const refuseStates: readonly string[] = []

export type Handled = Promise<Result<Answer, RequestError>>

export const route = routesSpelledBy(errorAnswer)

/** v1 names a VM by its number. */
export async function findVm(request: DialectRequest): Promise<Result<ServerView, RequestError>> {
  const { vmid = '' } = request.params
  const number = /^[1-9]\d{0,14}$/.test(vmid) ? Number(vmid) : undefined
  if (number === undefined) return invalid('vmid', 'expected a whole number from 1 on')
  return request.services.servers.find(request, profile, number)
}

/** v2 by an id of its own. */
export async function findVps(request: DialectRequest): Promise<Result<ServerView, RequestError>> {
  const { id = '' } = request.params
  const missing = err<RequestError>({ kind: 'not-found', resource: 'server', id })
  if (!/^vps_[0-9a-z]{26}$/.test(id)) return missing
  const servers = await request.services.servers.list(request, profile)
  const found = servers.find(({ server }) => vpsId(server.id) === id)
  return found ? ok(found) : missing
}

export async function chainOf(
  request: DialectRequest,
  server: Result<ServerView, RequestError>,
): Promise<Result<ChainView, RequestError>> {
  return server.ok ? request.services.chains.view(request, profile, server.value.server.id) : server
}

/** That the chain is still the one that was read. */
export const condition = ({ policy }: ChainView) => ({ refuseStates, ifRevision: policy.revision })

/**
 * Reads the chain and writes on condition that it is still that one; again while others come between. A digest is the
 * caller's own condition: a list that it has not seen is refused.
 */
export async function onChain<T>(
  request: DialectRequest,
  find: (request: DialectRequest) => Promise<Result<ServerView, RequestError>>,
  digest: string | null | undefined,
  write: (view: ChainView, server: string) => Promise<Result<T, RequestError>>,
): Promise<Result<T, RequestError>> {
  const { vmid, id } = request.params
  return whileOvertaken(`${request.principal.account} ${vmid ?? id}`, async () => {
    const server = await find(request)
    if (!server.ok) return server
    const view = await chainOf(request, server)
    if (!view.ok) return view
    if (digest && digest !== digestOf(view.value.policy)) {
      // Not the policy's, which would be tried again: the caller has to.
      const reason = 'The rules have been changed by somebody else; read them again'
      return err({ kind: 'conflict', resource: 'rule', reason })
    }
    return write(view.value, server.value.server.id)
  })
}
