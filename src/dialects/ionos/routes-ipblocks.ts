/** Blocks of reserved addresses (contract: ionos-more §3). */
import { err } from '../../core/result.ts'
import { decode } from './body.ts'
import { type ContractDocuments, changeDocument, createDocument, deleteDocument } from './change.ts'
import { consumers, ipBlockResource, ipBlocks } from './contract-resources.ts'
import { ipBlockTable } from './decode.ts'
import { impossible } from './errors.ts'
import { merged } from './fields.ts'
import { type CallEndpoint, findContract, findIpBlock, finding, reading, routesOf } from './find.ts'
import { listAnswer, resourceAnswer } from './render.ts'
import { profile } from './wire.ts'

const one = '/ipblocks/:ipblockId'
/** Addresses of one block; pools may have far more than one request should write. */
const maxSize = 1024

const documents: ContractDocuments = {
  kind: 'ipblock',
  table: ipBlockTable,
  resource: async ({ request }, document) =>
    ipBlockResource(document, await consumers(request), await request.services.zones.list(request, profile)),
  inUse: ({ properties: { ipConsumers } }) =>
    Array.isArray(ipConsumers) && ipConsumers.length > 0
      ? `NICs have ${ipConsumers.length} of the block's addresses`
      : undefined,
}

export const ipBlockRoutes = routesOf([
  {
    method: 'GET',
    path: '/ipblocks',
    operation: 'listIpblocks',
    success: 200,
    summary: 'Blocks of reserved addresses',
    handle: async (call) => {
      const { request } = call
      const [using, zones] = [await consumers(request), await request.services.zones.list(request, profile)]
      const blocks = (await ipBlocks(request)).map(({ document }) => ipBlockResource(document, using, zones))
      return listAnswer(call, null, 'ipblocks', blocks)
    },
  },
  {
    method: 'POST',
    path: '/ipblocks',
    operation: 'createIpblock',
    success: 202,
    summary: 'Reserve addresses',
    handle: reading(findContract, 'POST', async (call, _, body) => {
      const { request } = call
      const properties = decode(ipBlockTable, body)
      if (!properties.ok) return properties
      const [zone, count] = [String(properties.value.location), Number(properties.value.size)]
      if (count > maxSize) return err(impossible(`a block cannot have more than ${maxSize} addresses`))
      const pool = { pool: 'public-ipv4', zone, count } as const
      const taken = await request.services.addresses.take(request, profile, pool)
      if (!taken.ok) return taken
      const { value: addresses } = taken
      const stored = { ...merged({}, properties.value), ips: [...addresses] }
      return createDocument(call, documents, { body: stored, addresses })
    }),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getIpblock',
    success: 200,
    summary: 'One block',
    handle: finding(findIpBlock, async (call, found) =>
      resourceAnswer(call, await documents.resource(call, found)),
    ),
  },
  ...(['PUT', 'PATCH'] as const).map(
    (method): CallEndpoint => ({
      method,
      path: one,
      operation: method === 'PUT' ? 'putIpblock' : 'patchIpblock',
      success: 202,
      summary: 'Rename a block',
      handle: reading(findIpBlock, method, (call, { id }, body) =>
        changeDocument(call, documents, id, method, body),
      ),
    }),
  ),
  {
    method: 'DELETE',
    path: one,
    operation: 'deleteIpblock',
    success: 202,
    summary: 'Give addresses back that no NIC has',
    handle: (call) => deleteDocument(call, documents, call.id('ipblockId')),
  },
])
