/** Blocks of reserved addresses (contract: ionos-more §3). */
import { err } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { decode } from './body.ts'
import { type ContractDocuments, changeDocument, createDocument, deleteDocument } from './change.ts'
import { consumers, ipBlockResource, ipBlocks } from './contract-resources.ts'
import { ipBlockTable } from './decode.ts'
import { impossible } from './errors.ts'
import { merged } from './fields.ts'
import { findContract, findIpBlock, finding, reading, route } from './find.ts'
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

export const ipBlockRoutes: readonly Route[] = [
  route('GET', '/ipblocks', 'listIpblocks', 200, 'Blocks of reserved addresses', async (call) => {
    const { request } = call
    const [using, zones] = [await consumers(request), await request.services.zones.list(request, profile)]
    const blocks = (await ipBlocks(request)).map(({ document }) => ipBlockResource(document, using, zones))
    return listAnswer(call, null, 'ipblocks', blocks)
  }),
  route(
    'POST',
    '/ipblocks',
    'createIpblock',
    202,
    'Reserve addresses',
    reading(findContract, 'POST', async (call, _, body) => {
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
  ),
  route(
    'GET',
    one,
    'getIpblock',
    200,
    'One block',
    finding(findIpBlock, async (call, found) => resourceAnswer(call, await documents.resource(call, found))),
  ),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(
      method,
      one,
      method === 'PUT' ? 'putIpblock' : 'patchIpblock',
      202,
      'Rename a block',
      reading(findIpBlock, method, (call, { id }, body) => changeDocument(call, documents, id, method, body)),
    ),
  ),
  route('DELETE', one, 'deleteIpblock', 202, 'Give addresses back that no NIC has', (call) =>
    deleteDocument(call, documents, call.id('ipblockId')),
  ),
]
