/** Writes, each logged as a request, and their answers: of a datacenter, and of documents that are in none. */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { retryOnConflict } from '../../service/retry.ts'
import type { DocumentRecord, ZoneChange } from '../../storage/storage.ts'
import type { Answer, DialectRequest } from '../dialect.ts'
import { authored, authorshipOf } from './authorship.ts'
import { decode, type Given } from './body.ts'
import { logged } from './encode-request.ts'
import { encodeResource, etagOf } from './encode-resource.ts'
import { impossible, notFound } from './errors.ts'
import { merged, type Table } from './fields.ts'
import { changeWithAddresses, type Take } from './pool-addresses.ts'
import type { Affects, Resource } from './resource.ts'
import { type Call, withFreshReads } from './resources.ts'
import { hash, profile } from './wire.ts'

type Outcome<T> = Promise<Result<T, RequestError>>
type Handled = Outcome<Answer>

/** A write with the id that its request is logged under. */
export interface Mutation {
  readonly context: DialectRequest
  /** The log entry. `affects` absent: of the first target. */
  log(targets: readonly Resource[], affects?: Affects): NonNullable<DialectRequest['request']>
  readonly location: Readonly<Record<string, string>>
}

/** A write in a datacenter or of the datacenter itself; a null `zone`: of a document that is in none. */
export function mutation({ request, base }: Call, zone: string | null, method: string): Mutation {
  const requestId = randomUUID()
  return {
    context: { ...request, requestId, ...(zone !== null && { within: { kind: 'datacenter', id: zone } }) },
    log: (targets, affects = targets[0]?.affects ?? {}) => logged(request, method, targets, affects),
    location: { location: `${base}/requests/${requestId}/status` },
  }
}

/** The context of a write whose targets are known before it. */
export const writing = (
  change: Mutation,
  targets: readonly Resource[],
  affects?: Affects,
): DialectRequest => ({
  ...change.context,
  request: change.log(targets, affects),
})

/** Answers the changed resource, BUSY. */
export async function changed(call: Call, change: Mutation, resource: Resource, status = 202): Handled {
  // The change is not in what was read before it.
  const view = { ...withFreshReads(call), changing: true }
  const body = await encodeResource(view, resource, call.page.depth)
  return ok({ status, body, headers: { ...change.location, etag: etagOf(resource) } })
}

/** Answers without a body share one ETag, as in the real service. */
const emptyTag = hash('')

/** Answers 202 without a body. */
export const gone = (change: Mutation): Result<Answer, RequestError> =>
  ok({ status: 202, headers: { ...change.location, etag: emptyTag } })

/** What to write in a datacenter, and how to answer. */
export interface Decision {
  /** Null: nothing differs from what is stored. */
  readonly change: ZoneChange | null
  /** The resources that the request is logged with. */
  readonly targets: readonly Resource[]
  /** Interfaces whose enforcement the request waits for; absent: those of the first target. */
  readonly affects?: Affects
  /** The resource to answer, after the change; absent: an answer without a body. */
  readonly answer?: (after: Call) => Resource | Promise<Resource>
}

/** Where a decision is made: what is stored now, read in the same attempt. */
export interface Current extends Call {
  readonly zone: DocumentRecord
  readonly take: Take
}

type Respond = (call: Call, change: Mutation, resource: Resource) => Handled

/**
 * Decides and writes in one change of a datacenter, and answers. The decision runs again after a conflict, and when it
 * took addresses of pools; a missing datacenter is not found.
 */
export const changeInZone = (
  call: Call,
  zone: string,
  method: string,
  decide: (current: Current) => Outcome<Decision>,
  respond?: Respond,
): Handled =>
  changeZone(
    call,
    zone,
    method,
    async (current, there, take) => (there ? decide({ ...current, zone: there, take }) : notFound(zone)),
    respond,
  )

/** As `changeInZone`, for a datacenter that may not exist yet. */
export async function changeZone(
  call: Call,
  zone: string,
  method: string,
  decide: (current: Call, there: DocumentRecord | undefined, take: Take) => Outcome<Decision>,
  respond: Respond = changed,
): Handled {
  const { request } = call
  const change = mutation(call, zone, method)
  let answer: Decision['answer']
  const done = await changeWithAddresses(request, change.context, zone, async (there, take) => {
    const decided = await decide(withFreshReads(call), there, take)
    if (!decided.ok) return decided
    const { targets, affects } = decided.value
    answer = decided.value.answer
    return ok({ change: decided.value.change, request: change.log(targets, affects) })
  })
  if (!done.ok) return done
  return answer ? respond(call, change, await answer(withFreshReads(call))) : gone(change)
}

/** A kind of documents of the contract that are in no datacenter. */
export interface ContractDocuments {
  readonly kind: 'pcc' | 'ipblock'
  readonly table: Table
  readonly resource: (call: Call, document: DocumentRecord) => Promise<Resource>
  /** Why it cannot be deleted; undefined if it can. */
  readonly inUse: (resource: Resource) => string | undefined
}

/** Creates a document with these addresses and properties; `shown`: the resource as the answer has it. */
export async function createDocument(
  call: Call,
  { kind, resource }: ContractDocuments,
  { body, addresses }: Pick<DocumentRecord, 'body'> & { readonly addresses?: readonly string[] },
  shown: (resource: Resource) => Resource = (each) => each,
): Handled {
  const { request } = call
  const document = {
    ...{ profile, kind, id: randomUUID() as string, ...(addresses && { addresses }) },
    body: { ...body, meta: authored(request) },
  }
  const created = await resource(call, { ...document, account: request.principal.account, revision: 0 })
  const change = mutation(call, null, 'POST')
  const done = await request.services.documents.put(writing(change, [created]), document, { ifRevision: 0 })
  return done.ok ? changed(call, change, shown(created)) : done
}

export function changeDocument(
  call: Call,
  { kind, table, resource }: ContractDocuments,
  id: string,
  method: 'PUT' | 'PATCH',
  body: Given,
): Handled {
  const { request } = call
  const { documents, zones } = request.services
  return retryOnConflict(`${kind} ${id}`, async (): Handled => {
    const found = await call.loader.document(kind, id)
    if (!found.ok) return found
    const { revision, ...old } = found.value
    const properties = decode(table, body, old.body)
    if (!properties.ok) return properties
    const wanted = merged(old.body, properties.value)
    const same = isDeepStrictEqual(wanted, old.body)
    const meta = authored(request, authorshipOf(old.body.meta, old.account, 0))
    const result = same ? old : { ...old, body: { ...wanted, meta } }
    const change = mutation(call, null, method)
    const shown = await resource(withFreshReads(call), { ...result, revision })
    const context = writing(change, [shown])
    const done = await (same
      ? zones.unchanged(context, old.id)
      : documents.put(context, result, { ifRevision: revision }))
    return done.ok ? changed(call, change, shown) : done
  })
}

export function deleteDocument(
  call: Call,
  { kind, resource, inUse }: ContractDocuments,
  id: string,
): Handled {
  return retryOnConflict(`${kind} ${id}`, async (): Handled => {
    const found = await call.loader.document(kind, id)
    if (!found.ok) return found
    const shown = await resource(withFreshReads(call), found.value)
    const obstacle = inUse(shown)
    if (obstacle !== undefined) return err(impossible(obstacle))
    const change = mutation(call, null, 'DELETE')
    const { documents } = call.request.services
    const condition = { ifRevision: found.value.revision }
    const done = await documents.remove(writing(change, [shown]), profile, kind, shown.id, condition)
    return done.ok ? gone(change) : done
  })
}
