/** Cross connects of the contract (contract: ionos-more §7). */
import { randomUUID } from 'node:crypto'
import type { Route } from '../dialect.ts'
import { changed, listAnswer, mutation, resourceAnswer, route, writing } from './call.ts'
import { type ContractDocuments, changeDocument, findDocument, removeDocument } from './contract-documents.ts'
import { decode, given, pccTable } from './decode.ts'
import { freshPcc } from './fresh.ts'
import { pccNode, pccNodes } from './pccs.ts'
import { merged } from './properties.ts'
import { stamped } from './stamp.ts'
import { profile } from './world.ts'

const one = '/pccs/:pccId'

const kept: ContractDocuments = {
  kind: 'pcc',
  table: pccTable,
  node: pccNode,
  inUse: ({ properties: { peers } }) =>
    Array.isArray(peers) && peers.length > 0 ? 'the cross connect still joins LANs' : undefined,
}

export const pccRoutes: readonly Route[] = [
  route('GET', '/pccs', 'listPccs', 200, 'Cross connects of the contract', async (call) =>
    listAnswer(call, null, 'pccs', await pccNodes(call)),
  ),
  route('POST', '/pccs', 'createPcc', 202, 'Make a cross connect', async (call) => {
    const { request } = call
    const body = given('POST', request.body)
    if (!body.ok) return body
    const properties = decode(pccTable, body.value)
    if (!properties.ok) return properties
    const document = {
      ...{ profile, kind: kept.kind, id: randomUUID() as string },
      body: { ...merged({}, properties.value), meta: stamped(request) },
    }
    const node = await pccNode(call, { ...document, account: request.principal.account, revision: 0 })
    const change = mutation(call, null, 'POST')
    const { documents } = request.services
    const done = await documents.put(writing(change, [node]), document, { ifRevision: 0 })
    return done.ok ? changed(call, change, freshPcc(node)) : done
  }),
  route('GET', one, 'getPcc', 200, 'One cross connect', async (call) => {
    const found = await findDocument(call, kept, call.id('pccId'))
    return found.ok ? resourceAnswer(call, await pccNode(call, found.value)) : found
  }),
  route('PATCH', one, 'patchPcc', 202, 'Rename or describe a cross connect', (call) =>
    changeDocument(call, kept, call.id('pccId'), 'PATCH'),
  ),
  route('DELETE', one, 'deletePcc', 202, 'Delete a cross connect that joins no LAN', (call) =>
    removeDocument(call, kept, call.id('pccId')),
  ),
]
