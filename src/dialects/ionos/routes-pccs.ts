/** Cross connects of the contract (contract: ionos-more §7). */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { err } from '../../core/result.ts'
import { whileOvertaken } from '../../service/retry.ts'
import type { Route } from '../dialect.ts'
import {
  type Call,
  changed,
  gone,
  type Handled,
  listAnswer,
  mutation,
  resourceAnswer,
  route,
  writing,
} from './call.ts'
import { decode, given, pccTable } from './decode.ts'
import { impossible } from './errors.ts'
import { freshPcc } from './fresh.ts'
import { findPcc, pccNode, pccNodes } from './pccs.ts'
import { merged } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { createWorld, profile } from './world.ts'

const kind = 'pcc'
const one = '/pccs/:pccId'

export const pccRoutes: readonly Route[] = [
  route('GET', '/pccs', 'listPccs', 200, 'Cross connects of the contract', async (call) =>
    listAnswer(call, null, 'pccs', await pccNodes(call)),
  ),
  route('POST', '/pccs', 'createPcc', 202, 'Make a cross connect', async (call) => {
    const body = given('POST', call.request.body)
    if (!body.ok) return body
    const properties = decode(pccTable, body.value)
    if (!properties.ok) return properties
    const document = {
      ...{ profile, kind, id: randomUUID() as string },
      body: { ...merged({}, properties.value), meta: stamped(call.request) },
    }
    const { account } = call.request.principal
    const node = await pccNode(call, { ...document, account, revision: 0 })
    const change = mutation(call, null, 'POST')
    const done = await call.request.services.documents.put(writing(change, [node]), document, {
      ifRevision: 0,
    })
    return done.ok ? changed(call, change, freshPcc(node)) : done
  }),
  route('GET', one, 'getPcc', 200, 'One cross connect', async (call) => {
    const found = await findPcc(call, call.id('pccId'))
    return found.ok ? resourceAnswer(call, await pccNode(call, found.value)) : found
  }),
  route('PATCH', one, 'patchPcc', 202, 'Rename or describe a cross connect', async (call) => {
    const { request } = call
    const { documents, zones } = request.services
    const id = call.id('pccId')
    return whileOvertaken(`pcc ${id}`, async (): Handled => {
      const found = await findPcc(call, id)
      if (!found.ok) return found
      const body = given('PATCH', request.body)
      if (!body.ok) return body
      const { revision, ...old } = found.value
      const properties = decode(pccTable, body.value, old.body)
      if (!properties.ok) return properties
      const wanted = merged(old.body, properties.value)
      const change = mutation(call, null, 'PATCH')
      const same = isDeepStrictEqual(wanted, old.body)
      const stamp = stampOf(old.body.meta, old.account, 0)
      const result = same ? old : { ...old, body: { ...wanted, meta: stamped(request, stamp) } }
      const node = await pccNode(fresh(call), { ...result, revision })
      const context = writing(change, [node])
      const done = await (same
        ? zones.unchanged(context, old.id)
        : documents.put(context, result, { ifRevision: revision }))
      return done.ok ? changed(call, change, node) : done
    })
  }),
  route('DELETE', one, 'deletePcc', 202, 'Delete a cross connect that joins no LAN', async (call) => {
    const { request } = call
    const id = call.id('pccId')
    return whileOvertaken(`pcc ${id}`, async (): Handled => {
      const found = await findPcc(call, id)
      if (!found.ok) return found
      const node = await pccNode(fresh(call), found.value)
      if ((node.properties.peers as readonly unknown[]).length > 0)
        return err(impossible('the cross connect still joins LANs'))
      const change = mutation(call, null, 'DELETE')
      const condition = { ifRevision: found.value.revision }
      const context = writing(change, [node])
      const done = await request.services.documents.remove(context, profile, kind, node.id, condition)
      return done.ok ? gone(change) : done
    })
  }),
]

/** Reads anew: an attempt may come after somebody else's change. */
const fresh = (call: Call): Call => ({ ...call, world: createWorld(call.request) })
