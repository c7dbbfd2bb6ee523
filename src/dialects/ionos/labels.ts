/**
 * Labels as they are stored: with the resource that has them, and gone with it. Those that an inventory gives a server are
 * plain text, and are set again with every start.
 */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { whileOvertaken } from '../../service/retry.ts'
import type { ZoneChange } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import type { Call } from './call.ts'
import { impossible, notFound } from './errors.ts'
import { isObject } from './properties.ts'
import { stamped, stampOf } from './stamp.ts'
import { createWorld, type Node, profile } from './world.ts'

/** A resource that has labels. */
export interface Holder {
  readonly resource: 'document' | 'server' | 'storage'
  /** Datacenter that it is in; null: in none, and then it is a document. */
  readonly zone: string | null
  readonly node: Pick<Node, 'id' | 'path' | 'stamp'>
  /** As they are stored; undefined: none. */
  readonly labels: JsonValue | undefined
  /** What is written when these are in their place. */
  readonly put: (labels: JsonObject) => Pick<ZoneChange, 'documents' | 'servers'>
  /** Of a document that is in no datacenter. */
  readonly revision?: number
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
  return found ? ok(found) : notFound(key)
}

interface Wanted {
  readonly key: string
  /** Null: it is taken away. */
  readonly value: string | null
  /** There must be none of the key yet. */
  readonly fresh: boolean
}

/** Sets one label, and answers the resource as it is then. */
export async function setLabel(
  call: Call,
  find: FindHolder,
  { zone, node }: Holder,
  wanted: Wanted,
): Promise<Result<Holder, RequestError>> {
  const { request } = call
  const { zones, documents } = request.services
  let result: Holder | undefined
  async function decide() {
    const found = await find({ ...call, world: createWorld(request) })
    if (!found.ok) return found
    const edited = edit(request, found.value, wanted)
    if (!edited.ok) return edited
    result = { ...found.value, labels: edited.value.labels }
    const change = { ...found.value.put(edited.value.labels), event: edited.value.event }
    return ok({ change, revision: found.value.revision ?? 0 })
  }
  const done =
    zone === null
      ? await whileOvertaken(node.path, async () => {
          const decided = await decide()
          if (!decided.ok) return decided
          const { change, revision } = decided.value
          const [document] = change.documents?.put ?? []
          return document ? documents.put(request, document, { ifRevision: revision }) : ok(undefined)
        })
      : await zones.change(request, profile, zone, async () => {
          const decided = await decide()
          return decided.ok ? ok({ change: decided.value.change }) : decided
        })
  if (!done.ok) return done
  if (!result) throw new Error('a label was set nowhere')
  return ok(result)
}

function edit(
  request: DialectRequest,
  holder: Holder,
  { key, value, fresh }: Wanted,
): Result<{ readonly labels: JsonObject; readonly event: ZoneChange['event'] }, RequestError> {
  const old = labelNode(holder, key)
  if (!fresh && !old.ok) return old
  if (fresh && old.ok) return err(impossible(`the label ${key} is there already`))
  const { [key]: _, ...others } = all(holder.labels)
  if (fresh && Object.keys(others).length >= mostLabels)
    return err({ kind: 'limit-reached', resource: 'document', limit: mostLabels })
  const meta = stamped(request, old.ok ? old.value.stamp : undefined)
  const labels: JsonObject = value === null ? others : { ...others, [key]: { value, meta } }
  const { resource, node } = holder
  const before = old.ok ? old.value.properties : null
  const after = value === null ? null : { key, value }
  return ok({ labels, event: { operation: 'label.set', resource, id: node.id, before, after } })
}
