/** Cross connects: documents of the contract, joined by the LANs that name them (contract: ionos-more §7). */
import type { JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { DocumentRecord } from '../../storage/storage.ts'
import type { Call } from './call.ts'
import { findDocument } from './contract-documents.ts'
import { impossible } from './errors.ts'
import { inOrderOfCreation, stampOf } from './stamp.ts'
import { type Node, profile } from './world.ts'

const kind = 'pcc'

export async function pccNode({ request, world }: Call, { id, body }: DocumentRecord): Promise<Node> {
  const zones = inOrderOfCreation(await request.services.zones.list(request, profile))
  const named = (of: DocumentRecord) => ({ name: of.body.name ?? null, location: of.body.location ?? null })
  const peers = (await world.lanDocuments()).flatMap((lan) => {
    const [datacenterId = '', number = ''] = lan.id.split('/')
    const zone = lan.body.pcc === id ? zones.find((each) => each.id === datacenterId) : undefined
    if (!zone) return []
    const { name, location } = named(zone)
    return [{ id: number, name: lan.body.name ?? null, datacenterId, datacenterName: name, location }]
  })
  return {
    kind,
    id,
    path: `/pccs/${id}`,
    stamp: stampOf(body.meta, request.principal.account, 0),
    properties: {
      name: body.name ?? null,
      description: body.description ?? null,
      peers,
      connectableDatacenters: zones.map((zone) => ({ id: zone.id, ...named(zone) })),
    },
    bears: {},
    children: {},
  }
}

/** In order of creation. */
export async function pccNodes(call: Call): Promise<readonly Node[]> {
  const documents = await call.request.services.documents.list(call.request, profile, kind)
  return Promise.all(inOrderOfCreation(documents).map((document) => pccNode(call, document)))
}

/**
 * Documents that a LAN's change of `pcc` writes: the cross connect itself, on condition that it is still there, so that a
 * deletion that runs at the same time is decided again.
 */
export async function joining(
  call: Call,
  before: JsonValue | undefined,
  after: JsonValue | undefined,
): Promise<Result<readonly (DocumentRecord & { readonly ifRevision: number })[], RequestError>> {
  if (typeof after !== 'string' || after === before) return ok([])
  const found = await findDocument(call, { kind }, after)
  if (!found.ok) return err(impossible(`cross connect ${after} does not exist`))
  return ok([{ ...found.value, ifRevision: found.value.revision }])
}
