/** The native API: what a packet meets, what is in force where, and who changed what. */
import type { JsonValue } from '../../core/json.ts'
import { err, ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { decodePacket } from './decode.ts'
import { encodeHost, encodePlacement, encodePolicy, encodeServer } from './encode.ts'
import { bodyOf, identifier, routesOf } from './endpoint.ts'
import { openapi } from './openapi.ts'
import { attachmentRoutes } from './routes-attachments.ts'
import { credentialRoutes } from './routes-credentials.ts'
import { historyRoutes } from './routes-history.ts'
import { inventoryRoutes } from './routes-inventory.ts'
import { policyRoutes } from './routes-policies.ts'
import { policyRuleRoutes } from './routes-policy-rules.ts'
import { settingsRoutes } from './routes-settings.ts'
import { trafficRoutes } from './routes-traffic.ts'
import { HostList, Server, ServerList, TraceAnswer, TraceRequest } from './schemas.ts'

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
  ...historyRoutes,
  ...trafficRoutes,
  ...settingsRoutes,
  ...credentialRoutes,
  ...policyRoutes,
  ...policyRuleRoutes,
  ...attachmentRoutes,
  ...inventoryRoutes,
]
