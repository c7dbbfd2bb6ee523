/** Nodes → JSON to the depth that is asked for, and not beyond (contract: ionos §1.4, §1.5). */
import { createHash } from 'node:crypto'
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { Page } from './decode.ts'
import { collections } from './wire.ts'
import type { Node, World } from './world.ts'

export interface View {
  /** What every href begins with: `http://host:port/cloudapi/v6`. */
  readonly base: string
  readonly world: World
  /** The answer to a change: under way, whatever is enforced by now. */
  readonly changing?: boolean
}

export const ref = ({ base }: View, { id, kind, path }: Node): JsonObject => ({
  id,
  type: kind,
  href: base + path,
})

export async function resource(view: View, node: Node, depth: number): Promise<JsonObject> {
  const busy = view.changing === true || (await view.world.busy(node))
  const entities: Record<string, JsonValue> = {}
  for (const { name } of collections[node.kind]) entities[name] = await nested(view, node, name, depth)
  return {
    ...ref(view, node),
    ...(node.kind !== 'location' && { metadata: metadata(node, busy) }),
    properties: node.properties,
    ...(collections[node.kind].length > 0 && !node.bare && { entities }),
  }
}

async function nested(view: View, node: Node, name: string, depth: number): Promise<JsonObject> {
  const stub = collection(`${node.id}/${name}`, `${view.base}${node.path}/${name}`)
  if (depth === 0) return stub
  const children = (await node.children[name]?.()) ?? []
  return { ...stub, items: await items(view, children, depth - 1) }
}

/** Refs at depth 0, else resources that are one deep less. */
async function items(view: View, nodes: readonly Node[], depth: number): Promise<JsonObject[]> {
  if (depth === 0) return nodes.map((node) => ref(view, node))
  const rendered: JsonObject[] = []
  for (const node of nodes) rendered.push(await resource(view, node, depth - 1))
  return rendered
}

/** A page of a collection that has an address of its own. */
export async function list(
  view: View,
  { id, path }: { readonly id: string; readonly path: string },
  nodes: readonly Node[],
  { depth, offset, limit }: Page,
): Promise<JsonObject> {
  const shown = nodes.slice(offset, offset + limit)
  return {
    ...collection(id, view.base + path),
    items: await items(view, shown, depth),
    ...paging(view.base + path, nodes.length, { depth, offset, limit }),
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

export function metadata(node: Node, busy: boolean): JsonObject {
  const state = node.kind !== 'label' && { state: busy ? 'BUSY' : 'AVAILABLE' }
  return { etag: etagOf(node), ...authors(node), ...state }
}

/** Cross connects do not name users by id. */
function authors({ kind, stamp }: Node): JsonObject {
  const named = kind !== 'pcc'
  return {
    createdDate: date(stamp.createdAt),
    createdBy: stamp.createdBy,
    ...(named && { createdByUserId: stamp.createdByUserId }),
    lastModifiedDate: date(stamp.modifiedAt),
    lastModifiedBy: stamp.modifiedBy,
    ...(named && { lastModifiedByUserId: stamp.modifiedByUserId }),
  }
}

/** Whole seconds, UTC. */
export const date = (at: number): string => new Date(at).toISOString().replace(/\.\d+Z$/, 'Z')

export function etagOf({ id, properties, stamp }: Pick<Node, 'id' | 'properties' | 'stamp'>): string {
  return hash([id, properties, stamp as unknown as JsonObject])
}

/** 32 hexadecimal digits, the same for the same values. */
export const hash = (value: JsonValue): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
