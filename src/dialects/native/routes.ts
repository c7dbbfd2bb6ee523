/** The native API: what a packet meets, what is in force where, and who changed what. */
import type { JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { profiles } from '../../core/model/inventory.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DialectRequest, Route } from '../dialect.ts'
import { decodePacket, decodePage } from './decode.ts'
import {
  encodeEvent,
  encodeHost,
  encodePlacement,
  encodePolicy,
  encodeRevision,
  encodeServer,
} from './encode.ts'
import { problem } from './errors.ts'
import { openapi } from './openapi.ts'
import {
  Event,
  EventList,
  HostList,
  PageQuery,
  RevisionList,
  Server,
  ServerList,
  TraceAnswer,
  TraceRequest,
} from './schemas.ts'

type Handle = (request: DialectRequest) => Promise<Result<JsonValue, RequestError>>

function route(
  method: Route['method'],
  path: string,
  operation: string,
  summary: string,
  schema: NonNullable<Route['schema']>,
  handle: Handle,
  scope: Route['scope'] = 'read',
): Route {
  return {
    ...{ method, path, operation, scope, summary, schema },
    success: [200],
    handler: async (request) => {
      const answer = await handle(request)
      return answer.ok ? { status: 200, body: answer.value } : problem(answer.error, request)
    },
  }
}

export const routes: readonly Route[] = [
  route(
    'POST',
    '/trace',
    'trace',
    'What happens to a packet, and which rule decides',
    { body: TraceRequest, answer: TraceAnswer },
    async (request) => {
      // A body is optional for HTTP, not for us.
      if (request.body === undefined) return err({ kind: 'malformed', reason: 'a JSON body is needed' })
      const { packet: given, server, interface: nic, direction } = request.body as unknown as TraceRequest
      const packet = decodePacket(given)
      if (!packet.ok) return packet
      const traced = await request.services.policies.trace(request, {
        server,
        direction: direction as 'ingress' | 'egress',
        packet: packet.value,
        ...(nic !== undefined && { interface: nic }),
      })
      return traced.ok ? ok(traced.value as unknown as JsonValue) : traced
    },
  ),
  route(
    'GET',
    '/servers',
    'listServers',
    'Servers of every profile, with the generation in force on each interface; `profile` chooses one',
    { answer: ServerList },
    async (request) => {
      const wanted = request.query.get('profile')
      const profile = profiles.find((each) => each === wanted)
      if (wanted !== null && profile === undefined) {
        return err({ kind: 'invalid', field: 'profile', reason: `expected one of ${profiles.join(', ')}` })
      }
      const servers = await request.services.policies.servers(request, profile ? { profile } : {})
      return ok({
        servers: servers.map((each) => ({
          ...encodeServer(each),
          interfaces: each.placements.map(encodePlacement),
        })),
      })
    },
  ),
  route(
    'GET',
    '/servers/:id',
    'getServer',
    'One server, by id, vmid or name, with the policy in force on each interface',
    { answer: Server },
    async (request) => {
      const id = identifier(request)
      if (!id.ok) return id
      const server = await request.services.policies.server(request, id.value)
      if (!server.ok) return server
      return ok({
        ...encodeServer(server.value),
        interfaces: server.value.placements.map((each) => ({
          ...encodePlacement(each),
          policy: encodePolicy(each.policy),
        })),
      })
    },
  ),
  route(
    'GET',
    '/revisions',
    'listRevisions',
    'Committed changes, newest first',
    { query: PageQuery, answer: RevisionList },
    async (request) => {
      const page = decodePage(request.query)
      if (!page.ok) return page
      const { items, next } = await request.services.history.revisions(request, page.value)
      return ok({ revisions: items.map(encodeRevision), next })
    },
  ),
  route(
    'GET',
    '/revisions/:revision',
    'getRevision',
    'One change, with what was before and after',
    { answer: Event },
    async (request) => {
      const { revision: text = '' } = request.params
      const revision = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN
      if (!Number.isSafeInteger(revision)) return err({ kind: 'not-found', resource: 'revision', id: text })
      const event = await request.services.history.revision(request, revision)
      return event.ok ? ok(encodeEvent(event.value)) : event
    },
  ),
  route(
    'GET',
    '/audit',
    'listAudit',
    'Committed changes with what was before and after, newest first; about a megabyte at most, then go on at `next`',
    { query: PageQuery, answer: EventList },
    async (request) => {
      const page = decodePage(request.query)
      if (!page.ok) return page
      const { items, next } = await request.services.history.audit(request, page.value)
      return ok({ events: items.map(encodeEvent), next })
    },
  ),
  route(
    'GET',
    '/hosts',
    'listHosts',
    'What the agents of the hosts that carry servers of the account say of themselves',
    { answer: HostList },
    async (request) => {
      const hosts = await request.services.enforcement.hostsOf(request)
      return ok({ hosts: hosts.map(encodeHost) })
    },
  ),
  route(
    'GET',
    '/openapi.json',
    'getOpenApi',
    'This API as an OpenAPI 3.1 document',
    {},
    async () => ok(openapi(routes)),
    'none',
  ),
]

/** Ids and names are short. */
function identifier({ params }: DialectRequest): Result<string, RequestError> {
  const { id = '' } = params
  if (id.length <= 255) return ok(id)
  return err({ kind: 'not-found', resource: 'server', id })
}
