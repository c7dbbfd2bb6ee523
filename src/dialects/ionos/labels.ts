/**
 * Labels as they are stored: with the resource that has them, and gone with it. Those that an inventory gives a server are
 * plain text, and are set again with every start.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import type { ZoneChange } from '../../storage/storage.ts'
import type { Call } from './call.ts'
import { impossible } from './errors.ts'
import { isObject } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { createWorld, type Node, profile } from './world.ts'

/** A resource that has labels. */
export interface Holder {
  readonly resource: 'document' | 'server' | 'storage'
  readonly zone: string
  readonly node: Pick<Node, 'id' | 'path' | 'stamp'>
  /** As they are stored; undefined: none. */
  readonly labels: JsonValue | undefined
  /** What is written when these are in their place. */
  readonly put: (labels: JsonObject) => Pick<ZoneChange, 'documents' | 'servers'>
}

export type FindHolder = (call: Call) => Promise<Result<Holder, RequestError>>

const mostLabels = 100

const all = (labels: JsonValue | undefined): JsonObject => (isObject(labels) ? labels : {})
const wordOf = (stored: JsonValue): JsonValue => (isObject(stored) ? (stored.value ?? null) : stored)

/** In order of key. */
export function labelNodes({ node, labels }: Holder): readonly Node[] {
  const entries = Object.entries(all(labels)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([key, stored]) => ({
    kind: 'label',
    id: key,
    path: `${node.path}/labels/${key}`,
    stamp: isObject(stored) ? stampOf(stored.meta, '', 0) : node.stamp,
    properties: { key, value: wordOf(stored) },
    bears: {},
    children: {},
  }))
}

export function labelNode(holder: Holder, key: string): Result<Node, RequestError> {
  const found = labelNodes(holder).find(({ id }) => id === key)
  return found ? ok(found) : err({ kind: 'not-found', resource: 'document', id: key })
}

/** Sets one label, or takes it away where `value` is null, and answers the holder as it is then. `fresh`: there must be none. */
export async function setLabel(
  call: Call,
  find: FindHolder,
  { zone }: Holder,
  { key, value, fresh }: { readonly key: string; readonly value: string | null; readonly fresh: boolean },
): Promise<Result<Holder, RequestError>> {
  const { request } = call
  let result: Holder | undefined
  const done = await request.services.zones.change(request, profile, zone, async () => {
    const found = await find({ ...call, world: createWorld(request) })
    if (!found.ok) return found
    const { node, resource, labels, put } = found.value
    const old = labelNode(found.value, key)
    if (!fresh && !old.ok) return old
    if (fresh && old.ok) return err(impossible(`the label ${key} is there already`))
    if (fresh && Object.keys(all(labels)).length >= mostLabels)
      return err({ kind: 'limit-reached', resource: 'document', limit: mostLabels })
    const { [key]: _, ...others } = all(labels)
    const meta = stamped(request, old.ok ? old.value.stamp : undefined)
    const next: JsonObject = value === null ? others : { ...others, [key]: { value, meta } }
    result = { ...found.value, labels: next }
    const before = old.ok ? old.value.properties : null
    const after = value === null ? null : { key, value }
    const event = { operation: 'label.set', resource, id: node.id, before, after } as const
    return ok({ change: { ...put(next), event } })
  })
  if (!done.ok) return done
  if (!result) throw new Error('a label was set nowhere')
  return ok(result)
}
