/**
 * Changes of labels. Labels are stored with their resource and deleted with it; those that an inventory gives a server are
 * plain text, and every start sets them again.
 */
import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { err, ok, type Result } from '../../core/result.ts'
import { retryOnConflict } from '../../service/retry.ts'
import type { ZoneChange } from '../../storage/storage.ts'
import type { DialectRequest } from '../dialect.ts'
import { authored, authorshipOf } from './authorship.ts'
import { impossible, notFound } from './errors.ts'
import type { Resource } from './resource.ts'
import { type Call, withFreshReads } from './resources.ts'
import { profile } from './wire.ts'

/** A resource that has labels. */
export interface Holder {
  readonly type: 'document' | 'server' | 'storage'
  /** The datacenter that it is in; null for a document that is in none. */
  readonly zone: string | null
  readonly resource: Pick<Resource, 'id' | 'path' | 'authorship'>
  /** As stored; undefined: none. */
  readonly labels: JsonValue | undefined
  /** The write that replaces the labels. */
  readonly put: (labels: JsonObject) => Pick<ZoneChange, 'documents' | 'servers'>
  /** Only of a document that is in no datacenter. */
  readonly revision?: number
}

export type FindHolder = (call: Call) => Promise<Result<Holder, RequestError>>

const maxLabels = 100

const all = (labels: JsonValue | undefined): JsonObject => (isObject(labels) ? labels : {})
const textOf = (stored: JsonValue): JsonValue => (isObject(stored) ? (stored.value ?? null) : stored)

/** In order of key. */
export function labelResources({ resource, labels }: Holder): readonly Resource[] {
  const entries = Object.entries(all(labels)).toSorted(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([key, stored]) => ({
    kind: 'label',
    id: key,
    path: `${resource.path}/labels/${key}`,
    authorship: isObject(stored) ? authorshipOf(stored.meta, '', 0) : resource.authorship,
    properties: { key, value: textOf(stored) },
    affects: {},
    children: {},
  }))
}

export function labelResource(holder: Holder, key: string): Result<Resource, RequestError> {
  const found = labelResources(holder).find(({ id }) => id === key)
  return found ? ok(found) : notFound(key)
}

interface Wanted {
  readonly key: string
  /** Null: the label is deleted. */
  readonly value: string | null
  /** Whether the label is created: then its key must be new, else it must exist. */
  readonly create: boolean
}

/** Sets one label, and returns the resource with it. */
export async function setLabel(
  call: Call,
  find: FindHolder,
  { zone, resource }: Holder,
  wanted: Wanted,
): Promise<Result<Holder, RequestError>> {
  const { request } = call
  const { zones, documents } = request.services
  let result: Holder | undefined
  async function decide() {
    const found = await find(withFreshReads(call))
    if (!found.ok) return found
    const edited = edit(request, found.value, wanted)
    if (!edited.ok) return edited
    result = { ...found.value, labels: edited.value.labels }
    const change = { ...found.value.put(edited.value.labels), event: edited.value.event }
    return ok({ change, revision: found.value.revision ?? 0 })
  }
  const done =
    zone === null
      ? await retryOnConflict(resource.path, async () => {
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
  { key, value, create }: Wanted,
): Result<{ readonly labels: JsonObject; readonly event: ZoneChange['event'] }, RequestError> {
  const old = labelResource(holder, key)
  if (!create && !old.ok) return old
  if (create && old.ok) return err(impossible(`the label ${key} is there already`))
  const { [key]: _, ...others } = all(holder.labels)
  if (create && Object.keys(others).length >= maxLabels)
    return err({ kind: 'limit-reached', resource: 'document', limit: maxLabels })
  const meta = authored(request, old.ok ? old.value.authorship : undefined)
  const labels: JsonObject = value === null ? others : { ...others, [key]: { value, meta } }
  const { type, resource } = holder
  const before = old.ok ? old.value.properties : null
  const after = value === null ? null : { key, value }
  return ok({ labels, event: { operation: 'label.set', resource: type, id: resource.id, before, after } })
}
