/** LANs as they are stored, and those that NICs are in. */
import type { JsonObject } from '../../core/json.ts'
import type { Interface } from '../../core/model/inventory.ts'
import type { NewDocument } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { stamped } from './stamp.ts'
import { type Lan, profile } from './world.ts'

/** Of the LANs that they are in, each once. */
export const numbersOf = (nics: readonly Pick<Interface, 'attributes'>[]): readonly string[] => [
  ...new Set(nics.map(({ attributes }) => String(attributes.lan ?? 1))),
]

/** A NIC in a LAN that is not there makes it. */
export function missingLans(
  request: DialectRequest,
  zone: string,
  nics: readonly Interface[],
  lans: readonly Lan[],
): NewDocument[] {
  // What only a NIC speaks of would go with that NIC.
  const kept = new Set(lans.filter(({ body }) => body.meta !== undefined).map(({ id }) => id))
  return numbersOf(nics)
    .filter((id) => !kept.has(id))
    .map((id) => lanDocument(request, zone, id, { ...lans.find((lan) => lan.id === id)?.body }))
}

export function lanDocument(
  request: DialectRequest,
  zone: string,
  id: string,
  body: JsonObject,
): NewDocument {
  const { account } = request.principal
  return { account, profile, kind: 'lan', id: `${zone}/${id}`, body: { ...body, meta: stamped(request) } }
}
