/** IP addresses of servers (contract: upcloud §3.7). */
import type { JsonObject } from '../../core/json.ts'
import { formatAddress, parseAddress } from '../../core/net/address.ts'
import { err, ok } from '../../core/result.ts'
import type { ServerView } from '../../service/servers.ts'
import { type AccessWords, accessOf, encodeAddress } from './encode.ts'
import { profile, routesOf } from './find.ts'

export const addressRoutes = routesOf([
  {
    method: 'GET',
    path: '/ip_address',
    operation: 'listAddresses',
    success: 200,
    summary: 'Addresses of all servers',
    handle: async (request) => {
      const servers = await request.services.servers.list(request, profile)
      const listed = addressesOf(servers, accessOf(request.path)).map(({ wire }) => wire)
      return ok({ status: 200, body: { ip_addresses: { ip_address: listed } } })
    },
  },
  {
    method: 'GET',
    path: '/ip_address/:address',
    operation: 'getAddress',
    success: 200,
    summary: 'One address',
    handle: async (request) => {
      const { address: text = '' } = request.params
      const parsed = parseAddress(text)
      const canonical = parsed.ok ? formatAddress(parsed.value.family, parsed.value.value) : undefined
      const server = canonical && (await request.services.servers.withAddress(request, profile, canonical))
      const found =
        server && addressesOf([server], accessOf(request.path)).find(({ address }) => address === canonical)
      if (!found) return err({ kind: 'not-found', resource: 'ip-address', id: text })
      return ok({ status: 200, body: { ip_address: found.wire } })
    },
  },
])

function addressesOf(
  servers: readonly ServerView[],
  access: AccessWords,
): { address: string; wire: JsonObject }[] {
  return servers.flatMap((server) =>
    server.interfaces
      .filter((nic) => nic.type !== 'private')
      .flatMap((nic) =>
        nic.addresses.map((address) => ({ address, wire: encodeAddress(server, nic, address, access) })),
      ),
  )
}
