/** The native API: what a packet meets, what is in force where, and who changed what. */
import type { JsonValue } from '../../core/json.ts'
import { err, ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { decodePacket, decodePage } from './decode.ts'
import {
  encodeEvent,
  encodeHost,
  encodePlacement,
  encodePolicy,
  encodeRevision,
  encodeServer,
} from './encode.ts'
import { bodyOf, identifier, routesOf } from './endpoint.ts'
import { openapi } from './openapi.ts'
import { attachmentRoutes } from './routes-attachments.ts'
import { credentialRoutes } from './routes-credentials.ts'
import { policyRoutes } from './routes-policies.ts'
import { policyRuleRoutes } from './routes-policy-rules.ts'
import { settingsRoutes } from './routes-settings.ts'
import { trafficRoutes } from './routes-traffic.ts'
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

const own: readonly Route[] = routesOf([
  {
    method: 'POST',
    path: '/trace',
    operation: 'trace',
    summary: 'What happens to a packet, and which rule decides',
    scope: 'read',
    schema: { body: TraceRequest, answer: TraceAnswer },
    handle: async (request) => {
      const body = bodyOf<TraceRequest>(request)
      if (!body.ok) return body
      const { packet: given, server, interface: nic, direction } = body.value
      const packet = decodePacket(given)
      if (!packet.ok) return packet
      const traced = await request.services.effective.trace(request, {
        server,
        direction: direction as 'ingress' | 'egress',
        packet: packet.value,
        ...(nic !== undefined && { interface: nic }),
      })
      return traced.ok ? ok(traced.value as unknown as JsonValue) : traced
    },
  },
  {
    method: 'GET',
    path: '/servers',
    operation: 'listServers',
    summary:
      'Servers of every profile, with the generation in force on each interface; `profile` chooses one',
    schema: { answer: ServerList },
    handle: async (request) => {
      const wanted = request.query.get('profile')
      const { profiles } = request.services
      const profile = profiles.find((each) => each === wanted)
      if (wanted !== null && profile === undefined) {
        return err({ kind: 'invalid', field: 'profile', reason: `expected one of ${profiles.join(', ')}` })
      }
      const servers = await request.services.effective.servers(request, profile ? { profile } : {})
      return ok({
        servers: servers.map((each) => ({
          ...encodeServer(each),
          interfaces: each.placements.map(encodePlacement),
        })),
      })
    },
  },
  {
    method: 'GET',
    path: '/servers/:id',
    operation: 'getServer',
    summary: 'One server, by id, vmid or name, with the policy in force on each interface',
    schema: { answer: Server },
    handle: async (request) => {
      const id = identifier(request, 'server')
      if (!id.ok) return id
      const server = await request.services.effective.server(request, id.value)
      if (!server.ok) return server
      return ok({
        ...encodeServer(server.value),
        interfaces: server.value.placements.map((each) => ({
          ...encodePlacement(each),
          attached: each.attached,
          policy: encodePolicy(each.policy),
        })),
      })
    },
  },
  {
    method: 'GET',
    path: '/revisions',
    operation: 'listRevisions',
    summary: 'Committed changes, newest first',
    schema: { query: PageQuery, answer: RevisionList },
    handle: async (request) => {
      const page = decodePage(request.query)
      if (!page.ok) return page
      const { items, next } = await request.services.history.revisions(request, page.value)
      return ok({ revisions: items.map(encodeRevision), next })
    },
  },
  {
    method: 'GET',
    path: '/revisions/:revision',
    operation: 'getRevision',
    summary: 'One change, with what was before and after',
    schema: { answer: Event },
    handle: async (request) => {
      const { revision: text = '' } = request.params
      const revision = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : Number.NaN
      if (!Number.isSafeInteger(revision)) return err({ kind: 'not-found', resource: 'revision', id: text })
      const event = await request.services.history.revision(request, revision)
      return event.ok ? ok(encodeEvent(event.value)) : event
    },
  },
  {
    method: 'GET',
    path: '/audit',
    operation: 'listAudit',
    summary:
      'Committed changes with what was before and after, newest first; about a megabyte at most, then go on at `next`',
    schema: { query: PageQuery, answer: EventList },
    handle: async (request) => {
      const page = decodePage(request.query)
      if (!page.ok) return page
      const { items, next } = await request.services.history.audit(request, page.value)
      return ok({ events: items.map(encodeEvent), next })
    },
  },
  {
    method: 'GET',
    path: '/hosts',
    operation: 'listHosts',
    summary: 'What the agents of the hosts that carry servers of the account say of themselves',
    schema: { answer: HostList },
    handle: async (request) => {
      const hosts = await request.services.enforcement.hostsOf(request)
      return ok({ hosts: hosts.map(encodeHost) })
    },
  },
  {
    method: 'GET',
    path: '/openapi.json',
    operation: 'getOpenApi',
    summary: 'This API as an OpenAPI 3.1 document',
    scope: 'none',
    handle: async () => ok(openapi(routes)),
  },
])

export const routes: readonly Route[] = [
  ...own,
  ...trafficRoutes,
  ...settingsRoutes,
  ...credentialRoutes,
  ...policyRoutes,
  ...policyRuleRoutes,
  ...attachmentRoutes,
]
