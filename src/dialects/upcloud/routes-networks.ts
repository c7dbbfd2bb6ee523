/** Networks that the account's servers have interfaces in: read only, for they are the hypervisor's (contract: upcloud-more §3.7). */
import type { JsonObject } from '../../core/json.ts'
import type { Interface, InterfaceType } from '../../core/model/interface.ts'
import { type Pool, poolFor } from '../../core/model/pool.ts'
import { parseAddress } from '../../core/net/address.ts'
import { formatPrefix, prefixRange } from '../../core/net/prefix.ts'
import { err, ok } from '../../core/result.ts'
import type { ServerView } from '../../service/servers.ts'
import type { DialectRequest } from '../dialect.ts'
import { networkOf } from './catalogue.ts'
import { refusal } from './errors.ts'
import { labelFilter, profile, routesOf } from './find.ts'

export const networkRoutes = routesOf([
  {
    method: 'GET',
    path: '/network',
    operation: 'listNetworks',
    success: 200,
    summary: 'Networks of the servers',
    handle: async (request) => {
      const zone = request.query.get('zone')
      const wanted = labelFilter(request)
      const networks = (await networksOf(request)).filter((network) => zone === null || network.zone === zone)
      return ok({ status: 200, body: { networks: { network: wanted([]) ? networks : [] } } })
    },
  },

  {
    method: 'GET',
    path: '/network/:uuid',
    operation: 'getNetwork',
    success: 200,
    summary: 'One network',
    handle: async (request) => {
      const { uuid = '' } = request.params
      const network = (await networksOf(request)).find((each) => each.uuid === uuid.toLowerCase())
      if (network) return ok({ status: 200, body: { network } })
      return err(refusal(404, 'NETWORK_NOT_FOUND', `The network ${uuid} does not exist.`))
    },
  },
])

/** By the interfaces there are; servers of one network in the order of the list of servers. */
async function networksOf(request: DialectRequest): Promise<readonly JsonObject[]> {
  const servers = await request.services.servers.list(request, profile)
  const links = servers.flatMap((view) =>
    view.interfaces.map((nic) => ({ view, nic, network: networkOf(nic, view.server.zone) })),
  )
  const { pools } = request.services.settings
  return [...Map.groupBy(links, ({ network }) => network)].flatMap(([uuid, members]) =>
    encodeNetwork(uuid, members, pools),
  )
}

interface Member {
  readonly view: ServerView
  readonly nic: Interface
}

function encodeNetwork(uuid: string, members: readonly Member[], pools: readonly Pool[]): JsonObject[] {
  const [first] = members
  if (!first) return []
  const servers = new Map(
    members.map(({ view: { server } }) => [server.id, { title: server.name, uuid: server.id }]),
  )
  const { view, nic } = first
  const { zone, name } = view.server
  const names = { public: `Public ${zone}`, utility: `Utility ${zone}`, private: `Private ${name}` }
  const addresses = members.flatMap((member) => member.nic.addresses)
  return [
    {
      ip_networks: { ip_network: ipNetworks(nic.type, zone, addresses, pools) },
      labels: [],
      name: names[nic.type],
      servers: { server: [...servers.values()] },
      type: nic.type,
      uuid,
      zone,
    },
  ]
}

const poolsOf = {
  public: ['public-ipv4', 'public-ipv6'],
  utility: ['utility-ipv4'],
  private: [],
} as const satisfies Record<InterfaceType, readonly Pool['kind'][]>

/** Pools that addresses of the network come from: of addresses that an inventory names, the prefix is not known. */
function ipNetworks(
  type: InterfaceType,
  zone: string,
  addresses: readonly string[],
  pools: readonly Pool[],
): readonly JsonObject[] {
  const parsed = addresses.map(parseAddress).flatMap((address) => (address.ok ? [address.value] : []))
  const prefixes = poolsOf[type].flatMap((kind) => poolFor(pools, { kind, profile, zone })?.prefixes ?? [])
  return prefixes.flatMap((prefix) => {
    const { family } = prefix
    const { first, last } = prefixRange(prefix)
    const used = parsed.some((each) => each.family === family && each.value >= first && each.value <= last)
    if (!used) return []
    return [
      {
        address: formatPrefix(prefix),
        dhcp: 'yes',
        dhcp_default_route: type === 'public' ? 'yes' : 'no',
        family: family === 'ipv4' ? 'IPv4' : 'IPv6',
      },
    ]
  })
}
