/** Answers to reads: a resource, or a page of a collection. */
import type { JsonObject, JsonValue } from '../../core/json.ts'
import type { RequestError } from '../../core/model/error.ts'
import { ok, type Result } from '../../core/result.ts'
import type { Answer } from '../dialect.ts'
import { encodeList, encodeResource, etagOf } from './encode-resource.ts'
import type { Resource } from './resource.ts'
import type { Call } from './resources.ts'

type Rendered = Promise<Result<Answer, RequestError>>

export const answer = (body: JsonValue): Answer => ({ status: 200, body })

/** `parent`: of the collection; null for a collection of the contract. Applies the filters of the query. */
export async function listAnswer(
  call: Call,
  parent: { readonly id: string; readonly path: string } | null,
  name: string,
  resources: readonly Resource[],
): Rendered {
  const id = parent ? `${parent.id}/${name}` : name
  const path = parent ? `${parent.path}/${name}` : `/${name}`
  const shown = resources.filter(({ properties }) => passes(properties, call.request.query))
  return ok(answer(await encodeList(call, { id, path }, shown, call.page)))
}

/** Lists a nested collection of a resource. */
export const childrenAnswer = async (call: Call, parent: Resource, name: string): Rendered =>
  listAnswer(call, parent, name, (await parent.children[name]?.()) ?? [])

/** Whether every `filter.<property>` of the query holds; filters of unknown properties are ignored. */
function passes(properties: JsonObject, query: URLSearchParams): boolean {
  return [...query].every(([key, wanted]) => {
    const name = key.startsWith('filter.') ? key.slice('filter.'.length) : ''
    return !Object.hasOwn(properties, name) || matches(properties[name] ?? null, wanted)
  })
}

/** Text contains the wanted text in any case, a list has one such item, any other value equals it. */
function matches(value: JsonValue, wanted: string): boolean {
  if (Array.isArray(value)) return value.some((each: JsonValue) => matches(each, wanted))
  if (typeof value === 'string') return value.toLowerCase().includes(wanted.toLowerCase())
  return value !== null && String(value) === wanted
}

export async function resourceAnswer(call: Call, resource: Resource): Rendered {
  const body = await encodeResource(call, resource, call.page.depth)
  const tag = call.request.query.has('depth') ? {} : { etag: etagOf(resource) }
  return ok({ status: 200, body, headers: tag })
}

export const capitalised = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1)
