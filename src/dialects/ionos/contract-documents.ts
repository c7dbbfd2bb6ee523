/** Resources of the contract that are in no datacenter, a document each: cross connects and IP blocks. */
import { isDeepStrictEqual } from 'node:util'
import type { RequestError } from '../../core/model/error.ts'
import { err, type Result } from '../../core/result.ts'
import { whileOvertaken } from '../../service/retry.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import { type Call, changed, gone, type Handled, mutation, writing } from './call.ts'
import { decode, given } from './decode.ts'
import { impossible, notFound } from './errors.ts'
import { merged, type Table } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { createWorld, type Node, plausible, profile } from './world.ts'

export interface ContractDocuments {
  readonly kind: 'pcc' | 'ipblock'
  readonly table: Table
  readonly node: (call: Call, document: DocumentRecord) => Promise<Node>
  /** What keeps it from being deleted; undefined: nothing. */
  readonly inUse: (node: Node) => string | undefined
}

type Kind = Pick<ContractDocuments, 'kind'>

export async function findDocument(
  { request }: Call,
  { kind }: Kind,
  id: string,
): Promise<Result<DocumentRecord, RequestError>> {
  if (!plausible.test(id)) return notFound(id)
  return request.services.documents.get(request, profile, kind, id.toLowerCase())
}

/** Reads anew: an attempt may come after somebody else's change. */
const anew = (call: Call): Call => ({ ...call, world: createWorld(call.request) })

export function changeDocument(
  call: Call,
  of: ContractDocuments,
  id: string,
  method: 'PUT' | 'PATCH',
): Handled {
  const { request } = call
  const { documents, zones } = request.services
  return whileOvertaken(`${of.kind} ${id}`, async (): Handled => {
    const found = await findDocument(call, of, id)
    if (!found.ok) return found
    const body = given(method, request.body)
    if (!body.ok) return body
    const { revision, ...old } = found.value
    const properties = decode(of.table, body.value, old.body)
    if (!properties.ok) return properties
    const wanted = merged(old.body, properties.value)
    const same = isDeepStrictEqual(wanted, old.body)
    const stamp = stampOf(old.body.meta, old.account, 0)
    const result = same ? old : { ...old, body: { ...wanted, meta: stamped(request, stamp) } }
    const change = mutation(call, null, method)
    const node = await of.node(anew(call), { ...result, revision })
    const context = writing(change, [node])
    const done = await (same
      ? zones.unchanged(context, old.id)
      : documents.put(context, result, { ifRevision: revision }))
    return done.ok ? changed(call, change, node) : done
  })
}

export function removeDocument(call: Call, of: ContractDocuments, id: string): Handled {
  return whileOvertaken(`${of.kind} ${id}`, async (): Handled => {
    const found = await findDocument(call, of, id)
    if (!found.ok) return found
    const node = await of.node(anew(call), found.value)
    const obstacle = of.inUse(node)
    if (obstacle !== undefined) return err(impossible(obstacle))
    const change = mutation(call, null, 'DELETE')
    const { documents } = call.request.services
    const condition = { ifRevision: found.value.revision }
    const done = await documents.remove(writing(change, [node]), profile, of.kind, node.id, condition)
    return done.ok ? gone(change) : done
  })
}
