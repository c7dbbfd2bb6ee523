/** The native API: what a packet meets, what is in force where, and who changed what. */
import type { JsonValue } from '../../core/json.ts'
import { ok } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { decodePacket } from './decode.ts'
import { bodyOf, routesOf } from './endpoint.ts'
import { openapi } from './openapi.ts'
import { accountRoutes } from './routes-accounts.ts'
import { attachmentRoutes } from './routes-attachments.ts'
import { bindingRoutes } from './routes-bindings.ts'
import { credentialRoutes } from './routes-credentials.ts'
import { historyRoutes } from './routes-history.ts'
import { hostRoutes } from './routes-hosts.ts'
import { interfaceRoutes } from './routes-interfaces.ts'
import { inventoryRoutes } from './routes-inventory.ts'
import { listingRoutes } from './routes-listings.ts'
import { policyRoutes } from './routes-policies.ts'
import { policyRuleRoutes } from './routes-policy-rules.ts'
import { serverRoutes } from './routes-servers.ts'
import { settingsRoutes } from './routes-settings.ts'
import { trafficRoutes } from './routes-traffic.ts'
import { TraceAnswer, TraceRequest } from './schemas.ts'

const own: readonly Route[] = routesOf([
  {
    method: 'POST',
    path: '/trace',
    operators: true,
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
    path: '/openapi.json',
    operation: 'getOpenApi',
    summary: 'This API as an OpenAPI 3.1 document',
    scope: 'none',
    handle: async () => ok(openapi(routes)),
  },
])

export const routes: readonly Route[] = [
  ...own,
  ...hostRoutes,
  ...historyRoutes,
  ...trafficRoutes,
  ...settingsRoutes,
  ...credentialRoutes,
  ...policyRoutes,
  ...policyRuleRoutes,
  ...attachmentRoutes,
  ...inventoryRoutes,
  ...accountRoutes,
  ...listingRoutes,
  ...serverRoutes,
  ...interfaceRoutes,
  ...bindingRoutes,
]
