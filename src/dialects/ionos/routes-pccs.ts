/** Cross connects of the contract (contract: ionos-more §7). */
import { decode } from './body.ts'
import { type ContractDocuments, changeDocument, createDocument, deleteDocument } from './change.ts'
import { pccResource } from './contract-resources.ts'
import { pccTable } from './decode.ts'
import { createdPcc } from './encode-created.ts'
import { merged } from './fields.ts'
import { findContract, finding, findPcc, reading, routesOf } from './find.ts'
import { listAnswer, resourceAnswer } from './render.ts'

const one = '/pccs/:pccId'

const documents: ContractDocuments = {
  kind: 'pcc',
  table: pccTable,
  resource: pccResource,
  inUse: ({ properties: { peers } }) =>
    Array.isArray(peers) && peers.length > 0 ? 'the cross connect still joins LANs' : undefined,
}

export const pccRoutes = routesOf([
  {
    method: 'GET',
    path: '/pccs',
    operation: 'listPccs',
    success: 200,
    summary: 'Cross connects of the contract',
    handle: async (call) => {
      const all = (await call.loader.pccs()).map((document) => pccResource(call, document))
      return listAnswer(call, null, 'pccs', await Promise.all(all))
    },
  },
  {
    method: 'POST',
    path: '/pccs',
    operation: 'createPcc',
    success: 202,
    summary: 'Make a cross connect',
    handle: reading(findContract, 'POST', async (call, _, body) => {
      const properties = decode(pccTable, body)
      if (!properties.ok) return properties
      return createDocument(call, documents, { body: merged({}, properties.value) }, createdPcc)
    }),
  },
  {
    method: 'GET',
    path: one,
    operation: 'getPcc',
    success: 200,
    summary: 'One cross connect',
    handle: finding(findPcc, async (call, found) => resourceAnswer(call, await pccResource(call, found))),
  },
  {
    method: 'PATCH',
    path: one,
    operation: 'patchPcc',
    success: 202,
    summary: 'Rename or describe a cross connect',
    handle: reading(findPcc, 'PATCH', (call, { id }, body) =>
      changeDocument(call, documents, id, 'PATCH', body),
    ),
  },
  {
    method: 'DELETE',
    path: one,
    operation: 'deletePcc',
    success: 202,
    summary: 'Delete a cross connect that joins no LAN',
    handle: (call) => deleteDocument(call, documents, call.id('pccId')),
  },
])
