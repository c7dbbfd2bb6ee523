/** Cross connects of the contract (contract: ionos-more §7). */
import type { Route } from '../dialect.ts'
import { decode } from './body.ts'
import { type ContractDocuments, changeDocument, createDocument, deleteDocument } from './change.ts'
import { pccResource } from './contract-resources.ts'
import { pccTable } from './decode.ts'
import { createdPcc } from './encode-created.ts'
import { merged } from './fields.ts'
import { findContract, finding, findPcc, reading, route } from './find.ts'
import { listAnswer, resourceAnswer } from './render.ts'

const one = '/pccs/:pccId'

const documents: ContractDocuments = {
  kind: 'pcc',
  table: pccTable,
  resource: pccResource,
  inUse: ({ properties: { peers } }) =>
    Array.isArray(peers) && peers.length > 0 ? 'the cross connect still joins LANs' : undefined,
}

export const pccRoutes: readonly Route[] = [
  route('GET', '/pccs', 'listPccs', 200, 'Cross connects of the contract', async (call) => {
    const all = (await call.loader.pccs()).map((document) => pccResource(call, document))
    return listAnswer(call, null, 'pccs', await Promise.all(all))
  }),
  route(
    'POST',
    '/pccs',
    'createPcc',
    202,
    'Make a cross connect',
    reading(findContract, 'POST', async (call, _, body) => {
      const properties = decode(pccTable, body)
      if (!properties.ok) return properties
      return createDocument(call, documents, { body: merged({}, properties.value) }, createdPcc)
    }),
  ),
  route(
    'GET',
    one,
    'getPcc',
    200,
    'One cross connect',
    finding(findPcc, async (call, found) => resourceAnswer(call, await pccResource(call, found))),
  ),
  route(
    'PATCH',
    one,
    'patchPcc',
    202,
    'Rename or describe a cross connect',
    reading(findPcc, 'PATCH', (call, { id }, body) => changeDocument(call, documents, id, 'PATCH', body)),
  ),
  route('DELETE', one, 'deletePcc', 202, 'Delete a cross connect that joins no LAN', (call) =>
    deleteDocument(call, documents, call.id('pccId')),
  ),
]
