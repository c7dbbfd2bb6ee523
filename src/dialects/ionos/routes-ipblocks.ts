/** Reserved addresses (contract: ionos-more §3). */
import { randomUUID } from 'node:crypto'
import { err } from '../../core/result.ts'
import type { Route } from '../dialect.ts'
import { changed, listAnswer, mutation, resourceAnswer, route, writing } from './call.ts'
import { type ContractDocuments, changeDocument, findDocument, removeDocument } from './contract-documents.ts'
import { decode, given, ipBlockTable } from './decode.ts'
import { impossible } from './errors.ts'
import { consumers, ipBlockNode, ipBlocks } from './ipblocks.ts'
import { merged } from './properties.ts'
import { stamped } from './stamp.ts'
import { profile } from './world.ts'

const one = '/ipblocks/:ipblockId'
/** Addresses of one block; pools may hold far more than one request should write. */
const mostSize = 1024

const kept: ContractDocuments = {
  kind: 'ipblock',
  table: ipBlockTable,
  node: async ({ request }, document) =>
    ipBlockNode(document, await consumers(request), await request.services.zones.list(request, profile)),
  inUse: ({ properties: { ipConsumers } }) =>
    Array.isArray(ipConsumers) && ipConsumers.length > 0
      ? `NICs have ${ipConsumers.length} of the block's addresses`
      : undefined,
}

export const ipBlockRoutes: readonly Route[] = [
  route('GET', '/ipblocks', 'listIpblocks', 200, 'Blocks of reserved addresses', async (call) => {
    const { request } = call
    const [using, zones] = [await consumers(request), await request.services.zones.list(request, profile)]
    const nodes = (await ipBlocks(request)).map(({ document }) => ipBlockNode(document, using, zones))
    return listAnswer(call, null, 'ipblocks', nodes)
  }),
  route('POST', '/ipblocks', 'createIpblock', 202, 'Reserve addresses', async (call) => {
    const { request } = call
    const body = given('POST', request.body)
    if (!body.ok) return body
    const properties = decode(ipBlockTable, body.value)
    if (!properties.ok) return properties
    const [zone, count] = [String(properties.value.location), Number(properties.value.size)]
    if (count > mostSize) return err(impossible(`a block cannot have more than ${mostSize} addresses`))
    const { addresses, documents } = request.services
    const taken = await addresses.take(request, profile, { pool: 'public-ipv4', zone, count })
    if (!taken.ok) return taken
    const document = {
      ...{ profile, kind: kept.kind, id: randomUUID() as string, addresses: taken.value },
      body: { ...merged({}, properties.value), ips: [...taken.value], meta: stamped(request) },
    }
    const { account } = request.principal
    const node = await kept.node(call, { ...document, account, revision: 0 })
    const change = mutation(call, null, 'POST')
    const done = await documents.put(writing(change, [node]), document, { ifRevision: 0 })
    return done.ok ? changed(call, change, node) : done
  }),
  route('GET', one, 'getIpblock', 200, 'One block', async (call) => {
    const found = await findDocument(call, kept, call.id('ipblockId'))
    return found.ok ? resourceAnswer(call, await kept.node(call, found.value)) : found
  }),
  ...(['PUT', 'PATCH'] as const).map((method) =>
    route(method, one, method === 'PUT' ? 'putIpblock' : 'patchIpblock', 202, 'Rename a block', (call) =>
      changeDocument(call, kept, call.id('ipblockId'), method),
    ),
  ),
  route('DELETE', one, 'deleteIpblock', 202, 'Give addresses back that no NIC has', (call) =>
    removeDocument(call, kept, call.id('ipblockId')),
  ),
]
