/** Resources of the contract that are in no datacenter: IP blocks and cross connects (contract: ionos-more §3, §7). */
import type { JsonObject } from '../../core/json.ts'
import type { Interface } from '../../core/model/interface.ts'
import type { DocumentRecord, ServerRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { authorshipOf, inOrderOfCreation } from './authorship.ts'
import { ipBlockProperties } from './encode.ts'
import type { Loader } from './loader.ts'
import { type IpBlock, ipsOf } from './records.ts'
import type { Resource } from './resource.ts'
import { profile } from './wire.ts'

/** All IP blocks of the contract, in order of creation. */
export async function ipBlocks(request: DialectRequest): Promise<readonly IpBlock[]> {
  const documents = await request.services.documents.list(request, profile, 'ipblock')
  return inOrderOfCreation(documents).map((document) => ({ document, ips: ipsOf(document.body) }))
}

interface Consumer {
  readonly server: ServerRecord
  readonly nic: Interface
}

/** The NICs that have each address. */
export type Consumers = ReadonlyMap<string, readonly Consumer[]>

export async function consumers(request: DialectRequest): Promise<Consumers> {
  const servers = await request.services.servers.list(request, profile)
  const all = servers.flatMap(({ server, interfaces }) =>
    interfaces.flatMap((nic) => nic.addresses.map((address) => ({ address, server, nic }))),
  )
  return Map.groupBy(all, ({ address }) => address)
}

/** `zones`: the datacenters, for their names. */
export function ipBlockResource(
  { id, account, body }: DocumentRecord,
  using: Consumers,
  zones: readonly DocumentRecord[],
): Resource {
  const nameOf = (zone: string) => zones.find((each) => each.id === zone)?.body.name ?? null
  const ipConsumers = ipsOf(body).flatMap((ip) =>
    (using.get(ip) ?? []).map(
      ({ server, nic }): JsonObject => ({
        ...{ ip, mac: nic.mac, nicId: nic.id, serverId: server.id, serverName: server.name },
        ...{ datacenterId: server.zone, datacenterName: nameOf(server.zone) },
        ...{ k8sNodePoolUuid: null, k8sClusterUuid: null },
      }),
    ),
  )
  return {
    kind: 'ipblock',
    id,
    path: `/ipblocks/${id}`,
    authorship: authorshipOf(body.meta, account, 0),
    properties: ipBlockProperties(body, ipConsumers),
    affects: {},
    children: {},
  }
}

/** The numbers of reserved addresses, and of those that a NIC has. */
export async function reservedIps(request: DialectRequest) {
  const [blocks, using] = [await ipBlocks(request), await consumers(request)]
  const ips = blocks.flatMap((block) => block.ips)
  return {
    reservedIpsOnContract: ips.length,
    reservedIpsInUse: ips.filter((ip) => using.has(ip)).length,
  }
}

/** A cross connect with the LANs that name it. */
export async function pccResource(
  { request, loader }: { readonly request: DialectRequest; readonly loader: Loader },
  { id, body }: DocumentRecord,
): Promise<Resource> {
  const zones = await loader.datacenters()
  const named = (of: DocumentRecord) => ({ name: of.body.name ?? null, location: of.body.location ?? null })
  const peers = (await loader.lanDocuments()).flatMap((lan) => {
    const [datacenterId = '', number = ''] = lan.id.split('/')
    const zone = lan.body.pcc === id ? zones.find((each) => each.id === datacenterId) : undefined
    if (!zone) return []
    const { name, location } = named(zone)
    return [{ id: number, name: lan.body.name ?? null, datacenterId, datacenterName: name, location }]
  })
  return {
    kind: 'pcc',
    id,
    path: `/pccs/${id}`,
    authorship: authorshipOf(body.meta, request.principal.account, 0),
    properties: {
      name: body.name ?? null,
      description: body.description ?? null,
      peers,
      connectableDatacenters: zones.map((zone) => ({ id: zone.id, ...named(zone) })),
    },
    affects: {},
    children: {},
  }
}
