/** Reserved addresses: documents of the contract that hold addresses of a pool (contract: ionos-more §3). */
import type { JsonObject } from '../../core/json.ts'
import type { Interface } from '../../core/model/inventory.ts'
import type { DocumentRecord, ServerRecord } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { ipBlockProperties } from './encode.ts'
import { inOrderOfCreation, stampOf } from './stamp.ts'
import { type Node, profile } from './world.ts'

export interface IpBlock {
  readonly document: DocumentRecord
  /** Canonical text, in the order in which they were handed out. */
  readonly ips: readonly string[]
}

const ipBlock = (document: DocumentRecord): IpBlock => ({
  document,
  ips: Array.isArray(document.body.ips) ? document.body.ips.map(String) : [],
})

/** All of the contract, in order of creation. */
export async function ipBlocks(request: DialectRequest): Promise<readonly IpBlock[]> {
  const documents = await request.services.documents.list(request, profile, 'ipblock')
  return inOrderOfCreation(documents).map(ipBlock)
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

export function ipBlockNode(
  { id, account, body }: DocumentRecord,
  using: Consumers,
  zones: readonly DocumentRecord[],
): Node {
  const { ips } = ipBlock({ id, account, body, profile, kind: 'ipblock', revision: 0 })
  const nameOf = (zone: string) => zones.find((each) => each.id === zone)?.body.name ?? null
  const ipConsumers = ips.flatMap((ip) =>
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
    stamp: stampOf(body.meta, account, 0),
    properties: ipBlockProperties(body, ipConsumers),
    bears: {},
    children: {},
  }
}

/** How many of the contract's reserved addresses there are, and how many of them a NIC has. */
export async function reservedIps(request: DialectRequest) {
  const [blocks, using] = [await ipBlocks(request), await consumers(request)]
  const ips = blocks.flatMap((block) => block.ips)
  return {
    reservedIpsOnContract: ips.length,
    reservedIpsInUse: ips.filter((ip) => using.has(ip)).length,
  }
}
