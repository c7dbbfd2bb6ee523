/** Resources → JSON, to the depth that the request asks for (contract: ionos §1.4, §1.5). */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Page } from './pages.ts'
import type { Resource } from './resource.ts'
import { collections, date, hash } from './wire.ts'

export interface View {
  /** Every href starts with it: `http://host:port/cloudapi/v6`. */
  readonly base: string
  readonly resources: { busy(resource: Resource): Promise<boolean> }
  /** The answer to a change: BUSY, whatever is enforced by now. */
  readonly changing?: boolean
}

export const ref = ({ base }: View, { id, kind, path }: Resource): JsonObject => ({
  id,
  type: kind,
  href: base + path,
})

export async function encodeResource(view: View, resource: Resource, depth: number): Promise<JsonObject> {
  const busy = view.changing === true || (await view.resources.busy(resource))
  const entities: Record<string, JsonValue> = {}
  for (const { name } of collections[resource.kind])
    entities[name] = await nested(view, resource, name, depth)
  return {
    ...ref(view, resource),
    ...(resource.kind !== 'location' && { metadata: metadata(resource, busy) }),
    properties: resource.properties,
    ...(collections[resource.kind].length > 0 && !resource.bare && { entities }),
  }
}

async function nested(view: View, resource: Resource, name: string, depth: number): Promise<JsonObject> {
  const stub = collection(`${resource.id}/${name}`, `${view.base}${resource.path}/${name}`)
  if (depth === 0) return stub
  const children = (await resource.children[name]?.()) ?? []
  return { ...stub, items: await items(view, children, depth - 1) }
}

/** Refs at depth 0, else resources that are one deep less. */
async function items(view: View, resources: readonly Resource[], depth: number): Promise<JsonObject[]> {
  if (depth === 0) return resources.map((each) => ref(view, each))
  const rendered: JsonObject[] = []
  for (const each of resources) rendered.push(await encodeResource(view, each, depth - 1))
  return rendered
}

/** A page of a collection that has an address of its own. */
export async function encodeList(
  view: View,
  { id, path }: { readonly id: string; readonly path: string },
  resources: readonly Resource[],
  { depth, offset, limit }: Page,
): Promise<JsonObject> {
  const shown = resources.slice(offset, offset + limit)
  return {
    ...collection(id, view.base + path),
    items: await items(view, shown, depth),
    ...paging(view.base + path, resources.length, { depth, offset, limit }),
  }
}

export function paging(href: string, total: number, { depth, offset, limit }: Page): JsonObject {
  const link = (from: number) => `${href}?depth=${depth}&offset=${from}&limit=${limit}`
  const _links = {
    ...(offset > 0 && { prev: link(Math.max(0, offset - limit)) }),
    self: link(offset),
    ...(offset + limit < total && { next: link(offset + limit) }),
  }
  return { offset, limit, _links }
}

export const collection = (id: string, href: string): JsonObject => ({ id, type: 'collection', href })

export function metadata(resource: Resource, busy: boolean): JsonObject {
  const state = resource.kind !== 'label' && { state: busy ? 'BUSY' : 'AVAILABLE' }
  return { etag: etagOf(resource), ...authors(resource), ...state }
}

/** Cross connects do not name users by id. */
function authors({ kind, authorship }: Resource): JsonObject {
  const named = kind !== 'pcc'
  return {
    createdDate: date(authorship.createdAt),
    createdBy: authorship.createdBy,
    ...(named && { createdByUserId: authorship.createdByUserId }),
    lastModifiedDate: date(authorship.modifiedAt),
    lastModifiedBy: authorship.modifiedBy,
    ...(named && { lastModifiedByUserId: authorship.modifiedByUserId }),
  }
}

export function etagOf({
  id,
  properties,
  authorship,
}: Pick<Resource, 'id' | 'properties' | 'authorship'>): string {
  return hash([id, properties, authorship as unknown as JsonObject])
}
